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

/** The three spaces of a connection, of which two are gone soon. */
export class PacketSpaces {
  #initial: PacketSpaceState | undefined
  #handshake: PacketSpaceState | undefined
  readonly application: PacketSpaceState
  #all: readonly PacketSpaceState[]
  /** Those of 0-RTT, whose packets are in the application space. */
  readonly early: EarlyKeys
  #oneRtt: KeyPhases | undefined

  /** @param version of the client's first packet. */
  constructor(version: number, ackOf: (space: PacketSpace) => AckTracker, pages: PagePool) {
    this.early = new EarlyKeys(version)
    this.#initial = new PacketSpaceState(
      PacketSpace.initial,
      EncryptionLevel.initial,
      ackOf(PacketSpace.initial),
      pages,
    )
    this.#handshake = new PacketSpaceState(
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
    this.#all = [this.#initial, this.#handshake, this.application]
  }

  /** `undefined` once it is discarded, as most of a connection's life. */
  get initial(): PacketSpaceState | undefined {
    return this.#initial
  }

  /** `undefined` once it is discarded. */
  get handshake(): PacketSpaceState | undefined {
    return this.#handshake
  }

  /** Those that are not discarded, in the order of their packets in a datagram; another array each time that one is. */
  get all(): readonly PacketSpaceState[] {
    return this.#all
  }

  /** The 1-RTT keys of both directions; absent until TLS yields the first of them. */
  get oneRtt(): KeyPhases | undefined {
    return this.#oneRtt
  }

  /** `undefined` once it is discarded. */
  get(space: PacketSpace): PacketSpaceState | undefined {
    return space === PacketSpace.application
      ? this.application
      : space === PacketSpace.handshake
        ? this.#handshake
        : this.#initial
  }

  /** `undefined` once it is discarded. */
  ofLevel(level: number): PacketSpaceState | undefined {
    return level === EncryptionLevel.initial
      ? this.#initial
      : level === EncryptionLevel.handshake
        ? this.#handshake
        : this.application
  }

  /** Wipes the keys of Initial or Handshake packets, and drops the space whole: an idle connection has no use for it. */
  discard(which: PacketSpaceState): void {
    which.discard()
    if (which === this.#initial) this.#initial = undefined
    else if (which === this.#handshake) this.#handshake = undefined
    this.#all = this.#all.filter((space) => space !== which).slice()
  }

  /** The 1-RTT keys, made at the first call. */
  createOneRttKeys(engine: PacketEngine, suite: CipherSuite, version: number, integrity: IntegrityCounter): KeyPhases {
    this.#oneRtt ??= new KeyPhases({ engine, suite, version, integrity })
    return this.#oneRtt
  }

  /** Wipes every key. */
  discardAll(): void {
    for (const space of this.#all) this.discard(space)
    this.#oneRtt?.discard()
    this.early.discard()
  }
}
