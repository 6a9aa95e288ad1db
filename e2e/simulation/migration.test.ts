import { migration } from './migration.ts'
import { standing } from './standing.fixtures.ts'

standing(migration)
