/**
 * The timeline of a simulated network, for people: each datagram with its packets and frames, when it arrived, or why it
 * never did; and what endpoints threw away. Frames are known where the sender has an observer ({@link Trace.observe}).
 */
import { Deque } from '../base/deque.ts'
import type { Time } from '../base/time.ts'
import { frameData } from '../qlog/frames.ts'
import type { Ecn } from '../transport.ts'
import { type Frame, FrameType } from '../wire/frame.ts'
import type { ObservedPacket, ObserverFactory } from '../wire/observer.ts'
import { packetTypeName } from '../wire/packet-type.ts'
import { extended } from './extended-observer.ts'
import type { DropCause } from './parcel.ts'
import { packetTypesOf } from './scripts.ts'

/** A datagram on the timeline, or what an endpoint said of one. */
export interface TraceEntry {
  readonly time: Time
  /** Names of nodes; an address where no node has it. */
  readonly from: string
  readonly to: string
  /** Bytes. */
  readonly size: number
  readonly ecn: Ecn
  /** A text for each packet, such as `1RTT 5 [stream 0 0+1162]`. */
  readonly packets: readonly string[]
  /** When it arrived; several times where it was duplicated. */
  readonly arrivals: readonly Time[]
  /** Why it did not. */
  readonly cause: DropCause | undefined
  /** What the endpoint `from` threw away, and why. */
  readonly note: string | undefined
}

type OpenEntry = { -readonly [K in keyof TraceEntry]: TraceEntry[K] } & { arrivals: Time[] }

/** A packet that an observer described and no datagram has shown yet. */
interface Described {
  readonly type: string
  readonly size: number
  readonly text: string
}

const DEFAULT_LIMIT = 100_000

/** Described packets that wait for their datagram; a flight has 64 datagrams of at most four packets. */
const MAX_DESCRIBED = 1024

/** What happened to datagrams, the latest `limit` of them. */
export class Trace {
  readonly #limit: number
  readonly #entries = new Deque<OpenEntry>()
  readonly #described = new Map<string, Deque<Described>>()

  /** @param limit entries kept; older ones are forgotten. */
  constructor(limit: number = DEFAULT_LIMIT) {
    this.#limit = limit
  }

  /** In the order in which they were sent. */
  get entries(): readonly TraceEntry[] {
    return [...this.#entries]
  }

  /**
   * The factory of observers that describe what the connections of `node` send, and hand everything on to those of `inner`.
   */
  observe(node: string, inner?: ObserverFactory): ObserverFactory {
    const queue = new Deque<Described>()
    this.#described.set(node, queue)
    return (originalDestination, role) => {
      const next = inner?.(originalDestination, role)
      const observer = extended(next)
      observer.packetSent = (packet, frames, padding, now) => {
        if (queue.length === MAX_DESCRIBED) queue.shift()
        queue.push(describe(packet, frames, padding))
        next?.packetSent?.(packet, frames, padding, now)
      }
      observer.packetDropped = (reason, size, type, now) => {
        const kind = type === undefined ? 'a packet' : `a packet of type ${packetTypeName(type)}`
        this.#add(node, '', size, 0, [], now).note = `${node} dropped ${kind}: ${reason}`
        next?.packetDropped?.(reason, size, type, now)
      }
      return observer
    }
  }

  /** For the network: a datagram was sent. */
  sent(bytes: Uint8Array, from: string, to: string, ecn: Ecn, now: Time): TraceEntry {
    return this.#add(from, to, bytes.length, ecn, this.#packetsOf(bytes, from), now)
  }

  /** For the network: a datagram arrived. */
  arrived(entry: TraceEntry, now: Time): void {
    ;(entry as OpenEntry).arrivals.push(now)
  }

  /** For the network: a datagram will not arrive. */
  dropped(entry: TraceEntry, cause: DropCause): void {
    ;(entry as OpenEntry).cause = cause
  }

  /** A line for each entry; with `last`, for the latest so many. */
  toString(last: number = Infinity): string {
    const entries = this.entries
    return entries
      .slice(Math.max(0, entries.length - last))
      .map(lineOf)
      .join('\n')
  }

  #add(from: string, to: string, size: number, ecn: Ecn, packets: readonly string[], time: Time): OpenEntry {
    const entry: OpenEntry = { time, from, to, size, ecn, packets, arrivals: [], cause: undefined, note: undefined }
    if (this.#entries.length >= this.#limit) this.#entries.shift()
    this.#entries.push(entry)
    return entry
  }

  /** The packets of a datagram: as the sender described them, or by their types. */
  #packetsOf(bytes: Uint8Array, from: string): readonly string[] {
    const types = packetTypesOf(bytes)
    const queue = this.#described.get(from)
    if (queue === undefined) return types
    const texts: string[] = []
    let size = 0
    for (const type of types) {
      const next = queue.peek()
      // A stateless reset looks like a packet, and nobody described it.
      if (next?.type !== type || size + next.size > bytes.length) {
        texts.push(type)
        continue
      }
      queue.shift()
      size += next.size
      texts.push(next.text)
    }
    return texts
  }
}

function lineOf(entry: TraceEntry): string {
  const { arrivals, cause, ecn, from, note, packets, size, time, to } = entry
  const head = time.toFixed(3).padStart(11)
  if (note !== undefined) return `${head}  ${note}, ${size} bytes`
  const arrow = cause === undefined ? '->' : '-x'
  const fate =
    cause !== undefined
      ? `lost: ${cause}`
      : arrivals.length === 0
        ? 'under way'
        : `arrives ${arrivals.map((at) => at.toFixed(3)).join(' and ')}`
  const mark = ecn === 0 ? '' : `, ${['', 'ECT(1)', 'ECT(0)', 'CE'][ecn]}`
  return `${head}  ${from} ${arrow} ${to}  ${size} bytes${mark}, ${fate}: ${packets.join(' + ')}`
}

function describe(packet: ObservedPacket, frames: readonly Frame[], padding: number): Described {
  const type = packetTypeName(packet.type)
  const contents = frames.map(frameText)
  if (padding > 0) contents.push(`padding ${padding}`)
  return { type, size: packet.size, text: `${type} ${packet.packetNumber} [${contents.join(', ')}]` }
}

/** Frames that qlog has no name for, by type. */
const UNNAMED: Readonly<Record<number, string>> = {
  [FrameType.ackFrequency]: 'ack_frequency',
  [FrameType.immediateAck]: 'immediate_ack',
}

/** A frame in a few words: its name, and its numbers in the order in which qlog names them. */
function frameText(frame: Frame): string {
  const { frame_type: name, raw, fin, offset, acked_ranges: ranges, ...rest } = frameData(frame, 0)
  const words: string[] = [UNNAMED[frame.type] ?? String(name)]
  if (Array.isArray(ranges)) {
    words.push(ranges.map((range) => (Array.isArray(range) ? [...new Set(range)].join('-') : '')).join(' '))
    return words.join(' ')
  }
  for (const [key, value] of Object.entries(rest)) {
    if (key === 'frame_type_bytes') continue
    if (typeof value === 'string' || typeof value === 'number') words.push(String(value))
  }
  const { payload_length: length } = (raw ?? {}) as { readonly payload_length?: number }
  if (length !== undefined) words.push(offset === undefined ? `${length}` : `${String(offset)}+${length}`)
  if (fin === true) words.push('fin')
  return words.join(' ')
}
