import type { RandomSource } from '../base/random.ts'
import type { PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'

/** What a Retry token binds (RFC 9000 §8.1.2). */
export interface RetryTokenFacts {
  readonly remoteAddress: PathAddress
  /** The destination id of the Initial packet that is answered with Retry. */
  readonly originalDestination: ConnectionId
  /** The source id of the Retry packet, which the next Initial packet is sent to. */
  readonly retrySource: ConnectionId
  /** The client's source id. */
  readonly clientSource: ConnectionId
  readonly version: number
}

/** What the token of an Initial packet proves. */
export type TokenVerdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'retry'; readonly originalDestination: ConnectionId; readonly retrySource: ConnectionId }
  | { readonly kind: 'new-token' }
  /** A Retry token that is wrong: the client will take no other one, so INVALID_TOKEN (RFC 9000 §8.1.2). */
  | { readonly kind: 'invalid-retry'; readonly reason: string }
  /** Anything else: the address counts as not validated. */
  | { readonly kind: 'unusable'; readonly reason: string }

export interface AddressTokensOptions {
  /** 32 bytes. */
  readonly key: Uint8Array
  readonly random: RandomSource
  /** Unix ms. */
  wallClock(): number
  /** ms, default 10,000 */
  readonly retryLifetime?: number
  /** ms, default one day */
  readonly newTokenLifetime?: number
}

/** Address validation tokens. */
export declare class AddressTokens {
  constructor(options: AddressTokensOptions)
  sealRetry(facts: RetryTokenFacts): Uint8Array
  sealNewToken(remoteAddress: PathAddress): Uint8Array
  /** The token of an Initial packet, with what the packet says. A NEW_TOKEN token is used up by it. */
  check(
    token: Uint8Array,
    packet: { remoteAddress: PathAddress; destination: ConnectionId; source: ConnectionId; version: number },
  ): TokenVerdict
  /** Seals with `key` from now on; tokens of the key before are still taken. */
  rotate(key: Uint8Array): void
}
