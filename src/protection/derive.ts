/** From a traffic secret to keys (RFC 9001 §5.1, §6.1). */
import { EMPTY } from '../base/bytes.ts'
import { hashLength, hkdfExpandLabel, hkdfExpandLabels } from '../crypto/hkdf.ts'
import { NONCE_LENGTH } from '../crypto/packet-nonce.ts'
import type { CipherSuite, PacketEngine, PacketProtector } from '../crypto/provider.ts'
import { versionSecrets } from './version-secrets.ts'

/** The header protection key of a secret. */
export function deriveHeaderKey(suite: CipherSuite, version: number, secret: Uint8Array): Uint8Array {
  return hkdfExpandLabel(suite.hash, secret, versionSecrets(version).headerLabel, EMPTY, suite.keyLength)
}

/** What comes of a secret, arrays of the caller's. */
export interface Generation {
  readonly key: Uint8Array
  readonly iv: Uint8Array
  /** The secret of the next generation. */
  readonly next: Uint8Array
}

/** The first generation, with the header key, which stays. */
export function deriveFirstGeneration(
  suite: CipherSuite,
  version: number,
  secret: Uint8Array,
): Generation & { readonly headerKey: Uint8Array } {
  const { keyLabel, ivLabel, updateLabel, headerLabel } = versionSecrets(version)
  const [key, iv, next, headerKey] = hkdfExpandLabels(suite.hash, secret, EMPTY, [
    [keyLabel, suite.keyLength],
    [ivLabel, NONCE_LENGTH],
    [updateLabel, hashLength(suite.hash)],
    [headerLabel, suite.keyLength],
  ])
  return { key, iv, next, headerKey }
}

/** A generation after the first. */
export function deriveGeneration(suite: CipherSuite, version: number, secret: Uint8Array): Generation {
  const { keyLabel, ivLabel, updateLabel } = versionSecrets(version)
  const [key, iv, next] = hkdfExpandLabels(suite.hash, secret, EMPTY, [
    [keyLabel, suite.keyLength],
    [ivLabel, NONCE_LENGTH],
    [updateLabel, hashLength(suite.hash)],
  ])
  return { key, iv, next }
}

/** The protector of a secret. Key updates keep the header key of the first secret (RFC 9001 §6.1), so it is an argument. */
export function deriveProtector(
  engine: PacketEngine,
  suite: CipherSuite,
  version: number,
  secret: Uint8Array,
  headerKey: Uint8Array,
): PacketProtector {
  const { keyLabel, ivLabel } = versionSecrets(version)
  const [key, iv] = hkdfExpandLabels(suite.hash, secret, EMPTY, [
    [keyLabel, suite.keyLength],
    [ivLabel, NONCE_LENGTH],
  ])
  const protector = engine.createProtector(suite, key, iv, headerKey)
  key.fill(0)
  iv.fill(0)
  return protector
}

/** The protector of a secret and its own header key, for keys that are never updated. */
export function deriveLastingProtector(
  engine: PacketEngine,
  suite: CipherSuite,
  version: number,
  secret: Uint8Array,
): PacketProtector {
  const { keyLabel, ivLabel, headerLabel } = versionSecrets(version)
  const keys = hkdfExpandLabels(suite.hash, secret, EMPTY, [
    [keyLabel, suite.keyLength],
    [ivLabel, NONCE_LENGTH],
    [headerLabel, suite.keyLength],
  ])
  const protector = engine.createProtector(suite, ...keys)
  for (const copied of keys) copied.fill(0)
  return protector
}

/** The secret of the next key generation. */
export function deriveNextSecret(suite: CipherSuite, version: number, secret: Uint8Array): Uint8Array {
  return hkdfExpandLabel(suite.hash, secret, versionSecrets(version).updateLabel, EMPTY, hashLength(suite.hash))
}
