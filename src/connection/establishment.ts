/**
 * How a connection comes to be: whose first packet counts, what Retry and Version Negotiation change, what the peer's
 * transport parameters mean for each part, and what follows when the handshake is complete and confirmed. RFC 9000 §7;
 * RFC 9001 §4.1. The messages themselves are TLS's, the keys those of `handshake.ts`.
 */
import type { Time } from '../base/time.ts'
import type { Resumption } from '../tls/resumption.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { LongHeader } from '../wire/long-header.ts'
import { PacketSpace, PacketType } from '../wire/packet-type.ts'
import { decodeTransportParameters } from '../wire/transport-parameters.ts'
import type { ConnectionParts } from './assembly.ts'
import { Handshake, type HandshakeComplete, type HandshakeListener } from './handshake.ts'
import type { ConnectionInit } from './init.ts'
import { observeUnprotected } from './observation.ts'
import { checkPeerParameters } from './peer-parameters.ts'
import type { ReceivedPacket } from './received-packet.ts'
import { checkAccepted, rememberedParameters, type StoredSession } from './stored-session.ts'
import { agreedVersion, checkServerVersions } from './version-agreement.ts'

/** The beginning of one connection. */
export class Establishment implements HandshakeListener {
  readonly handshake: Handshake
  /** There are keys that were not there before: packets that came early may be tried again. Whoever does so clears it. */
  keysChanged = false
  readonly #host: ConnectionInit['host']
  readonly #session: StoredSession | undefined
  readonly #parts: ConnectionParts
  /** The source id of the peer's first Initial packet, once there was one (RFC 9000 §7.2). */
  #peerSource: ConnectionId | undefined
  #completion: HandshakeComplete | undefined
  /** Client: the session that 0-RTT data relies on, once there may be some. */
  #early: StoredSession | undefined
  #isEarlyDataAccepted = false
  #alpn: string | undefined

  constructor(init: ConnectionInit, parts: ConnectionParts) {
    const { context, loss, spaces, tls } = parts
    this.#host = init.host
    this.#parts = parts
    this.#session = init.session
    this.#peerSource = context.role === 'server' ? init.peerId : undefined
    this.#completion = undefined
    this.handshake = new Handshake(context, spaces, loss, tls, this)
  }

  /** What TLS settled; `undefined` until the handshake is complete. */
  get completion(): HandshakeComplete | undefined {
    return this.#completion
  }

  /** The application protocol, as soon as it is settled: with early data before the handshake is complete. */
  get alpn(): string | undefined {
    return this.#completion?.alpn ?? this.#alpn
  }

  /** A packet was opened. `false`: it is not the peer's after all. `header`: its long header, if it has one. */
  onPacketOpened(packet: ReceivedPacket, header: LongHeader | undefined): boolean {
    if (header === undefined) return true
    const source = header.sourceId()
    if (this.#peerSource === undefined) {
      this.#peerSource = source
      this.#parts.peerIds.replaceInitial(source)
    } else if (!this.#peerSource.equals(source) && packet.type !== PacketType.oneRtt) {
      // RFC 9000 §7.2: the peer's id is that of its first packet; others are dropped.
      return false
    }
    const { context } = this.#parts
    if (context.role === 'client' && header.version !== context.version) {
      this.handshake.followVersion(header.version)
      context.events.push({ type: 'version-changed', version: context.version })
    }
    return true
  }

  /** Server: chooses the version, by what the client says of its own (RFC 9368 §2.3). @throws TransportError */
  onClientParameters(bytes: Uint8Array): void {
    const { context } = this.#parts
    const { versionInformation } = decodeTransportParameters(bytes, 'client')
    const version = agreedVersion(context.version, versionInformation, context.config)
    if (versionInformation !== undefined)
      this.#observeVersions(versionInformation.available, context.config.versions, version)
    if (version === context.version) return
    this.handshake.agreeOn(version)
    context.events.push({ type: 'version-changed', version })
  }

