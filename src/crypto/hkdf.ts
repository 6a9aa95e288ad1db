/**
 * Hashes, HMAC and HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 8446 §7.1). Always synchronous, in TypeScript, in every host:
 * a handshake needs about forty short calls, which would cost more as promises than as arithmetic.
 */
import type { HashName } from './provider.ts'
import { blockLength, copyWords, digestLength, Sha2, scratchOf } from './sha2.ts'

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
  const hash = scratchOf(name)
  hash.wipe()
  hash.update(bytes)
  return hash.finish()
}

/** A hash to feed piece by piece. */
export function incrementalHash(name: HashName): IncrementalHash {
  return new Sha2(name)
}

/** HMAC (RFC 2104). */
export function hmac(name: HashName, key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const mac = macOf(name)
  mac.begin(key)
  return mac.finish(bytes)
}

/** HMAC with a key that serves for long: half of the arithmetic is done when it is made. */
export class HmacKey {
  readonly #name: HashName
  readonly #states: MacStates

  /** @param key not kept, but what is kept serves as well as it. */
  constructor(name: HashName, key: Uint8Array) {
    this.#name = name
    const mac = macOf(name)
    mac.begin(key)
    this.#states = mac.save()
    mac.end()
  }

  /** The MAC of `bytes`. */
  mac(bytes: Uint8Array): Uint8Array {
    const mac = macOf(this.#name)
    mac.resume(this.#states)
    return mac.finish(bytes)
  }
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
  checkLength(name, length)
  const counted = new Uint8Array(info.length + 1)
  counted.set(info)
  const mac = macOf(name)
  mac.begin(secret)
  const output = expand(mac, counted, info.length, length)
  mac.end()
  return output
}

/**
 * What is expanded from the secret that `mac` has begun with.
 * @param info in its first `infoLength` bytes; the byte behind them takes the number of the block.
 */
function expand(mac: Mac, info: Uint8Array, infoLength: number, length: number): Uint8Array {
  const output = new Uint8Array(length)
  const { block } = mac
  const size = block.length
  for (let at = 0, count = 1; at < length; at += size, count++) {
    mac.restart()
    if (count > 1) mac.update(block)
    info[infoLength] = count
    mac.update(info, infoLength + 1)
    mac.finishInto(block)
    for (let i = 0; i < size && at + i < length; i++) output[at + i] = block[i] ?? 0
  }
  return output
}

function checkLength(name: HashName, length: number): void {
  const limit = 255 * hashLength(name)
  if (!(length >= 0 && length <= limit)) throw new RangeError(`length must be at most ${limit} bytes, got ${length}`)
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
  const [output] = hkdfExpandLabels(name, secret, context, [[label, length]])
  return output
}

/**
 * HKDF-Expand-Label with each of several labels, for half of the arithmetic: HMAC takes in the secret once.
 * @param labels each with the bytes that it shall yield.
 */
export function hkdfExpandLabels<const Labels extends readonly (readonly [label: string, length: number])[]>(
  name: HashName,
  secret: Uint8Array,
  context: Uint8Array,
  labels: Labels,
): { [Index in keyof Labels]: Uint8Array } {
  for (const [, length] of labels) checkLength(name, length)
  const mac = macOf(name)
  mac.begin(secret)
  const outputs = labels.map(([label, length]) => {
    const end = writeLabel(mac.info, label, context, length)
    return expand(mac, mac.info, end, length)
  })
  mac.end()
  return outputs as { [Index in keyof Labels]: Uint8Array }
}

/** Writes an HkdfLabel (RFC 8446 §7.1) and says where it ends. */
function writeLabel(info: Uint8Array, label: string, context: Uint8Array, length: number): number {
  info[0] = length >> 8
  info[1] = length
  info[2] = PREFIX.length + label.length
  const end = writeAscii(info, writeAscii(info, 3, PREFIX), label)
  info[end] = context.length
  for (let i = 0; i < context.length; i++) info[end + 1 + i] = context[i] ?? 0
  return end + 1 + context.length
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

/** Derive-Secret with each of several labels and the same transcript. */
export function deriveSecrets<const Labels extends readonly string[]>(
  name: HashName,
  secret: Uint8Array,
  labels: Labels,
  transcriptHash: Uint8Array,
): { [Index in keyof Labels]: Uint8Array } {
  const length = hashLength(name)
  const pairs = labels.map((label) => [label, length] as const)
  return hkdfExpandLabels(name, secret, transcriptHash, pairs) as { [Index in keyof Labels]: Uint8Array }
}

/** What stands before each label. */
const PREFIX = 'tls13 '

/** Writes `text` to `bytes` and says where it ends. */
function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** The two hashes of a MAC after each has taken in the key. */
interface MacStates {
  readonly inner: Int32Array
  readonly outer: Int32Array
}

/**
 * HMAC (RFC 2104) in memory of its own, which serves one computation after the other: a handshake needs a hundred of them. Between
 * {@link begin} and {@link end} any number with the same key, each from {@link restart} to {@link finishInto}.
 */
class Mac {
  readonly #name: HashName
  readonly #hash: Sha2
  readonly #states: MacStates
  readonly #pad: Uint8Array
  #isWiped = true
  /** Room for a digest. */
  readonly block: Uint8Array
  /** Room for the largest HkdfLabel and a byte more. Nothing in it is secret. */
  readonly info = new Uint8Array(2 + 2 * 256 + 1)

  constructor(name: HashName) {
    this.#name = name
    this.#hash = new Sha2(name)
    this.#states = { inner: this.#hash.save(), outer: this.#hash.save() }
    this.#pad = new Uint8Array(blockLength(name))
    this.block = new Uint8Array(digestLength(name))
  }

  begin(key: Uint8Array): void {
    this.#open()
    const pad = this.#pad
    pad.set(key.length > pad.length ? hashOf(this.#name, key) : key)
    for (let i = 0; i < pad.length; i++) pad[i] = (pad[i] ?? 0) ^ 0x36
    this.#takeIn(this.#states.inner)
    for (let i = 0; i < pad.length; i++) pad[i] = (pad[i] ?? 0) ^ (0x36 ^ 0x5c)
    this.#takeIn(this.#states.outer)
  }

  /** Begins with the key of {@link save}. */
  resume({ inner, outer }: MacStates): void {
    this.#open()
    copyWords(inner, this.#states.inner)
    copyWords(outer, this.#states.outer)
  }

  /** What came of the key. */
  save(): MacStates {
    return { inner: this.#states.inner.slice(), outer: this.#states.outer.slice() }
  }

  restart(): void {
    this.#hash.resume(this.#states.inner)
  }

  update(bytes: Uint8Array, end?: number): void {
    this.#hash.update(bytes, end)
  }

  finishInto(digest: Uint8Array): void {
    const { block } = this
    this.#hash.finishInto(block)
    this.#hash.resume(this.#states.outer)
    this.#hash.update(block)
    this.#hash.finishInto(digest)
  }

  /** The MAC of `bytes`, and the end. */
  finish(bytes: Uint8Array): Uint8Array {
    const digest = new Uint8Array(this.block.length)
    this.restart()
    this.update(bytes)
    this.finishInto(digest)
    this.end()
    return digest
  }

  /** Wipes what came of the key. */
  end(): void {
    this.#pad.fill(0)
    this.block.fill(0)
    this.#hash.wipe()
    this.#states.inner.fill(0)
    this.#states.outer.fill(0)
    this.#isWiped = true
  }

  #open(): void {
    // Had a computation before thrown, it would not have come to its end.
    if (!this.#isWiped) this.end()
    this.#isWiped = false
  }

  #takeIn(state: Int32Array): void {
    this.#hash.wipe()
    this.#hash.update(this.#pad)
    this.#hash.saveInto(state)
  }
}

const macs: { [name in HashName]?: Mac } = {}

function macOf(name: HashName): Mac {
  macs[name] ??= new Mac(name)
  return macs[name]
}
