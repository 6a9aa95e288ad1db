/** A certificate authority and a server's certificate of hers, as the interop runner makes them: `ca.pem`, `cert.pem`, `priv.key`. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isPending } from '../../src/crypto/eventually.ts'
import type { Signer } from '../../src/crypto/provider.ts'
import { MILLISECONDS_PER_DAY } from '../../src/x509/dates.ts'
import { encodeCommonName } from '../../src/x509/distinguished-name.ts'
import { KeyUsage } from '../../src/x509/extensions.ts'
import {
  encodeBasicConstraints,
  encodeKeyUsage,
  encodeSubjectAltName,
  signCertificate,
} from '../../src/x509/generate.ts'
import { encodePem } from '../../src/x509/pem.ts'

const NAMES: readonly string[] = ['localhost', '127.0.0.1']
const ECDSA_SECP256R1_SHA256 = 0x0403

/** A key and what signs with it. */
interface KeyPair {
  readonly spki: Uint8Array
  readonly pkcs8: string
  readonly signer: Signer
}

/** Names of a certificate that no server may send at once: more bytes than three times the first datagram of a client. */
const MANY_NAMES: readonly string[] = [
  ...NAMES,
  ...Array.from({ length: 240 }, (_, index) => `host-${index}.of-a-large-site.example`),
]

/** The folder in that of the certificates with the same files of a server with a large one. */
export const LARGE = 'large'

/** Writes the three files into `folder`, and those with a large certificate into {@link LARGE} in it. */
export function writeCertificates(folder: string): void {
  mkdirSync(join(folder, LARGE))
  writeFor(folder, NAMES)
  writeFor(join(folder, LARGE), MANY_NAMES)
}

function writeFor(folder: string, names: readonly string[]): void {
  const authority = keyPair()
  const server = keyPair()
  const authorityName = encodeCommonName('isoquic interop authority')
  const root = certify(authorityName, authorityName, authority.spki, authority.signer, [
    encodeBasicConstraints(true),
    encodeKeyUsage(KeyUsage.keyCertSign),
  ])
  const leaf = certify(authorityName, encodeCommonName('localhost'), server.spki, authority.signer, [
    encodeBasicConstraints(false),
    encodeKeyUsage(KeyUsage.digitalSignature),
    encodeSubjectAltName(names),
  ])
  writeFileSync(join(folder, 'ca.pem'), encodePem('CERTIFICATE', root))
  writeFileSync(join(folder, 'cert.pem'), encodePem('CERTIFICATE', leaf))
  writeFileSync(join(folder, 'priv.key'), server.pkcs8)
}

function keyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    signer: {
      schemes: [ECDSA_SECP256R1_SHA256],
      sign: (_scheme, message) => new Uint8Array(sign('sha256', message, privateKey)),
    },
  }
}

function certify(
  issuer: Uint8Array,
  subject: Uint8Array,
  spki: Uint8Array,
  signer: Signer,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const serialNumber = new Uint8Array(randomBytes(16))
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x3f) | 0x40
  const now = Date.now()
  const period = { notBefore: now - MILLISECONDS_PER_DAY, notAfter: now + 10 * MILLISECONDS_PER_DAY }
  const certificate = signCertificate({ serialNumber, issuer, subject, ...period, spki, extensions }, signer)
  if (isPending(certificate)) throw new Error('Node signs at once')
  return certificate
}
