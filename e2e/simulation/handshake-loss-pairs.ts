/** Every pair of packets of a handshake lost. A seed takes one pair of {@link SHARES}, and the next seeds the others. */
import { handshakeWithout, shareOf } from './handshake-packets.ts'
import type { Phenomenon } from './phenomenon.ts'

/** Seeds that lose all pairs together. */
const SHARES = 48

/** Packets beyond those of a handshake without loss: the first of what is sent again may be lost as well. */
const AGAIN = 3

export const handshakeLossPairs: Phenomenon = {
  name: 'handshake-loss-pairs',
  run(seed, controller) {
    const { share, setting } = shareOf(seed, SHARES)
    const packets = handshakeWithout([], seed, controller, setting).packets + AGAIN
    let worst = 0
    let pair = 0
    for (let second = 1; second < packets; second++) {
      for (let first = 0; first < second; first++) {
        if (pair++ % SHARES !== share) continue
        worst = Math.max(worst, handshakeWithout([first, second], seed, controller, setting).duration)
      }
    }
    return worst
  },
}
