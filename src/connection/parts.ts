/** Makes the parts of a connection that take more than a constructor call. */
import { EMPTY } from '../base/bytes.ts'
import type { Duration } from '../base/time.ts'
import { AckTracker } from '../recovery/ack-tracker.ts'
import { controllerFactory } from '../recovery/congestion/algorithms.ts'
import { yielding } from '../recovery/congestion/yielding.ts'
import { MtuDiscovery } from '../recovery/mtu-discovery.ts'
import { PathRecovery } from '../recovery/path-recovery.ts'
import { DatagramQueue } from '../streams/datagram-queue.ts'
import { datagramSettings } from '../streams/datagram-settings.ts'
import { StreamSet } from '../streams/stream-set.ts'
import type { Carrier } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { PathId } from '../wire/packet-content.ts'
import type { PacketSpace } from '../wire/packet-type.ts'
import { encodeTransportParameters, reservedParameter } from '../wire/transport-parameters.ts'
import { type ConnectionConfig, transportParametersOf } from './config.ts'
import type { ConnectionContext } from './context.ts'
import { fixedDatagramSize } from './datagram-size.ts'
import type { EventQueue } from './event-queue.ts'
import type { ConnectionInit } from './init.ts'
import { LocalIds } from './local-ids.ts'
import { Negotiation } from './negotiation.ts'
import { TAG_LENGTH } from './packet-builder.ts'
import { MIN_DATAGRAM_SIZE, type PathParts } from './path.ts'
import type { PathManager } from './path-manager.ts'
import type { PeerIds } from './peer-ids.ts'
import { RestartableTls } from './restartable-tls.ts'
import { ticketPolicy } from './ticket-terms.ts'
import { ownVersionInformation } from './version-agreement.ts'

/** ms; loss timers are no finer than this (RFC 9002 §6.1.2). */
export const GRANULARITY: Duration = 1

/** Makes the acknowledgement state of a space. */
export function ackTrackers(init: ConnectionInit): (space: PacketSpace) => AckTracker {
  const { ackDelayExponent, maxAckDelay } = init.config
  return (space) => {
    const tracker = new AckTracker({ space, maxAckDelay, ackDelayExponent, minAckDelay: minAckDelay(init) })
    tracker.timerGranularity = init.timerGranularity
    return tracker
  }
}

/** What we offer of draft-ietf-quic-ack-frequency §3: no timer is finer than its host's; `undefined`: nothing. */
function minAckDelay({ config, timerGranularity }: ConnectionInit): Duration | undefined {
  return config.ackFrequency && timerGranularity <= config.maxAckDelay ? timerGranularity : undefined
}

/** A client's side of Retry and Version Negotiation. */
export function createNegotiation(init: ConnectionInit): Negotiation {
  return new Negotiation({
    version: init.version,
    versions: init.config.versions,
    originalDestination: init.originalDestination,
    source: init.localId,
    token: init.token,
  })
}

/**
 * The TLS session; that of a server gives out tickets, if there are terms for them.
 * @param onClientParameters server: hears the client's transport parameters before ours are made, which may depend on them.
 */
export function createTls(
  init: ConnectionInit,
  context: ConnectionContext,
  onClientParameters: (bytes: Uint8Array) => void,
): RestartableTls {
  let own = EMPTY
  const parameters = (peer: Uint8Array | undefined): Uint8Array => {
    if (peer !== undefined) onClientParameters(peer)
    own = ownParameters(init, context)
    return own
  }
  const scope = { originalVersion: init.version, version: () => context.version, parameters: () => own }
  const tickets = init.tickets && ticketPolicy(init.tickets, scope)
  return new RestartableTls(() => init.createTls(parameters, tickets, context.version))
}

/** Our transport parameters, encoded. */
function ownParameters(init: ConnectionInit, context: ConnectionContext): Uint8Array {
  const isServer = init.role === 'server'
  const { preferred, random } = init
  const parameters = transportParametersOf(init.config, init.role, {
    initialSource: init.localId,
    originalDestination: isServer ? init.originalDestination : undefined,
    retrySource: init.retrySource,
    minAckDelay: minAckDelay(init),
    statelessResetToken: isServer ? init.host.resetToken(init.localId) : undefined,
    preferredAddress: preferred && {
      ...preferred,
      statelessResetToken: init.host.resetToken(preferred.connectionId),
    },
    versions: ownVersionInformation(context.version, init.config.versions, random),
    reserved: new Map([reservedParameter(random)]),
  })
  init.observer?.parametersSet?.('local', parameters, init.now)
  return encodeTransportParameters(parameters, init.role)
}

