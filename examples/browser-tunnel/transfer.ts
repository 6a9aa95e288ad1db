/** The protocol of the demo, for both ends: a client says how many bytes it wants, sends as many as it likes, and the server obeys. */
import type { QuicConnection, QuicStream } from 'isoquic'

/** The application protocol. */
export const ALPN = 'demo'

const CHUNK = new Uint8Array(65_536)

/** Sends `up` bytes on a stream of its own, and asks for `down`. Fulfils when all of both has arrived. */
export async function transfer(connection: QuicConnection, { up, down }: { up: number; down: number }): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const wish = new Uint8Array(8)
  new DataView(wish.buffer).setFloat64(0, down)
  const [received] = await Promise.all([drain(stream), send(stream, wish).then(() => fill(stream, up))])
  if (received !== down) throw new Error(`${received} bytes came, ${down} were asked for`)
}

/** Serves every stream of a connection. */
export function serve(connection: QuicConnection): void {
  connection.serve({ stream: answer })
}

async function answer(stream: QuicStream): Promise<void> {
  const wish = new Uint8Array(8)
  for (let got = 0; got < wish.length; ) {
    const count = stream.read(wish.subarray(got))
    if (count < 0) return stream.reset()
    if (count === 0) await stream.whenReadable()
    got += count
  }
  await Promise.all([drain(stream), fill(stream, new DataView(wish.buffer).getFloat64(0))])
}

/** Sends `length` bytes and the end of the stream; waits for the peer, and no longer than it must. */
async function fill(stream: QuicStream, length: number): Promise<void> {
  for (let left = length; left > 0; left -= CHUNK.length) await send(stream, CHUNK.subarray(0, left))
  await stream.close()
}

async function send(stream: QuicStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += stream.tryWrite(bytes.subarray(at))
    if (at < bytes.length) await stream.whenWritable()
  }
}

async function drain(stream: QuicStream): Promise<number> {
  const scratch = new Uint8Array(65_536)
  let sum = 0
  for (let count = stream.read(scratch); count >= 0; count = stream.read(scratch)) {
    if (count === 0) await stream.whenReadable()
    sum += count
  }
  return sum
}
