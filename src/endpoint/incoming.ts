import type { Time } from '../base/time.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { AddressTokens } from './tokens.ts'

/** What the endpoint knows of an Initial packet for no connection. */
export interface IncomingInitial {
  readonly version: number
  readonly destination: ConnectionId
  readonly source: ConnectionId
  readonly token: Uint8Array
  /** bytes of UDP payload */
  readonly datagramSize: number
  readonly remoteAddress: PathAddress
  readonly carrier: Carrier
}

/** When to ask for a Retry: a policy by name, or a function of the incoming connection. */
export type RetryPolicy = 'never' | 'always' | 'under-load'

export interface IncomingLimits {
  /** Handshakes under way: beyond it everything else is refused. */
  readonly maxHandshakes: number
  readonly maxConnections: number
  /** By host, without the port. */
  readonly maxConnectionsPerAddress: number
  /** Initial packets for no connection that are looked at; beyond it they are dropped unread. */
  readonly maxInitialsPerSecond: number
  /** From so many handshakes on `under-load` asks for a Retry. */
  readonly retryThreshold: number
}

export type IncomingDecision =
  | {
      readonly action: 'accept'
      readonly addressValidated: boolean
      readonly originalDestination: ConnectionId
      readonly retrySource: ConnectionId | undefined
    }
  | { readonly action: 'refuse'; readonly code: bigint; readonly reason: string }
  | { readonly action: 'retry' }
  | { readonly action: 'ignore'; readonly reason: string }

/** Decides on Initial packets that would open a connection, and counts what is open. */
export declare class Incoming {
  constructor(options: { tokens: AddressTokens; limits?: Partial<IncomingLimits>; retry?: RetryPolicy })
  decide(initial: IncomingInitial, now: Time): IncomingDecision
  /** A connection was made for it. */
  onOpened(remoteAddress: PathAddress): void
  /** Its handshake is complete. */
  onHandshakeComplete(): void
  /** It is gone; `handshaking`: before its handshake was complete. */
  onClosed(remoteAddress: PathAddress, handshaking: boolean): void
  readonly handshakes: number
  readonly connections: number
}