  #observeVersions(client: readonly number[], server: readonly number[], chosen: number): void {
    const { events, observer } = this.#parts.context
    observer?.versionInformation?.({ client, server, chosen }, events.now)
  }

  /** Retry and Version Negotiation, which only a client obeys. */
  onUnprotectedPacket(bytes: Uint8Array, start: number, end: number, header: LongHeader, now: Time): void {
    const { closing, context, loss, negotiation, paths, peerIds, spaces, tls } = this.#parts
    const isRetry = header.type === PacketType.retry
    const result = isRetry
      ? negotiation?.onRetry(bytes, start, end)
      : negotiation?.onVersionNegotiation(bytes, start, end)
    observeUnprotected(context, header, end, paths.active, result, now)
    if (negotiation === undefined || result === undefined) return
    if (result.type === 'failed') {
      return closing.end({ kind: 'version', offered: result.offered, supported: result.supported })
    }
    if (result.type === 'retry') {
      peerIds.replaceInitial(result.destination)
      this.handshake.installInitialKeys(result.destination.toBytes())
    } else {
      context.version = result.version
      context.events.push({ type: 'version-changed', version: result.version })
      this.handshake.installInitialKeys(negotiation.originalDestination.toBytes())
    }
    loss.resendSpace(PacketSpace.initial, now)
    // RFC 9368 §2.4: another attempt, whose ClientHello says that its version is another one.
    if (!isRetry) {
      spaces.initial?.restartCrypto()
      tls.restart()
    }
    // RFC 9000 §17.2.3: the server has dropped what came before Retry; RFC 9369 §4.1: another version has no 0-RTT packets.
    if (!isRetry) this.handshake.discardEarly(now)
    loss.resendSpace(PacketSpace.application, now)
  }

  /** RFC 9000 §8.1.3, §9.3: a token for the address that was just proven. */
  sendNewToken(): void {
    const { context, paths } = this.#parts
    const token = this.#host.newToken?.(paths.active.remoteAddress, context.version)
    if (token !== undefined) this.handshake.sendNewToken(token)
  }

  /** Packets that waited for keys may be tried again. */
  onKeysInstalled(): void {
    this.keysChanged = true
  }

  /** The peer's transport parameters have come. @throws TransportError */
  onPeerParameters(bytes: Uint8Array, now: Time): void {
    const { ackFrequency, context, datagrams, idle, localIds, negotiation, paths, peerIds, streams } = this.#parts
    const { role, observer } = context
    const parameters = decodeTransportParameters(bytes, role === 'client' ? 'server' : 'client')
    const peerSource = this.#peerSource
    if (peerSource === undefined) return
    checkPeerParameters(parameters, role, {
      initialSource: peerSource,
      originalDestination: negotiation?.originalDestination,
      retrySource: negotiation?.retrySource,
    })
    const { versionInformation } = parameters
    if (negotiation !== undefined) {
      const { versions } = context.config
      const { hasReacted, version: chosen } = negotiation
      checkServerVersions(versionInformation, { chosen, negotiated: context.version, versions, hasReacted })
      if (versionInformation !== undefined)
        this.#observeVersions(versions, versionInformation.available, context.version)
    }
    if (this.#early !== undefined && this.#isEarlyDataAccepted) checkAccepted(this.#early.parameters, parameters)
    // The ids are equal to those that were seen, so that one copy of each is enough.
    context.peerParameters = {
      ...parameters,
      initialSourceConnectionId: peerSource,
      originalDestinationConnectionId: negotiation?.originalDestination,
    }
    // RFC 9287 §3.1: from now on, and in this connection alone.
    context.fixedBit.isGreased = context.config.greaseQuicBit && parameters.greaseQuicBit
    observer?.parametersSet?.('remote', parameters, now)
    ackFrequency.onPeerParameters(parameters.minAckDelay, parameters.maxAckDelay)
    idle.onPeerParameters(parameters.maxIdleTimeout)
    localIds.setPeerLimit(parameters.activeConnectionIdLimit)
    // RFC 9000 §7.4.1: 0-RTT packets keep to what was remembered, to the end of the handshake.
    if (this.#early === undefined) {
      streams.onPeerParameters(parameters)
      datagrams.onPeerParameters(parameters)
    }
    paths.active.mtu?.setLimit(parameters.maxUdpPayloadSize)
    paths.onPeerParameters(context.peerParameters)
    if (parameters.statelessResetToken !== undefined) peerIds.setInitialResetToken(parameters.statelessResetToken)
  }

  /** Client, RFC 9000 §7.4.1: streams may be opened and written under the limits of the last time. Server: 0-RTT is accepted. */
  onEarlyDataPossible(now: Time): void {
    const { context, datagrams, streams } = this.#parts
    if (context.role === 'server') {
      this.keysChanged = true
      context.events.push({ type: 'early-data', isAccepted: true, isResent: false })
    }
    if (this.#session === undefined) return
    this.#early = this.#session
    const { parameters } = this.#session
    context.observer?.parametersRestored?.(parameters, now)
    streams.onPeerParameters(parameters)
    // RFC 9221 §3: a server that takes none with 0-RTT may take some now.
    if (parameters.maxDatagramFrameSize > 0) datagrams.onPeerParameters(parameters)
    for (const direction of ['bidirectional', 'unidirectional'] as const) {
      context.events.push({ type: 'streams-available', direction })
    }
  }

  /** Whether the server takes early data is known. */
  onEarlyDataDecided(isAccepted: boolean, alpn: string | undefined, now: Time): void {
    this.#alpn = alpn
    this.#isEarlyDataAccepted = isAccepted
    if (isAccepted) return
    // RFC 9001 §5.6: no more of it; §4.6.2: and none of it was processed.
    this.handshake.discardEarly(now)
    this.#parts.loss.refuseSpace(PacketSpace.application, now)
  }

  /** The limits of this connection take the place of those of the last. */
  #endEarlyData(early: StoredSession, alpn: string): void {
    const { context, datagrams, streams } = this.#parts
    const { peerParameters, events } = context
    if (peerParameters === undefined) return
    const isAccepted = this.#isEarlyDataAccepted
    const isResent = !isAccepted && alpn === early.tls.alpn
    if (isAccepted) streams.onPeerParameters(peerParameters)
    // RFC 8446 §4.2.10: what was meant for one protocol is not said in another.
    else streams.restart(peerParameters, isResent ? undefined : new Error('The server chose another protocol'))
    if (!isAccepted && !isResent) datagrams.drop()
    datagrams.onPeerParameters(peerParameters)
    events.push({ type: 'early-data', isAccepted, isResent })
  }

  /** Client: the server has given a ticket. */
  onTicket(tls: Resumption): void {
    const { events, peerParameters, version } = this.#parts.context
    if (peerParameters === undefined) return
    events.push({ type: 'session-ticket', session: { version, parameters: rememberedParameters(peerParameters), tls } })
  }

  /** TLS is done on our side (RFC 9001 §4.1.1). */
  onHandshakeComplete(event: HandshakeComplete): void {
    const { context, idle, paths, pto, spaces } = this.#parts
    this.#completion = event
    if (this.#early !== undefined) this.#endEarlyData(this.#early, event.alpn)
    idle.onHandshakeComplete()
    paths.onHandshakeComplete()
    spaces.oneRtt?.setPto(pto())
    context.events.push({
      type: 'connected',
      alpn: event.alpn,
      version: context.version,
      resumed: event.resumed,
      earlyDataAccepted: event.earlyData,
    })
    if (context.role === 'server') this.sendNewToken()
  }

  /** TLS is done on both sides (RFC 9001 §4.1.2). */
  onHandshakeConfirmed(now: Time): void {
    const { context, idle, paths } = this.#parts
    idle.onHandshakeConfirmed(now)
    context.events.push({ type: 'handshake-confirmed' })
    paths.onHandshakeConfirmed(now)
  }
}
