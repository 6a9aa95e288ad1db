/** What tests of frame owners need around them: a packet that records, reproducible randomness, a carrier. */
import type { RandomSource } from '../base/random.ts'
import type { Carrier, PathAddress, TransportProperties } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { type Frame, outgoingStream, type PayloadFrame, type StreamFrame } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import type { ByteSource, FrameOwner, FrameSource, PacketWriter, PathId } from '../wire/packet-content.ts'
import { type PacketSpace, PacketType, type ProtectedPacketType, spaceOf } from '../wire/packet-type.ts'
import { TransportError } from '../wire/transport-error.ts'

/** A packet that keeps what is written into it. */
export class TestPacket implements PacketWriter {
  readonly type: ProtectedPacketType
  readonly space: PacketSpace
  readonly path: PathId
  readonly frames: Frame[] = []
  isExpanded = false
  remaining: number
  readonly #owners: FrameOwner[] = []

  constructor(options: { type?: ProtectedPacketType; path?: PathId; size?: number } = {}) {
    this.type = options.type ?? PacketType.oneRtt
    this.space = spaceOf(this.type)
    this.path = options.path ?? 0
    this.remaining = options.size ?? 1200
  }

  write<F extends Frame>(frame: F, owner: FrameOwner<NoInfer<F>>): boolean {
    const size = frameSize(frame)
    if (size > this.remaining) return false
    this.remaining -= size
    this.frames.push(frame)
    this.#owners.push(owner as unknown as FrameOwner)
    return true
  }

  streamFrame(streamId: number, offset: number, length: number, fin: boolean): StreamFrame {
    return outgoingStream(streamId, offset, length, fin)
  }

  writePayload<F extends PayloadFrame>(frame: F, _source: ByteSource, owner: FrameOwner<NoInfer<F>>): void {
    this.write(frame, owner)
  }

  expandDatagram(): void {
    this.isExpanded = true
  }

  acked(now = 0): void {
    for (const [index, owner] of this.#owners.entries()) owner.onAcked(this.frames[index] as Frame, now)
  }

  lost(now = 0): void {
    for (const [index, owner] of this.#owners.entries()) owner.onLost(this.frames[index] as Frame, now)
  }
}

/** What `source` writes into a packet of its own. */
export function packetFrom(
  source: Pick<FrameSource, 'writeFrames'>,
  options: { type?: ProtectedPacketType; path?: PathId; size?: number; now?: number } = {},
): TestPacket {
  const packet = new TestPacket(options)
  source.writeFrames(packet, options.now ?? 0)
  return packet
}

/** Randomness that is the same every time (xorshift32). */
export function seededRandom(seed = 1): RandomSource {
  let state = seed | 0 || 1
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        bytes[index] = state >>> 11
      }
    },
  }
}

/** An id with these bytes. */
export function idOf(...bytes: number[]): ConnectionId {
  return ConnectionId.from(Uint8Array.of(...bytes))
}

/** A carrier that promises nothing but what is asked of it. */
export function testCarrier(
  properties: Partial<TransportProperties> = {},
  localAddress: PathAddress = '192.0.2.1:443',
): Carrier {
  return {
    maxDatagramSize: 1452,
    localAddress,
    properties: {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: false,
      ...properties,
    },
  }
}

/** The code of the violation that `call` reports. @throws Error when it reports none. */
export function violationOf(call: () => void): bigint {
  try {
    call()
  } catch (error) {
    if (error instanceof TransportError) return error.code
    throw error
  }
  throw new Error('No violation was reported')
}
