/**
 * Explicit congestion notification (RFC 9000 §13.4, Appendix A.4; RFC 9002 §7.1): whether packets of a path leave as ECT(0),
 * what the peer's counts say of the path, and when they are a sign of congestion. Counting what is received is the matter of
 * `ack-tracker.ts`, the response that of the path's controller.
 */
import type { Duration, Time } from '../base/time.ts'
import type { EcnCounts } from '../wire/frame.ts'
import type { EcnState } from '../wire/observer.ts'
import type { SentPacket } from './sent-packets.ts'

/** RFC 9000 §13.4.2: marked packets of a path that are to show how the path treats marks. */
const TEST_PACKETS = 10

/** RFC 9000 §13.4.2: or so many PTOs. */
const TEST_PTOS = 3

/** PTOs in a row without any answer to a marked packet, after which packets without marks are tried. */
const SILENT_PTOS = 2

/** Told of each change of a path's state. */
export type EcnStateListener = (old: EcnState, state: EcnState, now: Time) => void

/** The marks of one path, from one test to the next. */
export class PathEcn {
  readonly #onState: EcnStateListener | undefined
  #state: EcnState = 'testing'
  // When the first marked packet left.
  #testStart: Time | undefined = undefined
  // Marked packets: sent and not forgotten, acknowledged, declared lost.
  #sent = 0
  #acked = 0
  #lost = 0
  // CE marks that were reported as they were acknowledged.
  #congested = 0
  // Whether an ACK frame of marked packets had counts as they should be.
  #isConfirmed = false
  /** For {@link SpaceEcn} alone: whether the ACK frame at hand acknowledges packets with these marks. */
  isAcked = false

  constructor(onState?: EcnStateListener) {
    this.#onState = onState
  }

  get state(): EcnState {
    return this.#state
  }

