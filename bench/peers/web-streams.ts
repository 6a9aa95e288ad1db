/** Web Streams as a {@link ByteStream}, for the stacks that have no other. */
import type { ByteStream } from './harness.ts'

/** Both halves of a stream. */
export interface WebStreamPair {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** Reads and writes through the default reader and writer. */
export function fromWebStreams({ readable, writable }: WebStreamPair): ByteStream {
  const reader = readable.getReader()
  const writer = writable.getWriter()
  return {
    read: async () => (await reader.read()).value,
    async write(bytes) {
      // The write is waited for by `ready` alone: as many are under way as the stream has room for.
      await writer.ready
      writer.write(bytes).catch(() => {})
    },
    finish: () => writer.close(),
  }
}
