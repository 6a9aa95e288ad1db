/** The server's side of Version Negotiation (RFC 9000 §6.1, RFC 8999 §6): the answer to a packet of a version it does not speak. */
import type { RandomSource } from '../base/random.ts'
import { randomBytes, randomInteger } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import { LongHeader } from '../wire/long-header.ts'
import { isLongHeader } from '../wire/short-header.ts'
import { encodeVersionNegotiation } from '../wire/special-packets.ts'
import { reservedVersion } from '../wire/version.ts'
import { RateLimit } from './rate-limit.ts'

/** What a {@link VersionNegotiation} needs. */
export interface VersionNegotiationOptions {
  /** The versions that are taken, best first. */
  readonly versions: readonly number[]
  readonly random: RandomSource
  /** Answers a second, default 1,000. */
  readonly perSecond?: number
}

/** RFC 9000 §14.1: what cannot open a connection of any version is not answered. */
const MIN_TRIGGER = 1200

/** The Version Negotiation of one endpoint. */
export class VersionNegotiation {
  readonly #options: VersionNegotiationOptions
  readonly #limit: RateLimit
  readonly #header = new LongHeader()

  constructor(options: VersionNegotiationOptions) {
    this.#options = options
    this.#limit = new RateLimit(options.perSecond ?? 1000)
  }

  /** Whether packets of `version` are taken. */
  accepts(version: number): boolean {
    return this.#options.versions.includes(version)
  }

  /**
   * The answer to the datagram from `start` to `end`; `undefined` where none is due: to a short header, to Version
   * Negotiation, to a version that is taken, to a datagram below 1,200 bytes, or to too many of them.
   */
  answer(bytes: Uint8Array, start: number, end: number, now: Time): Uint8Array | undefined {
    const header = this.#header
    if (end - start < MIN_TRIGGER || !isLongHeader(bytes[start] ?? 0)) return undefined
    // The ids alone have to be whole (RFC 8999 §5.1); what else a known version demands does not matter here.
    header.parse(bytes, start, end)
    const { version } = header
    if (version === 0 || this.accepts(version)) return undefined
    if (header.sourceStart + header.sourceLength > end || !this.#limit.take(now)) return undefined
    const { random, versions } = this.#options
    // RFC 9000 §6.3: a reserved version, anywhere in the list, keeps clients from breaking on what they do not know.
    const offered = [...versions]
    offered.splice(randomInteger(random, offered.length + 1), 0, reservedVersion(random))
    return encodeVersionNegotiation({
      destination: header.sourceId(),
      source: header.destinationId(),
      versions: offered,
      unused: randomBytes(random, 1)[0] ?? 0,
    })
  }
}
