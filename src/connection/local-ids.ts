import type { Time } from '../base/time.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { NewConnectionIdFrame, RetireConnectionIdFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'

/** Makes the ids that peers address us with. All of one generator have one length. */
export interface ConnectionIdGenerator {
  /** bytes, 0 to 20 */
  readonly length: number
  generate(): ConnectionId
}

export interface LocalIdsOptions {
  readonly generator: ConnectionIdGenerator
  /** Sequence number 0: the source id of our first Initial packet; registered by the caller. */
  readonly initial: ConnectionId
  /** The stateless reset token of an id, 16 bytes. */
  resetToken(id: ConnectionId): Uint8Array
  /** Routes packets with `id` to this connection. `false`: the id is taken, another one is tried. */
  register(id: ConnectionId): boolean
  unregister(id: ConnectionId): void
}

export declare class LocalIds implements FrameSource, FrameOwner<NewConnectionIdFrame> {
  constructor(options: LocalIdsOptions)
  readonly initial: ConnectionId
  readonly active: readonly ConnectionId[]
  /** With the peer's parameters: issues ids up to its limit (and ours, 8). */
  setPeerLimit(activeConnectionIdLimit: number): void
  /** `destination`: the `key` of the destination id of the packet that held the frame. @throws TransportError */
  onRetireConnectionId(frame: RetireConnectionIdFrame, destination: string): void
  /** Replaces all ids; `false` while an earlier rotation is under way. */
  rotate(): boolean
  close(): void
  get wantsToSend(): boolean
  writeFrames(packet: PacketWriter): void
  onAcked(frame: NewConnectionIdFrame, now: Time): void
  onLost(frame: NewConnectionIdFrame, now: Time): void
}
