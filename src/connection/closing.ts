import type { Duration, Time } from '../base/time.ts'
import type { ApplicationCloseFrame, TransportCloseFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import type { ProtectedPacketType } from '../wire/packet-type.ts'
import type { CloseReason, ConnectionEvent } from './events.ts'

export type ClosingState = 'open' | 'closing' | 'draining' | 'closed'

export declare class Closing implements FrameSource, FrameOwner<TransportCloseFrame | ApplicationCloseFrame> {
  constructor(options: { emit(event: ConnectionEvent): void })
  readonly state: ClosingState
  readonly reason: CloseReason | undefined
  /** We end the connection with CONNECTION_CLOSE; the first reason stays. */
  begin(reason: CloseReason, now: Time, pto: Duration): void
  /** The peer's CONNECTION_CLOSE, answered once in a packet of the same type. */
  onConnectionClose(
    frame: TransportCloseFrame | ApplicationCloseFrame,
    type: ProtectedPacketType,
    now: Time,
    pto: Duration,
  ): void
  onStatelessReset(now: Time, pto: Duration): void
  /** Ends at once and in silence: idle timeout, no path, Version Negotiation, carrier gone. */
  end(reason: CloseReason): void
  /** A packet (or datagram) arrived while closing: the 1st, 2nd, 4th, 8th … is answered. */
  onPacketReceived(): void
  /** CONNECTION_CLOSE is due. */
  get wantsToSend(): boolean
  /** Whether a packet of this type should carry it. `confirmed`: the handshake is. */
  isFor(type: ProtectedPacketType, confirmed: boolean): boolean
  writeFrames(packet: PacketWriter): void
  /** The datagram with CONNECTION_CLOSE was built (or cannot be built at all): nothing is due until the next packet. */
  onSent(): void
  nextTimeout(): Time
  onTimeout(now: Time): void
}
