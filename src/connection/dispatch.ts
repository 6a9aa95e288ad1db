/** From a decoded frame to the one object that reads it. Which frame may stand in which packet the decoder has judged (RFC 9000 §12.4). */
import type { Duration, Time } from '../base/time.ts'
import type { AckFrequency } from '../recovery/ack-frequency.ts'
import type { LossDetector } from '../recovery/loss-detector.ts'
import type { DatagramQueue } from '../streams/datagram-queue.ts'
import { StreamRun } from '../streams/stream-run.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import {
  type AckFrame,
  type Frame,
  FrameType,
  type NewTokenFrame,
  type PaddingFrame,
  type PingFrame,
  type ResetStreamAtFrame,
  type StreamFrame,
} from '../wire/frame.ts'
import { PacketSpace, PacketType } from '../wire/packet-type.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { DEFAULT_TRANSPORT_PARAMETERS } from '../wire/transport-parameters.ts'
import type { Closing } from './closing.ts'
import type { ConnectionContext } from './context.ts'
import type { Handshake } from './handshake.ts'
import type { LocalIds } from './local-ids.ts'
import type { PacketSpaces } from './packet-space.ts'
import type { PathManager } from './path-manager.ts'
import type { PeerIds } from './peer-ids.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { Workspace } from './workspace.ts'

/** The owners of received frames. */
export interface FrameReaders {
  readonly context: ConnectionContext
  readonly spaces: PacketSpaces
  readonly loss: LossDetector
  readonly ackFrequency: AckFrequency
  readonly streams: StreamSet
  readonly datagrams: DatagramQueue
  readonly handshake: Handshake
  readonly localIds: LocalIds
  readonly peerIds: PeerIds
  readonly paths: PathManager
  readonly closing: Closing
  readonly workspace: Workspace
  /** The PTO of the active path. */
  pto(): Duration
}

/** Routes the frames of one connection. */
export class Dispatcher {
  readonly #to: FrameReaders
  readonly #run: StreamRun
  /** Of our 1-RTT keys; the first generation needs no confirmation. */
  #confirmedGeneration = 0

  constructor(readers: FrameReaders) {
    this.#to = readers
    this.#run = new StreamRun(readers.streams, readers.workspace.runPlaces)
  }

  /** Hands `frame` to its owner; a STREAM frame, whose bytes stay until then, by {@link endRun} at the latest. @throws TransportError */
  dispatch(frame: Frame, packet: ReceivedPacket, now: Time): void {
    const to = this.#to
    if (to.closing.state !== 'open') return this.#whileClosing(frame, packet, now)
    switch (frame.type) {
      case FrameType.padding:
      case FrameType.ping:
        return
      case FrameType.stream:
        return this.#run.add(frame, packet.frameType, now)
      case FrameType.ack:
        return this.#onAck(frame, packet)
      default:
        // What the peer said before is heard before.
        this.#run.end(now)
        return this.#dispatchOther(frame, packet, now)
    }
  }

  /** The STREAM frames of the burst have come to their end. @throws TransportError */
  endRun(now: Time): void {
    this.#run.end(now)
  }

