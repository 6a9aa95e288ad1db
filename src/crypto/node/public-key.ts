/** Public-key work by `node:crypto`, all of it synchronous. */
import type { KeyExchange, PublicKeyProvider } from '../provider.ts'
import { nodeP256, nodeP384, nodeX25519 } from './groups.ts'
import { nodeHybridGroups } from './ml-kem.ts'
import { nodeSigner, nodeVerifiers } from './signatures.ts'

/** X25519MLKEM768 (where OpenSSL has it), X25519, P-256, P-384; ECDSA, Ed25519, RSA. */
export const nodePublicKey: PublicKeyProvider = {
  get groups() {
    return nodeGroups()
  },
  verifiers: nodeVerifiers,
  createSigner: nodeSigner,
}

/** Found out when they are asked for, and not on import. */
let groups: readonly KeyExchange[] | undefined

function nodeGroups(): readonly KeyExchange[] {
  groups ??= [...nodeHybridGroups(), nodeX25519, nodeP256, nodeP384]
  return groups
}
