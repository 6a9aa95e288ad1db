import { proveSection } from './prove.ts'
import { SENDING } from './sending.ts'

proveSection(SENDING)
