/**
 * Hashes, HMAC and HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 8446 §7.1). Always synchronous, by noble, in every host:
 * a handshake needs about forty short calls, which would cost more as promises than as arithmetic.
 */
import { expand, extract } from '@noble/hashes/hkdf.js'
import { hmac as nobleHmac } from '@noble/hashes/hmac.js'
import { sha256, sha384 } from '@noble/hashes/sha2.js'
import { Writer } from '../base/writer.ts'
import type { HashName } from './provider.ts'

/** A hash over bytes that come piece by piece. */
export interface IncrementalHash {
  update(bytes: Uint8Array): void
  /** The hash of everything so far; more may follow. */
  digest(): Uint8Array
  /** A hash of the same bytes that goes on by itself. */
  clone(): IncrementalHash
}

type Hash = typeof sha256 | typeof sha384

function algorithm(name: HashName): Hash {
  return name === 'sha256' ? sha256 : sha384
}

/** Bytes of a digest. */
export function hashLength(name: HashName): number {
  return name === 'sha256' ? 32 : 48
}

/** The digest of `bytes`. */
export function hashOf(name: HashName, bytes: Uint8Array): Uint8Array {
  return algorithm(name)(bytes)
}

/** A hash to feed piece by piece. */
export function incrementalHash(name: HashName): IncrementalHash {
  return wrap(algorithm(name).create())
}

function wrap(hash: ReturnType<Hash['create']>): IncrementalHash {
  return {
    update(bytes) {
      hash.update(bytes)
    },
    digest: () => hash.clone().digest(),
    clone: () => wrap(hash.clone()),
  }
}

/** HMAC (RFC 2104). */
export function hmac(name: HashName, key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return nobleHmac(algorithm(name), key, bytes)
}

/** HKDF-Extract (RFC 5869 §2.2). An empty salt stands for a digest's length of zeros. */
export function hkdfExtract(name: HashName, salt: Uint8Array, inputKeyingMaterial: Uint8Array): Uint8Array {
  return extract(algorithm(name), inputKeyingMaterial, salt)
}

/**
 * HKDF-Expand (RFC 5869 §2.3).
 * @param secret at least as long as a digest.
 * @throws RangeError for a `length` above 255 digests.
 */
export function hkdfExpand(name: HashName, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const limit = 255 * hashLength(name)
  if (!(length >= 0 && length <= limit)) throw new RangeError(`length must be at most ${limit} bytes, got ${length}`)
  return length === 0 ? new Uint8Array(0) : expand(algorithm(name), secret, info, length)
}

/**
 * HKDF-Expand-Label (RFC 8446 §7.1).
 * @param label ASCII, without the prefix `tls13 `.
 */
export function hkdfExpandLabel(
  name: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = new Writer(4 + 6 + label.length + context.length)
  info.uint16(length)
  writeAscii(info, 'tls13 ', label)
  const vector = info.openVector(1)
  info.bytes(context)
  info.closeVector(vector)
  return hkdfExpand(name, secret, info.finish(), length)
}

/**
 * Derive-Secret (RFC 8446 §7.1).
 * @param transcriptHash the hash of the messages, not the messages.
 */
export function deriveSecret(
  name: HashName,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(name, secret, label, transcriptHash, hashLength(name))
}

function writeAscii(writer: Writer, prefix: string, label: string): void {
  const vector = writer.openVector(1)
  for (let i = 0; i < prefix.length; i++) writer.uint8(prefix.charCodeAt(i))
  for (let i = 0; i < label.length; i++) writer.uint8(label.charCodeAt(i))
  writer.closeVector(vector)
}
