/**
 * The timers of a connection that nothing happens on (RFC 9000 §10.1): idle timeout, keep-alive, and the time that a
 * handshake may take. It owns the PING of the keep-alive.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { FrameType, type PingFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { PacketType } from '../wire/packet-type.ts'

/** What an {@link Idle} needs. */
export interface IdleOptions {
  /** ms, as we advertise it; 0: none. */
  readonly maxIdleTimeout: Duration
  /** ms from `now`. */
  readonly handshakeTimeout: Duration
  /** ms; `'auto'`: a third of the idle timeout. */
  readonly keepAlive: 'auto' | Duration | false
  /** When the connection began. */
  readonly now: Time
  /** The PTO of the active path as it is, without back-off. */
  readonly pto: () => Duration
}

/**
 * What has run out: `'idle'` ends the connection in silence, `'idle-early'` (a timeout lowered below what was advertised,
 * which the peer does not know of) and `'handshake'` with CONNECTION_CLOSE (RFC 9000 §10.1).
 */
export type Expiry = 'idle' | 'idle-early' | 'handshake'

/** RFC 9000 §10.1: never less than so many PTOs, so that several probes may be lost. */
const IDLE_PTOS = 3

/** RFC 9000 §10.1: the smaller of the two, or the only one. */
function negotiate(ours: Duration, peers: Duration): Duration {
  return ours === 0 ? peers : peers === 0 ? ours : Math.min(ours, peers)
}

/** The timers of one connection. */
export class Idle implements FrameSource, FrameOwner<PingFrame> {
  readonly #maxIdleTimeout: Duration
  readonly #pto: () => Duration
  readonly #handshakeDeadline: Time
  #timeout: Duration
  #lowered: Duration = NEVER
  #keepAlive: 'auto' | Duration | false
  // Numbers from the start, which both change with every packet: a field that is first `undefined` takes a new object each time.
  /** From when the idle timeout counts. */
  #restartedAt: Time = 0
  /** When a packet was last received, or one that asks for an answer sent. */
  #activeAt: Time = 0
  /** Whether anything that asks for an answer was sent since a packet was last received. */
  #hasSent = false
  /** The host slept past the end, and the peer is asked whether it is there, once until it answers. */
  #isAsking = false
  #isComplete = false
  #isConfirmed = false
  #pingDue = false

  constructor(options: IdleOptions) {
    this.#maxIdleTimeout = options.maxIdleTimeout
    this.#pto = options.pto
    this.#handshakeDeadline = options.now + options.handshakeTimeout
    this.#timeout = options.maxIdleTimeout
    this.#keepAlive = options.keepAlive
    this.#restartedAt = options.now
    this.#activeAt = options.now
  }

  /** The effective idle timeout, ms; 0: none. The three PTOs that it at least lasts are not in it. */
  get timeout(): Duration {
    return this.#lowered < (this.#timeout || NEVER) ? this.#lowered : this.#timeout
  }

  /** The peer has declared its `max_idle_timeout`, 0 for none. */
  onPeerParameters(maxIdleTimeout: Duration): void {
    this.#timeout = negotiate(this.#maxIdleTimeout, maxIdleTimeout)
  }

  /** The handshake was in time. */
  onHandshakeComplete(): void {
    this.#isComplete = true
  }

  /** From now on the connection is kept alive, if that was asked for. */
  onHandshakeConfirmed(now: Time): void {
    this.#isConfirmed = true
    this.#activeAt = Math.max(this.#activeAt, now)
  }

  /** A packet was received and processed. */
  onPacketReceived(now: Time): void {
    this.#restartedAt = Math.max(this.#restartedAt, now)
    this.#activeAt = Math.max(this.#activeAt, now)
    this.#hasSent = false
    this.#isAsking = false
  }

  /**
   * The host's timers slept until `now`. An end that should have come meanwhile is put off for three PTOs, and a PING sent: what
   * the peer sent meanwhile may not have been heard yet, and its own timer may well run on.
   */
  onAwake(now: Time): void {
    const grace = IDLE_PTOS * this.#pto()
    if (this.#isAsking || !this.#isConfirmed || now + grace < this.#idleDeadline()) return
    this.#isAsking = true
    // The PING does not restart the timer, as what is sent to nobody must not.
    this.#hasSent = true
    this.#restartedAt = now + grace - Math.max(this.timeout, grace)
    this.#pingDue = true
  }

  /** A packet was sent. Only the first one that asks for an answer restarts the timer, or sending to nobody would never end. */
  onPacketSent(ackEliciting: boolean, now: Time): void {
    if (!ackEliciting) return
    this.#activeAt = now
    if (this.#hasSent) return
    this.#hasSent = true
    this.#restartedAt = now
  }

  /** Changes the keep-alive. */
  setKeepAlive(keepAlive: 'auto' | Duration | false): void {
    this.#keepAlive = keepAlive
    if (keepAlive === false) this.#pingDue = false
  }

  /** Lowers the timeout to `ms`, on this side alone; what was negotiated stays the most it can be. */
  lowerTimeout(ms: Duration): void {
    this.#lowered = ms === 0 ? NEVER : ms
  }

  /** When {@link onTimeout} wants to be called. */
  nextTimeout(): Time {
    return Math.min(this.#isComplete ? NEVER : this.#handshakeDeadline, this.#idleDeadline(), this.#keepAliveAt())
  }

  /** What has run out, if anything. May make a PING due. */
  onTimeout(now: Time): Expiry | undefined {
    if (!this.#isComplete && now >= this.#handshakeDeadline) return 'handshake'
    if (now >= this.#idleDeadline()) return this.timeout === this.#timeout ? 'idle' : 'idle-early'
    if (now >= this.#keepAliveAt()) this.#pingDue = true
    return undefined
  }

  /** Makes the peer acknowledge something, whatever else there is to say. */
  ping(): void {
    this.#pingDue = true
  }

  get wantsToSend(): boolean {
    return this.#pingDue
  }

  writeFrames(packet: PacketWriter): void {
    if (!this.#pingDue || packet.type !== PacketType.oneRtt) return
    if (packet.write({ type: FrameType.ping }, this)) this.#pingDue = false
  }

  /** The packet with the acknowledgement has restarted the timer already. */
  onAcked(): void {}

  /** What is lost is probed for by loss recovery; the next PING comes in its time. */
  onLost(): void {}

  #idleDeadline(): Time {
    const { timeout } = this
    return timeout === 0 ? NEVER : this.#restartedAt + Math.max(timeout, IDLE_PTOS * this.#pto())
  }

  #keepAliveAt(): Time {
    const keepAlive = this.#keepAlive
    if (keepAlive === false || !this.#isConfirmed || this.#pingDue) return NEVER
    if (keepAlive !== 'auto') return this.#activeAt + keepAlive
    return this.timeout === 0 ? NEVER : this.#activeAt + this.timeout / 3
  }
}
