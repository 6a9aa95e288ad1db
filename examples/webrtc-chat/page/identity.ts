/** Who a page is: a key of its own, and what others know it by. */
import { type DevCertificate, devCertificate } from 'isoquic/dev'

/** A key with its certificate. */
export interface Identity {
  readonly certificate: DevCertificate
  /** SHA-256 of the public key (SubjectPublicKeyInfo), hexadecimal: what goes into an invitation. */
  readonly pin: string
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' }

/** A new identity, which lives as long as the page. */
export async function createIdentity(): Promise<Identity> {
  const certificate = await devCertificate()
  const { subtle } = crypto
  const secret = await subtle.importKey('pkcs8', new Uint8Array(certificate.privateKeyDer), P256, true, ['sign'])
  const { kty = '', crv = '', x = '', y = '' } = await subtle.exportKey('jwk', secret)
  const open = await subtle.importKey('jwk', { kty, crv, x, y }, P256, true, ['verify'])
  const hash = await subtle.digest('SHA-256', await subtle.exportKey('spki', open))
  return { certificate, pin: Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('') }
}

/** The bytes of a pin. @throws TypeError for what is none */
export function pinBytes(pin: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(pin)) throw new TypeError(`A pin has 64 hexadecimal digits, got ${pin}`)
  return Uint8Array.from(pin.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
}
