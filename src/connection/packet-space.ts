/** What belongs to one packet number space: keys, acknowledgements, the CRYPTO stream (RFC 9000 §12.3, RFC 9001 §4). */
import type { CipherSuite, PacketEngine } from '../crypto/provider.ts'
import { KeyPhases } from '../protection/key-phases.ts'
import type { IntegrityCounter, PacketKeys } from '../protection/packet-keys.ts'
import type { AckTracker } from '../recovery/ack-tracker.ts'
import { CryptoStream } from '../streams/crypto-stream.ts'
import type { PagePool } from '../streams/paged-buffer.ts'
import { EncryptionLevel, PacketSpace } from '../wire/packet-type.ts'
import { EarlyKeys } from './early-keys.ts'

/** One packet number space of a connection. */
export class PacketSpaceState {
  readonly space: PacketSpace
  /** The level of its CRYPTO frames. */
  readonly level: EncryptionLevel
  readonly acks: AckTracker
  /** A client begins another after Version Negotiation. */
  crypto: CryptoStream
  /** Initial and Handshake keys; 1-RTT keys are in {@link PacketSpaces.oneRtt}. */
  read: PacketKeys | undefined = undefined
  write: PacketKeys | undefined = undefined
  /** Initial packets of another version than the one in use are read by these (RFC 9369 §4.1). */
  other: { readonly version: number; readonly read: PacketKeys } | undefined = undefined
  readonly #pages: PagePool
  #discarded = false

  constructor(space: PacketSpace, level: EncryptionLevel, acks: AckTracker, pages: PagePool) {
    this.#pages = pages
    this.space = space
    this.level = level
    this.acks = acks
    this.crypto = new CryptoStream(undefined, pages)
  }

  /** Whether the keys are gone for good: nothing is sent, read or acknowledged in this space any more. */
  get isDiscarded(): boolean {
    return this.#discarded
  }

  /** Begins the CRYPTO stream anew, from nothing: what was sent of it is worth nothing. Nothing of it may be outstanding. */
  restartCrypto(): void {
    this.crypto.discard()
    this.crypto = new CryptoStream(undefined, this.#pages)
  }

  /** Wipes the keys of {@link other}. */
  discardOther(): void {
    this.other?.read.discard()
    this.other = undefined
  }

  /** Wipes the keys and drops what was to be sent or read under them. */
  discard(): void {
    this.#discarded = true
    this.crypto.discard()
    this.discardOther()
    this.read?.discard()
    this.write?.discard()
    this.read = undefined
    this.write = undefined
  }
}

/** The three spaces of a connection. */
export class PacketSpaces {
  readonly initial: PacketSpaceState
  readonly handshake: PacketSpaceState
  readonly application: PacketSpaceState
  readonly all: readonly PacketSpaceState[]
  /** Those of 0-RTT, whose packets are in the application space. */
  readonly early: EarlyKeys
  #oneRtt: KeyPhases | undefined

  /** @param version of the client's first packet. */
  constructor(version: number, ackOf: (space: PacketSpace) => AckTracker, pages: PagePool) {
    this.early = new EarlyKeys(version)
    this.initial = new PacketSpaceState(PacketSpace.initial, EncryptionLevel.initial, ackOf(PacketSpace.initial), pages)
    this.handshake = new PacketSpaceState(
      PacketSpace.handshake,
      EncryptionLevel.handshake,
      ackOf(PacketSpace.handshake),
      pages,
    )
    this.application = new PacketSpaceState(
      PacketSpace.application,
      EncryptionLevel.oneRtt,
      ackOf(PacketSpace.application),
      pages,
    )
    this.all = [this.initial, this.handshake, this.application]
  }

  /** The 1-RTT keys of both directions; absent until TLS yields the first of them. */
  get oneRtt(): KeyPhases | undefined {
    return this.#oneRtt
  }

  get(space: PacketSpace): PacketSpaceState {
    return space === PacketSpace.initial
      ? this.initial
      : space === PacketSpace.handshake
        ? this.handshake
        : this.application
  }

  ofLevel(level: number): PacketSpaceState {
    return level === EncryptionLevel.initial
      ? this.initial
      : level === EncryptionLevel.handshake
        ? this.handshake
        : this.application
  }

  /** The 1-RTT keys, made at the first call. */
  createOneRttKeys(engine: PacketEngine, suite: CipherSuite, version: number, integrity: IntegrityCounter): KeyPhases {
    this.#oneRtt ??= new KeyPhases({ engine, suite, version, integrity })
    return this.#oneRtt
  }

  /** Wipes every key. */
  discardAll(): void {
    for (const space of this.all) space.discard()
    this.#oneRtt?.discard()
    this.early.discard()
  }
}
