/** Keys that the host holds: told from other objects, and made into what the stack takes. */
import { hashOf } from '../crypto/hkdf.ts'

/** Whether `value` is a key of Web Crypto, of whichever realm. */
export function isCryptoKey(value: unknown): value is CryptoKey {
  return (
    typeof value === 'object' && value !== null && 'usages' in value && 'extractable' in value && 'algorithm' in value
  )
}

/**
 * The SHA-256 of the SubjectPublicKeyInfo of a public key.
 * @throws TypeError for a key that is not public or does not show itself.
 */
export function pinOfCryptoKey(key: CryptoKey): Promise<Uint8Array> {
  if (key.type !== 'public' || !key.extractable) {
    throw new TypeError(`A pin needs a public key that is extractable, got a ${key.type} one`)
  }
  return globalThis.crypto.subtle.exportKey('spki', key).then((spki) => hashOf('sha256', new Uint8Array(spki)))
}
