import { FLOW_CONTROL } from './flow-control.ts'
import { proveSection } from './prove.ts'

proveSection(FLOW_CONTROL)
