import { aeadSuite } from '../aead-suite.fixtures.ts'
import { nodePackets } from './packets.ts'

aeadSuite('node:crypto', nodePackets)
