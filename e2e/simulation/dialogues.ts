/** The applications of a simulation: clients that ask, a server that answers, and the count of what is not settled yet. */
import type { Duration, Time } from '../../src/base/time.ts'
import type { Connection } from '../../src/connection/connection.ts'
import type { ConnectionEvent } from '../../src/connection/events.ts'
import type { Pair } from '../../src/simulator.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { CHUNK, Pattern } from './pattern.ts'

/** Bytes at the beginning of a question that say how many bytes the answer is to have. */
const HEADER = 4

/** One direction of a stream, at its sender. */
interface Outgoing {
  readonly stream: Stream
  readonly key: number
  readonly header: Uint8Array
  readonly total: number
  written: number
}

/** One direction of a stream, at its receiver. */
interface Incoming {
  readonly stream: Stream
  readonly key: number
  readonly headerLength: number
  /** What the header says. */
  announced: number
  read: number
}

/** A question and its answer. */
export class Dialogue {
  readonly question: number
  readonly answer: number
  readonly begunAt: Time
  /** Bytes of the answer that the client has read. */
  answered = 0
  /** When the client had read the whole answer. */
  completedAt: Time | undefined = undefined

  /** For {@link Dialogues}; sizes in bytes. */
  constructor(question: number, answer: number, now: Time) {
    this.question = question
    this.answer = answer
    this.begunAt = now
  }

  /** ms; `undefined` until it is complete. */
  get duration(): Duration | undefined {
    return this.completedAt === undefined ? undefined : this.completedAt - this.begunAt
  }
}

/** Everything that the applications of a pair say. */
export class Dialogues {
  readonly all: Dialogue[] = []
  readonly #pair: Pair
  readonly #pattern = new Pattern()
  readonly #into = new Uint8Array(CHUNK)
  readonly #outgoing = new Map<Stream, Outgoing>()
  readonly #incoming = new Map<Stream, Incoming>()
  readonly #asked = new Map<Stream, Dialogue>()
  /** Writes that are not acknowledged to their end. */
  readonly #unfinished = new Set<Stream>()

  constructor(pair: Pair) {
    this.#pair = pair
  }

  /** Whether every answer was read to its end. */
  get areComplete(): boolean {
    return this.#asked.size === 0
  }

  /** Reads and writes of both ends that wait for something. */
  get unsettled(): number {
    return this.#outgoing.size + this.#incoming.size + this.#unfinished.size
  }

  /** When the last answer was complete. */
  get completedAt(): Time {
    return Math.max(...this.all.map(({ completedAt = Number.NaN }) => completedAt))
  }

  /**
   * The client asks with `question` bytes, and is to be answered with `answer` bytes.
   * @throws Error where the peer allows no more streams
   */
  ask(connection: Connection, question: number, answer: number): Dialogue {
    const stream = connection.streams.open('bidirectional')
    if (stream === undefined) throw new Error('The peer allows no more streams')
    const dialogue = new Dialogue(question, answer, this.#pair.now)
    this.all.push(dialogue)
    this.#asked.set(stream, dialogue)
    const header = new Uint8Array(HEADER)
    new DataView(header.buffer).setUint32(0, answer)
    this.#listen(stream, keyOf(stream, 'server'), 0)
    this.#say(stream, keyOf(stream, 'client'), header, question)
    this.#pair.client.wake(connection)
    return dialogue
  }

  /** Answers an event of either end. @throws Error for a wrong byte, or an end that came too soon or too late */
  onEvent(connection: Connection, event: ConnectionEvent): void {
    if (event.type === 'stream-opened') this.#listen(event.stream, keyOf(event.stream, 'client'), HEADER)
    else if (event.type === 'stream-writable') this.#write(event.stream)
    else if (event.type === 'stream-readable') this.#read(connection, event.stream)
    else if (event.type === 'stream-send-finished') this.#unfinished.delete(event.stream)
    else if (event.type === 'stream-reset' || event.type === 'stream-stopped') {
      throw new Error(`Stream ${event.stream.id} was given up: ${event.type}`)
    }
  }

  #listen(stream: Stream, key: number, headerLength: number): void {
    this.#incoming.set(stream, { stream, key, headerLength, announced: 0, read: 0 })
  }

  #say(stream: Stream, key: number, header: Uint8Array, total: number): void {
    this.#outgoing.set(stream, { stream, key, header, total: header.length + total, written: 0 })
    this.#unfinished.add(stream)
    this.#write(stream)
  }

  #write(stream: Stream): void {
    const outgoing = this.#outgoing.get(stream)
    const { send } = stream
    if (outgoing === undefined || send === undefined) return
    const { header, key, total } = outgoing
    while (outgoing.written < total) {
      const { written } = outgoing
      const isHeader = written < header.length
      const bytes = isHeader
        ? header.subarray(written)
        : this.#pattern.at(key, written - header.length, Math.min(CHUNK, total - written))
      const taken = send.write(bytes)
      outgoing.written += taken
      if (taken < bytes.length) return
    }
    send.finish()
    this.#outgoing.delete(stream)
  }

  #read(connection: Connection, stream: Stream): void {
    const incoming = this.#incoming.get(stream)
    const { receive } = stream
    if (incoming === undefined || receive === undefined) return
    for (let count = receive.read(this.#into); count !== 0; count = receive.read(this.#into)) {
      if (count < 0) return this.#onEnd(connection, incoming)
      this.#take(incoming, this.#into.subarray(0, count))
      const dialogue = this.#asked.get(stream)
      if (dialogue !== undefined) dialogue.answered += count
    }
  }

  #take(incoming: Incoming, bytes: Uint8Array): void {
    const { headerLength, key } = incoming
    let at = 0
    for (; at < bytes.length && incoming.read < headerLength; at++, incoming.read++) {
      incoming.announced = incoming.announced * 256 + (bytes[at] ?? 0)
    }
    this.#pattern.check(key, incoming.read - headerLength, bytes.subarray(at))
    incoming.read += bytes.length - at
  }

  #onEnd(connection: Connection, incoming: Incoming): void {
    const { stream } = incoming
    this.#incoming.delete(stream)
    if (connection.role === 'server') {
      this.#say(stream, keyOf(stream, 'server'), new Uint8Array(0), incoming.announced)
      return
    }
    const dialogue = this.#asked.get(stream)
    if (dialogue === undefined || dialogue.answered !== dialogue.answer) {
      throw new Error(`Stream ${stream.id} ended after ${incoming.read} bytes of ${dialogue?.answer}`)
    }
    dialogue.completedAt = this.#pair.now
    this.#asked.delete(stream)
  }
}

function keyOf(stream: Stream, sender: 'client' | 'server'): number {
  return stream.id * 2 + (sender === 'client' ? 0 : 1)
}
