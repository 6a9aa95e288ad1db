import { corruption } from './corruption.ts'
import { standing } from './standing.fixtures.ts'

standing(corruption)
