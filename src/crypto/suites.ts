/**
 * The TLS 1.3 cipher suites that QUIC uses here (RFC 8446 §B.4, RFC 9001 §5.3). Each has a header protection scheme and
 * AEAD limits; TLS_AES_128_CCM_SHA256 is not offered, TLS_AES_128_CCM_8_SHA256 is forbidden.
 */
import type { CipherSuite } from './provider.ts'

/** 2^23 packets sealed, 2^52 forgeries (RFC 9001 §6.6). */
export const TLS_AES_128_GCM_SHA256: CipherSuite = {
  id: 0x1301,
  name: 'TLS_AES_128_GCM_SHA256',
  aead: 'aes-128-gcm',
  hash: 'sha256',
  keyLength: 16,
  confidentialityLimit: 8_388_608,
  integrityLimit: 4_503_599_627_370_496,
}

/** 2^23 packets sealed, 2^52 forgeries (RFC 9001 §6.6). */
export const TLS_AES_256_GCM_SHA384: CipherSuite = {
  id: 0x1302,
  name: 'TLS_AES_256_GCM_SHA384',
  aead: 'aes-256-gcm',
  hash: 'sha384',
  keyLength: 32,
  confidentialityLimit: 8_388_608,
  integrityLimit: 4_503_599_627_370_496,
}

/** No limit on packets sealed (it lies above 2^62, the number of packets), 2^36 forgeries (RFC 9001 §6.6). */
export const TLS_CHACHA20_POLY1305_SHA256: CipherSuite = {
  id: 0x1303,
  name: 'TLS_CHACHA20_POLY1305_SHA256',
  aead: 'chacha20-poly1305',
  hash: 'sha256',
  keyLength: 32,
  confidentialityLimit: Infinity,
  integrityLimit: 68_719_476_736,
}

/** The suite of a code point, or `undefined` for one that isoquic does not have. */
export function suiteById(id: number): CipherSuite | undefined {
  switch (id) {
    case TLS_AES_128_GCM_SHA256.id:
      return TLS_AES_128_GCM_SHA256
    case TLS_AES_256_GCM_SHA384.id:
      return TLS_AES_256_GCM_SHA384
    case TLS_CHACHA20_POLY1305_SHA256.id:
      return TLS_CHACHA20_POLY1305_SHA256
    default:
      return undefined
  }
}
