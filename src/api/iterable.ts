/** Streams that can be iterated over in every runtime. */

/** Gives `stream` an iterator where the runtime forgot it (Safari). */
export function iterable<T>(stream: ReadableStream<T>): ReadableStream<T> & AsyncIterable<T> {
  if (Symbol.asyncIterator in stream) return stream as ReadableStream<T> & AsyncIterable<T>
  return Object.assign(stream as ReadableStream<T>, { [Symbol.asyncIterator]: () => iterate(stream) })
}

async function* iterate<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.releaseLock()
  }
}
