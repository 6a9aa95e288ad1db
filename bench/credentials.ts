/** A certification authority and a server's certificate of it, made for one run. Some stacks take no certificate that signs itself. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { node } from '../src/crypto/node/provider.ts'
import type { Signer } from '../src/crypto/provider.ts'
import { encodeCommonName } from '../src/x509/distinguished-name.ts'
import { KeyUsage } from '../src/x509/extensions.ts'
import {
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeSubjectAltName,
  signCertificate,
} from '../src/x509/generate.ts'
import { Oid } from '../src/x509/oids.ts'
import { encodePem } from '../src/x509/pem.ts'

const DAY = 86_400_000

interface Key {
  readonly spki: Uint8Array
  readonly pkcs8: Uint8Array
}

function generateKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    spki: publicKey.export({ type: 'spki', format: 'der' }),
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
  }
}

async function certify(subject: string, key: Key, signer: Signer, extensions: readonly Uint8Array[]): Promise<string> {
  const serialNumber = new Uint8Array(randomBytes(16))
  // A positive number of the full length (RFC 5280 §4.1.2.2).
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x3f) | 0x40
  const now = Math.floor(Date.now() / 1000) * 1000
  const names = { issuer: encodeCommonName('isoquic bench'), subject: encodeCommonName(subject) }
  const period = { notBefore: now - DAY, notAfter: now + DAY }
  const der = await signCertificate({ serialNumber, ...names, ...period, spki: key.spki, extensions }, signer)
  return encodePem('CERTIFICATE', der)
}

/** Writes `ca.pem`, `leaf.pem` and `leaf.key` into `folder`: ECDSA P-256, for localhost and 127.0.0.1. */
export async function writeCredentials(folder: string): Promise<void> {
  const authority = generateKey()
  const leaf = generateKey()
  const signer = await node.createSigner(authority.pkcs8)
  const ca = await certify('isoquic bench', authority, signer, [
    encodeBasicConstraints(true),
    encodeKeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign),
  ])
  const certificate = await certify('localhost', leaf, signer, [
    encodeBasicConstraints(false),
    encodeKeyUsage(KeyUsage.digitalSignature),
    encodeExtendedKeyUsage([Oid.serverAuth]),
    encodeSubjectAltName(['localhost', '127.0.0.1']),
  ])
  writeFileSync(join(folder, 'ca.pem'), ca)
  writeFileSync(join(folder, 'leaf.pem'), certificate)
  writeFileSync(join(folder, 'leaf.key'), encodePem('PRIVATE KEY', leaf.pkcs8))
}
