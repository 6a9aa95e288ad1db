/** What the default door uses in browsers: WebAssembly for packets as soon as it is loaded, Web Crypto for public keys. */
import type { CryptoProvider } from '../../crypto/provider.ts'
import { latePackets } from '../../crypto/wasm/late-packets.ts'
import { web } from '../../crypto/web/provider.ts'

/** The engine of this runtime. */
export const defaultCrypto: CryptoProvider = {
  ...latePackets,
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
