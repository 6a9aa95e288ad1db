/** `isoquic/crypto/node` where `node:crypto` is not: it loads, as everything does, and says what there is instead. */
import type { CryptoProvider } from '../provider.ts'

function absent(): never {
  throw new TypeError(
    'This runtime has no node:crypto: use isoquic/crypto/noble, with isoquic/crypto/web for public keys',
  )
}

/** An engine that has nothing, and throws a TypeError where it is used. */
export const node: CryptoProvider = {
  suites: [],
  groups: [],
  verifiers: [],
  createEngine: absent,
  createSigner: absent,
}
