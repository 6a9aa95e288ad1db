import { bufferbloat } from './bufferbloat.ts'
import { standing } from './standing.fixtures.ts'

standing(bufferbloat)
