/** All cryptography in TypeScript, curves by noble: the same in every runtime, synchronous, and reproducible from a seed. */
import type { CryptoProvider } from '../provider.ts'
import { noblePackets } from './packets.ts'
import { noblePublicKey } from './public-key.ts'

/** The portable provider. It has no RSA. */
export const noble: CryptoProvider = { ...noblePackets, ...noblePublicKey }
