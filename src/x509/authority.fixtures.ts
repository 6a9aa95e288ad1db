/**
 * A certificate authority for tests: real certificates over keys and signatures that are hashes, so that hundreds cost nothing in any
 * runtime. A "signature" is SHA-256 over the signer's public key and the message; who knows the rule can forge it.
 */
import { concat, encodeUtf8, equalBytes } from '../base/bytes.ts'
import { isPending } from '../crypto/eventually.ts'
import { hashOf } from '../crypto/hkdf.ts'
import type { Signer, Verifier } from '../crypto/provider.ts'
import { MILLISECONDS_PER_DAY } from './dates.ts'
import { encodeCommonName } from './distinguished-name.ts'
import { KeyUsage } from './extensions.ts'
import { encodeBasicConstraints, encodeKeyUsage, encodeSubjectAltName, signCertificate } from './generate.ts'
import { Oid } from './oids.ts'
import { ecPublicKey } from './private-key.ts'

/** The time at which tests look at their certificates: 2026-06-01T00:00:00Z. */
export const TEST_TIME = 1_780_272_000_000

/** A subject that has been certified, and can certify others. */
export interface Issued {
  readonly der: Uint8Array
  /** Name, DER. */
  readonly name: Uint8Array
  readonly spki: Uint8Array
  readonly signer: Signer
}

/** What a certificate shall say; the defaults make a server's certificate that is valid at {@link TEST_TIME}. */
export interface IssueOptions {
  /** Common name; the key is derived from it, and from `key` where several keys share a name. */
  readonly subject: string
  readonly key?: string
  /** In place of a key: any SubjectPublicKeyInfo. */
  readonly spki?: Uint8Array
  /** Absent: signed by itself. */
  readonly issuer?: Issued
  /** subjectAltName; none where it is empty. */
  readonly names?: readonly string[]
  readonly ca?: boolean
  readonly pathLength?: number
  /** A mask of `KeyUsage`, in place of what suits `ca`; 0 leaves the extension out. */
  readonly keyUsage?: number
  readonly notBefore?: number
  readonly notAfter?: number
  /** Elements made by `encodeExtension`, behind the usual ones. */
  readonly extensions?: readonly Uint8Array[]
}

/** Issues a certificate. */
export function issue(options: IssueOptions): Issued {
  const { subject, ca = false, names = [] } = options
  const spki = options.spki ?? testKey(options.key ?? subject)
  const signer = testSigner(spki)
  const name = encodeCommonName(subject)
  const issuer = options.issuer ?? { name, signer }
  const keyUsage = options.keyUsage ?? (ca ? KeyUsage.keyCertSign | KeyUsage.cRLSign : KeyUsage.digitalSignature)
  const der = signCertificate(
    {
      serialNumber: hashOf('sha256', encodeUtf8(subject)).subarray(0, 8),
      issuer: issuer.name,
      subject: name,
      notBefore: options.notBefore ?? TEST_TIME - MILLISECONDS_PER_DAY,
      notAfter: options.notAfter ?? TEST_TIME + MILLISECONDS_PER_DAY,
      spki,
      extensions: [
        encodeBasicConstraints(ca, options.pathLength),
        ...(keyUsage === 0 ? [] : [encodeKeyUsage(keyUsage)]),
        ...(names.length === 0 ? [] : [encodeSubjectAltName(names)]),
        ...(options.extensions ?? []),
      ],
    },
    issuer.signer,
  )
  if (isPending(der)) throw new Error('Test signer must answer at once')
  return { der, name, spki, signer }
}

/** The SubjectPublicKeyInfo of a key that has the form of P-256 and no private part. */
export function testKey(seed: string): Uint8Array {
  const half = hashOf('sha256', encodeUtf8(seed))
  return ecPublicKey(concat(Uint8Array.of(4), half, half), Oid.p256)
}

/** Signs for a {@link testKey}. */
export function testSigner(spki: Uint8Array): Signer {
  return { schemes: [0x0403], sign: (_scheme, message) => hashOf('sha256', concat(spki, message)) }
}

/** Verifies what {@link testSigner} signed. */
export const testVerifier: Verifier = {
  scheme: 0x0403,
  verify: (spki, message, signature) => equalBytes(signature, hashOf('sha256', concat(spki, message))),
}
