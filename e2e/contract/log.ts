/** The qlog of one end of a connection, read while it is written: what a row of the contract rests on. */
import type { Duration } from '../../src/base/time.ts'
import type { QlogObject } from '../../src/qlog/schema.ts'
import { type QlogSink, qlogTo } from '../../src/qlog.ts'
import type { ObserverFactory } from '../../src/wire/observer.ts'
import type { Role } from '../../src/wire/stream-id.ts'

/**
 * What an event or a frame must have: each member a value, a pattern of its own, or a function that judges the value. Others
 * may be there as well.
 */
export type Pattern = Readonly<Record<string, unknown>>

/** What was asserted, and found. */
export interface Evidence {
  readonly by: Role
  /** Of qlog, with the frame that it is about; or what was read off the wire. */
  readonly event: string
  /** The members that were asked for, as they stand in the log. */
  readonly data: QlogObject
}

/** What a log needs of the test that reads it. */
export interface LogReader {
  sleep(duration: Duration): Promise<void>
  note(evidence: Evidence): void
}

/** ms between two looks into a log that does not show yet what it should, and until it never will. */
const INTERVAL = 5
const LIMIT = 5000

interface Entry {
  /** ms since the first event */
  readonly time: number
  readonly name: string
  readonly data: QlogObject
}

/** The log of one end. */
export class ConnectionLog {
  readonly role: Role
  /** For `connect` and `listen`. */
  readonly observer: ObserverFactory
  readonly #reader: LogReader
  readonly #events: Entry[] = []

  constructor(role: Role, reader: LogReader) {
    this.role = role
    this.#reader = reader
    this.observer = qlogTo(() => this.sink)
  }

  /** Where its records go. */
  get sink(): QlogSink {
    return (record) => {
      const value = JSON.parse(record.slice(1)) as {
        readonly name?: string
        readonly time?: number
        readonly data?: QlogObject
      }
      const { name, time = 0, data = {} } = value
      if (name !== undefined) this.#events.push({ time, name: name.replace(/^quic:/, ''), data })
    }
  }

  /** Waits until the log has such an event, notes it as evidence, and returns its data. @throws Error where it never has */
  async shows(name: string, pattern: Pattern = {}): Promise<QlogObject> {
    return this.#await(name, pattern, (event) => (matches(event.data, pattern) ? event.data : undefined), name)
  }

  /** As {@link shows}, of a frame in a packet that this end sent. */
  async sent(frame: string, pattern: Pattern = {}): Promise<QlogObject> {
    return this.#frame('packet_sent', frame, pattern)
  }

  /** As {@link shows}, of a frame in a packet that this end received. */
  async received(frame: string, pattern: Pattern = {}): Promise<QlogObject> {
    return this.#frame('packet_received', frame, pattern)
  }

  /** The data of all such events so far. */
  events(name: string, pattern: Pattern = {}): readonly QlogObject[] {
    return this.#events.filter((event) => event.name === name && matches(event.data, pattern)).map(({ data }) => data)
  }

  /** ms since the first event of the log, of all such events so far. */
  times(name: string, pattern: Pattern = {}): readonly number[] {
    return this.#events.filter((event) => event.name === name && matches(event.data, pattern)).map(({ time }) => time)
  }

  /** All such frames so far that this end sent, or received, in their order. */
  frames(name: 'packet_sent' | 'packet_received', frame: string, pattern: Pattern = {}): readonly QlogObject[] {
    const whole = { ...pattern, frame_type: frame }
    return this.events(name).flatMap((data) => framesOf(data).filter((each) => matches(each, whole)))
  }

  async #frame(name: 'packet_sent' | 'packet_received', frame: string, pattern: Pattern): Promise<QlogObject> {
    const whole = { frame_type: frame, ...pattern }
    const find = ({ data }: Entry): QlogObject | undefined => framesOf(data).find((each) => matches(each, whole))
    return this.#await(name, pattern, find, `${name} ${frame}`)
  }

  async #await(
    name: string,
    pattern: Pattern,
    find: (event: Entry) => QlogObject | undefined,
    what: string,
  ): Promise<QlogObject> {
    let read = 0
    for (let waited = 0; waited <= LIMIT; waited += INTERVAL) {
      for (; read < this.#events.length; read++) {
        const event = this.#events[read]
        const found = event?.name === name ? find(event) : undefined
        if (found === undefined) continue
        this.#reader.note({ by: this.role, event: `quic:${what}`, data: excerpt(found, pattern) })
        return found
      }
      await this.#reader.sleep(INTERVAL)
    }
    const alike = this.#events
      .filter((event) => event.name === name)
      .map(({ data }) => JSON.stringify(data).slice(0, 300))
    throw new Error(
      `The ${this.role}'s log never shows ${what} ${describe(pattern)}; it has:\n${alike.slice(-12).join('\n')}`,
    )
  }
}

function framesOf(data: QlogObject): readonly QlogObject[] {
  const frames = data['frames']
  return Array.isArray(frames) ? (frames as QlogObject[]) : []
}

function matches(value: unknown, pattern: unknown): boolean {
  if (typeof pattern === 'function') return (pattern as (value: unknown) => unknown)(value) === true
  if (typeof pattern !== 'object' || pattern === null) return value === pattern
  if (typeof value !== 'object' || value === null) return false
  const members = value as QlogObject
  return Object.entries(pattern).every(([name, wanted]) => matches(members[name], wanted))
}

/** The members of `value` that `pattern` asked for. */
function excerpt(value: QlogObject, pattern: Pattern): QlogObject {
  const entries = Object.entries(pattern).map(([name, wanted]) => {
    const found = value[name]
    const isNested = typeof wanted === 'object' && typeof found === 'object' && wanted !== null && found !== null
    return [name, isNested && !Array.isArray(wanted) ? excerpt(found as QlogObject, wanted as Pattern) : found]
  })
  return Object.fromEntries(entries)
}

function describe(pattern: Pattern): string {
  return JSON.stringify(pattern, (_, value: unknown) => (typeof value === 'function' ? String(value) : value))
}
