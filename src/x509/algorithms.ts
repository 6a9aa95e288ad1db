/**
 * Public keys and signature algorithms of certificates (RFC 3279, RFC 4055, RFC 5480, RFC 8410): which key is of which kind,
 * and which SignatureScheme of TLS verifies a given AlgorithmIdentifier.
 */
import { equalBytes } from '../base/bytes.ts'
import { CertificateError } from './certificate-error.ts'
import { constructedTag, DerReader, DerTag, parseDer } from './der.ts'
import { derElement, derInteger, derNull, derOid, derSequence } from './der-writer.ts'
import { Oid } from './oids.ts'

/** What a public key is; `unsupported` for all that TLS 1.3 has no signature for. */
export type KeyKind = 'rsa' | 'rsa-pss' | 'ec-p256' | 'ec-p384' | 'ec-p521' | 'ed25519' | 'ed448' | 'unsupported'

/** What is to be known of a SubjectPublicKeyInfo without computing with it. */
export interface PublicKeyInfo {
  readonly kind: KeyKind
  /** Its AlgorithmIdentifier, DER. */
  readonly algorithm: Uint8Array
  /** Bits of an RSA modulus; 0 for other keys. */
  readonly modulusBits: number
}

/** Reads a SubjectPublicKeyInfo, DER. @throws DerError if it is malformed; an unknown algorithm is `unsupported`. */
export function parsePublicKeyInfo(spki: Uint8Array): PublicKeyInfo {
  return parseDer(spki, (reader) => {
    const fields = reader.read(DerTag.sequence)
    const algorithm = fields.element()
    const kind = parseDer(algorithm, keyKind)
    const key = fields.bitString()
    fields.expectEnd()
    return { kind, algorithm, modulusBits: kind === 'rsa' || kind === 'rsa-pss' ? modulusBits(key) : 0 }
  })
}

function keyKind(reader: DerReader): KeyKind {
  const parameters = reader.read(DerTag.sequence)
  switch (parameters.oid()) {
    case Oid.rsaEncryption:
      return 'rsa'
    case Oid.rsaPss:
      return 'rsa-pss'
    case Oid.ed25519:
      return 'ed25519'
    case Oid.ed448:
      return 'ed448'
    case Oid.ecPublicKey:
      // RFC 5480 §2.1.1: only named curves, never curve parameters written out.
      return parameters.tag === DerTag.oid ? curveKind(parameters.oid()) : 'unsupported'
    default:
      return 'unsupported'
  }
}

function curveKind(curve: string): KeyKind {
  if (curve === Oid.p256) return 'ec-p256'
  if (curve === Oid.p384) return 'ec-p384'
  return curve === Oid.p521 ? 'ec-p521' : 'unsupported'
}

function modulusBits(key: Uint8Array): number {
  return parseDer(key, (reader) => {
    const fields = reader.read(DerTag.sequence)
    const modulus = fields.integer()
    fields.integer()
    fields.expectEnd()
    const isPadded = modulus[0] === 0
    const top = modulus[isPadded ? 1 : 0] ?? 0
    return (modulus.length - (isPadded ? 2 : 1)) * 8 + (32 - Math.clz32(top))
  })
}

/**
 * The SignatureScheme (RFC 8446 §4.2.3) that verifies a signature of this AlgorithmIdentifier by this issuer. For ECDSA
 * the scheme stands for its hash alone: in a certificate the curve is the key's (RFC 5758 §3.2).
 * @throws CertificateError where the algorithm is broken, unknown or does not belong to the key.
 */
