import type { RandomSource } from '../base/random.ts'
import type { Time } from '../base/time.ts'

/** Version Negotiation answers (RFC 9000 §6.1). */
export declare class VersionNegotiation {
  constructor(options: { versions: readonly number[]; random: RandomSource; perSecond?: number })
  /** The answer to a datagram, or `undefined` where none is due (short header, version 0 or known, less than 1200 bytes, too many). */
  answer(bytes: Uint8Array, start: number, end: number, now: Time): Uint8Array | undefined
}
