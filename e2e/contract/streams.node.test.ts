import { proveSection } from './prove.ts'
import { STREAMS } from './streams.ts'

proveSection(STREAMS)
