import { PRIORITIES } from './priorities.ts'
import { proveSection } from './prove.ts'

proveSection(PRIORITIES)
