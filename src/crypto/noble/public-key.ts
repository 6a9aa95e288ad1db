/**
 * Public-key work by noble, apart from the packet half so that it can be loaded on demand: curves are the larger part of noble,
 * and hosts with Web Crypto rarely need them.
 */
import type { PublicKeyProvider } from '../provider.ts'
import { nobleP256, nobleP384, nobleX25519 } from './groups.ts'
import { nobleSigner, nobleVerifiers } from './signatures.ts'

/** X25519, P-256, P-384; ECDSA and Ed25519. No RSA. */
export const noblePublicKey: PublicKeyProvider = {
  groups: [nobleX25519, nobleP256, nobleP384],
  verifiers: nobleVerifiers,
  createSigner: nobleSigner,
}
