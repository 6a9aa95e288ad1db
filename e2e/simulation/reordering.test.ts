import { reordering } from './reordering.ts'
import { standing } from './standing.fixtures.ts'

standing(reordering)
