/**
 * Stateless resets (RFC 9000 §10.3): the tokens of our connection ids, made from one key so that they outlive all state,
 * and the datagrams that say we have lost it. Recognising a peer's reset is `routing.ts`.
 */
import { type RandomSource, randomBytes, randomInteger } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import { HmacKey } from '../crypto/hkdf.ts'
import type { PathAddress } from '../transport.ts'
import { STATELESS_RESET_TOKEN_LENGTH } from '../wire/connection-id.ts'
import { hostOf } from '../wire/path-address.ts'
import { RateLimit } from './rate-limit.ts'
import { MIN_RESET_LENGTH } from './routing.ts'

/** What a {@link StatelessReset} needs. */
export interface StatelessResetOptions {
  /** At least 16 bytes, secret. The same key after a restart makes the same tokens. */
  readonly key: Uint8Array
  readonly random: RandomSource
  /** Resets a second that are sent in all, default 100. */
  readonly perSecond?: number
}

/** RFC 9000 §10.3: in answer to a datagram up to this size the reset is one byte shorter than it. */
const SMALL_TRIGGER = 43

/** From here on a reset looks like any packet, with whatever id (RFC 9000 §10.3.3). */
const INCONSPICUOUS_LENGTH = 42

/** Longer resets would only cost. */
const MAX_RESET_LENGTH = 128

/** Resets in a row to one host while others wait, and how many a second after that. */
const PER_HOST = 10

/** Hosts that are counted one by one. */
const MAX_HOSTS = 256

/** The stateless resets of one endpoint. */
export class StatelessReset {
  readonly #random: RandomSource
  readonly #all: RateLimit
  readonly #hosts = new Map<string, Host>()
  #key: HmacKey
  #previous: HmacKey | undefined = undefined

  /** @throws RangeError when the key is shorter than 16 bytes. */
  constructor(options: StatelessResetOptions) {
    this.#key = checkedKey(options.key)
    this.#random = options.random
    this.#all = new RateLimit(options.perSecond ?? 100)
  }

  /** The token of one of our ids, 16 bytes: who knows the key can make it without any state (RFC 9000 §10.3.2). */
  tokenOf(id: Uint8Array): Uint8Array {
    return tokenOf(this.#key, id)
  }

  /**
   * The answer to a short-header datagram for an id of ours that nobody has; `undefined`: none is to be sent.
   *
   * @param destination the id that the datagram was sent to.
   * @param triggerSize bytes of the datagram.
   */
  build(destination: Uint8Array, triggerSize: number, from: PathAddress, now: Time): Uint8Array | undefined {
    // RFC 9000 §10.3.3: smaller than what caused it, or two endpoints could go on for ever.
    const longest = Math.min(triggerSize - 1, MAX_RESET_LENGTH)
    if (longest < MIN_RESET_LENGTH) return undefined
    const host = this.#hostOf(from)
    if (!host.limit.take(now) || !this.#all.take(now)) return undefined
    // An id does not tell the key that its token was made with. The peer goes on until it is answered, so each key has its turn.
    host.answers += 1
    const key = this.#previous === undefined || host.answers % 2 === 1 ? this.#key : this.#previous
    const isSmall = triggerSize <= SMALL_TRIGGER
    const length = isSmall
      ? longest
      : INCONSPICUOUS_LENGTH + randomInteger(this.#random, longest - INCONSPICUOUS_LENGTH + 1)
    const bytes = randomBytes(this.#random, length)
    bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f)
    bytes.set(tokenOf(key, destination), length - STATELESS_RESET_TOKEN_LENGTH)
    return bytes
  }

  /**
   * Makes tokens from `key` from now on. Resets for ids from before are still sent, with the key before this one; ids that
   * are older yet can no longer be reset.
   * @throws RangeError when the key is shorter than 16 bytes.
   */
  rotate(key: Uint8Array): void {
    const next = checkedKey(key)
    this.#previous = this.#key
    this.#key = next
  }

  /** RFC 9000 §10.3.3: limits of their own for different hosts, so that one cannot use up what others need. */
  #hostOf(from: PathAddress): Host {
    const name = hostOf(from)
    let host = this.#hosts.get(name)
    if (host === undefined) {
      if (this.#hosts.size === MAX_HOSTS) this.#hosts.clear()
      host = { limit: new RateLimit(PER_HOST), answers: 0 }
      this.#hosts.set(name, host)
    }
    return host
  }
}

/** Who is answered. */
interface Host {
  readonly limit: RateLimit
  answers: number
}

function tokenOf(key: HmacKey, id: Uint8Array): Uint8Array {
  return key.mac(id).slice(0, STATELESS_RESET_TOKEN_LENGTH)
}

function checkedKey(key: Uint8Array): HmacKey {
  if (key.length < 16) throw new RangeError(`A stateless reset key must have at least 16 bytes, got ${key.length}`)
  return new HmacKey('sha256', key)
}
