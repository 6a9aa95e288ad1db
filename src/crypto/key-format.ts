/**
 * Public and private keys as they are exchanged: SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 5480, RFC 8410, RFC 4055) and
 * PKCS #8 (RFC 5958). What kind of key it is, and the part that engines compute with.
 */
import { fromHex, toHex } from '../base/bytes.ts'
import { Asn1Reader, Asn1Tag, encodeAsn1, integerBits } from './asn1.ts'

/** Curves of ECDSA keys. */
export type CurveName = 'P-256' | 'P-384' | 'P-521'

/** Hashes of signatures. */
export type SignatureHash = 'sha256' | 'sha384' | 'sha512'

/** What an AlgorithmIdentifier says of a key. */
export type KeyAlgorithm =
  | { readonly kind: 'ec'; readonly curve: CurveName }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'rsa' }
  /** `hash`: the only one that the key may be used with; absent if the key does not say. */
  | { readonly kind: 'rsa-pss'; readonly hash: SignatureHash | undefined }

/** A public key. */
export interface PublicKey {
  readonly algorithm: KeyAlgorithm
  /** EC: the uncompressed point; Ed25519: the key; RSA: RSAPublicKey, DER. A view of what was parsed. */
  readonly bytes: Uint8Array
  /** RSA: bits of the modulus; else 0. */
  readonly modulusBits: number
}

/** A private key. */
export interface PrivateKey {
  readonly algorithm: KeyAlgorithm
  /** EC: the scalar; Ed25519: the seed; RSA: RSAPrivateKey, DER. A view of what was parsed. */
  readonly bytes: Uint8Array
}

const OID_EC = '2a8648ce3d0201'
const OID_P256 = '2a8648ce3d030107'
const OID_P384 = '2b81040022'
const OID_P521 = '2b81040023'
const OID_ED25519 = '2b6570'
const OID_RSA = '2a864886f70d010101'
const OID_RSA_PSS = '2a864886f70d01010a'
const OID_MGF1 = '2a864886f70d010108'
const OID_SHA256 = '608648016503040201'
const OID_SHA384 = '608648016503040202'
const OID_SHA512 = '608648016503040203'

/** Bytes of a field element of a curve. */
export function curveSize(curve: CurveName): number {
  return curve === 'P-256' ? 32 : curve === 'P-384' ? 48 : 66
}

/** Bytes of a digest. */
export function signatureHashLength(hash: SignatureHash): number {
  return hash === 'sha256' ? 32 : hash === 'sha384' ? 48 : 64
}

/** Reads a SubjectPublicKeyInfo; `undefined` for what is malformed or of no known kind. Points must be uncompressed. */
export function parsePublicKey(spki: Uint8Array): PublicKey | undefined {
  const outer = new Asn1Reader(spki)
  const fields = outer.enter(Asn1Tag.sequence)
  const algorithm = parseAlgorithm(fields.enter(Asn1Tag.sequence))
  const bits = fields.read(Asn1Tag.bitString)
  // A key is whole bytes: no unused bits.
  if (algorithm === undefined || !outer.isComplete || !fields.isComplete || bits[0] !== 0) return undefined
  const bytes = bits.subarray(1)
  if (algorithm.kind === 'ec') {
    const isPoint = bytes.length === 1 + 2 * curveSize(algorithm.curve) && bytes[0] === 4
    return isPoint ? { algorithm, bytes, modulusBits: 0 } : undefined
  }
  if (algorithm.kind === 'ed25519') {
    return bytes.length === 32 ? { algorithm, bytes, modulusBits: 0 } : undefined
  }
  const key = new Asn1Reader(bytes)
  const modulusBits = integerBits(key.enter(Asn1Tag.sequence).read(Asn1Tag.integer))
  return key.isComplete && modulusBits > 0 ? { algorithm, bytes, modulusBits } : undefined
}

/** Reads a PKCS #8 key, not encrypted; `undefined` for what is malformed or of no known kind. */
export function parsePrivateKey(pkcs8: Uint8Array): PrivateKey | undefined {
  const outer = new Asn1Reader(pkcs8)
  const fields = outer.enter(Asn1Tag.sequence)
  const version = fields.read(Asn1Tag.integer)
  const algorithm = parseAlgorithm(fields.enter(Asn1Tag.sequence))
  const inner = fields.read(Asn1Tag.octetString)
  // Attributes and the public key may follow (RFC 5958 §2).
  if (algorithm === undefined || !outer.isComplete || !fields.ok || version.length !== 1) return undefined
  if (algorithm.kind === 'rsa' || algorithm.kind === 'rsa-pss') return { algorithm, bytes: inner }
  const key = new Asn1Reader(inner)
  if (algorithm.kind === 'ed25519') {
    const seed = key.read(Asn1Tag.octetString)
    return key.isComplete && seed.length === 32 ? { algorithm, bytes: seed } : undefined
  }
  // ECPrivateKey (RFC 5915 §3): version, the scalar; the rest is optional.
  const parts = key.enter(Asn1Tag.sequence)
  parts.read(Asn1Tag.integer)
  const scalar = parts.read(Asn1Tag.octetString)
  return parts.ok && scalar.length === curveSize(algorithm.curve) ? { algorithm, bytes: scalar } : undefined
}

