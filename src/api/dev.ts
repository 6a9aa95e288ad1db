/** `isoquic/dev`: a certificate for the machine on the desk, made on the fly in any runtime. Not for production. */
import { p256 } from '@noble/curves/nist.js'
import type { Signer } from '../crypto/provider.ts'
import { MILLISECONDS_PER_DAY } from '../x509/dates.ts'
import { generateCertificate } from '../x509/generate.ts'
import { Oid } from '../x509/oids.ts'
import { encodePem } from '../x509/pem.ts'
import { certificateHash } from '../x509/pins.ts'
import { ecPrivateKey, ecPublicKey } from '../x509/private-key.ts'

/** What {@link devCertificate} can be asked for. */
export interface DevCertificateOptions {
  /** Host names and IP addresses beside localhost, 127.0.0.1 and ::1. */
  readonly names?: readonly string[]
  /** Length of the validity period in days, 1 to 13; default 13. It begins an hour ago. */
  readonly days?: number
}

/** A certificate with its private key, in every form that `listen` and a page may want. */
export interface DevCertificate {
  /** PEM. */
  readonly certificate: string
  /** PKCS #8, PEM. */
  readonly privateKey: string
  readonly certificateDer: Uint8Array
  /** PKCS #8, DER. */
  readonly privateKeyDer: Uint8Array
  /** The pin of the certificate: goes into `serverCertificateHashes` as it is. */
  readonly hash: { readonly algorithm: 'sha-256'; readonly value: Uint8Array }
}

const LOCAL_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1']
const MAX_DAYS = 13
const ECDSA_SECP256R1_SHA256 = 0x0403

/**
 * A fresh ECDSA P-256 certificate, signed by itself, CA:FALSE, valid for at most 13 days, for localhost, 127.0.0.1, ::1 and the
 * names asked for. Browsers take it for WebTransport by its hash.
 *
 * @throws (rejects with) TypeError for a wrong name or an unknown option, RangeError for a wrong number of days.
 * @example
 * ```ts run
 * import { devCertificate } from 'isoquic/dev'
 *
 * const { certificate, privateKey, hash } = await devCertificate({ names: ['desk.local'] })
 * console.log(certificate.split('\n')[0]) // -----BEGIN CERTIFICATE-----
 * console.log(privateKey.split('\n')[0]) // -----BEGIN PRIVATE KEY-----
 * console.log(hash.algorithm, hash.value.length) // sha-256 32
 * ```
 */
export async function devCertificate(options: DevCertificateOptions = {}): Promise<DevCertificate> {
  const { names = [], days = MAX_DAYS, ...unknown } = options
  const [unknownKey] = Object.keys(unknown)
  if (unknownKey !== undefined) throw new TypeError(`Unknown option ${unknownKey}`)
  if (!(days >= 1 && days <= MAX_DAYS)) throw new RangeError(`days must be from 1 to ${MAX_DAYS}, got ${days}`)
  const secret = p256.utils.randomSecretKey()
  const publicKey = p256.getPublicKey(secret, false)
  const signer: Signer = {
    schemes: [ECDSA_SECP256R1_SHA256],
    sign: (_scheme, message) => p256.sign(message, secret, { format: 'der' }),
  }
  const random = { fill: (bytes: Uint8Array<ArrayBuffer>): void => void globalThis.crypto.getRandomValues(bytes) }
  const request = {
    names: [...new Set([...LOCAL_NAMES, ...names])],
    spki: ecPublicKey(publicKey, Oid.p256),
    lifetime: days * MILLISECONDS_PER_DAY,
  }
  const certificateDer = await generateCertificate(request, signer, random, Date.now())
  const privateKeyDer = ecPrivateKey(secret, publicKey, Oid.p256)
  return {
    certificate: encodePem('CERTIFICATE', certificateDer),
    privateKey: encodePem('PRIVATE KEY', privateKeyDer),
    certificateDer,
    privateKeyDer,
    hash: { algorithm: 'sha-256', value: certificateHash(certificateDer) },
  }
}
