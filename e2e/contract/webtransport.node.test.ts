import { proveSection } from './prove.ts'
import { WEBTRANSPORT } from './webtransport.ts'

proveSection(WEBTRANSPORT)
