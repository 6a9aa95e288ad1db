/** Certificates of an authority and of its servers, for rows about whom an end believes. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isPending } from '../../src/crypto/eventually.ts'
import type { Signer } from '../../src/crypto/provider.ts'
import type { CertificateOptions } from '../../src/index.ts'
import { MILLISECONDS_PER_DAY } from '../../src/x509/dates.ts'
import { encodeCommonName } from '../../src/x509/distinguished-name.ts'
import { KeyUsage } from '../../src/x509/extensions.ts'
import {
  encodeBasicConstraints,
  encodeKeyUsage,
  encodeSubjectAltName,
  signCertificate,
} from '../../src/x509/generate.ts'

/** The kinds of keys. */
export type KeyKind = 'P-256' | 'P-384' | 'Ed25519' | 'RSA'

/** What {@link identityOf} may be asked for. */
export interface IdentityRequest {
  /** Unix ms, within the certificate's validity. */
  readonly now: number
  readonly kind?: KeyKind
  readonly names?: readonly string[]
  /** ms after `now` at which it is no longer valid; default: seven days. */
  readonly lifetime?: number
}

/** A server's certificate by an authority of its own, and the authority's. */
export interface IssuedIdentity extends CertificateOptions {
  readonly certificate: readonly Uint8Array[]
  readonly privateKey: string
  /** DER. */
  readonly ca: Uint8Array
  /** DER. */
  readonly spki: Uint8Array
}

const ECDSA_SECP256R1_SHA256 = 0x0403

/** Makes an authority, and a certificate of hers. */
export function identityOf(request: IdentityRequest): IssuedIdentity {
  const { kind = 'P-256', now, names = ['localhost', '127.0.0.1'], lifetime = 7 * MILLISECONDS_PER_DAY } = request
  const authority = keyPair('P-256')
  const server = keyPair(kind)
  const issuer = encodeCommonName(`Contract authority ${randomBytes(4).toString('hex')}`)
  const signer: Signer = {
    schemes: [ECDSA_SECP256R1_SHA256],
    sign: (_, message) => sign('sha256', message, authority.key),
  }
  const certify = (subject: Uint8Array, spki: Uint8Array, extensions: readonly Uint8Array[]): Uint8Array => {
    const serialNumber = randomBytes(16)
    serialNumber[0] = 0x40 | ((serialNumber[0] ?? 0) & 0x3f)
    const dates = { notBefore: now - MILLISECONDS_PER_DAY, notAfter: now + lifetime }
    const signed = signCertificate({ serialNumber, issuer, subject, ...dates, spki, extensions }, signer)
    if (isPending(signed)) throw new Error('The signer answers at once')
    return signed
  }
  const root = [encodeBasicConstraints(true), encodeKeyUsage(KeyUsage.keyCertSign)]
  const leaf = [encodeBasicConstraints(false), encodeKeyUsage(KeyUsage.digitalSignature), encodeSubjectAltName(names)]
  return {
    certificate: [certify(encodeCommonName('localhost'), server.spki, leaf)],
    privateKey: server.pkcs8,
    ca: certify(issuer, authority.spki, root),
    spki: server.spki,
  }
}

function keyPair(kind: KeyKind): { key: KeyObject; pkcs8: string; spki: Uint8Array } {
  const { privateKey, publicKey } =
    kind === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'Ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind })
  return {
    key: privateKey,
    pkcs8: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
  }
}
