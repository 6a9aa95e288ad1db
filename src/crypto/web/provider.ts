/**
 * Public-key work by Web Crypto: pages, Workers, and any host with `crypto.subtle`. No packets: their protection must be
 * synchronous.
 */
import type { KeyExchange, PublicKeyProvider } from '../provider.ts'
import { ALL_SCHEMES, verifiersOf } from '../signature-schemes.ts'
import { webGroups } from './groups.ts'

/**
 * Public-key work by a `SubtleCrypto`, whose every result is a promise. Signatures are loaded when there is one to make or to
 * verify; what the host lacks comes from noble, loaded when it is needed; RSA only from the host.
 * @param subtle asked for at each use, so that importing this does nothing.
 */
export function webProvider(subtle: () => SubtleCrypto): PublicKeyProvider {
  let groups: readonly KeyExchange[] | undefined
  return {
    get groups() {
      groups ??= webGroups(subtle)
      return groups
    },
    verifiers: verifiersOf(ALL_SCHEMES, async (scheme, spki, message, signature) => {
      const { webVerify } = await import('./signatures.ts')
      return await webVerify(subtle(), scheme, spki, message, signature)
    }),
    createSigner: async (pkcs8) => {
      const { webSigner } = await import('./signatures.ts')
      return await webSigner(subtle(), pkcs8)
    },
  }
}

/** Public-key work by the host's own `crypto.subtle`. */
export const web: PublicKeyProvider = /* @__PURE__ */ webProvider(() => globalThis.crypto.subtle)
