import { LIFE_CYCLE } from './life-cycle.ts'
import { proveSection } from './prove.ts'

proveSection(LIFE_CYCLE)
