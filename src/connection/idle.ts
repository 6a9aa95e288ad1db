import type { Duration, Time } from '../base/time.ts'
import type { PingFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'

export interface IdleOptions {
  readonly maxIdleTimeout: Duration
  readonly handshakeTimeout: Duration
  readonly keepAlive: 'auto' | Duration | false
  readonly now: Time
  /** The PTO of the active path. */
  pto(): Duration
}

/** Idle timeout, handshake timeout, keep-alive. */
export declare class Idle implements FrameSource, FrameOwner<PingFrame> {
  constructor(options: IdleOptions)
  onPeerParameters(maxIdleTimeout: Duration): void
  onHandshakeComplete(): void
  onHandshakeConfirmed(now: Time): void
  /** A packet was processed. */
  onPacketReceived(now: Time): void
  /** A packet was sent. */
  onPacketSent(ackEliciting: boolean, now: Time): void
  /** ms, the effective value; 0: none. */
  readonly timeout: Duration
  nextTimeout(): Time
  /** What ran out, if anything: 'idle' ends silently, 'handshake' with CONNECTION_CLOSE. May make a PING due. */
  onTimeout(now: Time): 'idle' | 'handshake' | undefined
  get wantsToSend(): boolean
  writeFrames(packet: PacketWriter): void
  onAcked(frame: PingFrame, now: Time): void
  onLost(frame: PingFrame, now: Time): void
}
