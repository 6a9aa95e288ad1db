/**
 * What the SignatureScheme code points stand for (RFC 8446 §4.2.3), and which keys a verifier takes for them.
 *
 * An ECDSA scheme stands for its hash alone: its verifier works on whichever curve the key names, because certificates pair
 * curves and hashes freely (RFC 5758 §3.2). In a CertificateVerify the curve belongs to the scheme: that TLS checks.
 */
import type { Eventually } from './eventually.ts'
import type { KeyAlgorithm, PublicKey, SignatureHash } from './key-format.ts'
import type { Verifier } from './provider.ts'

/** A scheme by its parts. */
export type SchemeAlgorithm =
  | { readonly family: 'ed25519' }
  | { readonly family: 'ecdsa' | 'rsa-pkcs1'; readonly hash: SignatureHash }
  /** The salt has the length of the hash. `key`: the identifier that the key must have. */
  | { readonly family: 'rsa-pss'; readonly hash: SignatureHash; readonly key: 'rsa' | 'rsa-pss' }

/** What certificate and handshake signatures may be made with where everything is supported, best first. */
export const ALL_SCHEMES: readonly number[] = [
  0x0403, 0x0807, 0x0503, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0603, 0x0401, 0x0501, 0x0601,
]

/** The same without RSA. */
export const CURVE_SCHEMES: readonly number[] = [0x0403, 0x0807, 0x0503, 0x0603]

/** RSA moduli below can be factored by those who pay for it; far above, a forged certificate is a way to burn a verifier's time. */
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 8192

/** The parts of a scheme; `undefined` for one that is not supported. */
export function schemeAlgorithm(scheme: number): SchemeAlgorithm | undefined {
  switch (scheme) {
    case 0x0403:
      return { family: 'ecdsa', hash: 'sha256' }
    case 0x0503:
      return { family: 'ecdsa', hash: 'sha384' }
    case 0x0603:
      return { family: 'ecdsa', hash: 'sha512' }
    case 0x0807:
      return { family: 'ed25519' }
    case 0x0401:
      return { family: 'rsa-pkcs1', hash: 'sha256' }
    case 0x0501:
      return { family: 'rsa-pkcs1', hash: 'sha384' }
    case 0x0601:
      return { family: 'rsa-pkcs1', hash: 'sha512' }
    case 0x0804:
      return { family: 'rsa-pss', hash: 'sha256', key: 'rsa' }
    case 0x0805:
      return { family: 'rsa-pss', hash: 'sha384', key: 'rsa' }
    case 0x0806:
      return { family: 'rsa-pss', hash: 'sha512', key: 'rsa' }
    case 0x0809:
      return { family: 'rsa-pss', hash: 'sha256', key: 'rsa-pss' }
    case 0x080a:
      return { family: 'rsa-pss', hash: 'sha384', key: 'rsa-pss' }
    case 0x080b:
      return { family: 'rsa-pss', hash: 'sha512', key: 'rsa-pss' }
    default:
      return undefined
  }
}

/** Whether a verifier of the scheme works with the key. RSA keys must have 2,048 to 8,192 bits. */
export function takesKey(scheme: SchemeAlgorithm, key: PublicKey): boolean {
  const { algorithm } = key
  switch (scheme.family) {
    case 'ed25519':
      return algorithm.kind === 'ed25519'
    case 'ecdsa':
      return algorithm.kind === 'ec'
    case 'rsa-pkcs1':
      return algorithm.kind === 'rsa' && hasUsableModulus(key)
    case 'rsa-pss':
      return (
        algorithm.kind === scheme.key &&
        (algorithm.kind !== 'rsa-pss' || algorithm.hash === undefined || algorithm.hash === scheme.hash) &&
        hasUsableModulus(key)
      )
  }
}

/** The schemes that a private key signs TLS handshakes with, best first (RFC 8446 §4.2.3). */
export function signingSchemes(algorithm: KeyAlgorithm): readonly number[] {
  switch (algorithm.kind) {
    case 'ed25519':
      return [0x0807]
    case 'ec':
      return algorithm.curve === 'P-256' ? [0x0403] : algorithm.curve === 'P-384' ? [0x0503] : [0x0603]
    case 'rsa':
      return [0x0804, 0x0805, 0x0806]
    case 'rsa-pss':
      return [0x0809, 0x080a, 0x080b].filter((scheme) => {
        const parts = schemeAlgorithm(scheme)
        return algorithm.hash === undefined || (parts?.family === 'rsa-pss' && parts.hash === algorithm.hash)
      })
  }
}

/**
 * The parts of a scheme that a signer was asked for.
 * @throws TypeError if it is not among those of its key.
 */
export function requireScheme(scheme: number, schemes: readonly number[]): SchemeAlgorithm {
  const parts = schemes.includes(scheme) ? schemeAlgorithm(scheme) : undefined
  if (parts === undefined)
    throw new TypeError(`The key does not sign with scheme 0x${scheme.toString(16).padStart(4, '0')}`)
  return parts
}

/** One verifier for each scheme, all by one function. */
export function verifiersOf(
  schemes: readonly number[],
  verify: (scheme: number, spki: Uint8Array, message: Uint8Array, signature: Uint8Array) => Eventually<boolean>,
): readonly Verifier[] {
  return schemes.map((scheme) => ({
    scheme,
    verify: (spki, message, signature) => verify(scheme, spki, message, signature),
  }))
}

function hasUsableModulus(key: PublicKey): boolean {
  return key.modulusBits >= MIN_RSA_BITS && key.modulusBits <= MAX_RSA_BITS
}
