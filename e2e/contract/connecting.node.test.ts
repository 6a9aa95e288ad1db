import { CONNECTING } from './connecting.ts'
import { proveSection } from './prove.ts'

proveSection(CONNECTING)
