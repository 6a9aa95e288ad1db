/** Those who want a connection, before anything is spent on them: what is known of them, and what can be decided. */
import type { Endpoint } from '../endpoint/endpoint.ts'
import type { RetryPolicy } from '../endpoint/incoming.ts'
import type { IncomingConnection } from '../endpoint/incoming-connection.ts'
import type { PathAddress } from '../transport.ts'
import type { QuicConnection } from './connection.ts'
import type { CommonOptions } from './options.ts'

/** Options of a server's connection that may differ from those of its server. */
export type AcceptOptions = Partial<Omit<CommonOptions, 'crypto' | 'environment'>>

/** What a policy of one's own is told of somebody who wants a connection. */
export interface IncomingRequest {
  readonly remoteAddress: PathAddress
  /** A token or the carrier proved that the client is where it says. */
  readonly addressValidated: boolean
  readonly version: number
  /** Handshakes of the endpoint that are under way, this one included. */
  readonly handshakes: number
  /** Connections of the endpoint. */
  readonly connections: number
}

/** What a policy decides. `'retry'` where the address is validated already is `'accept'`. */
export type IncomingDecision = 'accept' | 'retry' | 'refuse' | 'ignore'

/** A policy of one's own: decides at once. What it throws refuses the client. */
export type IncomingPolicy = (incoming: IncomingRequest) => IncomingDecision

/** When clients must prove their address before anything else is done for them (RFC 9000 §8.1.2). */
export type RetryOption = RetryPolicy | IncomingPolicy

const DECISIONS: readonly IncomingDecision[] = ['accept', 'retry', 'refuse', 'ignore']

/** The policy of the core beside `retry`. @throws TypeError for what is none */
export function retryPolicyOf(retry: RetryOption | undefined): RetryPolicy | undefined {
  if (typeof retry === 'function') return 'never'
  if (retry === undefined || retry === 'never' || retry === 'always' || retry === 'under-load') return retry
  throw new TypeError(`retry must be 'never', 'always', 'under-load' or a function, got ${String(retry)}`)
}

/** What `policy` says of `incoming`. */
export function decideBy(policy: IncomingPolicy, incoming: IncomingConnection, endpoint: Endpoint): IncomingDecision {
  const { remoteAddress, addressValidated, version } = incoming.facts
  const { handshakes, connections } = endpoint.stats()
  try {
    const decision = policy({ remoteAddress, addressValidated, version, handshakes, connections })
    if (!DECISIONS.includes(decision)) return 'refuse'
    return decision === 'retry' && addressValidated ? 'accept' : decision
  } catch {
    // What the application gave threw: that costs this client, and nobody else.
    return 'refuse'
  }
}

/** Carries out a decision that is not to accept. */
export function turnAway(
  endpoint: Endpoint,
  incoming: IncomingConnection,
  decision: Exclude<IncomingDecision, 'accept'>,
): void {
  if (decision === 'retry') endpoint.retry(incoming)
  else if (decision === 'refuse') endpoint.refuse(incoming)
  else endpoint.ignore(incoming)
}

/** What a {@link QuicIncoming} needs of its server. */
export interface IncomingHost {
  accept(incoming: IncomingConnection, options: AcceptOptions | undefined): QuicConnection
  decide(incoming: IncomingConnection, decision: Exclude<IncomingDecision, 'accept'>): void
}

/** Someone who wants a connection. Undecided within the handshake timeout, it is refused. */
export class QuicIncoming {
  readonly remoteAddress: PathAddress
  /** A token or the carrier proved that the client is where it says. */
  readonly addressValidated: boolean
  readonly #incoming: IncomingConnection
  readonly #server: IncomingHost

  /** @internal */
  constructor(incoming: IncomingConnection, server: IncomingHost) {
    this.remoteAddress = incoming.facts.remoteAddress
    this.addressValidated = incoming.facts.addressValidated
    this.#incoming = incoming
    this.#server = server
  }

  /**
   * Takes the connection; its `ready` tells when it can carry streams.
   * @param options in place of those of the server, for this connection alone.
   * @throws Error when it was decided before; TypeError, RangeError for wrong options, and then nothing is decided
   */
  accept(options?: AcceptOptions): QuicConnection {
    return this.#server.accept(this.#incoming, options)
  }

  /** Says no: CONNECTION_REFUSED. @throws Error when it was decided before */
  refuse(): void {
    this.#server.decide(this.#incoming, 'refuse')
  }

  /** Refuses, unless something was decided. @internal */
  turnAway(): void {
    if (!this.#incoming.isDecided) this.refuse()
  }

  /** Asks for a proof of the address first. @throws Error when it was given, or something decided before */
  retry(): void {
    this.#server.decide(this.#incoming, 'retry')
  }

  /** Says nothing. @throws Error when it was decided before */
  ignore(): void {
    this.#server.decide(this.#incoming, 'ignore')
  }
}
