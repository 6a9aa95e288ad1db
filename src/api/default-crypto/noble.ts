/** What the default door uses where nothing is known of the runtime: noble, which needs no host. */
import { noble } from '../../crypto/noble/provider.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'

/** The engine of any runtime. */
export const defaultCrypto: CryptoProvider = noble

/** There are no roots that every runtime shows. */
export function systemRoots(): readonly Uint8Array[] | undefined {
  return undefined
}
