import { aeadSuite } from '../aead-suite.fixtures.ts'
import { noblePackets } from './packets.ts'

aeadSuite('noble', noblePackets)
