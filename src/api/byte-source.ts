/** How sources of readable byte streams hand out what they have, to readers with buffers of their own and to others. */

/** Bytes of one chunk at most, where the reader brings no buffer: chunks cost more than bytes. */
const MAX_CHUNK = 65_536

/** Where to put what is read next: the reader's own buffer, else a new one for up to `most` bytes. */
export function bufferFor(request: ReadableStreamBYOBRequest | null, most: number): Uint8Array<ArrayBuffer> {
  const view = request?.view
  return view === undefined || view === null
    ? new Uint8Array(Math.min(MAX_CHUNK, most))
    : new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
}

/** Hands the first `length` bytes of `into`, which is of {@link bufferFor} the same request, to who reads. */
export function handBytes(
  controller: ReadableByteStreamController,
  request: ReadableStreamBYOBRequest | null,
  into: Uint8Array<ArrayBuffer>,
  length: number,
): void {
  if (request === null) controller.enqueue(length === into.length ? into : into.subarray(0, length))
  else request.respond(length)
}

/** Ends the stream, and the read of a reader with a buffer of its own. */
export function closeBytes(controller: ReadableByteStreamController): void {
  try {
    controller.close()
    controller.byobRequest?.respond(0)
  } catch (error) {
    // The reader asked for elements of several bytes, and the stream ends inside of one.
    controller.error(error)
  }
}
