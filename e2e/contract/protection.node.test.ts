import { PROTECTION } from './protection.ts'
import { proveSection } from './prove.ts'

proveSection(PROTECTION)
