import { CONGESTION } from './congestion.ts'
import { proveSection } from './prove.ts'

proveSection(CONGESTION)
