import { proveSection } from './prove.ts'
import { RESUMPTION, TLS } from './tls.ts'

proveSection(TLS)
proveSection(RESUMPTION)
