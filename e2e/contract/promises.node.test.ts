import { PROMISES } from './promises.ts'
import { proveSection } from './prove.ts'

proveSection(PROMISES)
