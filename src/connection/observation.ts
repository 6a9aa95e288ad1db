/**
 * What an observer is told of a connection's start and of what it receives (`wire/observer.ts`). Used only where there is
 * an observer: a packet is decoded once more for it, before its frames are processed, so that it comes whole and before
 * its consequences.
 */
import type { Time } from '../base/time.ts'
import type { KeyPhases } from '../protection/key-phases.ts'
import { defaultInitialWindow, defaultMinimumWindow } from '../recovery/congestion/controller.ts'
import { PERSISTENT_CONGESTION_THRESHOLD } from '../recovery/loss-detector.ts'
import { PACKET_THRESHOLD } from '../recovery/path-recovery.ts'
import { TIME_THRESHOLD } from '../recovery/rtt.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { type Frame, FrameType } from '../wire/frame.ts'
import { FrameDecoder } from '../wire/frame-decode.ts'
import type { LongHeader } from '../wire/long-header.ts'
import type { Observer } from '../wire/observer.ts'
import { EncryptionLevel, PacketType } from '../wire/packet-type.ts'
import { parseRetry, parseVersionNegotiation } from '../wire/special-packets.ts'
import type { ConnectionContext } from './context.ts'
import type { ConnectionInit } from './init.ts'
import type { NegotiationResult } from './negotiation.ts'
import { GRANULARITY } from './parts.ts'
import { MIN_DATAGRAM_SIZE, type Path } from './path.ts'
import type { ReceivedPacket } from './received-packet.ts'

/** The connection begins. */
export function observeStart(init: ConnectionInit): void {
  const { config, observer, now } = init
  if (observer === undefined) return
  const { localId, peerId, remoteAddress } = init
  observer.connectionStarted?.(
    { localAddress: init.carrier.localAddress, remoteAddress, localId, remoteId: peerId },
    now,
  )
  observer.versionInformation?.({ [init.role]: config.versions, chosen: init.version }, now)
  observer.recoveryParameters?.(
    {
      reorderingThreshold: PACKET_THRESHOLD,
      timeThreshold: TIME_THRESHOLD,
      granularity: GRANULARITY,
      initialRtt: config.initialRtt,
      maxDatagramSize: MIN_DATAGRAM_SIZE,
      initialWindow: config.initialWindow ?? defaultInitialWindow(MIN_DATAGRAM_SIZE),
      minimumWindow: config.minimumWindow ?? defaultMinimumWindow(MIN_DATAGRAM_SIZE),
      persistentCongestionThreshold: PERSISTENT_CONGESTION_THRESHOLD,
    },
    now,
  )
}

/** A Retry or Version Negotiation packet, from `header.start` up to `end`; `result` says what came of it, if it was believed. */
export function observeUnprotected(
  { config, observer }: ConnectionContext,
  header: LongHeader,
  end: number,
  path: Path,
  result: NegotiationResult | undefined,
  now: Time,
): void {
  if (observer === undefined) return
  const type = header.type === PacketType.retry ? PacketType.retry : PacketType.versionNegotiation
  const size = end - header.start
  if (result === undefined) return observer.packetDropped?.('unbelievable', size, type, now)
  const isRetry = type === PacketType.retry
  observer.packetReceived?.(
    {
      type,
      packetNumber: -1,
      size,
      path,
      destination: header.destinationId(),
      source: header.sourceId(),
      version: header.version,
      tokenLength: isRetry ? parseRetry(header)?.token.length : undefined,
    },
    [],
    now,
  )
  if (isRetry) return
  const chosen = result.type === 'version' ? result.version : undefined
  observer.versionInformation?.({ client: config.versions, server: parseVersionNegotiation(header), chosen }, now)
}

/** The 1-RTT keys of both directions are of a new generation (RFC 9001 §6). */
export function observeKeyUpdate(
  observer: Observer | undefined,
  keys: KeyPhases,
  trigger: 'local_update' | 'remote_update',
  now: Time,
): void {
  observer?.keyUpdated?.(EncryptionLevel.oneRtt, 'write', keys.writeGeneration, trigger, now)
  observer?.keyUpdated?.(EncryptionLevel.oneRtt, 'read', keys.writeGeneration, trigger, now)
}

/** Shows an observer the packets that were opened. */
export class ReceivedPackets {
  readonly #observer: Observer
  readonly #decoder = new FrameDecoder()

  constructor(observer: Observer) {
    this.#observer = observer
  }

  /** `packet` was opened; its frames lie from `payload` up to `payloadEnd`, and the tag behind them up to `end`. */
  onPacketOpened(
    packet: ReceivedPacket,
    header: LongHeader | undefined,
    payload: number,
    payloadEnd: number,
    end: number,
  ): void {
    const { path } = packet
    if (this.#observer.packetReceived === undefined || path === undefined) return
    const { buffer, start } = packet
    const isLong = header !== undefined
    this.#observer.packetReceived(
      {
        type: packet.type,
        packetNumber: packet.number,
        size: end - start,
        path,
        destination: isLong
          ? header.destinationId()
          : ConnectionId.from(buffer.subarray(start + 1, start + 1 + packet.destinationLength)),
        source: header?.sourceId(),
        version: header?.version,
        tokenLength: packet.type === PacketType.initial ? header?.tokenLength : undefined,
        keyGeneration: isLong ? undefined : packet.generation,
      },
      this.#framesOf(packet, payload, payloadEnd),
      packet.receivedAt,
    )
  }

  /** The frames up to the first that is malformed: that one is for the receiver to judge. */
  #framesOf(packet: ReceivedPacket, start: number, end: number): readonly Frame[] {
    const frames: Frame[] = []
    const decoder = this.#decoder
    decoder.reset(packet.buffer, start, end, packet.type)
    try {
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(copyOf(frame))
    } catch {
      return frames
    }
    return frames
  }
}

/** The decoder uses some of its objects again. */
function copyOf(frame: Frame): Frame {
  if (frame.type !== FrameType.ack) return { ...frame }
  return { ...frame, ranges: frame.ranges.clone(), ecn: frame.ecn === undefined ? undefined : { ...frame.ecn } }
}