export function signatureScheme(algorithm: Uint8Array, issuer: PublicKeyInfo): number {
  const id = new DerReader(algorithm).read(DerTag.sequence).oid()
  switch (id) {
    // RFC 9846 §4.5.1.3: MD5 must and SHA-1 should end the handshake with bad_certificate.
    case Oid.md5WithRsa:
    case Oid.sha1WithRsa:
    case Oid.ecdsaWithSha1:
      throw new CertificateError(
        'weak-algorithm',
        `signed with ${id === Oid.md5WithRsa ? 'MD5' : 'SHA-1'}, which is broken`,
      )
    case Oid.ecdsaWithSha256:
      return demand(issuer.kind.startsWith('ec-'), 0x0403)
    case Oid.ecdsaWithSha384:
      return demand(issuer.kind.startsWith('ec-'), 0x0503)
    case Oid.ecdsaWithSha512:
      return demand(issuer.kind.startsWith('ec-'), 0x0603)
    case Oid.sha256WithRsa:
      return demand(issuer.kind === 'rsa', 0x0401)
    case Oid.sha384WithRsa:
      return demand(issuer.kind === 'rsa', 0x0501)
    case Oid.sha512WithRsa:
      return demand(issuer.kind === 'rsa', 0x0601)
    case Oid.ed25519:
      return demand(issuer.kind === 'ed25519', 0x0807)
    case Oid.ed448:
      return demand(issuer.kind === 'ed448', 0x0808)
    case Oid.rsaPss:
      return pssScheme(algorithm, issuer)
    default:
      throw new CertificateError('algorithm', `signature algorithm ${id} is not supported`)
  }
}

function demand(fits: boolean, scheme: number): number {
  if (!fits) throw new CertificateError('algorithm', 'signature algorithm does not belong to the key of its issuer')
  return scheme
}

const PSS_HASHES = [
  { oid: Oid.sha256, saltLength: 32 },
  { oid: Oid.sha384, saltLength: 48 },
  { oid: Oid.sha512, saltLength: 64 },
] as const

/** Of the parameters only the three sets that TLS names: one hash throughout, a salt of its length (RFC 8446 §4.2.3). */
function pssScheme(algorithm: Uint8Array, { kind, algorithm: keyAlgorithm }: PublicKeyInfo): number {
  const index = PSS_HASHES.findIndex((_, candidate) =>
    [true, false].some((withNull) => equalBytes(algorithm, rsaPssAlgorithm(candidate, withNull))),
  )
  if (index < 0) throw new CertificateError('algorithm', 'parameters of RSASSA-PSS are none that TLS supports')
  if (kind === 'rsa') return 0x0804 + index
  // RFC 9846 §4.3.3: a key that has parameters signs with these and no others.
  const isBound = keyAlgorithm.length > derSequence(derOid(Oid.rsaPss)).length
  return demand(kind === 'rsa-pss' && (!isBound || equalBytes(algorithm, keyAlgorithm)), 0x0809 + index)
}

/** The AlgorithmIdentifier of RSASSA-PSS with SHA-256, SHA-384 or SHA-512 (index 0 to 2); hashes with or without NULL (RFC 4055 §2.1). */
export function rsaPssAlgorithm(index: number, withNull = true): Uint8Array {
  const { oid, saltLength } = PSS_HASHES[index] ?? PSS_HASHES[0]
  const hash = withNull ? derSequence(derOid(oid), derNull()) : derSequence(derOid(oid))
  return derSequence(
    derOid(Oid.rsaPss),
    derSequence(
      derElement(constructedTag(0), hash),
      derElement(constructedTag(1), derSequence(derOid(Oid.mgf1), hash)),
      derElement(constructedTag(2), derInteger(saltLength)),
    ),
  )
}

/** The AlgorithmIdentifier with which a certificate is signed under `scheme`; `undefined` where there is none. */
export function signatureAlgorithm(scheme: number): Uint8Array | undefined {
  switch (scheme) {
    case 0x0403:
      return derSequence(derOid(Oid.ecdsaWithSha256))
    case 0x0503:
      return derSequence(derOid(Oid.ecdsaWithSha384))
    case 0x0603:
      return derSequence(derOid(Oid.ecdsaWithSha512))
    case 0x0807:
      return derSequence(derOid(Oid.ed25519))
    case 0x0401:
      return derSequence(derOid(Oid.sha256WithRsa), derNull())
    case 0x0501:
      return derSequence(derOid(Oid.sha384WithRsa), derNull())
    case 0x0601:
      return derSequence(derOid(Oid.sha512WithRsa), derNull())
    default:
      return scheme >= 0x0804 && scheme <= 0x0806
        ? rsaPssAlgorithm(scheme - 0x0804)
        : scheme >= 0x0809 && scheme <= 0x080b
          ? rsaPssAlgorithm(scheme - 0x0809)
          : undefined
  }
}
