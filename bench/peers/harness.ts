/**
 * What every peer's process shares: it is a server or a client, told by lines of JSON on stdin what to do, and answers each
 * with one line on stdout. It runs in Node, Deno and Bun.
 *
 * On the wire a stream begins with a request: its direction and size in 9 bytes. To a download the server answers with that
 * many bytes; of an upload it receives as many and answers with one. What is received is kept, and hashed after the clock
 * has stopped.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'

/** The name of the protocol for ALPN. */
export const ALPN = 'bench'

/** The server's certificate, signed by `ca`; PEM. */
export interface Credentials {
  readonly certificate: string
  readonly privateKey: string
  readonly ca: string
}

/** What a peer can tell of a connection; all counted since it began. */
export type Counters = Readonly<Record<string, number>>

/** A stream of bytes in both directions, as each stack's own is made to look. */
export interface ByteStream {
  /** The next bytes, valid until the next call; `undefined` at the end. */
  read(): Promise<Uint8Array | undefined>
  /** Fulfils when there is room for more. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends our direction. */
  finish(): Promise<void>
}

/** A client with one connection. */
export interface Client {
  open(): Promise<ByteStream>
  close(): Promise<void>
  counters?(): Promise<Counters> | Counters
}

/** One stack. */
export interface Peer {
  /** Serves on 127.0.0.1 until the process ends; hands each stream to `answer`; returns the port. */
  serve(credentials: Credentials, answer: (stream: ByteStream) => void): Promise<number>
  /** Connects to 127.0.0.1 as `localhost`, and verifies that. */
  connect(port: number, credentials: Credentials): Promise<Client>
  /** Of the server's connection that was made last. */
  serverCounters?(): Promise<Counters> | Counters
}

/** Bytes of a piece that is written at once. */
const CHUNK = 262_144

/** Bytes of the request. */
const REQUEST_LENGTH = 9

/** The piece that all transfers are made of: the same bytes in every process, hard to compress. */
function piece(): Uint8Array {
  const bytes = new Uint8Array(CHUNK)
  let state = 0x9e3779b9
  for (let index = 0; index < bytes.length; index++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
    bytes[index] = state >>> 24
  }
  return bytes
}

let whole: Uint8Array | undefined

/** The pieces of a transfer of `size` bytes. */
export function* pieces(size: number): Generator<Uint8Array> {
  whole ??= piece()
  for (let left = size; left > 0; left -= whole.length) yield left < whole.length ? whole.subarray(0, left) : whole
}

/** Keeps what a transfer brings in memory that is there before the clock starts. */
export class Sink {
  #bytes = new Uint8Array(0)
  #length = 0

