/**
 * Between TLS and QUIC: handshake messages and CRYPTO frames, secrets and packet keys, transport parameters, and the two
 * milestones *complete* and *confirmed* with the keys that are dropped on the way (RFC 9001 §4). It owns HANDSHAKE_DONE and
 * NEW_TOKEN. It does not judge the peer's parameters (`peer-parameters.ts`).
 */
import { EMPTY } from '../base/bytes.ts'
import type { Time } from '../base/time.ts'
import type { CipherSuite } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { type InitialSecrets, initialSecrets } from '../protection/initial-secrets.ts'
import { PacketKeys } from '../protection/packet-keys.ts'
import { Latest, Once } from '../recovery/delivery.ts'
import type { LossDetector } from '../recovery/loss-detector.ts'
import type { Resumption } from '../tls/resumption.ts'
import type { TlsEvent, TlsSession } from '../tls/session.ts'
import { FrameType, type HandshakeDoneFrame, type NewTokenFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { EncryptionLevel, PacketSpace } from '../wire/packet-type.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { isSupportedVersion, VERSION_1 } from '../wire/version.ts'
import type { ConnectionContext } from './context.ts'
import type { PacketSpaceState, PacketSpaces } from './packet-space.ts'
import { mayBeNegotiated } from './version-agreement.ts'

/** What the handshake tells the connection, during a call into it. */
export interface HandshakeListener {
  /** Packets that waited for keys may be tried again. */
  onKeysInstalled(): void
  onPeerParameters(bytes: Uint8Array, now: Time): void
  /** 0-RTT packets may be sent, or read. */
  onEarlyDataPossible(now: Time): void
  /** Whether the server takes them is known; `alpn` is what they are said in. */
  onEarlyDataDecided(isAccepted: boolean, alpn: string | undefined, now: Time): void
  onTicket(session: Resumption): void
  onHandshakeComplete(event: HandshakeComplete): void
  onHandshakeConfirmed(now: Time): void
}

/** The `complete` event of TLS. */
export type HandshakeComplete = Extract<TlsEvent, { type: 'complete' }>

/** The handshake of one connection. */
export class Handshake implements FrameSource, FrameOwner<NewTokenFrame> {
  readonly #context: ConnectionContext
  readonly #spaces: PacketSpaces
  readonly #loss: LossDetector
  readonly #tls: TlsSession
  readonly #listener: HandshakeListener
  readonly #done = new Once<HandshakeDoneFrame>()
  readonly #newToken = new Latest<NewTokenFrame>()
  #complete = false
  #confirmed = false
  /** From which the Initial keys come. */
  #destination: Uint8Array = EMPTY
  /** Client: the server cannot choose another version any more. */
  #isVersionSettled = false

  constructor(
    context: ConnectionContext,
    spaces: PacketSpaces,
    loss: LossDetector,
    tls: TlsSession,
    listener: HandshakeListener,
  ) {
    this.#context = context
    this.#spaces = spaces
    this.#loss = loss
    this.#tls = tls
    this.#listener = listener
  }

  /** RFC 9001 §4.1.1: TLS is done on our side; 1-RTT packets may be read. */
  get isComplete(): boolean {
    return this.#complete
  }

  /** Whether this is a client that is done, and whose Finished has not left yet. */
  get owesFinished(): boolean {
    return this.#context.role === 'client' && this.#complete && this.#spaces.handshake?.crypto.wantsToSend === true
  }

  /** RFC 9001 §4.1.2: the peer is known to be done as well. */
  get isConfirmed(): boolean {
    return this.#confirmed
  }

  /**
   * Whether new keys may be begun (RFC 9001 §6.1). A server waits until HANDSHAKE_DONE has arrived as well: for a client that
   * follows no update before its own handshake is confirmed, as quiche, a HANDSHAKE_DONE under the new keys would never come.
   */
  get allowsKeyUpdate(): boolean {
    return this.#confirmed && (this.#context.role === 'client' || this.#done.isAcked)
  }

  /** Derives the Initial keys from the destination id of the client's first Initial, or of the one after Retry (RFC 9001 §5.2). */
  installInitialKeys(destination: Uint8Array): void {
    this.#destination = destination
    const { initial } = this.#spaces
    if (initial === undefined) return
    initial.read?.discard()
    initial.write?.discard()
    initial.discardOther()
    this.#useInitialKeys(initial)
  }

  /** The server goes on in `version`; the keys for reading the one before are kept, since the client does not know yet (RFC 9369 §4.1). */
  agreeOn(version: number): void {
    const context = this.#context
    const { initial } = this.#spaces
    const read = initial?.read
    if (initial === undefined || read === undefined || version === context.version) return
    initial.write?.discard()
    initial.other = { version: context.version, read }
    context.version = version
    this.#useInitialKeys(initial)
  }

  /**
   * The keys of Initial packets in `version`, which is not the one in use. Server: of the client's packets from before it knew.
   * Client: of a version that the server may have chosen, as long as it has not settled on the first (RFC 9369 §4.1).
   */
  initialKeysFor(version: number): PacketKeys | undefined {
    const { initial } = this.#spaces
    if (initial === undefined) return undefined
    if (this.isCandidate(version))
      initial.other ??= { version, read: this.#initialKeys(version, this.#initialSecrets(version).server) }
    return initial.other?.version === version ? initial.other.read : undefined
  }

  /** Client: whether the server may still choose `version`. */
  isCandidate(version: number): boolean {
    const { config, role, version: chosen } = this.#context
    return role === 'client' && !this.#isVersionSettled && mayBeNegotiated(version, chosen, config.versions)
  }

  /** Client: an Initial packet of the server in another version was opened: that is the one (RFC 9369 §4.1). */
  followVersion(version: number): void {
    const { initial } = this.#spaces
    const other = initial?.other
    if (initial === undefined || other?.version !== version) return
    initial.read?.discard()
    initial.write?.discard()
    initial.other = undefined
    this.#context.version = version
    this.#isVersionSettled = true
    this.#useInitialKeys(initial, other.read)
  }

  /** CRYPTO data has come. The server sends none in a version that it does not go on in (RFC 9369 §4.1). */
  onCrypto(now: Time): void {
    this.#isVersionSettled = true
    if (this.#context.role === 'client') this.#spaces.initial?.discardOther()
    this.advance(now)
  }

  /** @param read those that packets have been opened with already */
  #useInitialKeys(initial: PacketSpaceState, read?: PacketKeys): void {
    const { events, observer, role, version } = this.#context
    const secrets = this.#initialSecrets(version)
    initial.read = read ?? this.#initialKeys(version, role === 'client' ? secrets.server : secrets.client)
    initial.write = this.#initialKeys(version, role === 'client' ? secrets.client : secrets.server)
    observer?.keyUpdated?.(EncryptionLevel.initial, 'read', 0, 'tls', events.now)
    observer?.keyUpdated?.(EncryptionLevel.initial, 'write', 0, 'tls', events.now)
  }

  #initialKeys(version: number, secret: Uint8Array): PacketKeys {
    const { engine, integrity } = this.#context
    return new PacketKeys(engine, TLS_AES_128_GCM_SHA256, keyVersion(version), secret, integrity)
  }

  #initialSecrets(version: number): InitialSecrets {
    return initialSecrets(keyVersion(version), this.#destination)
  }

  /** Hands TLS what has arrived in order, and carries out what TLS answers. @throws TlsAlert, TransportError */
  advance(now: Time): void {
    this.#drain(now)
    for (const space of this.#spaces.all) {
      if (space.isDiscarded) continue
      for (let bytes = space.crypto.read(); bytes !== undefined; bytes = space.crypto.read()) {
        this.#tls.receive(space.level, bytes)
        this.#drain(now)
      }
    }
  }

  /** The server has confirmed the handshake (RFC 9000 §19.20). */
  onHandshakeDone(now: Time): void {
    if (this.#context.role === 'server') {
      throw new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 'A client sent HANDSHAKE_DONE', {
        frameType: FrameType.handshakeDone,
      })
    }
    if (!this.#complete) {
      throw new TransportError(
        TransportErrorCode.PROTOCOL_VIOLATION,
        'HANDSHAKE_DONE before the handshake was complete',
        {
          frameType: FrameType.handshakeDone,
        },
      )
    }
    this.#confirm(now)
  }

  /** Server: gives the client a token for its next connection (RFC 9000 §8.1.3). */
  sendNewToken(token: Uint8Array): void {
    this.#newToken.set({ type: FrameType.newToken, token })
  }

  get wantsToSend(): boolean {
    return this.#done.wantsToSend || this.#newToken.wantsToSend
  }

  writeFrames(packet: PacketWriter, now: Time): void {
    this.#done.writeFrames(packet, now)
    this.#newToken.writeWith(packet, this)
  }

  /** A token that has arrived is forgotten: it is the client's, for another connection. */
  onAcked(frame: NewTokenFrame, now: Time): void {
    this.#newToken.onAcked(frame, now)
    if (this.#newToken.isAcked) this.#newToken.clear()
  }

  onLost(frame: NewTokenFrame, now: Time): void {
    this.#newToken.onLost(frame, now)
  }

  /** RFC 9001 §4.9.1: a client drops the Initial keys when it first sends, a server when it first opens a Handshake packet. */
  discardInitial(now: Time): void {
    this.#discard(PacketSpace.initial, now)
  }

  /** No 0-RTT packet is sent or read any more (RFC 9001 §4.9.3). */
  discardEarly(now: Time): void {
    if (this.#spaces.early.discard()) this.#context.observer?.keysDiscarded?.(EncryptionLevel.zeroRtt, now)
  }

  #discard(which: PacketSpace, now: Time): void {
    const space = this.#spaces.get(which)
    if (space === undefined) return
    this.#spaces.discard(space)
    if (which === PacketSpace.initial) this.#destination = EMPTY
    this.#loss.discardSpace(which, now)
    this.#context.observer?.keysDiscarded?.(space.level, now)
  }

  #drain(now: Time): void {
    for (let event = this.#tls.poll(); event !== undefined; event = this.#tls.poll()) this.#onEvent(event, now)
  }

  #onEvent(event: TlsEvent, now: Time): void {
    switch (event.type) {
      case 'message':
        this.#spaces.ofLevel(event.level)?.crypto.send(event.bytes)
        return
      case 'secret':
        this.#install(event.level, event.direction, event.secret, event.suite, now)
        return
      case 'peer-parameters':
        this.#listener.onPeerParameters(event.bytes, now)
        return
      case 'complete':
        this.#complete = true
        this.#listener.onKeysInstalled()
        this.#listener.onHandshakeComplete(event)
        if (this.#context.role === 'server') this.#confirm(now)
        return
      case 'early-data':
        this.#listener.onEarlyDataDecided(event.isAccepted, event.alpn, now)
        return
      case 'ticket':
        this.#listener.onTicket(event.session)
        return
      case 'failed':
        throw event.alert
    }
  }

  #install(
    level: EncryptionLevel,
    direction: 'read' | 'write',
    secret: Uint8Array,
    suite: CipherSuite,
    now: Time,
  ): void {
    const { engine, version, integrity, observer } = this.#context
    if (level === EncryptionLevel.handshake) {
      const { handshake } = this.#spaces
      if (handshake !== undefined) handshake[direction] = new PacketKeys(engine, suite, version, secret, integrity)
      if (direction === 'write') this.#loss.handshakeKeys = true
      else this.#listener.onKeysInstalled()
    } else if (level === EncryptionLevel.zeroRtt) {
      const { early } = this.#spaces
      early.install(direction, new PacketKeys(engine, suite, early.version, secret, integrity))
      this.#listener.onEarlyDataPossible(now)
    } else if (level === EncryptionLevel.oneRtt) {
      const keys = this.#spaces.createOneRttKeys(engine, suite, version, integrity)
      if (direction === 'read') keys.installRead(secret)
      else keys.installWrite(secret)
      // A client has no use for its 0-RTT keys any more; a server that has none has refused, and takes no packets of that kind.
      if (direction === 'write' && this.#spaces.early.read === undefined) this.discardEarly(now)
    }
    secret.fill(0)
    if (level === EncryptionLevel.oneRtt && direction === 'write') observer?.cipherChosen?.(suite.name, now)
    observer?.keyUpdated?.(level, direction, 0, 'tls', now)
  }

  #confirm(now: Time): void {
    if (this.#confirmed) return
    this.#confirmed = true
    this.#loss.handshakeConfirmed = true
    this.#loss.peerValidatedAddress = true
    // RFC 9001 §4.9.2: the Handshake keys go, with all that was sent under them.
    this.#discard(PacketSpace.initial, now)
    this.#discard(PacketSpace.handshake, now)
    if (this.#context.role === 'server') this.#done.send({ type: FrameType.handshakeDone })
    this.#listener.onHandshakeConfirmed(now)
  }
}

/** The version whose keys protect Initial packets: one that is offered to have versions negotiated (RFC 9000 §6.3, §15) has none. */
function keyVersion(version: number): number {
  return isSupportedVersion(version) ? version : VERSION_1
}
