import { DATAGRAMS } from './datagrams.ts'
import { proveSection } from './prove.ts'

proveSection(DATAGRAMS)
