/**
 * A small speaker of HTTP/3 (RFC 9114) for peers that speak nothing else: SETTINGS, GET, DATA. For the interop tests alone.
 */
import { open, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { concat } from '../../src/base/bytes.ts'
import { Writer } from '../../src/base/writer.ts'
import type { QuicConnection, QuicStream } from '../../src/index.ts'
import { decodeFields, encodeFields } from './qpack.ts'

/** The ALPN name. */
export const H3 = 'h3'

/** The code of a connection that ends well (RFC 9114 §8.1). */
export const H3_NO_ERROR = 0x100n

const H3_INTERNAL_ERROR = 0x102n

const FrameType = { data: 0x00, headers: 0x01, settings: 0x04 } as const

/** The stream type of the control stream (RFC 9114 §6.2.1). */
const CONTROL_STREAM = 0x00

/** Bytes of field lines, which a peer may not exceed here. */
const MAX_FIELD_SECTION = 65_536

const CHUNK = 262_144

/** HTTP/3 on a client's connection. */
export class H3Client {
  readonly #connection: QuicConnection

  private constructor(connection: QuicConnection) {
    this.#connection = connection
  }

  /** Opens the control stream. */
  static async start(connection: QuicConnection): Promise<H3Client> {
    await openControlStream(connection)
    void drainUnidirectionalStreams(connection)
    return new H3Client(connection)
  }

  /** Hands the body at `url` on, piece by piece; `bytes` are valid until the promise is settled. @throws Error for a status but 200 */
  async get(url: URL, onBytes: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const stream = await this.#connection.createBidirectionalStream()
    const fields = encodeFields([
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', url.host],
      [':path', url.pathname],
    ])
    await writeAll(stream, frame(FrameType.headers, fields))
    stream.finish()
    const input = new StreamInput(stream)
    let status: string | undefined
    for (let type = await input.varint(); type !== undefined; type = await input.varint()) {
      const length = (await input.varint()) ?? 0
      if (type === FrameType.headers) {
        status = decodeFields(await input.bytes(length)).get(':status') ?? status
        if (status !== '200') throw new Error(`${url.pathname} was answered with status ${status}`)
      } else if (type === FrameType.data) await input.forEach(length, onBytes)
      else await input.forEach(length, async () => {})
    }
    if (status === undefined) throw new Error(`${url.pathname} was answered with nothing`)
  }
}

/** Answers GET requests with the files of one folder, until the connection ends. */
export async function serveH3(connection: QuicConnection, folder: string): Promise<void> {
  await openControlStream(connection)
  void drainUnidirectionalStreams(connection)
  for await (const stream of connection.incomingBidirectionalStreams) {
    void answer(stream, folder).catch(() => stream.abort(H3_INTERNAL_ERROR))
  }
}

async function answer(stream: QuicStream, folder: string): Promise<void> {
  const input = new StreamInput(stream)
  let path: string | undefined
  for (let type = await input.varint(); type !== undefined; type = await input.varint()) {
    const length = (await input.varint()) ?? 0
    if (type === FrameType.headers) path ??= decodeFields(await input.bytes(length)).get(':path')
    else await input.forEach(length, async () => {})
  }
  const name = join(folder, basename(path ?? ''))
  const found = await stat(name).catch(() => undefined)
  if (path === undefined || found?.isFile() !== true) {
    await writeAll(stream, frame(FrameType.headers, encodeFields([[':status', '404']])))
    return stream.finish()
  }
  const fields = encodeFields([
    [':status', '200'],
    ['content-length', String(found.size)],
  ])
  await writeAll(stream, concat(frame(FrameType.headers, fields), frameHead(FrameType.data, found.size)))
  await writeFile(stream, name, found.size)
}

async function writeFile(stream: QuicStream, name: string, size: number): Promise<void> {
  const file = await open(name)
  const buffer = new Uint8Array(CHUNK)
  try {
    for (let left = size; left > 0; ) {
      const { bytesRead } = await file.read(buffer)
      if (bytesRead === 0) break
      left -= bytesRead
      await writeAll(stream, buffer.subarray(0, bytesRead))
    }
    stream.finish()
  } finally {
    await file.close()
  }
}

/** RFC 9114 §6.2.1: first of all, SETTINGS; none of ours differs from its default, which allows no dynamic table. */
async function openControlStream(connection: QuicConnection): Promise<void> {
  const stream = await connection.createUnidirectionalStream()
  await writeAll(stream, concat(varint(CONTROL_STREAM), frame(FrameType.settings, new Uint8Array(0))))
}

/** The peer's control and QPACK streams, of which nothing matters here. */
async function drainUnidirectionalStreams(connection: QuicConnection): Promise<void> {
  try {
    for await (const stream of connection.incomingUnidirectionalStreams) void drain(stream)
  } catch {
    // The connection ends, and with it these streams.
  }
}

async function drain(stream: QuicStream): Promise<void> {
  const buffer = new Uint8Array(4096)
  try {
    for (;;) {
      const got = stream.read(buffer)
      if (got < 0) return
      if (got === 0) await stream.whenReadable()
    }
  } catch {
    // The connection ends, and with it these streams.
  }
}

async function writeAll(stream: QuicStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += stream.tryWrite(bytes.subarray(at))
    if (at < bytes.length) await stream.whenWritable()
  }
}

function varint(value: number): Uint8Array {
  const writer = new Writer()
  writer.varint(value)
  return writer.finish()
}

function frameHead(type: number, length: number): Uint8Array {
  return concat(varint(type), varint(length))
}

function frame(type: number, payload: Uint8Array): Uint8Array {
  return concat(frameHead(type, payload.length), payload)
}

/** Reads numbers and pieces from a stream. */
class StreamInput {
  readonly #stream: QuicStream
  readonly #buffer = new Uint8Array(CHUNK)
  #start = 0
  #end = 0

  constructor(stream: QuicStream) {
    this.#stream = stream
  }

  /** `undefined`: the stream ends here. */
  async varint(): Promise<number | undefined> {
    if (!(await this.#fill())) return undefined
    const first = this.#buffer[this.#start] ?? 0
    const bytes = await this.bytes(1 << (first >> 6))
    let value = (bytes[0] ?? 0) & 0x3f
    for (const byte of bytes.subarray(1)) value = value * 256 + byte
    return value
  }

  /** @throws Error where the stream ends before */
  async bytes(length: number): Promise<Uint8Array> {
    if (length > MAX_FIELD_SECTION) throw new Error(`A frame of ${length} bytes is longer than wanted`)
    const out = new Uint8Array(length)
    let at = 0
    await this.forEach(length, async (piece) => {
      out.set(piece, at)
      at += piece.length
    })
    return out
  }

  /** Hands on `length` bytes. @throws Error where the stream ends before */
  async forEach(length: number, onBytes: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (let left = length; left > 0; ) {
      if (!(await this.#fill())) throw new Error(`The stream ends ${left} bytes before the end of a frame`)
      const piece = this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + left))
      this.#start += piece.length
      left -= piece.length
      await onBytes(piece)
    }
  }

  /** `false`: the stream has ended and nothing is left. */
  async #fill(): Promise<boolean> {
    while (this.#start === this.#end) {
      const got = this.#stream.read(this.#buffer)
      if (got < 0) return false
      if (got === 0) await this.#stream.whenReadable()
      this.#start = 0
      this.#end = Math.max(got, 0)
    }
    return true
  }
}
