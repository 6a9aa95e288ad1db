/** Counts that a summary is made of, each with a bound on what it holds. */
import type { QlogFrame, QlogPacket } from './facts.ts'
import type { PacketCount, SummaryPath } from './summary-types.ts'

/** Packets, their bytes, and how many for which reason. */
export class Tally {
  packets = 0
  bytes = 0
  readonly reasons: Record<string, number> = {}

  add(size: number | undefined, reason?: string): void {
    this.packets += 1
    this.bytes += size ?? 0
    if (reason !== undefined) increment(this.reasons, reason)
  }

  count(): PacketCount {
    return { packets: this.packets, bytes: this.bytes }
  }
}

/** How many kinds of anything are counted apart. */
const MAX_KINDS = 64

/** Counts one more of `kind`. */
export function increment(counts: Record<string, number>, kind: string): void {
  const known = Object.hasOwn(counts, kind) ? counts[kind] : undefined
  if (known === undefined && Object.keys(counts).length >= MAX_KINDS) counts['other'] = (counts['other'] ?? 0) + 1
  else counts[kind] = (known ?? 0) + 1
}

const MAX_STREAMS = 65_536

/** How far the bytes of streams have come in one direction, and which came again. */
export class StreamMeter {
  readonly #ends = new Map<number | string, number>()
  streams = 0
  /** Of streams. */
  bytes = 0
  /** Of streams and of handshakes, beyond the first time. */
  again = 0
  packetsAgain = 0
  #first: number | undefined = undefined
  #last = 0

  /** ms from the first packet with bytes of streams to the last. */
  get duration(): number {
    return this.#first === undefined ? 0 : this.#last - this.#first
  }

  add({ frames, type }: QlogPacket, time: number): void {
    let again = 0
    for (const frame of frames) again += this.#addFrame(frame, type)
    if (frames.some((frame) => frame.type === 'stream')) {
      this.#first ??= time
      this.#last = time
    }
    this.again += again
    if (again > 0) this.packetsAgain += 1
  }

  /** Bytes of the frame that were there before. */
  #addFrame({ length, offset, streamId, type }: QlogFrame, packetType: string): number {
    const key = type === 'crypto' ? packetType : type === 'stream' ? streamId : undefined
    if (key === undefined || length === undefined) return 0
    const before = this.#ends.get(key)
    if (before === undefined && type === 'stream') this.streams += 1
    const start = offset ?? 0
    const end = start + length
    const known = before ?? 0
    if (before === undefined || end > known) this.#set(key, end)
    if (type === 'stream') this.bytes += Math.max(0, end - known)
    return Math.max(0, Math.min(end, known) - start)
  }

  #set(key: number | string, end: number): void {
    if (this.#ends.size >= MAX_STREAMS && !this.#ends.has(key)) {
      for (const oldest of this.#ends.keys()) {
        this.#ends.delete(oldest)
        break
      }
    }
    this.#ends.set(key, end)
  }
}

const MAX_SIZES = 65_536

/** Sizes of packets that may yet be lost: events of losses seldom tell them. */
export class SentSizes {
  readonly #sizes = new Map<string, number>()

  add({ number, size, space }: QlogPacket): void {
    if (number === undefined || size === undefined) return
    if (this.#sizes.size >= MAX_SIZES) {
      for (const oldest of this.#sizes.keys()) {
        this.#sizes.delete(oldest)
        break
      }
    }
    this.#sizes.set(`${space} ${number}`, size)
  }

  take({ number, size, space }: QlogPacket): number | undefined {
    return size ?? this.#sizes.get(`${space} ${number}`)
  }
}

const MAX_PATHS = 64

type OpenPath = { -readonly [K in keyof SummaryPath]: SummaryPath[K] }

/** The paths that a log names. */
export class Paths {
  readonly #paths = new Map<string, OpenPath>()

  /** A path, which is made if it is new; `undefined`: there are too many. */
  of(id: string): OpenPath | undefined {
    const known = this.#paths.get(id)
    if (known !== undefined || this.#paths.size >= MAX_PATHS) return known
    const path = { id, local: undefined, remote: undefined, packetsSent: 0, packetsReceived: 0 }
    this.#paths.set(id, path)
    return path
  }

  all(): readonly SummaryPath[] {
    return [...this.#paths.values()].map((path) => ({ ...path }))
  }
}

const MAX_IDS = 16

/** Adds an id that is new and not empty. */
export function addId(ids: string[], id: unknown): void {
  if (typeof id === 'string' && id !== '' && ids.length < MAX_IDS && !ids.includes(id)) ids.push(id)
}
