/**
 * The contracts between the transmitter, the owners of frames and loss recovery: who writes frames into a packet, what
 * is recorded of them, and who is told of their fate. They keep `connection/` small and RFC 9000 §13.3 in one place.
 */
import type { Time } from '../base/time.ts'
import type { Frame, PayloadFrame, StreamFrame } from './frame.ts'
import type { PacketSpace, ProtectedPacketType } from './packet-type.ts'

/** A path of the connection; small integers, never used again after the path is gone. */
export type PathId = number

/** Asked by the transmitter for frames; which source in which send mode is the transmitter's business. */
export interface FrameSource {
  readonly wantsToSend: boolean
  /** Writes what fits into the packet and remembers what it wrote. */
  writeFrames(packet: PacketWriter, now: Time): void
}

/**
 * Told by loss recovery what became of a frame; often the source itself, or one stream of it. A frame may be reported
 * lost twice, or acked after it was lost (a PTO probe repeats the oldest frames while their packet stays outstanding; a
 * loss may be spurious): both must be harmless. When keys are discarded nobody is told.
 */
export interface FrameOwner<F extends Frame = Frame> {
  onAcked(frame: F, now: Time): void
  onLost(frame: F, now: Time): void
}

/** One packet under construction. */
export interface PacketWriter {
  readonly type: ProtectedPacketType
  /** 0-RTT and 1-RTT share a space, not the frames they allow (Table 3). */
  readonly space: PacketSpace
  /** Challenges and responses belong to one path. */
  readonly path: PathId
  /** Bytes of room left for frames. */
  readonly remaining: number
  /** Encodes and records a control frame. `false`: it does not fit, nothing was written. */
  write<F extends Frame>(frame: F, owner: FrameOwner<NoInfer<F>>): boolean
  /** A STREAM frame for `writePayload`; it is the next packet's once its fate is told, so nobody else keeps it. */
  streamFrame(streamId: number, offset: number, length: number, fin: boolean): StreamFrame
  /**
   * Encodes and records a payload frame of `frame.length` bytes and copies them from `source` once: the bytes at the
   * frame's `offset` (0 for DATAGRAM). The caller has made sure, by `payloadRoom`, that it fits. The frame object is kept
   * until it is acked or lost.
   */
  writePayload<F extends PayloadFrame>(frame: F, source: ByteSource, owner: FrameOwner<NoInfer<F>>): void
  /** PATH_CHALLENGE, PATH_RESPONSE: pads the datagram to 1,200 bytes if the amplification limit allows (RFC 9000 §8.2.1). */
  expandDatagram(): void
}

/** Where a payload frame's bytes are copied from. */
export interface ByteSource {
  /** Copies `length` bytes that begin at `offset` of the source to `target` at `at`. */
  copyTo(target: Uint8Array, at: number, offset: number, length: number): void
}
