/** Public-key work by `node:crypto`, all of it synchronous. */
import type { PublicKeyProvider } from '../provider.ts'
import { nodeP256, nodeP384, nodeX25519 } from './groups.ts'
import { nodeSigner, nodeVerifiers } from './signatures.ts'

/** X25519, P-256, P-384; ECDSA, Ed25519, RSA. */
export const nodePublicKey: PublicKeyProvider = {
  groups: [nodeX25519, nodeP256, nodeP384],
  verifiers: nodeVerifiers,
  createSigner: nodeSigner,
}
