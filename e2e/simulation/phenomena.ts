/** All standing simulations: the one list of them. */
import { amplificationLimit } from './amplification-limit.ts'
import { blackholeAndRevival } from './blackhole-and-revival.ts'
import { bufferbloat } from './bufferbloat.ts'
import { bursts } from './bursts.ts'
import { clockThatStandsStill } from './clock-that-stands-still.ts'
import { corruption } from './corruption.ts'
import { handshakeLoss } from './handshake-loss.ts'
import { handshakeLossPairs } from './handshake-loss-pairs.ts'
import { keyUpdate } from './key-update.ts'
import { lateTimers } from './late-timers.ts'
import { longRtt } from './long-rtt.ts'
import { migration } from './migration.ts'
import { mtuDrop } from './mtu-drop.ts'
import { natRebinding } from './nat-rebinding.ts'
import type { Phenomenon } from './phenomenon.ts'
import { reliableCarrier } from './reliable-carrier.ts'
import { reordering } from './reordering.ts'
import { sharedBottleneck } from './shared-bottleneck.ts'
import { zeroRtt } from './zero-rtt.ts'

/** In the order of the table that `npm run simulate` ends with. */
export const PHENOMENA: readonly Phenomenon[] = [
  handshakeLoss,
  handshakeLossPairs,
  amplificationLimit,
  zeroRtt,
  longRtt,
  blackholeAndRevival,
  natRebinding,
  migration,
  corruption,
  reordering,
  bursts,
  mtuDrop,
  clockThatStandsStill,
  lateTimers,
  keyUpdate,
  sharedBottleneck,
  bufferbloat,
  reliableCarrier,
]