  /** The network below has changed, and is to be tested as if nothing were known; packets that have left keep to the old marks. */
  renew(now: Time): PathEcn {
    if (this.#state !== 'testing') this.#onState?.(this.#state, 'testing', now)
    return new PathEcn(this.#onState)
  }

  /**
   * Whether the packets of a flight that leaves now are marked.
   * @param pto the path's PTO in ms
   */
  isMarking(pto: Duration, now: Time): boolean {
    if (this.#state === 'testing' && this.#testStart !== undefined) {
      if (this.#sent >= TEST_PACKETS || now - this.#testStart >= TEST_PTOS * pto) this.#endTest(now)
    }
    return this.#state === 'testing' || this.#state === 'capable'
  }

  /** A marked packet leaves. */
  onPacketSent(now: Time): void {
    this.#testStart ??= now
    this.#sent += 1
  }

  /** A marked packet is acknowledged; the counts are judged later. */
  onPacketAcked(): void {
    this.#acked += 1
    this.isAcked = true
  }

  /** A marked packet is declared lost. */
  onPacketLost(now: Time): void {
    this.#lost += 1
    // RFC 9000 §13.4.2: where all that is marked is lost, the marks are to blame.
    if (this.#state === 'unknown' && this.#acked === 0 && this.#lost >= this.#sent) this.fail(now)
  }

  /** A marked packet is forgotten: nobody will know what became of it. */
  onPacketDiscarded(): void {
    this.#sent -= 1
  }

  /** PTOs expire in a row: where no marked packet was ever answered, others may get through. */
  onPto(count: number, now: Time): void {
    const isSilent = this.#acked === 0 && this.#sent > 0 && count >= SILENT_PTOS
    if (this.#state === 'testing' && isSilent) this.#endTest(now)
  }

  /** The counts of an ACK frame of marked packets are as they should be; `congested` of them are CE. */
  onValid(congested: number, now: Time): void {
    this.#isConfirmed = true
    this.#congested += congested
    if (this.#state === 'unknown') this.#conclude(now)
  }

  /** RFC 9000 §13.4.2.2: no marks any more. */
  fail(now: Time): void {
    this.#enter('failed', now)
  }

  #endTest(now: Time): void {
    this.#enter('unknown', now)
    if (this.#isConfirmed) this.#conclude(now)
  }

  #conclude(now: Time): void {
    // RFC 9000 Appendix A.4: a path that marks whatever passes tells nothing.
    const isAlwaysCongested = this.#acked >= TEST_PACKETS && this.#congested >= this.#acked
    this.#enter(isAlwaysCongested ? 'failed' : 'capable', now)
  }

  #enter(state: EcnState, now: Time): void {
    const old = this.#state
    if (state === old) return
    this.#state = state
    this.#onState?.(old, state, now)
  }
}

/** A path as far as its marks are concerned; `undefined`: its carrier has none. */
export interface MarkedPath {
  readonly ecn: PathEcn | undefined
}

/**
 * What the peer has reported in one packet number space. Counts are compared as sums since the beginning, not from frame to
 * frame: a frame without room for all its ranges leaves some to the next one, which counts their packets no second time.
 */
export class SpaceEcn {
  readonly #last: EcnCounts = { ect0: 0, ect1: 0, ce: 0 }
  // Marked packets: sent; acknowledged since the baseline, but for those whose marks had failed.
  #sent = 0
  #acked = 0
  #baseline = 0
  /** Of the marked packets that the frame at hand acknowledges the one that was sent last. */
  newest: SentPacket | undefined = undefined

  /** A marked packet leaves. */
  onPacketSent(ecn: PathEcn, now: Time): void {
    this.#sent += 1
    ecn.onPacketSent(now)
  }

  /** A marked packet is acknowledged for the first time; numbers ascend. */
  onPacketAcked(ecn: PathEcn, packet: SentPacket): void {
    ecn.onPacketAcked()
    if (ecn.state === 'failed') return
    this.#acked += 1
    this.newest = packet
  }

  /** An ACK frame is about to be processed. */
  begin(): void {
    this.newest = undefined
  }

  /**
   * Judges the counts of an ACK frame, after its packets (RFC 9000 §13.4.2.1). Returns whether there are new CE marks, which
   * are a sign of congestion (RFC 9002 §7.1).
   * @param isNewest whether the frame increases the largest acknowledged number; of no other can the validation fail
   */
  onAckReceived(
    counts: Readonly<EcnCounts> | undefined,
    isNewest: boolean,
    paths: readonly MarkedPath[],
    now: Time,
  ): boolean {
    const isCongested = isNewest && this.#judge(counts, paths, now)
    if (isNewest && counts !== undefined) {
      this.#last.ect0 = counts.ect0
      this.#last.ect1 = counts.ect1
      this.#last.ce = counts.ce
    }
    for (const { ecn } of paths) if (ecn !== undefined) ecn.isAcked = false
    return isCongested
  }

  #judge(counts: Readonly<EcnCounts> | undefined, paths: readonly MarkedPath[], now: Time): boolean {
    if (counts === undefined) {
      if (this.newest !== undefined) this.#fail(this.#last, paths, now)
      return false
    }
    if (this.#isImpossible(counts)) {
      this.#fail(counts, paths, now)
      return false
    }
    const congested = counts.ce - this.#last.ce
    let isBelieved = false
    for (const { ecn } of paths) {
      if (ecn === undefined || ecn.state === 'failed') continue
      if (ecn.isAcked) ecn.onValid(congested, now)
      isBelieved = true
    }
    return congested > 0 && isBelieved
  }

  /** We never send ECT(1), and know how many packets left as ECT(0): no more can be reported, and no fewer than acknowledged. */
  #isImpossible({ ce, ect0, ect1 }: Readonly<EcnCounts>): boolean {
    if (ect1 > 0 || ect0 < this.#last.ect0 || ce < this.#last.ce) return true
    return ect0 + ce > this.#sent || ect0 + ce - this.#baseline < this.#acked
  }

  /** The paths of the packets acknowledged are to blame; where there are none, nobody knows which. Others begin with these counts. */
  #fail({ ce, ect0 }: Readonly<EcnCounts>, paths: readonly MarkedPath[], now: Time): void {
    const isKnown = this.newest !== undefined
    for (const { ecn } of paths) if (ecn !== undefined && (ecn.isAcked || !isKnown)) ecn.fail(now)
    this.#acked = 0
    this.#baseline = ect0 + ce
  }
}
