import { proveSection } from './prove.ts'
import { QUIC_LB } from './quic-lb.ts'

proveSection(QUIC_LB)
