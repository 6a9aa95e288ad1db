import type { ConnectionId } from '../wire/connection-id.ts'

export interface NegotiationOptions {
  readonly version: number
  readonly versions: readonly number[]
  /** The random destination id of the first Initial packet. */
  readonly originalDestination: ConnectionId
  /** Our source id. */
  readonly source: ConnectionId
  /** Of an earlier NEW_TOKEN. */
  readonly token?: Uint8Array | undefined
}

/** What a Retry or Version Negotiation packet changes; `undefined`: it is to be dropped. */
export type NegotiationResult =
  /** Initial keys anew from `destination`, `PeerIds.replaceInitial(destination)`, `resendSpace(initial)`. */
  | { readonly type: 'retry'; readonly destination: ConnectionId }
  /** The same with another version. */
  | { readonly type: 'version'; readonly version: number }
  /** The attempt is over: `Closing.end({ kind: 'version', … })`. */
  | { readonly type: 'failed'; readonly offered: number; readonly supported: readonly number[] }

/** Client side of Retry and Version Negotiation. */
export declare class Negotiation {
  constructor(options: NegotiationOptions)
  readonly version: number
  /** For each Initial packet; empty: none. */
  readonly token: Uint8Array
  readonly originalDestination: ConnectionId
  readonly retrySource: ConnectionId | undefined
  /** A packet of the server was processed: from now on both kinds are dropped. */
  onPacketProcessed(): void
  onRetry(bytes: Uint8Array, start: number, end: number): NegotiationResult | undefined
  onVersionNegotiation(bytes: Uint8Array, start: number, end: number): NegotiationResult | undefined
}
