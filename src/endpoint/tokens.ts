/**
 * Address validation tokens (RFC 9000 §8.1): sealed with a key of the endpoint, so that nothing need be remembered of
 * those that are out. A Retry token holds for moments, one address with its port, and the ids of one connection attempt;
 * a NEW_TOKEN token for a day, a host and a version, once.
 *
 * Layout: that of `crypto/sealing-keys.ts`; sealed: issue time (8 bytes), version (4), host or address (vector), for Retry
 * three ids (vectors).
 */
import { decodeUtf8, encodeUtf8, toLatin1 } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { Reader } from '../base/reader.ts'
import type { Duration } from '../base/time.ts'
import { Writer } from '../base/writer.ts'
import { SealingKeys } from '../crypto/sealing-keys.ts'
import type { PathAddress } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { hostOf } from '../wire/path-address.ts'

/** What a Retry token is bound to (RFC 9000 §8.1.2). */
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

/** The Initial packet that a token came in. */
export interface TokenPacket {
  readonly remoteAddress: PathAddress
  readonly destination: ConnectionId
  readonly source: ConnectionId
  readonly version: number
}

/** What the token of an Initial packet proves. */
export type TokenVerdict =
  | { readonly kind: 'none' }
  /** The client is where our Retry went, and answers it. */
  | { readonly kind: 'retry'; readonly originalDestination: ConnectionId; readonly retrySource: ConnectionId }
  /** The client is on the host that a NEW_TOKEN went to. */
  | { readonly kind: 'new-token' }
  /** A Retry token that is wrong: the client will accept no other one, so INVALID_TOKEN (RFC 9000 §8.1.2). */
  | { readonly kind: 'invalid-retry'; readonly reason: string }
  /** Anything else: the address counts as not validated (RFC 9000 §8.1.3). */
  | { readonly kind: 'unusable'; readonly reason: string }

/** What {@link AddressTokens} need. */
export interface AddressTokensOptions {
  /** At least 32 bytes, secret. The same key after a restart accepts the same tokens. */
  readonly key: Uint8Array
  readonly random: RandomSource
  /** Unix ms. */
  wallClock(): number
  /** ms for which a Retry token is good, default 10,000. */
  readonly retryLifetime?: Duration
  /** ms for which a NEW_TOKEN token is good, default one day. */
  readonly newTokenLifetime?: Duration
}

const KIND_RETRY = 0x52
const KIND_NEW_TOKEN = 0x4e

const DEFAULT_RETRY_LIFETIME = 10_000
const DEFAULT_NEW_TOKEN_LIFETIME = 86_400_000

/** ms by which the wall clocks of servers that share a key may differ. */
const CLOCK_SKEW = 5_000

/** Used tokens that are remembered for certain; up to twice as many are. */
const MAX_USED = 8192

/** The tokens of one endpoint. */
export class AddressTokens {
  readonly #options: AddressTokensOptions
  readonly #retryLifetime: Duration
  readonly #newTokenLifetime: Duration
  readonly #keys: SealingKeys
  /** Nonces of tokens that were used, newest and older generation. */
  #used = new Set<string>()
  #usedBefore = new Set<string>()

  /** @throws RangeError when the key is shorter than 32 bytes. */
  constructor(options: AddressTokensOptions) {
    this.#options = options
    this.#retryLifetime = options.retryLifetime ?? DEFAULT_RETRY_LIFETIME
    this.#newTokenLifetime = options.newTokenLifetime ?? DEFAULT_NEW_TOKEN_LIFETIME
    this.#keys = new SealingKeys('address token', options.key, options.random)
  }

  /** A token for a Retry packet. */
  sealRetry(facts: RetryTokenFacts): Uint8Array {
    const writer = new Writer()
    this.#begin(writer, facts.version, facts.remoteAddress)
    for (const id of [facts.originalDestination, facts.retrySource, facts.clientSource]) {
      writer.uint8(id.length)
      writer.bytes(id.bytes)
    }
    return this.#keys.seal(KIND_RETRY, writer.finish())
  }

  /** A token for a NEW_TOKEN frame to this client, on a connection of this version; no two are the same (RFC 9000 §8.1.3). */
  sealNewToken(remoteAddress: PathAddress, version: number): Uint8Array {
    const writer = new Writer()
    this.#begin(writer, version, hostOf(remoteAddress))
    return this.#keys.seal(KIND_NEW_TOKEN, writer.finish())
  }

  /** What the token of an Initial packet proves. A NEW_TOKEN token that proves its point is used up. */
  check(token: Uint8Array, packet: TokenPacket): TokenVerdict {
    if (token.length === 0) return { kind: 'none' }
    const isRetry = token[0] === KIND_RETRY
    const problem = (reason: string): TokenVerdict => ({ kind: isRetry ? 'invalid-retry' : 'unusable', reason })
    if (!isRetry && token[0] !== KIND_NEW_TOKEN) return problem('not a token of ours')
    const plaintext = this.#keys.open(token)
    if (plaintext === undefined) return problem('token does not open')
    const reader = new Reader(plaintext)
    const issuedAt = reader.uint32() * 0x1_0000_0000 + reader.uint32()
    const version = reader.uint32()
    const address = decodeUtf8(reader.bytesView(reader.uint16()))
    const age = this.#options.wallClock() - issuedAt
    if (age < -CLOCK_SKEW || age > (isRetry ? this.#retryLifetime : this.#newTokenLifetime)) {
      return problem('token has expired')
    }
    if (address !== (isRetry ? packet.remoteAddress : hostOf(packet.remoteAddress))) {
      return problem('token was given to another address')
    }
    if (isRetry) return checkRetry(reader, version, packet)
    // RFC 9369 §5: a token of one version is worth nothing in another.
    if (version !== packet.version) return problem('token was given on a connection of another version')
    return this.#use(token) ? { kind: 'new-token' } : problem('token was used before')
  }

  /** Seals with `key` from now on. Tokens that were sealed with the key before are still taken, older ones are not. */
  rotate(key: Uint8Array): void {
    this.#keys.rotate(key)
  }

  #begin(writer: Writer, version: number, address: string): void {
    const now = Math.floor(this.#options.wallClock())
    const bytes = encodeUtf8(address)
    writer.uint32(Math.floor(now / 0x1_0000_0000))
    writer.uint32(now % 0x1_0000_0000)
    writer.uint32(version)
    writer.uint16(bytes.length)
    writer.bytes(bytes)
  }

  /** RFC 9000 §8.1.4: takes each token once, as far back as a bounded memory reaches. */
  #use(token: Uint8Array): boolean {
    const nonce = toLatin1(token, 0, SealingKeys.overhead)
    if (this.#used.has(nonce) || this.#usedBefore.has(nonce)) return false
    if (this.#used.size === MAX_USED) {
      this.#usedBefore = this.#used
      this.#used = new Set()
    }
    this.#used.add(nonce)
    return true
  }
}

function checkRetry(reader: Reader, version: number, packet: TokenPacket): TokenVerdict {
  const originalDestination = ConnectionId.from(reader.bytesView(reader.uint8()))
  const retrySource = ConnectionId.from(reader.bytesView(reader.uint8()))
  const clientSource = ConnectionId.from(reader.bytesView(reader.uint8()))
  const isSame =
    reader.ok &&
    version === packet.version &&
    retrySource.equals(packet.destination) &&
    clientSource.equals(packet.source)
  return isSame
    ? { kind: 'retry', originalDestination, retrySource }
    : { kind: 'invalid-retry', reason: 'token was given to another connection attempt' }
}
