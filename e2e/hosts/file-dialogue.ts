/**
 * The dialogue with servers that others wrote, which serve files and nothing else: HTTP/0.9 (`hq-interop`), or HTTP/3 as small
 * as it gets. Like `dialogue.ts` it asks nothing of its host.
 */
import type { ConnectOptions, DatagramTransport, QuicConnection, QuicStream } from '../../src/index.ts'
import type { Case, Outcomes } from './contract.ts'
import { explain, type Hash, hex, readAll, readEach, write } from './dialogue.ts'

/** A file of the server. */
export interface ServedFile {
  readonly name: string
  /** hexadecimal */
  readonly sha256: string
  readonly size: number
}

/** What the client's end is given. */
export interface FileParts {
  readonly connect: (transport: DatagramTransport, options: ConnectOptions) => Promise<QuicConnection>
  readonly options: ConnectOptions
  open(): Promise<DatagramTransport>
  lose(): unknown
  readonly sha256: Hash
  readonly cases: readonly Case[]
  readonly small: ServedFile
  readonly large: ServedFile
  /** The carrier is lost while nothing is under way. */
  readonly isQuietLoss?: boolean
}

const H3 = 'h3'
const H3_NO_ERROR = 0x100

/** Plays `cases` and tells what came of each; a case that fails ends the dialogue. */
export async function fileDialogue(parts: FileParts): Promise<Outcomes> {
  const { cases, connect, open, options, small, sha256 } = parts
  const outcomes: Partial<Record<Case, string>> = {}
  let connection: QuicConnection | undefined
  const plays: Partial<Record<Case, (connection: QuicConnection) => Promise<unknown>>> = {
    handshake: ({ handshakeConfirmed }) => handshakeConfirmed,
    transfer: (own) => download(own, small, sha256),
    'carrier lost': (own) => surviveLoss(own, parts),
    close: (own) => own.close({ closeCode: own.alpn === H3 ? H3_NO_ERROR : 0 }),
  }
  for (const name of ['handshake', 'transfer', 'carrier lost', 'close'] as const) {
    if (!cases.includes(name)) continue
    try {
      if (connection === undefined) {
        connection = await connect(await open(), { maxIdleTimeout: 20_000, ...options })
        if (connection.alpn === H3) await beginH3(connection)
      }
      await plays[name]?.(connection)
      outcomes[name] = 'ok'
    } catch (error) {
      outcomes[name] = explain(error)
      break
    }
  }
  await connection?.close().catch(() => {})
  return outcomes
}

/** The carrier dies after a quarter; the rest must come by another one. */
async function surviveLoss(connection: QuicConnection, parts: FileParts): Promise<void> {
  const { isQuietLoss = false, large, lose, open, sha256 } = parts
  let moved: Promise<void> | undefined
  const move = async (): Promise<void> => {
    await lose()
    await connection.migrate(await open())
  }
  if (isQuietLoss) moved = move()
  await moved
  await download(connection, large, sha256, (length) => {
    if (moved !== undefined || length < large.size / 4) return
    moved = move()
    moved.catch((error: unknown) => connection.close({ closeCode: 1, reason: explain(error).slice(0, 200) }))
  })
  await moved
}

async function download(
  connection: QuicConnection,
  file: ServedFile,
  sha256: Hash,
  onProgress: (length: number) => void = () => {},
): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const isH3 = connection.alpn === H3
  await write(stream, isH3 ? h3Request(`/${file.name}`) : ascii(`GET /${file.name}\r\n`))
  stream.finish()
  const answer = await collect(stream, onProgress)
  const body = isH3 ? h3Body(answer) : answer
  const got = hex(await sha256(body))
  if (got !== file.sha256)
    throw new Error(`${file.name} came with ${body.length} bytes and SHA-256 ${got}, not ${file.sha256}`)
}

async function collect(stream: QuicStream, onProgress: (length: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  let length = 0
  return await readAll(stream, (piece) => {
    length += piece.length
    onProgress(length)
  })
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** RFC 9114 §6.2.1: a control stream, with SETTINGS of which none differs from its default. What the server says there is not needed. */
async function beginH3(connection: QuicConnection): Promise<void> {
  connection.serve({ stream: (stream) => readEach(stream, () => {}).catch(() => {}) })
  await write(await connection.createUnidirectionalStream(), new Uint8Array([0x00, 0x04, 0x00]))
}

/** A HEADERS frame (RFC 9114 §7.2.2) whose field lines name the static table (RFC 9204 appendix A) or are literal. */
function h3Request(path: string): Uint8Array {
  const literal = (index: number, value: string): number[] => [0x50 | index, value.length, ...ascii(value)]
  // :method GET and :scheme https are entries 17 and 23; :authority is the name of 0, :path that of 1.
  const fields = [0, 0, 0xc0 | 17, 0xc0 | 23, ...literal(0, 'localhost'), ...literal(1, path)]
  return new Uint8Array([0x01, fields.length, ...fields])
}

/** The contents of the DATA frames of a response with status 200, which is entry 25 of the static table. */
function h3Body(response: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(response.length)
  let size = 0
  let at = 0
  const varint = (): number => {
    const length = 1 << ((response[at] ?? 0) >> 6)
    let value = (response[at] ?? 0) & 0x3f
    for (let i = 1; i < length; i++) value = value * 256 + (response[at + i] ?? 0)
    at += length
    return value
  }
  while (at < response.length) {
    const type = varint()
    const length = varint()
    const contents = response.subarray(at, at + length)
    at += length
    if (type === 0x01 && contents[2] !== (0xc0 | 25)) throw new Error(`The status is not 200: ${hex(contents)}`)
    if (type !== 0x00) continue
    body.set(contents, size)
    size += contents.length
  }
  return body.slice(0, size)
}
