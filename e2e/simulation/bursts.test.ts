import { bursts } from './bursts.ts'
import { standing } from './standing.fixtures.ts'

standing(bursts)
