/**
 * W3C's WebTransportWriter, for the writables of all streams: writes that are sent whole or not at all, and a mark up to
 * which bytes arrive though the stream is aborted. They are the platform's writers with two methods more, added to each: a
 * class that extends the platform's could not even be loaded where streams are missing and only the core is wanted.
 */

/** A chunk that is sent whole within the credit of its moment, or not at all. */
export class AtomicChunk {
  readonly chunk: unknown
  /** Set where it was given up: its write settles well, so that the stream lives, and `atomicWrite` rejects. */
  error: DOMException | undefined

  constructor(chunk: unknown) {
    this.chunk = chunk
  }
}

/** What was asked of the writers of one stream and has not begun. */
export class WriteRequests {
  readonly atomic: Set<AtomicChunk> = new Set()
  /** Writes that are not atomic. */
  plain = 0
}

/** What a writer needs of the stream below its writable. */
export interface StreamWriterHost {
  readonly requests: WriteRequests
  /** Bytes written so far arrive even if the writable is aborted. */
  commit(): void
}

/** A writer of a {@link QuicWritable}. */
export interface QuicStreamWriter extends WritableStreamDefaultWriter<Uint8Array> {
  /**
   * Writes a chunk that is sent whole within the flow-control credit of the moment at which its turn comes. Where there is
   * less, it rejects with an `AbortError`, nothing of it is sent, and with it go the atomic writes that wait behind it; the
   * writable lives on, unless writes that are not atomic wait there as well, which fail it.
   */
  atomicWrite(chunk?: Uint8Array): Promise<void>
  /**
   * Promises the bytes written so far, by writes that have settled: they arrive even if the writable is aborted later, by
   * RESET_STREAM_AT, where the peer takes that frame.
   * @throws TypeError when the writer was released
   */
  commit(): void
}

/** A `WritableStream` whose writers have what W3C's WebTransportWriter has. */
export interface QuicWritable extends WritableStream<Uint8Array> {
  getWriter(): QuicStreamWriter
}

/** A writable over `sink`, which is given an {@link AtomicChunk} for each atomic write, and other chunks as they are. */
export function createWritable(sink: UnderlyingSink<unknown>, host: StreamWriterHost): QuicWritable {
  const writable = new WritableStream<Uint8Array>(sink)
  const getWriter = writable.getWriter.bind(writable)
  return Object.assign(writable, { getWriter: () => extended(getWriter(), host) })
}

function extended(writer: WritableStreamDefaultWriter<Uint8Array>, host: StreamWriterHost): QuicStreamWriter {
  const writePlain = writer.write.bind(writer)
  return Object.assign(writer, {
    write(chunk?: Uint8Array): Promise<void> {
      countPlain(writer, host)
      return writePlain(chunk)
    },
    atomicWrite: (chunk?: Uint8Array) => writeAtomic(host, chunk, writePlain),
    commit: () => commitAll(writer, host),
  })
}

/** A write that is not atomic is to be asked of `writer`: where it was released, that rejects, and nothing waits. */
export function countPlain(writer: WritableStreamDefaultWriter, host: StreamWriterHost): void {
  if (isHeld(writer)) host.requests.plain++
}

/** Asks for an atomic write. @param write the platform's, of the writer. */
export async function writeAtomic(
  host: StreamWriterHost,
  chunk: unknown,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const { atomic } = host.requests
  const request = new AtomicChunk(chunk)
  atomic.add(request)
  try {
    await write(request as unknown as Uint8Array)
  } finally {
    atomic.delete(request)
  }
  if (request.error !== undefined) throw request.error
}

/** Promises what is written. @throws TypeError when the writer was released */
export function commitAll(writer: WritableStreamDefaultWriter, host: StreamWriterHost): void {
  if (!isHeld(writer)) throw new TypeError('The writer was released')
  host.commit()
}

/** Whether the writer has its stream: only then it has a desired size. */
function isHeld(writer: WritableStreamDefaultWriter): boolean {
  try {
    void writer.desiredSize
    return true
  } catch {
    return false
  }
}
