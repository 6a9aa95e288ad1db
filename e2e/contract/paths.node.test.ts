import { PATHS } from './paths.ts'
import { proveSection } from './prove.ts'

proveSection(PATHS)
