/** Two sets of streams and the packets between them, without protection, recovery or time of their own. */
import type { Time } from '../base/time.ts'
import { type Frame, FrameType, outgoingStream, type PayloadFrame, type StreamFrame } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import type { ByteSource, FrameOwner, PacketWriter } from '../wire/packet-content.ts'
import { PacketSpace, PacketType } from '../wire/packet-type.ts'
import type { Role } from '../wire/stream-id.ts'
import { TransportError } from '../wire/transport-error.ts'
import type { StreamEvent } from './events.ts'
import type { StreamLimitOptions } from './stream-options.ts'
import { StreamSet } from './stream-set.ts'

/** A frame as it was written: `received` is what the peer sees of it. */
export interface SentRecord {
  readonly frame: Frame
  readonly received: Frame
  readonly owner: FrameOwner
}

/** A packet that records what is written into it. */
export class TestPacket implements PacketWriter {
  readonly type: typeof PacketType.oneRtt = PacketType.oneRtt
  readonly space: typeof PacketSpace.application = PacketSpace.application
  readonly path = 0
  readonly records: SentRecord[] = []
  remaining: number

  constructor(size = 1200) {
    this.remaining = size
  }

  get frames(): Frame[] {
    return this.records.map((record) => record.received)
  }

  write<F extends Frame>(frame: F, owner: FrameOwner<NoInfer<F>>): boolean {
    const size = frameSize(frame)
    if (size > this.remaining) return false
    this.remaining -= size
    this.records.push({ frame, received: frame, owner: owner as FrameOwner })
    return true
  }

  streamFrame(streamId: number, offset: number, length: number, fin: boolean): StreamFrame {
    return outgoingStream(streamId, offset, length, fin)
  }

  writePayload<F extends PayloadFrame>(frame: F, source: ByteSource, owner: FrameOwner<NoInfer<F>>): void {
    const size = frameSize(frame)
    if (size > this.remaining) throw new RangeError(`A frame of ${size} bytes in ${this.remaining} bytes of room`)
    this.remaining -= size
    // Received payloads lie somewhere in a larger buffer.
    const buffer = new Uint8Array(frame.length + 7).fill(0xee)
    source.copyTo(buffer, 3, frame.type === FrameType.datagram ? 0 : frame.offset, frame.length)
    this.records.push({ frame, received: { ...frame, buffer, start: 3 }, owner: owner as FrameOwner })
  }

  expandDatagram(): void {}

  acked(now: Time = 0): void {
    for (const { owner, frame } of this.records) owner.onAcked(frame, now)
  }

  lost(now: Time = 0): void {
    for (const { owner, frame } of this.records) owner.onLost(frame, now)
  }
}

export const LIMITS: StreamLimitOptions = {
  initialMaxData: 1_048_576,
  initialMaxStreamDataBidiLocal: 524_288,
  initialMaxStreamDataBidiRemote: 524_288,
  initialMaxStreamDataUni: 524_288,
  maxIncomingBidirectionalStreams: 100,
  maxIncomingUnidirectionalStreams: 100,
  maxReceiveWindow: 16_777_216,
}

/** The transport parameters that say what `limits` grants. */
export function parametersOf(limits: StreamLimitOptions): Parameters<StreamSet['onPeerParameters']>[0] {
  return {
    initialMaxData: limits.initialMaxData,
    initialMaxStreamDataBidiLocal: limits.initialMaxStreamDataBidiLocal,
    initialMaxStreamDataBidiRemote: limits.initialMaxStreamDataBidiRemote,
    initialMaxStreamDataUni: limits.initialMaxStreamDataUni,
    initialMaxStreamsBidi: limits.maxIncomingBidirectionalStreams,
    initialMaxStreamsUni: limits.maxIncomingUnidirectionalStreams,
    resetStreamAt: true,
  }
}

/** One side: its streams and what they have told. */
export class Side {
  readonly set: StreamSet
  readonly limits: StreamLimitOptions
  events: StreamEvent[] = []
  rtt = 20

