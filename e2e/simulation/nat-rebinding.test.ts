import { natRebinding } from './nat-rebinding.ts'
import { standing } from './standing.fixtures.ts'

standing(natRebinding)
