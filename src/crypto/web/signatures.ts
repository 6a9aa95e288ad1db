/**
 * Signatures by Web Crypto: ECDSA, Ed25519, RSA. Keys may be handles that do not give their bytes away. Where the host lacks
 * an algorithm noble is loaded; for RSA there is nothing else.
 */
import { ecdsaToDer, ecdsaToRaw } from '../ecdsa-signature.ts'
import {
  type CurveName,
  curveSize,
  encodeRsaKey,
  type KeyAlgorithm,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
  type SignatureHash,
  signatureHashLength,
} from '../key-format.ts'
import type { Signer } from '../provider.ts'
import { requireScheme, type SchemeAlgorithm, schemeAlgorithm, signingSchemes, takesKey } from '../signature-schemes.ts'

/**
 * A signer of a PKCS #8 key.
 * @throws TypeError (rejects) for a key that is malformed or of a kind that neither the host nor noble has.
 */
export async function webSigner(subtle: SubtleCrypto, pkcs8: Uint8Array): Promise<Signer> {
  const parsed = parsePrivateKey(pkcs8)
  if (parsed === undefined) throw new TypeError('The private key is no PKCS #8 key of a supported algorithm')
  const { algorithm } = parsed
  const isRsa = algorithm.kind === 'rsa' || algorithm.kind === 'rsa-pss'
  const encoded = isRsa ? encodeRsaKey(parsed.bytes, 'private') : pkcs8.slice()
  const schemes = signingSchemes(algorithm)
  const keys = new Map<number, CryptoKey>()
  try {
    for (const scheme of schemes) {
      const importing = importParameters(requireScheme(scheme, schemes), algorithm)
      keys.set(scheme, await subtle.importKey('pkcs8', encoded.slice(), importing, false, ['sign']))
    }
  } catch (cause) {
    if (isRsa) throw new TypeError('The private key cannot be read', { cause })
    const { nobleSigner } = await import('../noble/signatures.ts')
    return nobleSigner(pkcs8)
  }
  return signer(subtle, schemes, (scheme) => keys.get(scheme))
}

/**
 * A signer of a private key that Web Crypto holds, extractable or not.
 * @throws TypeError for a key that cannot sign, or of a kind that TLS does not sign with.
 */
export function signerOfCryptoKey(subtle: SubtleCrypto, key: CryptoKey): Signer {
  const schemes = schemesOfCryptoKey(key)
  if (schemes.length === 0 || !key.usages.includes('sign')) {
    throw new TypeError(`A ${key.type} key for ${key.algorithm.name} does not sign TLS handshakes`)
  }
  return signer(subtle, schemes, () => key)
}

function signer(
  subtle: SubtleCrypto,
  schemes: readonly number[],
  keyOf: (scheme: number) => CryptoKey | undefined,
): Signer {
  return {
    schemes,
    async sign(scheme, message) {
      const parts = requireScheme(scheme, schemes)
      const key = keyOf(scheme)
      if (key === undefined) throw new TypeError(`There is no key for scheme 0x${scheme.toString(16)}`)
      const signature = new Uint8Array(await subtle.sign(signParameters(parts), key, message.slice()))
      return parts.family === 'ecdsa' ? ecdsaToDer(signature) : signature
    },
  }
}

/** Verifies one signature. Schemes and keys that neither the host nor noble has are `false`, as is everything malformed. */
export async function webVerify(
  subtle: SubtleCrypto,
  scheme: number,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const parts = schemeAlgorithm(scheme)
  const parsed = parsePublicKey(spki)
  if (parts === undefined || parsed === undefined || !takesKey(parts, parsed)) return false
  const { algorithm } = parsed
  const raw = algorithm.kind === 'ec' ? ecdsaToRaw(signature, curveSize(algorithm.curve)) : signature.slice()
  if (raw === undefined) return false
  let key: CryptoKey
  try {
    key = await importPublicKey(subtle, parts, parsed, spki)
  } catch (error) {
    if (!isUnsupported(error)) return false
    const { nobleVerify } = await import('../noble/signatures.ts')
    return nobleVerify(scheme, spki, message, signature)
  }
  // RFC 8017 §8.1.2: a signature is as long as the modulus. Hosts on OpenSSL take it without its leading zeros, too.
  const { modulusLength } = key.algorithm as { readonly modulusLength?: number }
  if (modulusLength !== undefined && raw.length !== Math.ceil(modulusLength / 8)) return false
  try {
    return await subtle.verify(signParameters(parts), key, raw.slice(), message.slice())
  } catch {
    return false
  }
}

function importPublicKey(
  subtle: SubtleCrypto,
  parts: SchemeAlgorithm,
  parsed: PublicKey,
  spki: Uint8Array,
): Promise<CryptoKey> {
  const isRsa = parsed.algorithm.kind === 'rsa' || parsed.algorithm.kind === 'rsa-pss'
  const encoded = isRsa ? encodeRsaKey(parsed.bytes, 'public') : spki
  return subtle.importKey('spki', encoded.slice(), importParameters(parts, parsed.algorithm), false, ['verify'])
}

/** What a host says of an algorithm that it does not have. */
function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotSupportedError'
}

function importParameters(parts: SchemeAlgorithm, key: KeyAlgorithm): RsaHashedImportParams | EcKeyImportParams {
  if (parts.family === 'ed25519') return { name: 'Ed25519', namedCurve: '' }
  if (parts.family === 'ecdsa') return { name: 'ECDSA', namedCurve: key.kind === 'ec' ? key.curve : '' }
  return { name: rsaName(parts), hash: hashName(parts.hash) }
}

function signParameters(parts: SchemeAlgorithm): AlgorithmIdentifier | RsaPssParams | EcdsaParams {
  switch (parts.family) {
    case 'ed25519':
      return { name: 'Ed25519' }
    case 'ecdsa':
      return { name: 'ECDSA', hash: hashName(parts.hash) }
    case 'rsa-pkcs1':
      return { name: rsaName(parts) }
    case 'rsa-pss':
      return { name: rsaName(parts), saltLength: signatureHashLength(parts.hash) }
  }
}

function rsaName(parts: SchemeAlgorithm): string {
  return parts.family === 'rsa-pss' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
}

function hashName(hash: SignatureHash): string {
  return hash === 'sha256' ? 'SHA-256' : hash === 'sha384' ? 'SHA-384' : 'SHA-512'
}

function schemesOfCryptoKey(key: CryptoKey): readonly number[] {
  // The declared algorithm is the base of all; these members exist where their names say so.
  const algorithm = key.algorithm as { name: string; namedCurve?: string; hash?: { name: string } }
  switch (algorithm.name) {
    case 'Ed25519':
      return signingSchemes({ kind: 'ed25519' })
    case 'ECDSA':
      return signingSchemes({ kind: 'ec', curve: algorithm.namedCurve as CurveName })
    case 'RSA-PSS':
      return signingSchemes({ kind: 'rsa' }).filter((scheme) => {
        const parts = schemeAlgorithm(scheme)
        return parts?.family === 'rsa-pss' && hashName(parts.hash) === algorithm.hash?.name
      })
    default:
      return []
  }
}