/** SubjectPublicKeyInfo of a curve's uncompressed point, or of an Ed25519 key. */
export function encodePublicKey(curve: CurveName | 'Ed25519', key: Uint8Array): Uint8Array {
  return encodeAsn1(Asn1Tag.sequence, algorithmIdentifier(curve), encodeAsn1(Asn1Tag.bitString, Uint8Array.of(0), key))
}

/** PKCS #8 of a curve's scalar with its uncompressed point (which some hosts demand), or of an Ed25519 seed. */
export function encodePrivateKey(curve: CurveName | 'Ed25519', secret: Uint8Array, point: Uint8Array): Uint8Array {
  const inner =
    curve === 'Ed25519'
      ? encodeAsn1(Asn1Tag.octetString, secret)
      : encodeAsn1(
          Asn1Tag.sequence,
          Uint8Array.of(Asn1Tag.integer, 1, 1),
          encodeAsn1(Asn1Tag.octetString, secret),
          encodeAsn1(0xa1, encodeAsn1(Asn1Tag.bitString, Uint8Array.of(0), point)),
        )
  const version = Uint8Array.of(Asn1Tag.integer, 1, 0)
  return encodeAsn1(Asn1Tag.sequence, version, algorithmIdentifier(curve), encodeAsn1(Asn1Tag.octetString, inner))
}

/** An RSA key under the identifier rsaEncryption, the only one that Web Crypto reads; `private` keys as PKCS #8. */
export function encodeRsaKey(key: Uint8Array, form: 'public' | 'private'): Uint8Array {
  const algorithm = encodeAsn1(
    Asn1Tag.sequence,
    encodeAsn1(Asn1Tag.oid, fromHex(OID_RSA)),
    Uint8Array.of(Asn1Tag.null, 0),
  )
  if (form === 'public') {
    return encodeAsn1(Asn1Tag.sequence, algorithm, encodeAsn1(Asn1Tag.bitString, Uint8Array.of(0), key))
  }
  const version = Uint8Array.of(Asn1Tag.integer, 1, 0)
  return encodeAsn1(Asn1Tag.sequence, version, algorithm, encodeAsn1(Asn1Tag.octetString, key))
}

function algorithmIdentifier(curve: CurveName | 'Ed25519'): Uint8Array {
  if (curve === 'Ed25519') return encodeAsn1(Asn1Tag.sequence, encodeAsn1(Asn1Tag.oid, fromHex(OID_ED25519)))
  const named = curve === 'P-256' ? OID_P256 : curve === 'P-384' ? OID_P384 : OID_P521
  return encodeAsn1(Asn1Tag.sequence, encodeAsn1(Asn1Tag.oid, fromHex(OID_EC)), encodeAsn1(Asn1Tag.oid, fromHex(named)))
}

function parseAlgorithm(fields: Asn1Reader): KeyAlgorithm | undefined {
  switch (toHex(fields.read(Asn1Tag.oid))) {
    case OID_EC: {
      const curve = curveOf(toHex(fields.read(Asn1Tag.oid)))
      return curve === undefined || !fields.isComplete ? undefined : { kind: 'ec', curve }
    }
    case OID_ED25519:
      return fields.isComplete ? { kind: 'ed25519' } : undefined
    case OID_RSA:
      // RFC 3279 §2.3.1 demands NULL; some leave it out.
      if (fields.tag === Asn1Tag.null) fields.read(Asn1Tag.null)
      return fields.isComplete ? { kind: 'rsa' } : undefined
    case OID_RSA_PSS:
      return parsePss(fields)
    default:
      return undefined
  }
}

function curveOf(oid: string): CurveName | undefined {
  if (oid === OID_P256) return 'P-256'
  if (oid === OID_P384) return 'P-384'
  return oid === OID_P521 ? 'P-521' : undefined
}

/**
 * RSASSA-PSS-params (RFC 4055 §3.1): absent, or one hash throughout. The salt length of a key is the least that its signatures
 * may have (§3.3); TLS signatures have the hash's length (RFC 8446 §4.2.3).
 */
function parsePss(fields: Asn1Reader): KeyAlgorithm | undefined {
  if (fields.isComplete) return { kind: 'rsa-pss', hash: undefined }
  const parameters = fields.enter(Asn1Tag.sequence)
  const hash = parseHash(parameters.enter(0xa0))
  const generator = parameters.enter(0xa1).enter(Asn1Tag.sequence)
  const isMgf1 = toHex(generator.read(Asn1Tag.oid)) === OID_MGF1
  const generatorHash = parseHash(generator)
  if (hash === undefined || !isMgf1 || generatorHash !== hash || !fields.isComplete) return undefined
  // The default is 20 bytes, and DER leaves a default out.
  const salt = parameters.tag === 0xa2 ? parameters.enter(0xa2).read(Asn1Tag.integer) : Uint8Array.of(20)
  const isUsable = salt.length === 1 && (salt[0] ?? 0) <= signatureHashLength(hash)
  return parameters.isComplete && isUsable ? { kind: 'rsa-pss', hash } : undefined
}

function parseHash(parent: Asn1Reader): SignatureHash | undefined {
  const fields = parent.enter(Asn1Tag.sequence)
  const oid = toHex(fields.read(Asn1Tag.oid))
  if (fields.tag === Asn1Tag.null) fields.read(Asn1Tag.null)
  if (!fields.isComplete || !parent.isComplete) return undefined
  if (oid === OID_SHA256) return 'sha256'
  if (oid === OID_SHA384) return 'sha384'
  return oid === OID_SHA512 ? 'sha512' : undefined
}
