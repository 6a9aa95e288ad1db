/**
 * 1-RTT keys and their updates (RFC 9001 §6). Generations are counted from 0; the key phase bit is the lowest bit of the
 * count. Both directions always stand at the same generation: whoever begins an update, read and write keys move together,
 * and the read keys of the generation before stay for packets that were delayed.
 *
 * So that time does not tell which keys a packet asked for (RFC 9001 §6.3, §9.5): the read keys of the next generation are
 * always there, those of the generation after it are derived by the timer that drops old keys, every packet is tried with
 * exactly one key, and the choice between old and next keys is one comparison of packet numbers.
 *
 * What it does not know: whether the handshake is confirmed. The caller asks for no update before (RFC 9001 §6.1).
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { CipherSuite, PacketBatch, PacketEngine, PacketProtector } from '../crypto/provider.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { KeyLadder } from './key-ladder.ts'
import type { PacketBatchBuffer } from './packet-batch.ts'
import { checkConfidentialityLimit, countFailed, type IntegrityCounter } from './packet-keys.ts'

/** The Key Phase bit of a short header's first byte (RFC 9000 §17.3.1). */
const KEY_PHASE_BIT = 0x04

/** Old read keys are kept this many probe timeouts, and an update is confirmed for as long before the next (RFC 9001 §6.5). */
const RETENTION_PTOS = 3

/** A batch that also tells the generation of each packet; a {@link PacketBatchBuffer} is one. */
export type GenerationBatch = PacketBatch & Pick<PacketBatchBuffer, 'generation'>

/** What 1-RTT keys are made of. */
export interface KeyPhasesOptions {
  readonly engine: PacketEngine
  readonly suite: CipherSuite
  readonly version: number
  readonly integrity: IntegrityCounter
  /** An update is wanted after this many packets sealed with one key; default half of what the suite allows. */
  readonly updateAfter?: number
}

/** 1-RTT keys of both directions. */
export class KeyPhases {
  readonly suite: CipherSuite
  readonly #engine: PacketEngine
  readonly #version: number
  readonly #integrity: IntegrityCounter
  readonly #updateAfter: number

  #readLadder: KeyLadder | undefined = undefined
  #writeLadder: KeyLadder | undefined = undefined
  #write: PacketProtector | undefined = undefined
  #previous: PacketProtector | undefined = undefined
  #current: PacketProtector | undefined = undefined
  #next: PacketProtector | undefined = undefined

  /** The generation of `#current` and `#write`. */
  #generation = 0
  /** Numbers received in the current generation; -1 where there is none. */
  #lowestReceived = -1
  #highestReceived = -1
  /** The highest number received in any generation before. */
  #highestBefore = -1
  /** Packets sealed in the current generation. */
  #sealed = 0
  /** When the peer acknowledged a packet of the current generation. */
  #confirmedAt: Time | undefined = undefined
  #pto: Duration = 0
  #dropAt: Time = NEVER

  constructor(options: KeyPhasesOptions) {
    this.suite = options.suite
    this.#engine = options.engine
    this.#version = options.version
    this.#integrity = options.integrity
    this.#updateAfter = options.updateAfter ?? options.suite.confidentialityLimit / 2
  }

