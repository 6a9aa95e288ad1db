/** Each single packet of a handshake lost. A seed takes one packet of {@link SHARES}, and the next seeds the others. */
import { handshakeWithout, shareOf } from './handshake-packets.ts'
import type { Phenomenon } from './phenomenon.ts'

/** Seeds that lose all packets together. */
const SHARES = 8

export const handshakeLoss: Phenomenon = {
  name: 'handshake-loss',
  run(seed, controller) {
    const { share, setting } = shareOf(seed, SHARES)
    const { packets } = handshakeWithout([], seed, controller, setting)
    let worst = 0
    for (let lost = share; lost < packets; lost += SHARES) {
      worst = Math.max(worst, handshakeWithout([lost], seed, controller, setting).duration)
    }
    return worst
  },
}
