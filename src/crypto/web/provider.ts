/**
 * Public-key work by Web Crypto: pages, Workers, and any host with `crypto.subtle`. No packets: their protection must be
 * synchronous.
 */
import type { PublicKeyProvider } from '../provider.ts'
import { webGroups } from './groups.ts'
import { webSigner, webVerifiers } from './signatures.ts'

/**
 * Public-key work by a `SubtleCrypto`, whose every result is a promise. What the host lacks comes from noble, loaded when it
 * is needed; RSA only from the host.
 * @param subtle asked for at each use, so that importing this does nothing.
 */
export function webProvider(subtle: () => SubtleCrypto): PublicKeyProvider {
  return {
    groups: webGroups(subtle),
    verifiers: webVerifiers(subtle),
    createSigner: (pkcs8) => webSigner(subtle(), pkcs8),
  }
}

/** Public-key work by the host's own `crypto.subtle`. */
export const web: PublicKeyProvider = /* @__PURE__ */ webProvider(() => globalThis.crypto.subtle)
