/** All cryptography by `node:crypto`, packets with the help of WebAssembly: Node, Deno, Bun, and Workers with `nodejs_compat`. */
import type { CryptoProvider } from '../provider.ts'
import { hybridPackets } from './hybrid-packets.ts'
import { nodePublicKey } from './public-key.ts'

/** The provider of Node. */
export const node: CryptoProvider = {
  ...hybridPackets,
  // Not copied: what groups there are is found out at the first use.
  get groups() {
    return nodePublicKey.groups
  },
  verifiers: nodePublicKey.verifiers,
  createSigner: nodePublicKey.createSigner,
}
