import { CONTROLS } from './controls.ts'
import { proveSection } from './prove.ts'

proveSection(CONTROLS)
