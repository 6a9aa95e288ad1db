/**
 * Decides on Initial packets that would open a connection (RFC 9000 §5.2.2, §8.1): accept, refuse, ask for a Retry, or
 * drop. It holds what is open to limits; it keeps nothing of a packet, and builds none.
 */
import type { Time } from '../base/time.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import type { Occupancy } from './occupancy.ts'
import { RateLimit } from './rate-limit.ts'
import type { AddressTokens } from './tokens.ts'

/** What an Initial packet for no connection says. */
export interface IncomingInitial {
  readonly version: number
  readonly destination: ConnectionId
  readonly source: ConnectionId
  readonly token: Uint8Array
  /** Bytes of UDP payload of its datagram. */
  readonly datagramSize: number
  readonly remoteAddress: PathAddress
  readonly carrier: Carrier
}

/** When a client has to prove its address before anything is done for it: never, always, or while many handshakes are under way. */
export type RetryPolicy = 'never' | 'always' | 'under-load'

/** Bounds of what strangers can make a server do. */
export interface IncomingLimits {
  /** Handshakes under way; more are refused. Default 1,000. */
  readonly maxHandshakes: number
  /** Connections in all; more are refused. Default 10,000. */
  readonly maxConnections: number
  /** Connections of one host, whatever the port; more are refused. Default 1,000. */
  readonly maxConnectionsPerAddress: number
  /** Initial packets for no connection; more are dropped unanswered. Default 10,000. */
  readonly maxInitialsPerSecond: number
  /** Handshakes under way from which the policy `under-load` asks for a Retry. Default 100. */
  readonly retryThreshold: number
}

/** What becomes of an Initial packet. */
export type IncomingDecision =
  | {
      readonly action: 'accept'
      /** No amplification limit (RFC 9000 §8.1). */
      readonly addressValidated: boolean
      /** For the transport parameters (RFC 9000 §7.3). */
      readonly originalDestination: ConnectionId
      readonly retrySource: ConnectionId | undefined
    }
  /** CONNECTION_CLOSE with this code, from nobody in particular: no state is kept (RFC 9000 §10.2.3). */
  | { readonly action: 'refuse'; readonly code: bigint; readonly reason: string }
  | { readonly action: 'retry' }
  | { readonly action: 'ignore'; readonly reason: string }

/** What an {@link Incoming} needs. */
export interface IncomingOptions {
  readonly tokens: AddressTokens
  /** What there is already. */
  readonly occupancy: Occupancy
  readonly limits?: Partial<IncomingLimits>
  /** Default `'never'`. */
  readonly retry?: RetryPolicy
}

/** RFC 9000 §7.2: a client's first destination id. */
const MIN_DESTINATION_LENGTH = 8

/** RFC 9000 §14.1. */
const MIN_DATAGRAM_SIZE = 1200

const REFUSALS_PER_SECOND = 1000

const DEFAULT_LIMITS: IncomingLimits = {
  maxHandshakes: 1000,
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1000,
  maxInitialsPerSecond: 10_000,
  retryThreshold: 100,
}

/** The gate of one endpoint. */
export class Incoming {
  readonly #tokens: AddressTokens
  readonly #limits: IncomingLimits
  readonly #retry: RetryPolicy
  readonly #initials: RateLimit
  readonly #refusals = new RateLimit(REFUSALS_PER_SECOND)
  readonly #occupancy: Occupancy

  /** @throws RangeError for a limit that is not a non-negative integer. */
  constructor(options: IncomingOptions) {
    this.#tokens = options.tokens
    this.#limits = completeLimits(options.limits ?? {})
    this.#retry = options.retry ?? 'never'
    this.#occupancy = options.occupancy
    this.#initials = new RateLimit(this.#limits.maxInitialsPerSecond)
  }

  /** Decides on a packet. Ask once for each: a NEW_TOKEN token is used up by it. */
  decide(initial: IncomingInitial, now: Time): IncomingDecision {
    // RFC 9000 §14.1: such a datagram would let us send more than it proves the client can receive.
    if (initial.datagramSize < MIN_DATAGRAM_SIZE) return ignore('datagram below 1200 bytes')
    if (!this.#initials.take(now)) return ignore('too many Initial packets')
    const verdict = this.#tokens.check(initial.token, initial)
    if (verdict.kind === 'invalid-retry') return this.#refuse(TransportErrorCode.INVALID_TOKEN, verdict.reason, now)
    // RFC 9000 §7.2; after a Retry the id is the one that we chose.
    if (verdict.kind !== 'retry' && initial.destination.length < MIN_DESTINATION_LENGTH) {
      return ignore('destination connection id below 8 bytes')
    }
    const full = this.#whatIsFull(initial.remoteAddress)
    if (full !== undefined) return this.#refuse(TransportErrorCode.CONNECTION_REFUSED, full, now)
    const isProven =
      verdict.kind === 'retry' || verdict.kind === 'new-token' || initial.carrier.properties.addressValidated
    if (!isProven && this.#wantsProof()) return { action: 'retry' }
    const isRetried = verdict.kind === 'retry'
    return {
      action: 'accept',
      addressValidated: isProven,
      originalDestination: isRetried ? verdict.originalDestination : initial.destination,
      retrySource: isRetried ? verdict.retrySource : undefined,
    }
  }

  /** A refusal costs keys and a packet, so a flood is dropped instead. */
  #refuse(code: bigint, reason: string, now: Time): IncomingDecision {
    return this.#refusals.take(now) ? { action: 'refuse', code, reason } : ignore(reason)
  }

  #wantsProof(): boolean {
    return (
      this.#retry === 'always' ||
      (this.#retry === 'under-load' && this.#occupancy.handshakes >= this.#limits.retryThreshold)
    )
  }

  #whatIsFull(remoteAddress: PathAddress): string | undefined {
    const { maxHandshakes, maxConnections, maxConnectionsPerAddress } = this.#limits
    const occupancy = this.#occupancy
    if (occupancy.handshakes >= maxHandshakes) return 'too many handshakes'
    if (occupancy.connections >= maxConnections) return 'too many connections'
    return occupancy.ofHost(remoteAddress) >= maxConnectionsPerAddress
      ? 'too many connections from this address'
      : undefined
  }
}

function ignore(reason: string): IncomingDecision {
  return { action: 'ignore', reason }
}

function completeLimits(given: Partial<IncomingLimits>): IncomingLimits {
  const limits = { ...DEFAULT_LIMITS, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new TypeError(`Unknown limit ${name}`)
    if (!((Number.isInteger(value) && value >= 0) || value === Infinity)) {
      throw new RangeError(`${name} must be a non-negative integer or Infinity, got ${value}`)
    }
  }
  return limits
}