  constructor(role: Role, limits: Partial<StreamLimitOptions> = {}) {
    this.limits = { ...LIMITS, ...limits }
    this.set = new StreamSet({
      role,
      limits: this.limits,
      emit: (event) => this.events.push(event),
      rtt: () => this.rtt,
    })
  }

  /** The events since the last call. */
  takeEvents(): StreamEvent[] {
    const { events } = this
    this.events = []
    return events
  }

  /** The types of the events since the last call. */
  takeTypes(): string[] {
    return this.takeEvents().map((event) => event.type)
  }

  /** One packet with whatever is to be sent. */
  packet(now: Time = 0, size = 1200): TestPacket {
    const packet = new TestPacket(size)
    if (this.set.wantsToSendControl) this.set.writeControlFrames(packet, now)
    if (this.set.wantsToSend) this.set.writeFrames(packet, now)
    return packet
  }

  /** All packets until nothing more is to be sent. */
  flush(now: Time = 0, size = 1200): TestPacket[] {
    const packets: TestPacket[] = []
    while (this.set.wantsToSend) {
      const packet = this.packet(now, size)
      if (packet.records.length > 0) packets.push(packet)
    }
    return packets
  }

  /** Takes in the frames of a packet. */
  receive(packet: TestPacket, now: Time = 0): void {
    for (const { received } of packet.records) receiveFrame(this.set, received, now)
  }
}

/** A client and a server that know each other's parameters. */
export function makePair(limits: { client?: Partial<StreamLimitOptions>; server?: Partial<StreamLimitOptions> } = {}): {
  client: Side
  server: Side
} {
  const client = new Side('client', limits.client)
  const server = new Side('server', limits.server)
  client.set.onPeerParameters(parametersOf(server.limits))
  server.set.onPeerParameters(parametersOf(client.limits))
  return { client, server }
}

/** Sends all that either side has to send until both are silent; everything arrives and is acknowledged at once. */
export function settle(a: Side, b: Side, now: Time = 0): void {
  while (a.set.wantsToSend || b.set.wantsToSend) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const packet of from.flush(now)) {
        to.receive(packet, now)
        packet.acked(now)
      }
    }
  }
}

/** Hands a received frame to the streams, as a connection does. */
export function receiveFrame(set: StreamSet, frame: Frame, now: Time = 0): void {
  switch (frame.type) {
    case FrameType.stream:
      return set.onStream(frame, now)
    case FrameType.resetStream:
      return set.onResetStream(frame, now)
    case FrameType.resetStreamAt:
      return set.onResetStreamAt(frame, now)
    case FrameType.stopSending:
      return set.onStopSending(frame)
    case FrameType.maxData:
      return set.onMaxData(frame)
    case FrameType.maxStreamData:
      return set.onMaxStreamData(frame)
    case FrameType.maxStreamsBidi:
    case FrameType.maxStreamsUni:
      return set.onMaxStreams(frame)
    case FrameType.dataBlocked:
      return set.onDataBlocked(frame)
    case FrameType.streamDataBlocked:
      return set.onStreamDataBlocked(frame)
    case FrameType.streamsBlockedBidi:
    case FrameType.streamsBlockedUni:
      return set.onStreamsBlocked(frame)
    default:
      throw new Error(`No stream frame: ${frame.type}`)
  }
}

/** A STREAM frame as received. */
export function streamFrame(streamId: number, offset: number, payload: Uint8Array | number, fin = false): StreamFrame {
  const buffer = typeof payload === 'number' ? new Uint8Array(payload) : payload
  return { type: FrameType.stream, streamId, offset, buffer, start: 0, length: buffer.length, fin }
}

/** The code of the TransportError that `act` throws. */
export function codeOf(act: () => void): bigint | undefined {
  try {
    act()
  } catch (error) {
    if (error instanceof TransportError) return error.code
    throw error
  }
  return undefined
}

/** Bytes that tell their offset, so that a misplaced one shows. */
export function pattern(length: number, from = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = ((from + i) * 0x9e3779b1) >>> 24
  return bytes
}

/** A reproducible source of numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}
