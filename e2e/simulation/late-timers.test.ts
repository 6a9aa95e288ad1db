import { lateTimers } from './late-timers.ts'
import { standing } from './standing.fixtures.ts'

standing(lateTimers)
