import { hybridPackets } from '../crypto/node/hybrid-packets.ts'
import { nodePackets } from '../crypto/node/packets.ts'
import { batchSuite } from './batch-suite.fixtures.ts'

batchSuite('the hybrid', hybridPackets)
batchSuite('node:crypto', nodePackets)