  /** Makes room, touched already, for `size` bytes. */
  prepare(size: number): void {
    this.#length = 0
    if (this.#bytes.length !== size) this.#bytes = new Uint8Array(size)
    this.#bytes.fill(1)
  }

  get length(): number {
    return this.#length
  }

  add(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** SHA-256 of all that came, in hexadecimal. */
  hash(): string {
    return createHash('sha256').update(this.#bytes.subarray(0, this.#length)).digest('hex')
  }
}

/** Sends a transfer of `size` bytes. */
async function send(stream: ByteStream, size: number): Promise<void> {
  for (const bytes of pieces(size)) await stream.write(bytes)
}

/** Keeps what comes until `size` bytes are there, or the stream ends. */
async function receive(stream: ByteStream, size: number, sink: Sink): Promise<void> {
  while (sink.length < size) {
    const bytes = await stream.read()
    if (bytes === undefined) return
    sink.add(bytes)
  }
}

/** The client's side of a transfer. */
async function transfer(kind: Direction, stream: ByteStream, size: number, sink: Sink): Promise<void> {
  const request = new Uint8Array(REQUEST_LENGTH)
  request[0] = kind === 'download' ? 1 : 0
  new DataView(request.buffer).setFloat64(1, size)
  await stream.write(request)
  if (kind === 'upload') await send(stream, size)
  await stream.finish()
  if (kind === 'download') await receive(stream, size, sink)
  while ((await stream.read()) !== undefined);
}

/** The server's side. */
async function answer(stream: ByteStream, sink: Sink): Promise<void> {
  const request = new Uint8Array(REQUEST_LENGTH)
  let length = 0
  while (length < request.length) {
    const bytes = await stream.read()
    if (bytes === undefined) return
    const wanted = Math.min(bytes.length, request.length - length)
    request.set(bytes.subarray(0, wanted), length)
    length += wanted
    if (wanted < bytes.length) sink.add(bytes.subarray(wanted))
  }
  const size = new DataView(request.buffer).getFloat64(1)
  if (request[0] === 1) await send(stream, size)
  else {
    await receive(stream, size, sink)
    await stream.write(Uint8Array.of(1))
  }
  await stream.finish()
}

/** Which way the bytes go, as the client sees it. */
export type Direction = 'download' | 'upload'

/** What a process is asked. */
export type Command =
  | { readonly do: 'prepare'; readonly bytes: number }
  | { readonly do: 'connect' }
  | { readonly do: Direction; readonly bytes: number }
  | { readonly do: 'handshakes'; readonly count: number; readonly atOnce: number }
  | { readonly do: 'report' }
  | { readonly do: 'hash' }
  | { readonly do: 'profile'; readonly on: boolean }
  | { readonly do: 'close' }

/** Lets this process be what its arguments say: `server FOLDER` or `client FOLDER PORT`. */
export async function runPeer(peer: Peer): Promise<void> {
  const { role, credentials, port } = readArguments()
  const sink = new Sink()
  if (role === 'server') tell({ port: await peer.serve(credentials, answerWith(sink)) })
  const worker = new Worker(peer, port, credentials, sink)
  await obeyLines((command: Command) => worker.obey(command))
}

/** What a process is told when it is started. */
export interface Arguments {
  readonly role: string | undefined
  readonly folder: string
  readonly credentials: Credentials
  /** Of the server; not a number for the server itself. */
  readonly port: number
}

/** Reads `server FOLDER` or `client FOLDER PORT`. */
export function readArguments(): Arguments {
  const [role, folder = '.', port] = process.argv.slice(2)
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const credentials = { certificate: read('leaf.pem'), privateKey: read('leaf.key'), ca: read('ca.pem') }
  return { role, folder, credentials, port: Number(port) }
}

/** A line to the orchestrator. */
export function tell(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Obeys the commands on stdin, one after the other; the process ends with them. */
export async function obeyLines<C>(obey: (command: C) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      tell((await obey(JSON.parse(line))) ?? {})
    } catch (error) {
      tell({ error: error instanceof Error ? error.message : String(error) })
    }
  }
  process.exit(0)
}

function answerWith(sink: Sink): (stream: ByteStream) => void {
  return (stream) => void answer(stream, sink).catch((error: unknown) => console.error('Error while answering:', error))
}

class Worker {
  readonly #peer: Peer
  readonly #port: number
  readonly #credentials: Credentials
  readonly #sink: Sink
  #client: Client | undefined
  #endProfile: (() => Promise<unknown>) | undefined

  constructor(peer: Peer, port: number, credentials: Credentials, sink: Sink) {
    this.#peer = peer
    this.#port = port
    this.#credentials = credentials
    this.#sink = sink
  }

  async obey(command: Command): Promise<unknown> {
    switch (command.do) {
      case 'prepare':
        this.#sink.prepare(command.bytes)
        return
      case 'connect':
        this.#client = await this.#connect()
        return
      case 'download':
      case 'upload':
        return { milliseconds: await this.#transfer(command.do, command.bytes) }
      case 'handshakes':
        return { milliseconds: await this.#handshakes(command.count, command.atOnce) }
      case 'report':
        return this.#report()
      case 'hash':
        return { bytes: this.#sink.length, hash: this.#sink.hash() }
      case 'profile':
        return this.#profile(command.on)
      case 'close':
        await this.#client?.close()
        this.#client = undefined
        return
    }
  }

  #connect(): Promise<Client> {
    return this.#peer.connect(this.#port, this.#credentials)
  }

  async #transfer(kind: Direction, size: number): Promise<number> {
    const client = this.#client
    if (client === undefined) throw new Error('Not connected')
    const start = performance.now()
    await transfer(kind, await client.open(), size, this.#sink)
    return performance.now() - start
  }

  async #handshakes(count: number, atOnce: number): Promise<number> {
    let begun = 0
    const runner = async (): Promise<void> => {
      while (begun++ < count) {
        const client = await this.#connect()
        await client.close()
      }
    }
    const start = performance.now()
    await Promise.all(Array.from({ length: atOnce }, runner))
    return performance.now() - start
  }

  async #report(): Promise<{ cpu: number; counters: Counters }> {
    const { user, system } = process.cpuUsage()
    const counters = (await (this.#client?.counters?.() ?? this.#peer.serverCounters?.())) ?? {}
    return { cpu: user + system, counters }
  }

  async #profile(on: boolean): Promise<unknown> {
    if (!on) return { times: await this.#endProfile?.() }
    const { startProfile } = await import('../profile.ts')
    this.#endProfile = await startProfile()
    return
  }
}
