/** Pre-shared keys (RFC 8446 §2.2, §4.2.11.2): those agreed on outside of TLS, the binders that prove them, and how old a ticket is. */
import { EMPTY, equalBytes } from '../base/bytes.ts'
import { deriveSecret, hashLength, hashOf, hkdfExpandLabel, hkdfExtract } from '../crypto/hkdf.ts'
import type { HashName } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { finishedVerifyData } from './key-schedule.ts'

/** A key that both sides were given outside of TLS. Secret, and never a password: nothing hinders guessing (RFC 8446 §2.2). */
export interface ExternalPsk {
  /** The key's public label, 1 to 65,535 bytes. */
  readonly identity: Uint8Array
  /** At least 16 bytes. */
  readonly key: Uint8Array
  /** The hash that the key is for; `'sha256'` if left out (RFC 8446 §4.2.11). */
  readonly hash?: HashName | undefined
}

/** The fewest bytes of an external key: less could be guessed. */
const MIN_KEY_LENGTH = 16

/** @throws RangeError for an identity or a key of a length that cannot be */
export function checkExternalPsk(psk: ExternalPsk): void {
  const { identity, key } = psk
  if (identity.length < 1 || identity.length > 0xffff) {
    throw new RangeError(`psk.identity must take 1 to 65535 bytes, got ${identity.length}`)
  }
  if (key.length < MIN_KEY_LENGTH) {
    throw new RangeError(`psk.key must take at least ${MIN_KEY_LENGTH} bytes, got ${key.length}`)
  }
}

/** Where a key comes from, which binders tell apart (RFC 8446 §7.1). */
export type PskKind = 'resumption' | 'external'

/**
 * The binder of a key (RFC 8446 §4.2.11.2).
 * @param transcriptHash over what was said before and the ClientHello up to its binders.
 */
export function pskBinder(hash: HashName, key: Uint8Array, kind: PskKind, transcriptHash: Uint8Array): Uint8Array {
  const early = hkdfExtract(hash, EMPTY, key)
  const label = kind === 'external' ? 'ext binder' : 'res binder'
  const binderKey = deriveSecret(hash, early, label, hashOf(hash, EMPTY))
  const binder = finishedVerifyData(hash, binderKey, transcriptHash)
  early.fill(0)
  binderKey.fill(0)
  return binder
}

/** @throws TlsAlert decrypt_error for a binder that is not what it must be (RFC 8446 §4.2.11, §6.2) */
export function checkBinder(binder: Uint8Array | undefined, expected: Uint8Array): void {
  if (binder === undefined || !equalBytes(binder, expected)) {
    throw new TlsAlert(AlertDescription.decryptError, 'A PSK binder does not match: the client does not know the key')
  }
}

/** The key of a ticket (RFC 8446 §4.6.1). */
export function ticketPsk(hash: HashName, resumptionSecret: Uint8Array, nonce: Uint8Array): Uint8Array {
  return hkdfExpandLabel(hash, resumptionSecret, 'resumption', nonce, hashLength(hash))
}

/** The age of a ticket in ms as a ClientHello gives it (RFC 8446 §4.2.11.1). */
export function obfuscateAge(age: number, ageAdd: number): number {
  return (Math.max(0, Math.floor(age)) + ageAdd) % 0x1_0000_0000
}

/** The reverse: ms since the client had the ticket, as it says. */
export function revealAge(obfuscatedAge: number, ageAdd: number): number {
  return (obfuscatedAge - ageAdd + 0x1_0000_0000) % 0x1_0000_0000
}
