/** X25519MLKEM768 by `node:crypto`, which has ML-KEM from Node 24.7 on, where its OpenSSL is 3.5 or newer. */
import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import { ENCAPSULATION_KEY_LENGTH, hybridGroup, type MlKem768 } from '../hybrid-group.ts'
import type { KeyExchange } from '../provider.ts'
import { bufferOf } from './buffer.ts'
import { nodeX25519 } from './groups.ts'
import { keyOfText, readsTextFaster } from './spki.ts'

/** What stands before an encapsulation key of ML-KEM-768 in its SubjectPublicKeyInfo (draft-ietf-lamps-kyber-certificates §4). */
const PREFIX = '308204b2300b0609608648016503040402038204a100'

/** ML-KEM-768 by `node:crypto`, synchronous; its keys come from OpenSSL's own generator. */
export const nodeMlKem768: MlKem768 = {
  generate() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ml-kem-768')
    return {
      encapsulationKey: exportKey(publicKey),
      decapsulate: (ciphertext) => new Uint8Array(crypto.decapsulate(privateKey, ciphertext)),
    }
  },
  encapsulate(encapsulationKey) {
    const { length } = encapsulationKey
    // OpenSSL passes over what follows a key, and checks the modulus as it reads it (FIPS 203 §7.2).
    if (length !== ENCAPSULATION_KEY_LENGTH) {
      throw new RangeError(`An encapsulation key has ${ENCAPSULATION_KEY_LENGTH} bytes, got ${length}`)
    }
    const { ciphertext, sharedKey } = crypto.encapsulate(importKey(encapsulationKey))
    return { ciphertext: new Uint8Array(ciphertext), secret: new Uint8Array(sharedKey) }
  },
}

const GROUP: KeyExchange = /* @__PURE__ */ hybridGroup(nodeMlKem768, nodeX25519)

/** What this runtime can do, found out once: it costs a key pair. */
let ability: 'none' | 'der' | 'raw' | undefined

/** X25519MLKEM768, where this runtime has it; found out at the first call. */
export function nodeHybridGroups(): readonly KeyExchange[] {
  return abilityHere() === 'none' ? [] : [GROUP]
}

function abilityHere(): 'none' | 'der' | 'raw' {
  ability ??= findAbility()
  return ability
}

/** A runtime may have the functions and lack the algorithm, or have that and not know keys in the raw. */
function findAbility(): 'none' | 'der' | 'raw' {
  if (typeof crypto.encapsulate !== 'function') return 'none'
  try {
    const { publicKey } = crypto.generateKeyPairSync('ml-kem-768')
    crypto.encapsulate(publicKey)
    return knowsRawKeys(publicKey) ? 'raw' : 'der'
  } catch {
    return 'none'
  }
}

function knowsRawKeys(key: crypto.KeyObject): boolean {
  try {
    const raw = key.export({ format: 'raw-public' })
    return rawKey(raw).equals(key)
  } catch {
    return false
  }
}

function exportKey(key: crypto.KeyObject): Uint8Array {
  // OpenSSL writes a SubjectPublicKeyInfo in ten times the time of the raw key.
  if (abilityHere() === 'raw') return new Uint8Array(key.export({ format: 'raw-public' }))
  const spki = key.export({ format: 'der', type: 'spki' })
  return new Uint8Array(spki.subarray(spki.length - ENCAPSULATION_KEY_LENGTH))
}

function importKey(bytes: Uint8Array): crypto.KeyObject {
  if (readsTextFaster()) return keyOfText(PREFIX, bytes)
  if (abilityHere() === 'raw') return rawKey(bufferOf(bytes))
  const key = Buffer.concat([Buffer.from(PREFIX, 'hex'), bytes])
  return crypto.createPublicKey({ key, format: 'der', type: 'spki' })
}

function rawKey(key: Buffer): crypto.KeyObject {
  return crypto.createPublicKey({ key, format: 'raw-public', asymmetricKeyType: 'ml-kem-768' })
}
