/**
 * HTTP/0.9 over QUIC, as the interop runner speaks it (ALPN `hq-interop`): a request is `GET /path` on a stream of its own,
 * the answer is the file and nothing else. Between two isoquic ends (`hq-isoquic`) `HEAD /path` tells the size before.
 */
import type { FileHandle } from 'node:fs/promises'
import { open, realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import type { QuicConnection } from '../api/connection.ts'
import { QuicError } from '../api/errors.ts'
import type { QuicStream } from '../api/stream.ts'

/** What the interop runner and other stacks speak. */
export const HQ_INTEROP = 'hq-interop'

/** The same with HEAD. */
export const HQ_ISOQUIC = 'hq-isoquic'

/** Application error codes of ours: what a stream is reset with. */
export const HqError = { notFound: 0x104n, badRequest: 0x101n, internal: 0x102n } as const

/** A request line is no longer than this, in bytes. */
const MAX_REQUEST = 4096

const CHUNK = 262_144

/** A request that was answered, for the log. */
export interface ServedRequest {
  readonly path: string
  readonly bytes: number
  readonly error: string | undefined
}

/** Answers the requests of one connection from the folder `root`, until it ends. */
export async function serveConnection(
  connection: QuicConnection,
  root: string,
  onServed: (request: ServedRequest) => void = () => {},
): Promise<void> {
  const folder = await realpath(root)
  for await (const stream of connection.incomingBidirectionalStreams) {
    void serveStream(stream, folder).then(onServed, (error: unknown) => {
      // A peer that goes away is no event worth more than a line.
      onServed({ path: '?', bytes: 0, error: error instanceof Error ? error.message : String(error) })
      stream.abort(HqError.internal)
    })
  }
}

async function serveStream(stream: QuicStream, folder: string): Promise<ServedRequest> {
  const request = await readRequest(stream)
  const match = /^(GET|HEAD) (\/\S*)\s*$/.exec(request)
  const [, method, path] = match ?? []
  if (path === undefined) {
    stream.abort(HqError.badRequest)
    return { path: '?', bytes: 0, error: 'not a request' }
  }
  const file = await openBelow(folder, path)
  if (file === undefined) {
    stream.reset(HqError.notFound)
    return { path, bytes: 0, error: 'not found' }
  }
  try {
    const bytes = method === 'HEAD' ? await sendSize(stream, file) : await sendFile(stream, file)
    return { path, bytes, error: undefined }
  } finally {
    await file.close()
  }
}

async function readRequest(stream: QuicStream): Promise<string> {
  const buffer = new Uint8Array(MAX_REQUEST)
  let length = 0
  for (;;) {
    const got = stream.read(buffer.subarray(length))
    if (got < 0) break
    length += got
    if (length === MAX_REQUEST) break
    if (got === 0) await stream.whenReadable()
  }
  return new TextDecoder().decode(buffer.subarray(0, length))
}

/** The file that `path` names below `folder`; nothing outside of it, by whatever spelling or link. */
async function openBelow(folder: string, path: string): Promise<FileHandle | undefined> {
  try {
    const name = decodeURIComponent(path.replace(/[?#].*$/, ''))
    const real = await realpath(resolve(folder, `.${name}`))
    if (real !== folder && !real.startsWith(folder + sep)) return undefined
    if (!(await stat(real)).isFile()) return undefined
    return await open(real)
  } catch {
    return undefined
  }
}

async function sendSize(stream: QuicStream, file: FileHandle): Promise<number> {
  const { size } = await file.stat()
  const bytes = new TextEncoder().encode(`${size}\r\n`)
  await sendAll(stream, bytes)
  stream.finish()
  return bytes.length
}

async function sendFile(stream: QuicStream, file: FileHandle): Promise<number> {
  const { size } = await file.stat()
  const buffer = new Uint8Array(CHUNK)
  let sent = 0
  while (sent < size) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - sent), sent)
    if (bytesRead === 0) break
    await sendAll(stream, buffer.subarray(0, bytesRead))
    sent += bytesRead
  }
  // At once, so that the end goes with the last bytes: not every peer takes an end that comes with bytes it has read before.
  stream.finish()
  return sent
}

async function sendAll(stream: QuicStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const taken = stream.tryWrite(at === 0 ? bytes : bytes.subarray(at))
    at += taken
    if (at < bytes.length) await stream.whenWritable()
  }
}

/** Asks for `path` and hands the answer on piece by piece; `bytes` are valid during the call. Returns how many there were. */
export async function get(
  connection: QuicConnection,
  path: string,
  onBytes: (bytes: Uint8Array) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<number> {
  const stream = await connection.createBidirectionalStream(signal === undefined ? {} : { signal })
  await sendAll(stream, new TextEncoder().encode(`GET ${path}\r\n`))
  stream.finish()
  const buffer = new Uint8Array(CHUNK)
  let total = 0
  for (;;) {
    const got = stream.read(buffer)
    if (got < 0) return total
    if (got === 0) await stream.whenReadable()
    else {
      total += got
      const written = onBytes(buffer.subarray(0, got))
      if (written !== undefined) await written
    }
  }
}

/** The size of `path`; `undefined` where the server does not tell. */
export async function sizeOf(connection: QuicConnection, path: string): Promise<number | undefined> {
  if (connection.alpn !== HQ_ISOQUIC) return undefined
  try {
    const stream = await connection.createBidirectionalStream()
    await sendAll(stream, new TextEncoder().encode(`HEAD ${path}\r\n`))
    stream.finish()
    const size = Number(await readRequest(stream))
    return Number.isSafeInteger(size) ? size : undefined
  } catch (error) {
    if (error instanceof QuicError) return undefined
    throw error
  }
}
