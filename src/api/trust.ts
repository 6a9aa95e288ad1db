/** Whom an end believes: pins, given anchors, or the anchors of the runtime. On by default; off takes the word `insecure`. */
import { RecentMap } from '../base/recent-map.ts'
import { andThen, type Eventually, isPending } from '../crypto/eventually.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { type CertificateVerifier, insecureVerifier } from '../x509/certificate-verifier.ts'
import { certificatesFromPem } from '../x509/pem.ts'
import type { CertificateHash } from '../x509/pins.ts'
import { checkArray, shown } from './checks.ts'
import { isCryptoKey, pinOfCryptoKey } from './crypto-key.ts'
import type { Handshake } from './handshake.ts'

/** How the server is authenticated. Pins come before `ca`, `ca` before the roots of the runtime. */
export interface TrustOptions {
  /** Trust anchors: PEM (one text may hold several) or DER. Default: the runtime's, where it shows any (Node). */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** W3C's: SHA-256 of the certificate, which must be short-lived. */
  readonly serverCertificateHashes?: readonly CertificateHash[]
  /** SHA-256 of the server's SubjectPublicKeyInfo, or the public key itself as a `CryptoKey`. */
  readonly spkiPins?: readonly (Uint8Array | CryptoKey)[]
  /**
   * `'insecure'` believes everybody: for experiments on one's own machine. A function judges in place of all other checks but
   * the peer's proof that the certificate is its own.
   */
  readonly verify?: 'insecure' | VerifyCertificates
}

/**
 * Judges a peer by rules of one's own: `false`, a throw or a rejection refuses it.
 * @param chain DER, leaf first, as it came.
 * @param name what a server must be called; `undefined` for clients, and where no name is known.
 */
export type VerifyCertificates = (chain: readonly Uint8Array[], name: string | undefined) => Eventually<boolean>

/** What makes verifiers: a part of the handshake. */
export type VerifierFactories = Pick<Handshake, 'createPathVerifier' | 'createPinVerifier'>

/** How to make the verifier that `options` ask for. @throws TypeError for options of the wrong kind */
export function verifierOf(
  options: TrustOptions,
  crypto: CryptoProvider,
  systemRoots: () => readonly Uint8Array[] | undefined,
): (factories: VerifierFactories) => CertificateVerifier {
  const { ca, serverCertificateHashes, spkiPins, verify } = options
  checkHashes(serverCertificateHashes)
  checkArray(spkiPins, 'spkiPins')
  if (verify === 'insecure') return () => insecureVerifier
  if (verify !== undefined) {
    const verifier = verifierByFunction(verify, ca ?? serverCertificateHashes ?? spkiPins)
    return () => verifier
  }
  if (serverCertificateHashes !== undefined || spkiPins !== undefined) {
    const pins = spkiPins?.map(pinOf) ?? []
    const hashes = serverCertificateHashes === undefined ? {} : { serverCertificateHashes }
    return ({ createPinVerifier }) => {
      if (!pins.some(isPending)) return createPinVerifier({ ...hashes, spkiPins: pins as readonly Uint8Array[] })
      const reading = Promise.all(pins).then((spkiHashes) => createPinVerifier({ ...hashes, spkiPins: spkiHashes }))
      // Whoever asks for the verdict hears of it.
      reading.catch(() => {})
      return { verify: (...question) => reading.then((verifier) => verifier.verify(...question)) }
    }
  }
  const anchors = ca === undefined ? (systemRoots() ?? NO_ANCHORS) : anchorsOf(ca)
  return ({ createPathVerifier }) => createPathVerifier({ anchors, verifiers: crypto.verifiers })
}

const NO_ANCHORS: readonly Uint8Array[] = []

/** Texts of anchors that were read last: a client begins many connections with the same. */
const texts = /* @__PURE__ */ new RecentMap<string, readonly Uint8Array[]>(8)

/** Trust anchors as DER, the same list for the same text. @throws TypeError as {@link derOf} */
export function anchorsOf(ca: NonNullable<TrustOptions['ca']>): readonly Uint8Array[] {
  if (typeof ca !== 'string') return derOf(ca)
  const known = texts.get(ca)
  if (known !== undefined) return known
  const anchors = derOf(ca)
  texts.set(ca, anchors)
  return anchors
}

/** @throws TypeError for what is no function, or stands beside what it takes the place of */
function verifierByFunction(verify: unknown, other: unknown): CertificateVerifier {
  if (typeof verify !== 'function') {
    throw new TypeError(`verify must be 'insecure' or a function, got ${String(verify)}`)
  }
  if (other !== undefined) {
    throw new TypeError('verify takes the place of ca, serverCertificateHashes and spkiPins: give one of them')
  }
  const judge = verify as VerifyCertificates
  return {
    verify: (chain, name) =>
      andThen(judge(chain, name), (isBelieved) => {
        if (isBelieved !== true) throw new CertificateError('application', 'certificate was refused by verify')
      }),
  }
}

/** @throws TypeError for what is neither a hash nor a public key */
function pinOf(pin: Uint8Array | CryptoKey): Eventually<Uint8Array> {
  if (isCryptoKey(pin)) return pinOfCryptoKey(pin)
  if (pin instanceof Uint8Array && pin.length === 32) return pin
  const words = pin instanceof Uint8Array ? `${pin.length} bytes` : shown(pin)
  throw new TypeError(`spkiPins must hold SHA-256 hashes of 32 bytes, or public keys as CryptoKey, got ${words}`)
}

/** @throws TypeError for what has not the shape of W3C's dictionaries */
function checkHashes(hashes: unknown): void {
  if (hashes === undefined) return
  checkArray(hashes, 'serverCertificateHashes')
  for (const hash of hashes as readonly (Partial<CertificateHash> | undefined)[]) {
    if (typeof hash?.algorithm === 'string' && typeof hash.value === 'object') continue
    throw new TypeError(`serverCertificateHashes must hold objects with algorithm and value, got ${shown(hash)}`)
  }
}

/**
 * Certificates as DER.
 * @param name what the option is called.
 * @throws TypeError for a text without a certificate, and what can be none
 */
export function derOf(
  given: string | Uint8Array | readonly (string | Uint8Array)[],
  name = 'ca',
): readonly Uint8Array[] {
  if (typeof given === 'string') {
    const certificates = certificatesFromPem(given)
    if (certificates.length === 0) throw new TypeError('The text holds no certificate in PEM')
    return certificates
  }
  if (given instanceof Uint8Array) return [given]
  if (!Array.isArray(given)) throw new TypeError(`${name} must be PEM, DER or an array of them, got ${shown(given)}`)
  return given.flatMap((each) => derOf(each, name))
}
