/**
 * Cryptography that costs nothing and protects nothing, for mass runs: a checksum in place of the AEAD, and keys without
 * secrets. No entry point exports it. A `Pair` takes it, which takes no transport, and a `Simulation` hands it out for as long as
 * it runs: outside of a simulation nobody can use it.
 */
import type { CryptoProvider } from '../crypto/provider.ts'
import { checksumPackets } from './checksum-engine.ts'
import { quickKeys } from './quick-keys.ts'

/** Made when it is first needed; it has no state. */
let provider: CryptoProvider | undefined

/** The one provider of all pairs with checksums. */
export function quickCrypto(): CryptoProvider {
  provider ??= { ...checksumPackets, ...quickKeys() }
  return provider
}

/** The same for those who hand it on. Its engines are made only while `isRunning`, else it throws TypeError. */
export function guardedQuickCrypto(isRunning: () => boolean): CryptoProvider {
  const quick = quickCrypto()
  return {
    ...quick,
    createEngine(arenaBytes) {
      if (isRunning()) return quick.createEngine(arenaBytes)
      throw new TypeError(
        "The cryptography of protection: 'checksum' protects nothing and works in a running simulation alone",
      )
    },
  }
}
