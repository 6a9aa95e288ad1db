import { longRtt } from './long-rtt.ts'
import { standing } from './standing.fixtures.ts'

standing(longRtt)