  /** @param secret the peer's first application traffic secret; copied. */
  installRead(secret: Uint8Array): void {
    const ladder = new KeyLadder(this.#engine, this.suite, this.#version, secret)
    this.#readLadder = ladder
    this.#current = ladder.take()
    this.#next = ladder.take()
    ladder.prepare()
  }

  /** @param secret our first application traffic secret; copied. */
  installWrite(secret: Uint8Array): void {
    const ladder = new KeyLadder(this.#engine, this.suite, this.#version, secret)
    this.#writeLadder = ladder
    this.#write = ladder.take()
    ladder.prepare()
  }

  get hasRead(): boolean {
    return this.#current !== undefined
  }

  get hasWrite(): boolean {
    return this.#write !== undefined
  }

  /** The Key Phase bit for headers that are built now; they must be sealed before the next input. */
  get writePhase(): 0 | 1 {
    return (this.#generation & 1) as 0 | 1
  }

  /** The generation that packets are sealed with now. */
  get writeGeneration(): number {
    return this.#generation
  }

  /** Packets sealed in this generation. */
  get sealed(): number {
    return this.#sealed
  }

  /** The probe timeout now, which decides how long old keys are kept. */
  setPto(pto: Duration): void {
    this.#pto = pto
  }

  /**
   * Removes header protection from the packets `from` up to but not `to`, chooses each one's generation, and opens them;
   * sets every status, and the generation of those that opened.
   * @throws TransportError AEAD_LIMIT_REACHED when too many packets have failed.
   */
  open(batch: GenerationBatch, from: number, to: number, now: Time): void {
    const current = this.#current
    if (current === undefined) throw new RangeError('Packets were to be opened before the read keys were installed')
    if (now >= this.#dropAt) this.#dropPrevious()
    current.unmask(batch, from, to)
    const tooShort = countFailed(batch, from, to)
    for (let index = from; index < to; index++) batch.generation[index] = this.#choose(batch, index)
    let start = from
    while (start < to) {
      const generation = batch.generation[start] ?? 0
      let end = start + 1
      while (end < to && batch.generation[end] === generation) end += 1
      this.#protectorOf(generation, current).open(batch, start, end)
      start = end
    }
    const failed = countFailed(batch, from, to) - tooShort
    if (failed > 0) this.#integrity.onFailed(failed, this.suite)
  }

  /**
   * A packet that {@link open} opened is being processed: before its frames, and before anything is built in answer to it.
   * The first packet of the next generation commits the peer's update, the others of its batch find it committed.
   * @throws TransportError KEY_UPDATE_ERROR for an update before the last one was confirmed (RFC 9001 §6.2), or old keys on a
   * packet numbered above one with new keys (§6.4).
   */
  onPacketProcessed(generation: number, packetNumber: number, now: Time): void {
    if (generation > this.#generation) this.#commit(packetNumber, now)
    else if (generation < this.#generation) {
      if (this.#lowestReceived >= 0 && packetNumber > this.#lowestReceived) throw oldKeys(packetNumber)
      this.#highestBefore = Math.max(this.#highestBefore, packetNumber)
    } else this.#onCurrent(packetNumber, now)
  }

  /**
   * Seals the packets `from` up to but not `to`, built with the phase of now, in place.
   * @throws TransportError AEAD_LIMIT_REACHED, before anything is sealed, where an update should long have happened.
   */
  seal(batch: PacketBatch, from: number, to: number): void {
    const write = this.#write
    if (write === undefined) throw new RangeError('Packets were to be sealed before the write keys were installed')
    checkConfidentialityLimit(this.#sealed, to - from, this.suite)
    this.#sealed += to - from
    write.seal(batch, from, to)
  }

  /**
   * The peer acknowledged a packet that was sealed with `generation`.
   * @param carriedIn the generation of the packet that the acknowledgement came in, where it is known.
   * @throws TransportError KEY_UPDATE_ERROR when that one is older: the peer has seen our update and not followed it (RFC 9001 §6.2).
   */
  onAcked(generation: number, now: Time, carriedIn: number = generation): void {
    if (carriedIn < generation) {
      throw new TransportError(
        TransportErrorCode.KEY_UPDATE_ERROR,
        `A packet of key generation ${generation} was acknowledged under generation ${carriedIn}`,
      )
    }
    if (generation === this.#generation) this.#confirmedAt ??= now
  }

  /** Whether so many packets were sealed with the keys at hand that new ones are due (RFC 9001 §6.6). */
  get wantsUpdate(): boolean {
    return this.#sealed >= this.#updateAfter
  }

  /**
   * Whether an update may begin: the peer has acknowledged a packet of this generation (RFC 9001 §6.1), and, unless it is the
   * first, three probe timeouts have passed since (§6.5).
   */
  canUpdate(now: Time): boolean {
    if (this.#current === undefined || this.#write === undefined || this.#confirmedAt === undefined) return false
    return this.#generation === 0 || now >= this.#confirmedAt + RETENTION_PTOS * this.#pto
  }

  /**
   * Begins an update: what is built from now on carries the new phase.
   * @throws RangeError when {@link canUpdate} says no.
   */
  update(now: Time): void {
    if (!this.canUpdate(now)) {
      throw new RangeError(`Key generation ${this.#generation} must be confirmed before the keys are updated again`)
    }
    this.#advance()
    // Old keys stay until the peer has followed (RFC 9001 §6.1), however long that takes.
    this.#dropAt = NEVER
  }

  /** When {@link onTimeout} has something to do. */
  nextTimeout(): Time {
    return this.#dropAt
  }

  /** Drops read keys that have been kept long enough and derives the keys of the generation after the next. */
  onTimeout(now: Time): void {
    if (now < this.#dropAt) return
    this.#dropAt = NEVER
    this.#dropPrevious()
    this.#readLadder?.prepare()
    this.#writeLadder?.prepare()
  }

  /** Wipes all keys. */
  discard(): void {
    for (const protector of [this.#previous, this.#current, this.#next, this.#write]) protector?.discard()
    this.#previous = this.#current = this.#next = this.#write = undefined
    this.#readLadder?.discard()
    this.#writeLadder?.discard()
    this.#readLadder = this.#writeLadder = undefined
    this.#dropAt = NEVER
  }

  /** RFC 9001 §6.5: previous and next keys share a phase; the packet number tells them apart. */
  #choose(batch: PacketBatch, index: number): number {
    const phase = ((batch.arena[batch.start[index] ?? 0] ?? 0) & KEY_PHASE_BIT) >> 2
    if (phase === (this.#generation & 1)) return this.#generation
    if (this.#previous === undefined) return this.#generation + 1
    // Until the peer has followed our own update, its packets cannot be of the generation after it.
    const isOld = this.#highestReceived < 0 || (batch.packetNumber[index] ?? 0) < this.#highestReceived
    return isOld ? this.#generation - 1 : this.#generation + 1
  }

  #protectorOf(generation: number, current: PacketProtector): PacketProtector {
    if (generation > this.#generation) return this.#next ?? current
    if (generation < this.#generation) return this.#previous ?? current
    return current
  }

  #onCurrent(packetNumber: number, now: Time): void {
    if (packetNumber < this.#highestBefore) throw oldKeys(this.#highestBefore)
    if (this.#highestReceived < 0) {
      this.#lowestReceived = packetNumber
      this.#highestReceived = packetNumber
      // The peer has followed our update: the time of the old keys begins to run out (RFC 9001 §6.5).
      if (this.#previous !== undefined) this.#dropAt = now + RETENTION_PTOS * this.#pto
      return
    }
    if (packetNumber < this.#lowestReceived) this.#lowestReceived = packetNumber
    if (packetNumber > this.#highestReceived) this.#highestReceived = packetNumber
  }

  /** The peer has begun an update: our own keys follow before anything is answered (RFC 9001 §6.2). */
  #commit(packetNumber: number, now: Time): void {
    // Without a packet of ours under these keys the peer cannot have had them confirmed.
    if (this.#generation > 0 && this.#sealed === 0) {
      throw new TransportError(
        TransportErrorCode.KEY_UPDATE_ERROR,
        `The peer updated keys again before generation ${this.#generation} was confirmed`,
      )
    }
    this.#advance()
    this.#onCurrent(packetNumber, now)
  }

  #dropPrevious(): void {
    this.#previous?.discard()
    this.#previous = undefined
  }

  /** Moves both directions to the next generation. */
  #advance(): void {
    this.#dropPrevious()
    this.#previous = this.#current
    this.#current = this.#next
    this.#next = this.#readLadder?.take()
    this.#write?.discard()
    this.#write = this.#writeLadder?.take()
    this.#generation += 1
    this.#highestBefore = Math.max(this.#highestBefore, this.#highestReceived)
    this.#lowestReceived = -1
    this.#highestReceived = -1
    this.#sealed = 0
    this.#confirmedAt = undefined
  }
}

/** RFC 9001 §6.4: higher numbers are protected with the same keys or newer ones. */
function oldKeys(packetNumber: number): TransportError {
  return new TransportError(
    TransportErrorCode.KEY_UPDATE_ERROR,
    `Packet ${packetNumber} was protected with older keys than a packet numbered below it`,
  )
}
