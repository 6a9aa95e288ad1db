/**
 * What the default door uses in Workers that wrangler or Cloudflare's plugin for Vite builds, which take kernels for modules:
 * WebAssembly for packets, Web Crypto for public keys. They set the condition `worker` beside `workerd`; a bundler that sets `workerd`
 * alone may not know what to do with a `.wasm` file.
 */
import type { CryptoProvider } from '../../crypto/provider.ts'
import { wasmPackets } from '../../crypto/wasm/static-packets.ts'
import { web } from '../../crypto/web/provider.ts'

/** The engine of this runtime. */
export const defaultCrypto: CryptoProvider = {
  ...wasmPackets,
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
