import { clockThatStandsStill } from './clock-that-stands-still.ts'
import { standing } from './standing.fixtures.ts'

standing(clockThatStandsStill)
