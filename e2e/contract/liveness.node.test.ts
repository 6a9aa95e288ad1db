import { LIVENESS } from './liveness.ts'
import { proveSection } from './prove.ts'

proveSection(LIVENESS)
