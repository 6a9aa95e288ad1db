/**
 * The cryptographic contracts: what an engine offers to the protocol. Two halves, so that they can come from different
 * hosts: packets (always synchronous, in place, in batches) and public-key work (may be a promise).
 */
import type { RandomSource } from '../base/random.ts'
import type { Eventually } from './eventually.ts'

/** The hash of a cipher suite. */
export type HashName = 'sha256' | 'sha384'

/** The AEAD algorithms of TLS 1.3 that QUIC uses (RFC 9001 §5.3). */
export type AeadName = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'

/** A TLS 1.3 cipher suite as QUIC needs it (RFC 8446 §B.4, RFC 9001 §5.3, §6.6). */
export interface CipherSuite {
  /** The code point of RFC 8446 §B.4. */
  readonly id: number
  /** The name of RFC 8446 §B.4, such as `TLS_AES_128_GCM_SHA256`. */
  readonly name: string
  readonly aead: AeadName
  readonly hash: HashName
  /** Bytes of the AEAD key and of the header-protection key. */
  readonly keyLength: number
  /** Packets that may be sealed with one key (RFC 9001 §6.6). */
  readonly confidentialityLimit: number
  /** Packets that may fail to open, over all keys of a connection (RFC 9001 §6.6). */
  readonly integrityLimit: number
}

/** What became of a packet of a batch. */
export const PacketStatus = {
  /** Not touched yet. */
  pending: 0,
  /** Sealed, unmasked or opened. */
  done: 1,
  /** The tag did not match, or the packet is too short to be sampled. */
  failed: 2,
} as const

/** Packets in one arena as a struct of arrays, reused from batch to batch; the packets lie in rising order. */
export interface PacketBatch {
  /** A `WebAssembly.Memory` where there is Wasm; never grows. */
  readonly arena: Uint8Array
  count: number
  /** First byte of the packet's header, an offset in the arena. */
  readonly start: Int32Array
  /** Where the packet number begins. */
  readonly numberOffset: Int32Array
  /** End of the payload. Seal: before the tag, for which 16 bytes are left free; open: after the tag. */
  readonly end: Int32Array
  /** Seal: the full number. Unmask: the largest processed so far goes in (-1: none), the decoded number comes out. */
  readonly packetNumber: Float64Array
  /** A {@link PacketStatus}. */
  readonly status: Uint8Array
}

/** Packet protection of one level, direction and key generation, header key included (RFC 9001 §5). */
export interface PacketProtector {
  /**
   * Protects the packets `from` up to but not `to`: AEAD, then header protection, in place, writing the 16-byte tag at
   * `end` and nothing else outside the packet. The packet-number length is read from the unprotected first byte.
   * Sets every status.
   * @throws RangeError, before anything is written, for a packet whose number and payload have fewer than 4 bytes, so that
   * it could not be sampled, or that leaves no room for its tag.
   */
  seal(batch: PacketBatch, from: number, to: number): void
  /**
   * Removes header protection and decodes packet numbers (RFC 9000 §A.3). The same for all generations, since the header
   * key never changes. A packet too short for a sample fails. Sets every status.
   */
  unmask(batch: PacketBatch, from: number, to: number): void
  /**
   * Opens unmasked packets in place; the plaintext then ends 16 bytes before `end`. A packet that fails keeps its
   * ciphertext and tag. Packets whose status is `failed` already are passed over. Sets every other status.
   */
  open(batch: PacketBatch, from: number, to: number): void
  /** Wipes the keys; from now on the other methods throw a `TypeError`. Harmless when repeated. */
  discard(): void
}

/** An engine at work: the arena in which packets lie, and protectors over it. One per endpoint. */
export interface PacketEngine {
  readonly arena: Uint8Array
  /** `key`, `iv` and `headerKey` are copied. */
  createProtector(suite: CipherSuite, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): PacketProtector
}

/** Where engines come from: noble, node, wasm. The order of `suites` is the order of preference. */
export interface PacketProvider {
  readonly suites: readonly CipherSuite[]
  createEngine(arenaBytes: number): PacketEngine
}

/** One key share of our own, waiting for the peer's. */
export interface KeyShare {
  /** The public value as it goes into a KeyShareEntry. */
  readonly share: Uint8Array
  /** The shared secret. @throws Error (or rejects) when the peer's share is invalid (RFC 8446 §4.2.8, §7.4). */
  agree(peer: Uint8Array): Eventually<Uint8Array>
  /**
   * Of a hybrid: the share of the older group in it, which may be offered by itself in the same ClientHello
   * (draft-ietf-tls-hybrid-design §3.2).
   */
  readonly half?: { readonly group: number; readonly share: KeyShare } | undefined
}

/** A key-agreement group (RFC 8446 §4.2.7). */
export interface KeyExchange {
  /** The NamedGroup code point. */
  readonly group: number
  generate(random: RandomSource): Eventually<KeyShare>
  /** Makes share and secret from the client's share: a KEM knows no other way. Throws or rejects on an invalid share. */
  respond(
    peer: Uint8Array,
    random: RandomSource,
  ): Eventually<{ readonly share: Uint8Array; readonly secret: Uint8Array }>
}

/**
 * Verifies signatures of one SignatureScheme (RFC 8446 §4.2.3). An invalid key or signature is `false`, never an exception.
 *
 * An ECDSA scheme stands for its hash alone: the curve is the one that the key names, as certificates need it (RFC 5758 §3.2).
 * That the curve belongs to the scheme, which a CertificateVerify demands, is for TLS to check.
 */
export interface Verifier {
  /** The SignatureScheme code point. */
  readonly scheme: number
  /** @param spki the signer's SubjectPublicKeyInfo, DER. */
  verify(spki: Uint8Array, message: Uint8Array, signature: Uint8Array): Eventually<boolean>
}

/** A private key that can sign, wherever it lives. */
export interface Signer {
  /** SignatureScheme code points, best first. */
  readonly schemes: readonly number[]
  sign(scheme: number, message: Uint8Array): Eventually<Uint8Array>
}

/** Public-key work: noble, node, web. Lists are in order of preference. */
export interface PublicKeyProvider {
  readonly groups: readonly KeyExchange[]
  readonly verifiers: readonly Verifier[]
  /** A signer of a PKCS #8 private key (DER). Throws or rejects with a `TypeError` naming what is not supported. */
  createSigner(pkcs8: Uint8Array): Eventually<Signer>
}

/** All of a host's cryptography, one plain object such as `{ ...wasm, ...web }`. */
export type CryptoProvider = PacketProvider & PublicKeyProvider