  #dispatchOther(
    frame: Exclude<Frame, StreamFrame | AckFrame | PaddingFrame | PingFrame>,
    packet: ReceivedPacket,
    now: Time,
  ): void {
    const to = this.#to
    switch (frame.type) {
      case FrameType.crypto:
        return to.spaces.get(packet.space)?.crypto.onCrypto(frame)
      case FrameType.maxData:
        return to.streams.onMaxData(frame)
      case FrameType.maxStreamData:
        return to.streams.onMaxStreamData(frame)
      case FrameType.maxStreamsBidi:
      case FrameType.maxStreamsUni:
        return to.streams.onMaxStreams(frame)
      case FrameType.resetStream:
        return to.streams.onResetStream(frame, now)
      case FrameType.resetStreamAt:
        return this.#onResetStreamAt(frame, now)
      case FrameType.stopSending:
        return to.streams.onStopSending(frame)
      case FrameType.dataBlocked:
        return to.streams.onDataBlocked(frame)
      case FrameType.streamDataBlocked:
        return to.streams.onStreamDataBlocked(frame)
      case FrameType.streamsBlockedBidi:
      case FrameType.streamsBlockedUni:
        return to.streams.onStreamsBlocked(frame)
      case FrameType.newConnectionId:
        return to.peerIds.onNewConnectionId(frame)
      case FrameType.retireConnectionId:
        return to.localIds.onRetireConnectionId(frame, destinationOf(packet).key)
      case FrameType.pathChallenge:
        if (packet.path !== undefined) to.paths.onPathChallenge(frame, packet.path)
        return
      case FrameType.pathResponse:
        return to.paths.onPathResponse(frame, now)
      case FrameType.newToken:
        return this.#onNewToken(frame)
      case FrameType.immediateAck:
        return to.spaces.application.acks.onImmediateAck()
      case FrameType.ackFrequency:
        return to.spaces.application.acks.onAckFrequency(frame)
      case FrameType.handshakeDone:
        return to.handshake.onHandshakeDone(now)
      case FrameType.connectionCloseTransport:
      case FrameType.connectionCloseApplication:
        return this.#whileClosing(frame, packet, now)
      case FrameType.datagram:
        return to.datagrams.onDatagram(frame, packet.frameSize, packet.receivedAt)
    }
  }

  #onResetStreamAt(frame: ResetStreamAtFrame, now: Time): void {
    const { context, streams } = this.#to
    // RFC 9000 §12.4: whoever was not told that we know the type cannot expect us to.
    if (!context.config.resetStreamAt) {
      throw new TransportError(TransportErrorCode.FRAME_ENCODING_ERROR, 'RESET_STREAM_AT was not negotiated')
    }
    streams.onResetStreamAt(frame, now)
  }

  /** RFC 9000 §10.2: of all frames only the peer's own CONNECTION_CLOSE still counts. */
  #whileClosing(frame: Frame, packet: ReceivedPacket, now: Time): void {
    if (frame.type !== FrameType.connectionCloseTransport && frame.type !== FrameType.connectionCloseApplication) return
    this.#to.closing.onConnectionClose(frame, packet.type, now, this.#to.pto())
  }

  #onAck(frame: AckFrame, packet: ReceivedPacket): void {
    const to = this.#to
    to.context.counters.acksReceived += 1
    // RFC 9002 §5.3, RFC 9000 §13.2.5: the delay field of Initial packets is ignored, that of Handshake packets is ours to ignore.
    const exponent = to.context.peerParameters?.ackDelayExponent ?? DEFAULT_TRANSPORT_PARAMETERS.ackDelayExponent
    const delay = packet.space === PacketSpace.application ? (frame.ackDelay * 2 ** exponent) / 1000 : 0
    // RFC 9002 §6.2.2.1: an acknowledged Handshake packet tells a client that the server has proven its address.
    if (packet.space === PacketSpace.handshake) to.loss.peerValidatedAddress = true
    to.loss.onAckReceived(packet.space, frame, delay, packet.receivedAt)
    if (packet.space !== PacketSpace.application) return
    this.#onOneRttAck(packet)
    to.ackFrequency.update(to.paths.active.recovery, packet.receivedAt)
  }

  /** RFC 9001 §6.1: an update is confirmed by the acknowledgement of a packet under the new keys. */
  #onOneRttAck(packet: ReceivedPacket): void {
    const to = this.#to
    const keys = to.spaces.oneRtt
    if (keys === undefined) return
    keys.setPto(to.pto())
    const generation = to.loss.ackedKeyGeneration
    if (generation < 0) return
    keys.onAcked(generation, packet.receivedAt, packet.generation)
    if (generation > this.#confirmedGeneration) {
      this.#confirmedGeneration = generation
      to.context.events.push({ type: 'keys-updated' })
    }
  }

  #onNewToken(frame: NewTokenFrame): void {
    const { context } = this.#to
    if (context.role === 'server') {
      throw new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 'A client sent NEW_TOKEN')
    }
    context.events.push({ type: 'new-token', token: frame.token })
  }
}

/** The destination id of the packet at hand. */
function destinationOf(packet: ReceivedPacket): ConnectionId {
  const long = packet.type !== PacketType.oneRtt
  const start = packet.start + (long ? 6 : 1)
  const length = long ? (packet.buffer[packet.start + 5] ?? 0) : packet.destinationLength
  return ConnectionId.from(packet.buffer.subarray(start, start + length))
}
