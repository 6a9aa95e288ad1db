/**
 * What both ends of a WebTransport session do in the runner's cases (its `webtransport.md`): `GET name` asks for a file on a stream
 * of either kind or in a datagram, and it comes on the same stream, or behind `PUSH name` on a unidirectional one or in a datagram.
 * Written for whatever has the W3C's class, and loaded as it is by Deno and by pages.
 */

/** A stream of both directions. */
export interface BidirectionalStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** As much of the W3C's `WebTransport` as is used here. */
export interface Session {
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>
    /** Where there is no {@link createWritable}. */
    readonly writable?: WritableStream<Uint8Array>
    createWritable?(): WritableStream<Uint8Array>
  }
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>
  createBidirectionalStream(): Promise<BidirectionalStream>
  createUnidirectionalStream(): Promise<WritableStream<Uint8Array>>
}

/** How a file travels. */
export type Kind = 'unidirectional' | 'bidirectional' | 'datagram'

/** Where files are, and how streams are cut. */
export interface Files {
  /** A length goes ahead of all that a stream holds, and its end is not waited for: for a peer that sends none (`PEERS.md`). */
  readonly isFramed?: boolean
  /** Rejects for a file that is none. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>
  save(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}

/** ms until a datagram is asked for again. */
const REPETITION = 300

/** Answers what the peer asks for, and asks for what is wanted. One for each session. */
export class SessionFiles {
  readonly #session: Session
  readonly #files: Files
  readonly #report: (event: string, facts: Readonly<Record<string, unknown>>) => void
  readonly #datagrams: WritableStreamDefaultWriter<Uint8Array>
  /** What was asked for and has not come, by its name. */
  readonly #missing = new Map<string, () => void>()

  constructor(
    session: Session,
    files: Files,
    report: (event: string, facts: Readonly<Record<string, unknown>>) => void,
  ) {
    this.#session = session
    this.#files = files
    this.#report = report
    const { datagrams } = session
    const writable = datagrams.createWritable?.() ?? datagrams.writable
    if (writable === undefined) throw new TypeError('The session has no way to send datagrams')
    this.#datagrams = writable.getWriter()
    this.#datagrams.closed.catch(() => {})
    void this.#forEach(session.incomingUnidirectionalStreams, (stream) => this.#receive(stream))
    void this.#forEach(session.incomingBidirectionalStreams, (stream) => this.#answer(stream))
    void this.#forEach(datagrams.readable, (bytes) => this.#receiveDatagram(bytes))
  }

  /** Fulfils when all of `names` were saved. */
  async requestAll(kind: Kind, names: readonly string[]): Promise<void> {
    if (kind === 'datagram') return await this.#requestDatagrams(names)
    await Promise.all(names.map((name) => (kind === 'bidirectional' ? this.#fetch(name) : this.#ask(name))))
  }

  async #fetch(name: string): Promise<void> {
    const { readable, writable } = await this.#session.createBidirectionalStream()
    await this.#write(writable, encode(`GET ${name}`))
    await this.#files.save(name, await this.#read(readable))
  }

  async #ask(name: string): Promise<void> {
    const saved = this.#expect(name)
    await this.#write(await this.#session.createUnidirectionalStream(), encode(`GET ${name}`))
    await saved
  }

  async #requestDatagrams(names: readonly string[]): Promise<void> {
    const saved = Promise.all(names.map((name) => this.#expect(name)))
    const ask = async (): Promise<void> => {
      for (const name of [...this.#missing.keys()]) await this.#datagrams.write(encode(`GET ${name}`))
    }
    const timer = setInterval(() => void ask().catch(() => {}), REPETITION)
    try {
      await ask()
      await saved
    } finally {
      clearInterval(timer)
    }
  }

  #expect(name: string): Promise<void> {
    return new Promise((resolve) => void this.#missing.set(name, resolve))
  }

  async #answer({ readable, writable }: BidirectionalStream): Promise<void> {
    const name = nameIn(await this.#read(readable), 'GET ')
    await this.#write(writable, await this.#files.read(name))
  }

  async #receive(stream: ReadableStream<Uint8Array>): Promise<void> {
    const bytes = await this.#read(stream)
    if (startsWith(bytes, 'PUSH ')) return await this.#save(bytes)
    const name = nameIn(bytes, 'GET ')
    const content = await this.#files.read(name)
    await this.#write(await this.#session.createUnidirectionalStream(), pushOf(name, content))
  }

  async #receiveDatagram(bytes: Uint8Array): Promise<void> {
    if (startsWith(bytes, 'PUSH ')) return await this.#save(bytes)
    const name = nameIn(bytes, 'GET ')
    await this.#datagrams.write(pushOf(name, await this.#files.read(name)))
  }

  async #save(bytes: Uint8Array): Promise<void> {
    const end = bytes.indexOf(0x0a)
    const name = nameIn(bytes.subarray(0, end), 'PUSH ')
    const done = this.#missing.get(name)
    if (done === undefined) return
    this.#missing.delete(name)
    await this.#files.save(name, bytes.slice(end + 1))
    done()
  }

  /** All that a stream holds. */
  async #read(readable: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
    const reader = readable.getReader()
    const pieces: Uint8Array[] = []
    const isFramed = this.#files.isFramed === true
    let length = 0
    for (let wanted = Number.POSITIVE_INFINITY; length < wanted; ) {
      const { done, value } = await reader.read()
      if (done) break
      pieces.push(value)
      length += value.length
      if (isFramed && wanted > length && length >= LENGTH_SIZE) wanted = framedLength(pieces)
    }
    const all = join(pieces, length)
    return isFramed ? all.slice(LENGTH_SIZE) : all
  }

  /** Writes `bytes` and ends the stream. */
  async #write(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
    const writer = writable.getWriter()
    if (this.#files.isFramed === true) {
      const length = new Uint8Array(LENGTH_SIZE)
      new DataView(length.buffer).setUint32(0, bytes.length)
      await writer.write(length)
    }
    await writer.write(bytes)
    await writer.close()
  }

  /** Hands each on at once. The end of the session ends it. */
  async #forEach<T>(readable: ReadableStream<T>, take: (each: T) => Promise<void>): Promise<void> {
    const reader = readable.getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        take(value).catch((error: unknown) => this.#report('stream-failed', { error: String(error) }))
      }
    } catch {
      // The session's `closed` tells.
    }
  }
}

/** Bytes of the length ahead of what a framed stream holds. */
const LENGTH_SIZE = 4

/** Bytes of `text` in UTF-8. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

/** Of the whole stream, where the length itself has come. */
function framedLength(pieces: readonly Uint8Array[]): number {
  const head = join(pieces, LENGTH_SIZE)
  return LENGTH_SIZE + new DataView(head.buffer).getUint32(0)
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    all.set(piece.subarray(0, length - at), at)
    at += Math.min(piece.length, length - at)
  }
  return all
}

function startsWith(bytes: Uint8Array, word: string): boolean {
  return [...word].every((character, index) => bytes[index] === character.charCodeAt(0))
}

function nameIn(bytes: Uint8Array, word: string): string {
  if (!startsWith(bytes, word)) throw new Error(`Not a request: ${new TextDecoder().decode(bytes.subarray(0, 40))}`)
  return new TextDecoder().decode(bytes.subarray(word.length)).trimEnd()
}

function pushOf(name: string, content: Uint8Array): Uint8Array {
  const head = encode(`PUSH ${name}\n`)
  const bytes = new Uint8Array(head.length + content.length)
  bytes.set(head)
  bytes.set(content, head.length)
  return bytes
}
