/** A queue of streams (or connections) that arrive, as a `ReadableStream` that iterates in every runtime. */

/** Pushes what arrives; the peer's limits bound what waits. */
export class IncomingStreams<T> {
  readonly readable: ReadableStream<T> & AsyncIterable<T>
  #controller: ReadableStreamDefaultController<T> | undefined
  #ended = false

  constructor() {
    const readable = new ReadableStream<T>({
      start: (controller) => {
        this.#controller = controller
      },
      cancel: () => {
        this.#ended = true
      },
    })
    this.readable = iterable(readable)
  }

  /** `false`: nobody listens any more. */
  push(item: T): boolean {
    if (this.#ended) return false
    this.#controller?.enqueue(item)
    return true
  }

  /** Nothing more will come. */
  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#controller?.close()
  }

  /** Nothing more will come, for a reason. */
  error(reason: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#controller?.error(reason)
  }
}

/** Gives `stream` an iterator where the runtime forgot it (Safari). */
function iterable<T>(stream: ReadableStream<T>): ReadableStream<T> & AsyncIterable<T> {
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
