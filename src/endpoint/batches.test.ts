import { noblePackets } from '../crypto/noble/packets.ts'
import { wasmPackets } from '../crypto/wasm/packets.ts'
import { batchSuite } from './batch-suite.fixtures.ts'

batchSuite('noble', noblePackets)
batchSuite('WebAssembly', wasmPackets)
