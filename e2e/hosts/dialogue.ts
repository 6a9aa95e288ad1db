/**
 * What both ends of a cell say to each other. It asks nothing of its host: QuickJS has no Web Streams, no `TextEncoder` and no
 * timers. A stream begins with a letter: `u`, the server answers with the SHA-256 of what follows; `d` and a length of four
 * bytes, it answers with so many bytes; `c`, it closes. Datagrams come back as they went.
 */
import type { ConnectOptions, DatagramTransport, PathOptions, QuicConnection, QuicStream } from '../../src/index.ts'
import type { Case, Outcomes } from './contract.ts'

/** The application protocol. */
export const ALPN = 'dialogue'

/** How a client closes: the server must hear it. */
export const CLIENT_CODE = 7

/** How the server closes when it is asked to. */
const SERVER_CODE = 42
const SERVER_REASON = 'as you asked'

const CHUNK = 65_536
const DATAGRAMS = 20
const DATAGRAM_SIZE = 1000

/** SHA-256, as the host has it. */
export type Hash = (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> | Uint8Array

/** What the client's end of a dialogue is given. */
export interface DialogueParts {
  readonly connect: (transport: DatagramTransport, options: ConnectOptions) => Promise<QuicConnection>
  /** Beside the protocol. */
  readonly options: Omit<ConnectOptions, 'alpn'>
  /** Makes a carrier. */
  open(): Promise<DatagramTransport>
  /** Takes the carrier in use away. */
  lose(): unknown
  /** Of the move to the next carrier. */
  readonly migration?: PathOptions
  readonly sha256: Hash
  readonly cases: readonly Case[]
  /** Of the client's close. */
  readonly reason: string
  /** bytes each way, and of the download in which the carrier is lost */
  readonly size: number
  readonly loseSize: number
}

/** Bytes `from` up to, but not, `to` of every transfer. */
export function pattern(from: number, to: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(to - from)
  for (let index = from; index < to; index++) bytes[index - from] = index * 31 + (index >> 8) * 7 + (index >> 16)
  return bytes
}

/** Serves one connection. */
export function serveDialogue(connection: QuicConnection, sha256: Hash): void {
  connection.serve({
    stream: (stream) => answer(connection, stream, sha256),
    datagram: (bytes) => void connection.datagrams.send(bytes),
  })
}

/**
 * The client's end: plays `cases` and tells what came of each. The close comes last, since nothing can be said after it; a case
 * that fails ends the dialogue.
 */
export async function dialogue(parts: DialogueParts): Promise<Outcomes> {
  const { connect, options, cases, reason, size, sha256 } = parts
  const outcomes: Partial<Record<Case, string>> = {}
  const dial = async (): Promise<QuicConnection> =>
    await connect(await parts.open(), {
      maxIdleTimeout: 20_000,
      maxDatagramFrameSize: 65_535,
      ...options,
      alpn: [ALPN],
    })
  let connection: QuicConnection | undefined
  const plays: Readonly<Record<Case, (connection: QuicConnection) => Promise<unknown>>> = {
    async handshake({ alpn, handshakeConfirmed }) {
      await handshakeConfirmed
      if (alpn !== ALPN) throw new Error(`The protocol is ${alpn}`)
    },
    transfer: (own) => Promise.all([upload(own, size, sha256), download(own, size, sha256)]),
    datagrams: exchangeDatagrams,
    'carrier lost': (own) => surviveLoss(own, parts),
    close: (own) => closeBothWays(dial, own, reason),
  }
  for (const name of ['handshake', 'transfer', 'datagrams', 'carrier lost', 'close'] as const) {
    if (!cases.includes(name)) continue
    try {
      connection ??= await dial()
      await plays[name](connection)
      outcomes[name] = 'ok'
    } catch (error) {
      outcomes[name] = explain(error)
      break
    }
  }
  await connection?.close().catch(() => {})
  return outcomes
}

async function answer(connection: QuicConnection, stream: QuicStream, sha256: Hash): Promise<void> {
  const request = await readAll(stream)
  const command = String.fromCharCode(request[0] ?? 0)
  if (command === 'c') return void connection.close({ closeCode: SERVER_CODE, reason: SERVER_REASON })
  if (command === 'u') await write(stream, await sha256(request.subarray(1)))
  else if (command === 'd') {
    const length = new DataView(request.buffer).getUint32(1)
    for (let at = 0; at < length; at += CHUNK) await write(stream, pattern(at, Math.min(length, at + CHUNK)))
  } else return stream.abort(1)
  stream.finish()
}

async function upload(connection: QuicConnection, size: number, sha256: Hash): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  await write(stream, new Uint8Array([0x75]))
  for (let at = 0; at < size; at += CHUNK) await write(stream, pattern(at, Math.min(size, at + CHUNK)))
  stream.finish()
  const theirs = await readAll(stream)
  const ours = await sha256(pattern(0, size))
  if (!isSame(theirs, ours)) throw new Error(`What was sent has SHA-256 ${hex(ours)}, the server got ${hex(theirs)}`)
}

