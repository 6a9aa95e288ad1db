/**
 * Transfers over streams of any stack. A stream begins with a request: what is wanted and how many bytes, in 9 bytes. To a download
 * the server answers with that many bytes; of an upload it receives as many and answers with one; an echo it gives back as it
 * comes. What is received is kept, and hashed after the clock has stopped.
 */
import { createHash } from 'node:crypto'
import type { ByteStream, Client } from './harness.ts'

/** Which way the bytes go, as the client sees it. */
export type Direction = 'download' | 'upload'

/** What is wanted of the server. */
export const Wish = { upload: 0, download: 1, echo: 2 } as const

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

const hashes = new Map<string, string>()

/** SHA-256 of what `streams` streams carry that share `bytes` evenly, one after the other, in hexadecimal. */
export function hashOfTransfer(bytes: number, streams: number): string {
  const key = `${bytes} ${streams}`
  const known = hashes.get(key)
  if (known !== undefined) return known
  const hash = createHash('sha256')
  for (let stream = 0; stream < streams; stream++) for (const part of pieces(bytes / streams)) hash.update(part)
  const found = hash.digest('hex')
  hashes.set(key, found)
  return found
}

/** Keeps what a transfer brings in memory that is there before the clock starts, each stream's bytes in a part of their own. */
export class Sink {
  #bytes = new Uint8Array(0)
  #claimed = 0
  #length = 0
  /** Of transfers that are not shared. */
  #alone: Share = { at: 0, end: 0 }

  /** Makes room, touched already, for `size` bytes. */
  prepare(size: number): void {
    this.#claimed = 0
    this.#length = 0
    this.#alone = { at: 0, end: size }
    if (this.#bytes.length !== size) this.#bytes = new Uint8Array(size)
    this.#bytes.fill(1)
  }

  /** Bytes that came, of all streams. */
  get length(): number {
    return this.#length
  }

  /** Room for `size` bytes of one stream. */
  claim(size: number): Share {
    const start = this.#claimed
    this.#claimed += size
    return { at: start, end: start + size }
  }

  /** Keeps bytes of a stream, or of the only one. @throws RangeError for more than were expected */
  add(bytes: Uint8Array, share: Share = this.#alone): void {
    this.#bytes.set(bytes, share.at)
    share.at += bytes.length
    this.#length += bytes.length
  }

  /** SHA-256 of all that came, in hexadecimal. */
  hash(): string {
    return createHash('sha256').update(this.#bytes.subarray(0, this.#length)).digest('hex')
  }
}

/** The part of a {@link Sink} that one stream fills. */
export interface Share {
  at: number
  readonly end: number
}

/** Sends a transfer of `size` bytes. */
async function send(stream: ByteStream, size: number): Promise<void> {
  for (const bytes of pieces(size)) await stream.write(bytes)
}

/** Keeps what comes until the share is full, or the stream ends. */
async function receive(stream: ByteStream, share: Share, sink: Sink): Promise<void> {
  while (share.at < share.end) {
    const bytes = await stream.read()
    if (bytes === undefined) return
    sink.add(bytes, share)
  }
}

/** The request that a stream begins with. */
export function requestFor(wish: keyof typeof Wish, size: number): Uint8Array {
  const request = new Uint8Array(REQUEST_LENGTH)
  request[0] = Wish[wish]
  new DataView(request.buffer).setFloat64(1, size)
  return request
}

/** The client's side of a transfer of `size` bytes by `streams` streams of one connection, all at once. */
export async function transferAll(
  kind: Direction,
  client: Client,
  size: number,
  streams: number,
  sink: Sink,
): Promise<void> {
  const one = async (): Promise<void> => transfer(kind, await client.open(), size / streams, sink)
  await Promise.all(Array.from({ length: streams }, one))
}

/** The client's side of one stream of it. */
export async function transfer(kind: Direction, stream: ByteStream, size: number, sink: Sink): Promise<void> {
  await stream.write(requestFor(kind, size))
  if (kind === 'upload') await send(stream, size)
  await stream.finish()
  if (kind === 'download') await receive(stream, sink.claim(size), sink)
  while ((await stream.read()) !== undefined);
}

/** The server's side of a stream. */
export async function answer(stream: ByteStream, sink: Sink): Promise<void> {
  const request = new Uint8Array(REQUEST_LENGTH)
  let length = 0
  let rest: Uint8Array | undefined
  while (length < request.length) {
    const bytes = await stream.read()
    if (bytes === undefined) return
    const wanted = Math.min(bytes.length, request.length - length)
    request.set(bytes.subarray(0, wanted), length)
    length += wanted
    if (wanted < bytes.length) rest = bytes.slice(wanted)
  }
  const size = new DataView(request.buffer).getFloat64(1)
  if (request[0] === Wish.echo) await echo(stream, rest)
  else if (request[0] === Wish.download) await send(stream, size)
  else {
    const share = sink.claim(size)
    if (rest !== undefined) sink.add(rest, share)
    await receive(stream, share, sink)
    await stream.write(Uint8Array.of(1))
  }
  await stream.finish()
}

async function echo(stream: ByteStream, first: Uint8Array | undefined): Promise<void> {
  if (first !== undefined) await stream.write(first)
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
    // What is read is valid until the next call, and a write may take longer.
    await stream.write(bytes.slice())
  }
}
