/**
 * Key agreement by `node:crypto`: X25519, P-256, P-384. Private keys come from OpenSSL's own generator: the given source of
 * randomness is not asked, so a seed does not reproduce a handshake of this engine.
 */
import { Buffer } from 'node:buffer'
import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import { checkSecret, checkShare, diffieHellmanGroup, SECP256R1, SECP384R1, X25519 } from '../key-exchange.ts'
import type { KeyExchange, KeyShare } from '../provider.ts'

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

/** What stands before the 32 bytes of an X25519 key in its SubjectPublicKeyInfo (RFC 8410 §4). */
const X25519_PREFIX = '302a300506032b656e032100'

function generateX25519(): KeyShare {
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return {
    share: new Uint8Array(spki.subarray(spki.length - 32)),
    agree(peer) {
      checkShare(X25519, peer)
      const key = Buffer.concat([Buffer.from(X25519_PREFIX, 'hex'), peer])
      const peerKey = createPublicKey({ key, format: 'der', type: 'spki' })
      return checkSecret(new Uint8Array(diffieHellman({ privateKey, publicKey: peerKey })))
    },
  }
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
