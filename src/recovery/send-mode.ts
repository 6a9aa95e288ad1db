/** What a path allows to be sent now: congestion window, pacer and probes owed in one word (RFC 9002 §7, §7.5, §7.7). */
import type { Time } from '../base/time.ts'
import type { PathRecovery } from './path-recovery.ts'

/** Each mode allows all that a lower one does; `paced` alone will turn into `any` by itself, at the pacer's next time. */
export const SendMode = {
  /** Nothing: the amplification limit is reached, or the connection is over. */
  none: 0,
  /** Packets that hold nothing but ACK: the congestion window is full (RFC 9002 §7: they do not count). */
  ack: 1,
  /** As `ack`, until the pacer's next time. */
  paced: 2,
  /** Ack-eliciting probes, which neither window nor pacer holds back (RFC 9002 §7.5). */
  probe: 3,
  /** Anything. */
  any: 4,
} as const
export type SendMode = (typeof SendMode)[keyof typeof SendMode]

/**
 * What may be sent on `path` now.
 * @param isBlocked nothing may leave at all, for reasons outside recovery
 * @param bytes size of the next datagram
 * @param probes packets owed by a PTO in the space at hand
 */
export function sendMode(path: PathRecovery, isBlocked: boolean, bytes: number, probes: number, now: Time): SendMode {
  if (isBlocked) return SendMode.none
  const hasWindow = path.hasWindowFor(bytes)
  if (hasWindow && path.pacer.canSend(bytes, now)) return SendMode.any
  if (probes > 0) return SendMode.probe
  return hasWindow ? SendMode.paced : SendMode.ack
}
