import { DEADLINES, RESETS } from './deadlines.ts'
import { proveSection } from './prove.ts'

proveSection(DEADLINES)
proveSection(RESETS)
