import { OBSERVING } from './observing.ts'
import { proveSection } from './prove.ts'

proveSection(OBSERVING)
