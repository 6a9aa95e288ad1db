/**
 * The keys of one level and direction that never change: Initial, 0-RTT, Handshake (RFC 9001 §5), and the counters that
 * hold all keys to the limits of their AEAD (§6.6). 1-RTT keys, which are updated, are in `key-phases.ts`.
 */
import {
  type CipherSuite,
  type PacketBatch,
  type PacketEngine,
  type PacketProtector,
  PacketStatus,
} from '../crypto/provider.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { deriveLastingProtector } from './derive.ts'

/** Counts packets that failed to open, over all keys of a connection (RFC 9001 §6.6). */
export class IntegrityCounter {
  #failed = 0

  /** Packets that failed so far. */
  get failed(): number {
    return this.#failed
  }

  /**
   * Takes note of `count` packets that failed authentication with keys of `suite`.
   * @throws TransportError AEAD_LIMIT_REACHED when a forger has had more attempts than the suite allows.
   */
  onFailed(count: number, suite: CipherSuite): void {
    this.#failed += count
    if (this.#failed > suite.integrityLimit) {
      throw new TransportError(
        TransportErrorCode.AEAD_LIMIT_REACHED,
        `${this.#failed} packets failed authentication, ${suite.name} allows ${suite.integrityLimit}`,
      )
    }
  }
}

/**
 * Refuses to seal more packets with one key than its AEAD allows (RFC 9001 §6.6).
 * @throws TransportError AEAD_LIMIT_REACHED
 */
export function checkConfidentialityLimit(sealed: number, more: number, suite: CipherSuite): void {
  if (sealed + more > suite.confidentialityLimit) {
    throw new TransportError(
      TransportErrorCode.AEAD_LIMIT_REACHED,
      `Sealing ${more} packets after ${sealed} passes the ${suite.confidentialityLimit} of ${suite.name}`,
    )
  }
}

/** How many of the packets `from` up to but not `to` have failed. */
export function countFailed(batch: PacketBatch, from: number, to: number): number {
  let failed = 0
  for (let index = from; index < to; index++) if (batch.status[index] === PacketStatus.failed) failed += 1
  return failed
}

/** Keys of one level and direction. */
export class PacketKeys {
  readonly suite: CipherSuite
  readonly #protector: PacketProtector
  readonly #integrity: IntegrityCounter | undefined
  #sealed = 0

  /**
   * @param secret the traffic secret of the level; not kept.
   * @param integrity the connection's counter; needed to open.
   */
  constructor(
    engine: PacketEngine,
    suite: CipherSuite,
    version: number,
    secret: Uint8Array,
    integrity?: IntegrityCounter,
  ) {
    this.suite = suite
    this.#integrity = integrity
    this.#protector = deriveLastingProtector(engine, suite, version, secret)
  }

  /** Packets sealed so far. */
  get sealed(): number {
    return this.#sealed
  }

  /**
   * Seals the packets `from` up to but not `to`, in place.
   * @throws TransportError AEAD_LIMIT_REACHED, before anything is sealed.
   */
  seal(batch: PacketBatch, from: number, to: number): void {
    checkConfidentialityLimit(this.#sealed, to - from, this.suite)
    this.#sealed += to - from
    this.#protector.seal(batch, from, to)
  }

  /**
   * Removes header protection and opens, in place; sets every status.
   * @throws TransportError AEAD_LIMIT_REACHED when too many packets have failed.
   */
  unmaskAndOpen(batch: PacketBatch, from: number, to: number): void {
    this.#protector.unmask(batch, from, to)
    // Packets too short for a sample are no attempt at the key.
    const tooShort = countFailed(batch, from, to)
    this.#protector.open(batch, from, to)
    const failed = countFailed(batch, from, to) - tooShort
    if (failed > 0) this.#integrity?.onFailed(failed, this.suite)
  }

  /** Wipes the keys. */
  discard(): void {
    this.#protector.discard()
  }
}