/**
 * Recovery and MTU discovery of a new path (RFC 9000 §9.4, §14.3).
 * @param context without the peer's parameters the path is the first one, and begins with Initial packets.
 */
export function createPathParts(
  id: PathId,
  carrier: Carrier,
  context: Pick<ConnectionContext, 'config' | 'observer' | 'pathSettings' | 'peerParameters' | 'random'>,
  onMtu: (mtu: number, recovery: PathRecovery) => void,
): PathParts {
  const { config, observer, pathSettings, peerParameters, random } = context
  const { congestionControlled, ordered, reliable } = carrier.properties
  const peerMaxUdpPayload = peerParameters?.maxUdpPayloadSize
  const recovery = new PathRecovery({
    id,
    controller: congestionControlled ? yielding : controllerFactory(pathSettings.congestionControl),
    isReliable: reliable && ordered,
    maxDatagramSize:
      peerMaxUdpPayload === undefined
        ? MIN_DATAGRAM_SIZE
        : (fixedDatagramSize(carrier, peerMaxUdpPayload) ?? MIN_DATAGRAM_SIZE),
    initialRtt: config.initialRtt,
    initialWindow: config.initialWindow,
    minimumWindow: config.minimumWindow,
    pacing: pathSettings.pacing && !congestionControlled,
    granularity: pathSettings.timerGranularity,
    ecn: carrier.properties.ecn,
    onEcnState: (old, state, now) => observer?.ecnStateUpdated?.(id, old, state, now),
    random,
  })
  return {
    recovery,
    mtu: createMtuDiscovery(recovery, carrier, config, peerMaxUdpPayload, onMtu),
  }
}

/** None on carriers that are reliable, or name the size that suits them. */
function createMtuDiscovery(
  path: PathRecovery,
  carrier: Carrier,
  config: ConnectionConfig,
  peerMaxUdpPayload: number | undefined,
  onChange: (mtu: number, recovery: PathRecovery) => void,
): MtuDiscovery | undefined {
  if (fixedDatagramSize(carrier, undefined) !== undefined) return undefined
  const mtu = new MtuDiscovery({ path, max: config.mtu.max, onChange })
  mtu.setCarrierLimit(carrier.maxDatagramSize)
  if (peerMaxUdpPayload !== undefined) mtu.setLimit(peerMaxUdpPayload)
  return mtu
}

/** Our connection ids, routed by the endpoint. `onRetired` hears which ones the peer has done with. */
export function createLocalIds(
  { host, localId, preferred }: ConnectionInit,
  onRetired: (id: ConnectionId) => void,
): LocalIds {
  return new LocalIds({ host, initial: localId, preferred: preferred?.connectionId, onRetired })
}

/** The streams; what they have to tell goes to `events`. */
export function createStreams(init: ConnectionInit, events: EventQueue, rtt: () => Duration): StreamSet {
  return new StreamSet({
    role: init.role,
    limits: init.config,
    pages: init.pages,
    emit: (event) => events.push(event),
    rtt,
  })
}

/** Bytes that the header of a 1-RTT packet takes beside the id: its first byte and the longest packet number (RFC 9000 §17.3.1). */
const SHORT_HEADER = 1 + 4

/** The datagrams; how long they may be depends on the path and the id in use. */
export function createDatagrams(
  init: ConnectionInit,
  events: EventQueue,
  paths: PathManager,
  peerIds: PeerIds,
): DatagramQueue {
  return new DatagramQueue({
    maxFrameSize: init.config.maxDatagramFrameSize,
    settings: datagramSettings(init.config.datagrams),
    room: () => {
      const { id, recovery } = paths.active
      return recovery.maxDatagramSize - SHORT_HEADER - (peerIds.idOf(id)?.length ?? 0) - TAG_LENGTH
    },
    emit: (event) => events.push(event),
  })
}
