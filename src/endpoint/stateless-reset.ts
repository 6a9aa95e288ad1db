import type { RandomSource } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import type { PathAddress } from '../transport.ts'

/** Stateless resets (RFC 9000 §10.3). */
export declare class StatelessReset {
  constructor(options: { key: Uint8Array; random: RandomSource; perSecond?: number })
  /** The token of one of our ids, 16 bytes. */
  tokenOf(id: Uint8Array): Uint8Array
  /**
   * The answer to a short-header datagram of `triggerSize` bytes for the unknown id `destination`; `undefined`: none is
   * to be sent.
   */
  build(destination: Uint8Array, triggerSize: number, from: PathAddress, now: Time): Uint8Array | undefined
  rotate(key: Uint8Array): void
}
