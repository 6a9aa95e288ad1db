/**
 * Key agreement by `node:crypto`: X25519, P-256, P-384. Private keys come from OpenSSL's own generator: the given source of
 * randomness is not asked, so a seed does not reproduce a handshake of this engine.
 */
import { Buffer } from 'node:buffer'
import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { checkSecret, checkShare, diffieHellmanGroup, SECP256R1, SECP384R1, X25519 } from '../key-exchange.ts'
import type { KeyExchange, KeyShare } from '../provider.ts'
import { bufferOf } from './buffer.ts'
import { keyOfText, readsTextFaster } from './spki.ts'

/** X25519 (RFC 7748). */
export const nodeX25519: KeyExchange = /* @__PURE__ */ diffieHellmanGroup(X25519, generateX25519)

/** P-256 (secp256r1). */
export const nodeP256: KeyExchange = /* @__PURE__ */ diffieHellmanGroup(SECP256R1, () =>
  generatePoint(SECP256R1, 'prime256v1'),
)

/** P-384 (secp384r1). */
export const nodeP384: KeyExchange = /* @__PURE__ */ diffieHellmanGroup(SECP384R1, () =>
  generatePoint(SECP384R1, 'secp384r1'),
)

// As JWK (RFC 8037): a raw key and its name, where OpenSSL takes ten times as long to read and write a SubjectPublicKeyInfo.
function generateX25519(): KeyShare {
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  const { x } = publicKey.export({ format: 'jwk' })
  return {
    share: new Uint8Array(Buffer.from(x ?? '', 'base64url')),
    agree(peer) {
      checkShare(X25519, peer)
      return checkSecret(new Uint8Array(diffieHellman({ privateKey, publicKey: readX25519(peer) })))
    },
  }
}

/** What stands before the 32 bytes of an X25519 key in its SubjectPublicKeyInfo (RFC 8410 §4). */
const X25519_PREFIX = '302a300506032b656e032100'

function readX25519(bytes: Uint8Array): KeyObject {
  if (readsTextFaster()) return keyOfText(X25519_PREFIX, bytes)
  const key = { kty: 'OKP', crv: 'X25519', x: bufferOf(bytes).toString('base64url') }
  return createPublicKey({ key, format: 'jwk' })
}

function generatePoint(group: number, curve: string): KeyShare {
  const exchange = createECDH(curve)
  return {
    share: new Uint8Array(exchange.generateKeys()),
    agree(peer) {
      checkShare(group, peer)
      return new Uint8Array(exchange.computeSecret(peer))
    },
  }
}
