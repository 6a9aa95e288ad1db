/** ML-KEM-768 by Web Crypto, where the host says that it has it. */
import type { MlKem768 } from '../hybrid-group.ts'

/** What is asked of a host: TypeScript's `SubtleCrypto` does not know it yet. */
interface EncapsulatingSubtle {
  exportKey(format: 'raw-public', key: CryptoKey): Promise<ArrayBuffer>
  importKey(
    format: 'raw-public',
    bytes: Uint8Array<ArrayBuffer>,
    algorithm: { readonly name: string },
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>
  generateKey(
    algorithm: { readonly name: string },
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKeyPair>
  encapsulateBits(
    algorithm: { readonly name: string },
    key: CryptoKey,
  ): Promise<{ readonly ciphertext: ArrayBuffer; readonly sharedKey: ArrayBuffer }>
  decapsulateBits(
    algorithm: { readonly name: string },
    key: CryptoKey,
    ciphertext: Uint8Array<ArrayBuffer>,
  ): Promise<ArrayBuffer>
}

const NAME = { name: 'ML-KEM-768' }

/** Whether the host has it, by its own word (`SubtleCrypto.supports`). */
export function hasWebMlKem768(subtle: SubtleCrypto): boolean {
  // A static method, which must be called on its class.
  const host = subtle.constructor as { supports?: (operation: string, algorithm: string) => boolean }
  return typeof host.supports === 'function' && host.supports('encapsulateBits', NAME.name)
}

/** ML-KEM-768 by a `SubtleCrypto`; private keys are the host's, and not extractable. */
export function webMlKem768(subtle: () => SubtleCrypto): MlKem768 {
  const host = (): EncapsulatingSubtle => subtle() as unknown as EncapsulatingSubtle
  return {
    async generate() {
      const pair = await host().generateKey(NAME, false, ['encapsulateBits', 'decapsulateBits'])
      return {
        encapsulationKey: new Uint8Array(await host().exportKey('raw-public', pair.publicKey)),
        decapsulate: async (ciphertext) =>
          new Uint8Array(await host().decapsulateBits(NAME, pair.privateKey, ciphertext.slice())),
      }
    },
    async encapsulate(encapsulationKey) {
      const key = await host().importKey('raw-public', encapsulationKey.slice(), NAME, false, ['encapsulateBits'])
      const { ciphertext, sharedKey } = await host().encapsulateBits(NAME, key)
      return { ciphertext: new Uint8Array(ciphertext), secret: new Uint8Array(sharedKey) }
    },
  }
}
