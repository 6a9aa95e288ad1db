/**
 * Both ends of a measurement: bytes one way, bytes the other way, and requests. Over HTTP/3, or over streams alone, where the first
 * eight bytes of a stream say how many are to come back (ALPN `perf`, after draft-banks-quic-performance).
 */
import { udp } from '../../transports/udp.ts'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import { Http3Client } from '../api/http3/client.ts'
import type { Http3ClientOptions } from '../api/http3/client-options.ts'
import { responseInfo } from '../api/http3/response-info.ts'
import type { QuicStream } from '../api/stream.ts'

/** Says how many bytes more have come or gone. */
export type OnBytes = (count: number) => void

/** What can be measured with. */
export interface PerfClient {
  /** ms that it took to be connected. */
  readonly handshake: number
  /** Takes so many bytes from the server. */
  down(bytes: number, onBytes: OnBytes): Promise<void>
  /** Sends so many bytes, until the server says that it has them. */
  up(bytes: number, onBytes: OnBytes): Promise<void>
  /** The connection that it all goes over. */
  readonly connection: QuicConnection
  close(): Promise<void>
}

/** The application protocol without HTTP. */
export const PERF = 'perf'

/** Bytes that are written or read at once. */
const CHUNK = 262_144

/** The server of HTTP/3: `GET /N` is answered with N bytes, `POST` with the number of bytes that came. */
export async function perfHandler(request: Request): Promise<Response> {
  if (request.method === 'POST') {
    let count = 0
    for await (const bytes of piecesOf(request.body)) count += bytes.length
    return new Response(String(count))
  }
  const [, digits] = /^\/(\d{1,15})$/.exec(new URL(request.url).pathname) ?? []
  if (digits === undefined) return new Response('GET /N answers N bytes, POST takes any\n', { status: 404 })
  const headers = { 'content-type': 'application/octet-stream', 'content-length': digits }
  return new Response(zeros(Number(digits)), { headers })
}

/** The server without HTTP, of one connection. */
export async function servePerf(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    void answerStream(stream).catch(() => stream.abort(0n))
  }
}

async function answerStream(stream: QuicStream): Promise<void> {
  const head = new Uint8Array(8)
  let received = 0
  await readAll(stream, (bytes) => {
    if (received < 8) head.set(bytes.subarray(0, 8 - received), received)
    received += bytes.length
  })
  if (received < 8) throw new Error(`A request has at least 8 bytes, got ${received}`)
  await writeZeros(stream, Number(new DataView(head.buffer).getBigUint64(0)), () => {})
  stream.finish()
}

/** A client of HTTP/3. */
export async function perfOverHttp3(
  address: string,
  options: Omit<Http3ClientOptions, 'transport'>,
): Promise<PerfClient> {
  const client = new Http3Client({ ...options, transport: () => udp(), idleTimeout: Infinity })
  const origin = `https://${address}`
  const start = performance.now()
  const first = await client.fetch(`${origin}/0`)
  const handshake = performance.now() - start
  if (!first.ok) throw new Error(`${address} is no server of isoquic perf: it answered with status ${first.status}`)
  const connection = responseInfo(first)?.connection
  if (connection === undefined) throw new Error('The response came over no connection')
  return {
    handshake,
    connection,
    async down(bytes, onBytes) {
      const { body } = await client.fetch(`${origin}/${bytes}`)
      for await (const piece of piecesOf(body)) onBytes(piece.length)
    },
    async up(bytes, onBytes) {
      const response = await client.fetch(origin, {
        method: 'POST',
        headers: { 'content-length': String(bytes) },
        body: zeros(bytes, onBytes),
        duplex: 'half',
      })
      check(Number(await response.text()), bytes)
    },
    close: () => client.close(),
  }
}

/** A client without HTTP. */
export async function perfOverStreams(
  address: string,
  options: Omit<Parameters<typeof connect>[1], 'address' | 'alpn'>,
): Promise<PerfClient> {
  const start = performance.now()
  const connection = await connect(await udp(), { ...options, address, alpn: [PERF] })
  const handshake = performance.now() - start
  return {
    handshake,
    connection,
    async down(bytes, onBytes) {
      const stream = await connection.createBidirectionalStream()
      await writeAll(stream, lengthBytes(bytes))
      stream.finish()
      await readAll(stream, (piece) => onBytes(piece.length))
    },
    async up(bytes, onBytes) {
      const stream = await connection.createBidirectionalStream()
      await writeAll(stream, lengthBytes(0))
      await writeZeros(stream, bytes, onBytes)
      stream.finish()
      // The end of the answer says that all has come.
      await readAll(stream, () => {})
    },
    close: () => connection.close(),
  }
}

function check(count: number, bytes: number): void {
  if (count !== bytes) throw new Error(`The server has ${count} bytes of ${bytes}`)
}

function lengthBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length))
  return bytes
}

/** So many bytes, made as they are read. */
function zeros(total: number, onBytes: OnBytes = () => {}): ReadableStream<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(CHUNK)
  let left = total
  return new ReadableStream(
    {
      pull(controller) {
        const length = Math.min(left, block.length)
        if (length > 0) {
          controller.enqueue(block.subarray(0, length))
          onBytes(length)
        }
        left -= length
        if (left === 0) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

async function* piecesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const reader = body.getReader()
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value
  } finally {
    await reader.cancel().catch(() => {})
  }
}

async function readAll(stream: QuicStream, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  const buffer = new Uint8Array(CHUNK)
  for (let got = stream.read(buffer); got >= 0; got = stream.read(buffer)) {
    if (got === 0) await stream.whenReadable()
    else onBytes(buffer.subarray(0, got))
  }
}

async function writeAll(stream: QuicStream, bytes: Uint8Array, onBytes: OnBytes = () => {}): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const taken = stream.tryWrite(bytes.subarray(at))
    at += taken
    if (taken > 0) onBytes(taken)
    if (at < bytes.length) await stream.whenWritable()
  }
}

async function writeZeros(stream: QuicStream, total: number, onBytes: OnBytes): Promise<void> {
  const block = new Uint8Array(CHUNK)
  for (let left = total; left > 0; left -= Math.min(left, block.length)) {
    await writeAll(stream, left >= block.length ? block : block.subarray(0, left), onBytes)
  }
}
