/**
 * The extensions that pre-shared keys need (RFC 8446 §4.2.9 to §4.2.11): `pre_shared_key`, `psk_key_exchange_modes` and
 * `early_data`, codecs only. What a binder must be is in `psk.ts`.
 */
import { Reader } from '../base/reader.ts'
import type { Writer } from '../base/writer.ts'
import { hashLength } from '../crypto/hkdf.ts'
import type { HashName } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { ExtensionType } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import { writeExtension } from './extensions.ts'

/** How a pre-shared key is used (RFC 8446 §4.2.9): alone, or with a key exchange beside it. */
export const PskMode = { pskKe: 0, pskDheKe: 1 } as const

/** One key that a client offers, by its label (RFC 8446 §4.2.11). */
export interface PskIdentity {
  readonly identity: Uint8Array
  /** ms, disguised; 0 for external keys. */
  readonly obfuscatedAge: number
}

/** A decoded `pre_shared_key` of a ClientHello. Byte fields are views. */
export interface OfferedPsks {
  /** In order of preference. */
  readonly identities: readonly PskIdentity[]
  /** One for each identity. */
  readonly binders: readonly Uint8Array[]
  /** Bytes at the end of the ClientHello that binders do not cover: their own list, length included. */
  readonly bindersLength: number
}

/**
 * Decodes the body of a client's `pre_shared_key`.
 * @throws TlsAlert decode_error; illegal_parameter where the identities are not as many as the binders.
 */
export function decodeOfferedPsks(body: Uint8Array): OfferedPsks {
  const reader = new Reader(body)
  const identityList = new Reader(readVector(reader, 2))
  const bindersLength = reader.remaining
  const binderList = new Reader(readVector(reader, 2))
  finishReading(reader, 'pre_shared_key')
  const identities: PskIdentity[] = []
  if (identityList.remaining === 0) identityList.fail()
  while (identityList.remaining > 0) {
    const identity = readVector(identityList, 2)
    if (identity.length === 0) identityList.fail()
    identities.push({ identity, obfuscatedAge: identityList.uint32() })
  }
  finishReading(identityList, 'pre_shared_key')
  const binders: Uint8Array[] = []
  if (binderList.remaining === 0) binderList.fail()
  while (binderList.remaining > 0) {
    const binder = readVector(binderList, 1)
    if (binder.length < 32) binderList.fail()
    binders.push(binder)
  }
  finishReading(binderList, 'pre_shared_key')
  if (identities.length !== binders.length) {
    throw new TlsAlert(
      AlertDescription.illegalParameter,
      `pre_shared_key has ${identities.length} identities and ${binders.length} binders`,
    )
  }
  return { identities, binders, bindersLength }
}

/** The index that a server has selected (RFC 8446 §4.2.11). */
export function decodeSelectedPsk(body: Uint8Array): number {
  const reader = new Reader(body)
  const index = reader.uint16()
  finishReading(reader, 'pre_shared_key')
  return index
}

/** The server's `pre_shared_key`. */
export function writeSelectedPsk(writer: Writer, index: number): void {
  writeExtension(writer, ExtensionType.preSharedKey, () => writer.uint16(index))
}

/** Bytes of a list of binders, its length included: what {@link writeOfferedPsks} leaves as zeros at the end. */
export function bindersLength(hashes: readonly HashName[]): number {
  return hashes.reduce((length, hash) => length + 1 + hashLength(hash), 2)
}

/** The client's `pre_shared_key`, with zeros where the binders, each a digest of its hash, will be (RFC 8446 §4.2.11.2). */
export function writeOfferedPsks(writer: Writer, psks: readonly (PskIdentity & { readonly hash: HashName })[]): void {
  writeExtension(writer, ExtensionType.preSharedKey, () => {
    const identities = writer.openVector(2)
    for (const { identity, obfuscatedAge } of psks) {
      const mark = writer.openVector(2)
      writer.bytes(identity)
      writer.closeVector(mark)
      writer.uint32(obfuscatedAge)
    }
    writer.closeVector(identities)
    const binders = writer.openVector(2)
    for (const { hash } of psks) {
      const mark = writer.openVector(1)
      writer.bytes(new Uint8Array(hashLength(hash)))
      writer.closeVector(mark)
    }
    writer.closeVector(binders)
  })
}

/** The client's `psk_key_exchange_modes`, never empty (RFC 8446 §4.2.9). */
export function decodePskModes(body: Uint8Array): readonly number[] {
  const reader = new Reader(body)
  const modes = readVector(reader, 1)
  if (modes.length === 0) reader.fail()
  finishReading(reader, 'psk_key_exchange_modes')
  return [...modes]
}

/** The client's `psk_key_exchange_modes`. */
export function writePskModes(writer: Writer, modes: readonly number[]): void {
  writeExtension(writer, ExtensionType.pskKeyExchangeModes, () => {
    const mark = writer.openVector(1)
    for (const mode of modes) writer.uint8(mode)
    writer.closeVector(mark)
  })
}

/** Checks an `early_data` that says nothing: in ClientHello and EncryptedExtensions (RFC 8446 §4.2.10). */
export function checkEarlyDataIndication(body: Uint8Array): void {
  finishReading(new Reader(body), 'early_data')
}
