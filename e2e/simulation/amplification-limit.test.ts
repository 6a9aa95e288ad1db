import { amplificationLimit } from './amplification-limit.ts'
import { standing } from './standing.fixtures.ts'

standing(amplificationLimit)
