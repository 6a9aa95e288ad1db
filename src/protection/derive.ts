/** From a traffic secret to keys (RFC 9001 §5.1, §6.1). */
import { EMPTY } from '../base/bytes.ts'
import { hashLength, hkdfExpandLabel } from '../crypto/hkdf.ts'
import { NONCE_LENGTH } from '../crypto/packet-nonce.ts'
import type { CipherSuite, PacketEngine, PacketProtector } from '../crypto/provider.ts'
import { versionSecrets } from './version-secrets.ts'

/** The header protection key of a secret. */
export function deriveHeaderKey(suite: CipherSuite, version: number, secret: Uint8Array): Uint8Array {
  return hkdfExpandLabel(suite.hash, secret, versionSecrets(version).headerLabel, EMPTY, suite.keyLength)
}

/** Key and IV of a secret, arrays of the caller's. */
export function deriveKeyAndIv(
  suite: CipherSuite,
  version: number,
  secret: Uint8Array,
): { readonly key: Uint8Array; readonly iv: Uint8Array } {
  const { keyLabel, ivLabel } = versionSecrets(version)
  return {
    key: hkdfExpandLabel(suite.hash, secret, keyLabel, EMPTY, suite.keyLength),
    iv: hkdfExpandLabel(suite.hash, secret, ivLabel, EMPTY, NONCE_LENGTH),
  }
}

/** The protector of a secret. Key updates keep the header key of the first secret (RFC 9001 §6.1), so it is an argument. */
export function deriveProtector(
  engine: PacketEngine,
  suite: CipherSuite,
  version: number,
  secret: Uint8Array,
  headerKey: Uint8Array,
): PacketProtector {
  const { key, iv } = deriveKeyAndIv(suite, version, secret)
  const protector = engine.createProtector(suite, key, iv, headerKey)
  key.fill(0)
  iv.fill(0)
  return protector
}

/** The secret of the next key generation. */
export function deriveNextSecret(suite: CipherSuite, version: number, secret: Uint8Array): Uint8Array {
  return hkdfExpandLabel(suite.hash, secret, versionSecrets(version).updateLabel, EMPTY, hashLength(suite.hash))
}
