/** What the default door uses in Workers of any other bundler: noble for packets, Web Crypto for public keys. */
import { noblePackets } from '../../crypto/noble/packets.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { web } from '../../crypto/web/provider.ts'

/** The engine of this runtime. */
export const defaultCrypto: CryptoProvider = {
  ...noblePackets,
  // Not copied: what groups there are is asked of the host at the first use.
  get groups() {
    return web.groups
  },
  verifiers: web.verifiers,
  createSigner: web.createSigner,
}

/** A page cannot see the roots of its browser. */
export function systemRoots(): readonly Uint8Array[] | undefined {
  return undefined
}
