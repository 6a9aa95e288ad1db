import { aeadSuite } from '../aead-suite.fixtures.ts'
import { wasmPackets } from './static-packets.ts'

aeadSuite('wasm in a Worker', wasmPackets)
