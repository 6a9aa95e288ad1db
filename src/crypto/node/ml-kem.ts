/** X25519MLKEM768 by `node:crypto`, which has ML-KEM from Node 24.7 on, where its OpenSSL is 3.5 or newer. */
import { Buffer } from 'node:buffer'
import * as crypto from 'node:crypto'
import { ENCAPSULATION_KEY_LENGTH, hybridGroup, type MlKem768 } from '../hybrid-group.ts'
import type { KeyExchange } from '../provider.ts'
import { nodeX25519 } from './groups.ts'

/** What stands before an encapsulation key of ML-KEM-768 in its SubjectPublicKeyInfo (draft-ietf-lamps-kyber-certificates §4). */
const PREFIX = '308204b2300b0609608648016503040402038204a100'

/** ML-KEM-768 by `node:crypto`, synchronous; its keys come from OpenSSL's own generator. */
export const nodeMlKem768: MlKem768 = {
  generate() {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ml-kem-768')
    const spki = publicKey.export({ format: 'der', type: 'spki' })
    return {
      encapsulationKey: new Uint8Array(spki.subarray(spki.length - ENCAPSULATION_KEY_LENGTH)),
      decapsulate: (ciphertext) => new Uint8Array(crypto.decapsulate(privateKey, ciphertext)),
    }
  },
  encapsulate(encapsulationKey) {
    const { length } = encapsulationKey
    // OpenSSL passes over what follows a key, and checks the modulus as it reads it (FIPS 203 §7.2).
    if (length !== ENCAPSULATION_KEY_LENGTH) {
      throw new RangeError(`An encapsulation key has ${ENCAPSULATION_KEY_LENGTH} bytes, got ${length}`)
    }
    const key = Buffer.concat([Buffer.from(PREFIX, 'hex'), encapsulationKey])
    const publicKey = crypto.createPublicKey({ key, format: 'der', type: 'spki' })
    const { ciphertext, sharedKey } = crypto.encapsulate(publicKey)
    return { ciphertext: new Uint8Array(ciphertext), secret: new Uint8Array(sharedKey) }
  },
}

const GROUP: KeyExchange = /* @__PURE__ */ hybridGroup(nodeMlKem768, nodeX25519)

/** Found out once: it costs a key pair. */
let hasMlKem: boolean | undefined

/** X25519MLKEM768, where this runtime has it; found out at the first call. */
export function nodeHybridGroups(): readonly KeyExchange[] {
  hasMlKem ??= canEncapsulate()
  return hasMlKem ? [GROUP] : []
}

/** A runtime may have the functions and lack the algorithm. */
function canEncapsulate(): boolean {
  if (typeof crypto.encapsulate !== 'function') return false
  try {
    crypto.encapsulate(crypto.generateKeyPairSync('ml-kem-768').publicKey)
    return true
  } catch {
    return false
  }
}
