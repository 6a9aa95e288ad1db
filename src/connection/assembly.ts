/** The parts of one connection and what each is told of the others, put together once (`connection.ts` says what they do in concert). */
import type { Duration } from '../base/time.ts'
import { IntegrityCounter } from '../protection/packet-keys.ts'
import { AckFrequency } from '../recovery/ack-frequency.ts'
import { LossDetector } from '../recovery/loss-detector.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { DatagramQueue } from '../streams/datagram-queue.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import { Closing } from './closing.ts'
import { type ConnectionContext, packetCounters } from './context.ts'
import { EventQueue } from './event-queue.ts'
import type { ConnectionEvent } from './events.ts'
import { FixedBit } from './fixed-bit.ts'
import { Idle } from './idle.ts'
import type { ConnectionInit } from './init.ts'
import type { LocalIds } from './local-ids.ts'
import type { Negotiation } from './negotiation.ts'
import { PacketSpaces } from './packet-space.ts'
import {
  ackTrackers,
  createDatagrams,
  createLocalIds,
  createNegotiation,
  createStreams,
  createTls,
  GRANULARITY,
} from './parts.ts'
import { PathHost } from './path-host.ts'
import { PathManager } from './path-manager.ts'
import { PeerIds } from './peer-ids.ts'
import { Pings } from './pings.ts'
import type { RestartableTls } from './restartable-tls.ts'
import type { Workspace } from './workspace.ts'

/** Everything that a connection consists of before its handshake. */
export interface ConnectionParts {
  readonly context: ConnectionContext
  readonly spaces: PacketSpaces
  readonly loss: LossDetector
  readonly ackFrequency: AckFrequency
  readonly streams: StreamSet
  readonly datagrams: DatagramQueue
  readonly localIds: LocalIds
  readonly peerIds: PeerIds
  readonly paths: PathManager
  readonly closing: Closing
  readonly idle: Idle
  readonly pings: Pings
  /** Of a client. */
  readonly negotiation: Negotiation | undefined
  readonly tls: RestartableTls
  readonly workspace: Workspace
  /** The PTO of the active path, with the delay of the peer's acknowledgements (RFC 9002 §6.2.1). */
  pto(): Duration
}

/** What the parts have to say to the connection itself. */
export interface PartsListener {
  /** Server: the client's transport parameters have come; ours are made next. @throws TransportError */
  onClientParameters(bytes: Uint8Array): void
  onClosingEvent(event: ConnectionEvent): void
  /** The peer has proven a new address (RFC 9000 §9.3). */
  onPathValidated(): void
  /** A path carries datagrams of another size. */
  onMtu(mtu: number, recovery: PathRecovery): void
  /** A client has moved to another path (RFC 9000 §9.2). */
  onMoved(): void
  /** The carrier of the last path is gone. */
  onStranded(cause: unknown): void
}

/** Makes the parts of the connection that `init` describes. */
export function createParts(init: ConnectionInit, listener: PartsListener): ConnectionParts {
  // No closure here names `init`: it would be kept as long as any of them, with all that only a handshake needs.
  const { config, host, role, now, observer, random } = init
  const context: ConnectionContext = {
    role,
    version: init.version,
    config,
    random,
    observer,
    engine: init.engine,
    integrity: new IntegrityCounter(),
    events: new EventQueue(observer, now),
    counters: packetCounters(),
    pathSettings: {
      congestionControl: config.congestionControl,
      pacing: config.pacing,
      timerGranularity: init.timerGranularity,
    },
    fixedBit: new FixedBit(random, init.workspace.fixedBits),
    peerParameters: undefined,
  }
  const { events } = context
  const loss = new LossDetector({ role, granularity: GRANULARITY, observer, random, records: init.workspace.records })
  const peerIds = new PeerIds({
    initial: init.peerId,
    limit: config.activeConnectionIdLimit,
    path: 0,
    tokenAdded: (token, path) => host.resetTokenAdded(token, paths.addressOf(path)),
    tokenRemoved: (token, path) => host.resetTokenRemoved(token, paths.addressOf(path)),
  })
  const paths = new PathManager(new PathHost(init, context, loss, peerIds, listener))
  const pto = (): Duration => paths.active.recovery.rtt.ptoPeriod(loss.maxAckDelay, GRANULARITY)
  return {
    context,
    spaces: new PacketSpaces(init.version, ackTrackers(init), init.pages),
    loss,
    ackFrequency: new AckFrequency(loss, config.ackFrequency),
    streams: createStreams(init, events, () => paths.active.recovery.rtt.smoothed),
    localIds: createLocalIds(init, (id) => paths.onLocalIdRetired(id.key, events.now)),
    datagrams: createDatagrams(init, events, paths, peerIds),
    peerIds,
    paths,
    closing: new Closing({ emit: (event) => listener.onClosingEvent(event) }),
    idle: new Idle({ ...config, now, pto }),
    pings: new Pings({ onPong: (id, rtt) => events.push({ type: 'pong', id, rtt }) }),
    negotiation: role === 'client' ? createNegotiation(init) : undefined,
    tls: createTls(init, context, (bytes) => listener.onClientParameters(bytes)),
    workspace: init.workspace,
    pto,
  }
}
