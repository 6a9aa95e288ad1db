import { keyUpdate } from './key-update.ts'
import { standing } from './standing.fixtures.ts'

standing(keyUpdate)