async function download(
  connection: QuicConnection,
  size: number,
  sha256: Hash,
  onProgress: (length: number) => void = () => {},
): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const request = new Uint8Array(5)
  request[0] = 0x64
  new DataView(request.buffer).setUint32(1, size)
  await write(stream, request)
  stream.finish()
  const received = new Uint8Array(size)
  let length = 0
  await readEach(stream, (piece) => {
    if (length + piece.length > size) throw new Error(`More than ${size} bytes came`)
    received.set(piece, length)
    length += piece.length
    onProgress(length)
  })
  const got = await sha256(received)
  const wanted = await sha256(pattern(0, size))
  if (length === size && isSame(got, wanted)) return
  throw new Error(`${length} bytes of ${size} came, with SHA-256 ${hex(got)} in place of ${hex(wanted)}`)
}

/** At least half of the datagrams must come back in a few rounds: they may be lost, though on loopback few are. */
async function exchangeDatagrams(connection: QuicConnection): Promise<void> {
  const size = Math.min(DATAGRAM_SIZE, connection.datagrams.maxDatagramSize)
  if (size < 500) throw new Error(`A datagram may have ${size} bytes`)
  const contents = (number: number): Uint8Array => new Uint8Array([number, ...pattern(number, number + size - 1)])
  const returned = new Set<number>()
  connection.serve({
    datagram(bytes) {
      const number = bytes[0] ?? 0
      if (isSame(bytes, contents(number))) returned.add(number)
    },
  })
  for (let round = 0; round < 10 && returned.size < DATAGRAMS / 2; round++) {
    for (let number = 0; number < DATAGRAMS; number++) connection.datagrams.send(contents(number))
    for (let ping = 0; ping < 3; ping++) await connection.ping()
  }
  if (returned.size < DATAGRAMS / 2) throw new Error(`${returned.size} datagrams of ${DATAGRAMS} came back`)
}

/** The carrier dies after a quarter; the rest must come by another one. */
async function surviveLoss(connection: QuicConnection, parts: DialogueParts): Promise<void> {
  let moved: Promise<void> | undefined
  const move = async (): Promise<void> => {
    await parts.lose()
    await connection.migrate(await parts.open(), parts.migration)
  }
  await download(connection, parts.loseSize, parts.sha256, (length) => {
    if (moved !== undefined || length < parts.loseSize / 4) return
    moved = move()
    // The transfer waits for it: so whoever fails here says so there.
    moved.catch((error: unknown) => connection.close({ closeCode: 1, reason: explain(error).slice(0, 200) }))
  })
  await moved
  await connection.ping()
}

async function closeBothWays(
  dial: () => Promise<QuicConnection>,
  connection: QuicConnection,
  reason: string,
): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  await write(stream, new Uint8Array([0x63]))
  stream.finish()
  const heard: { code?: unknown; reason?: unknown } = await connection.closed.then(
    () => ({}),
    (error) => error,
  )
  if (Number(heard.code) !== SERVER_CODE || heard.reason !== SERVER_REASON) {
    throw new Error(`The server's close was heard as ${explain(heard)}`)
  }
  await (await dial()).close({ closeCode: CLIENT_CODE, reason })
}

/** Writes all of `bytes`. */
export async function write(stream: QuicStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += stream.tryWrite(bytes.subarray(at))
    if (at < bytes.length) await stream.whenWritable()
  }
}

/** Calls `take` with each piece until the stream ends; a piece is valid during the call. */
export async function readEach(stream: QuicStream, take: (piece: Uint8Array) => void): Promise<void> {
  const buffer = new Uint8Array(CHUNK)
  for (;;) {
    const count = stream.read(buffer)
    if (count < 0) return
    if (count === 0) await stream.whenReadable()
    else take(buffer.subarray(0, count))
  }
}

/** All that comes on the stream; `onPiece` sees each piece when it comes. */
export async function readAll(
  stream: QuicStream,
  onPiece: (piece: Uint8Array) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = []
  let length = 0
  await readEach(stream, (piece) => {
    pieces.push(piece.slice())
    length += piece.length
    onPiece(piece)
  })
  const all = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** Hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** An error in one line, with its cause. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return `${error.name}: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`
}
