/**
 * Hashes, HMAC and HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 8446 §7.1). Always synchronous, in TypeScript, in every host:
 * a handshake needs about forty short calls, which would cost more as promises than as arithmetic.
 */
import { concat, EMPTY } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import type { HashName } from './provider.ts'
import { blockLength, digestLength, Sha2 } from './sha2.ts'

/** A hash over bytes that come piece by piece. */
export interface IncrementalHash {
  update(bytes: Uint8Array): void
  /** The hash of everything so far; more may follow. */
  digest(): Uint8Array
  /** A hash of the same bytes that goes on by itself. */
  clone(): IncrementalHash
}

/** Bytes of a digest. */
export function hashLength(name: HashName): number {
  return digestLength(name)
}

/** The digest of `bytes`. */
export function hashOf(name: HashName, bytes: Uint8Array): Uint8Array {
  const hash = new Sha2(name)
  hash.update(bytes)
  return hash.finish()
}

/** A hash to feed piece by piece. */
export function incrementalHash(name: HashName): IncrementalHash {
  return new Sha2(name)
}

/** HMAC (RFC 2104). */
export function hmac(name: HashName, key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const pad = new Uint8Array(blockLength(name))
  pad.set(key.length > pad.length ? hashOf(name, key) : key)
  for (let i = 0; i < pad.length; i++) pad[i] = (pad[i] ?? 0) ^ 0x36
  const inner = new Sha2(name)
  inner.update(pad)
  inner.update(bytes)
  for (let i = 0; i < pad.length; i++) pad[i] = (pad[i] ?? 0) ^ (0x36 ^ 0x5c)
  const outer = new Sha2(name)
  outer.update(pad)
  outer.update(inner.finish())
  return outer.finish()
}

/** HKDF-Extract (RFC 5869 §2.2). An empty salt stands for a digest's length of zeros. */
export function hkdfExtract(name: HashName, salt: Uint8Array, inputKeyingMaterial: Uint8Array): Uint8Array {
  return hmac(name, salt, inputKeyingMaterial)
}

/**
 * HKDF-Expand (RFC 5869 §2.3).
 * @param secret at least as long as a digest.
 * @throws RangeError for a `length` above 255 digests.
 */
export function hkdfExpand(name: HashName, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const limit = 255 * hashLength(name)
  if (!(length >= 0 && length <= limit)) throw new RangeError(`length must be at most ${limit} bytes, got ${length}`)
  const output = new Uint8Array(length)
  let block = EMPTY
  for (let at = 0, count = 1; at < length; at += block.length, count++) {
    block = hmac(name, secret, concat(block, info, Uint8Array.of(count)))
    output.set(block.subarray(0, length - at), at)
  }
  return output
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
