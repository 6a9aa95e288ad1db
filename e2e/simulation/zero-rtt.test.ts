import { standing } from './standing.fixtures.ts'
import { zeroRtt } from './zero-rtt.ts'

standing(zeroRtt)
