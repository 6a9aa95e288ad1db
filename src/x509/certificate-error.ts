/**
 * Why a certificate or a chain was refused: which check failed, the TLS alert that says so (RFC 8446 §6.2), and a message
 * that a caller can act on.
 */

/** The check that failed. */
export type CertificateCheck =
  | 'encoding'
  | 'validity'
  | 'name'
  | 'anchor'
  | 'signature'
  | 'algorithm'
  | 'weak-algorithm'
  | 'key'
  | 'key-usage'
  | 'extended-key-usage'
  | 'basic-constraints'
  | 'path-length'
  | 'name-constraints'
  | 'extension'
  | 'policy'
  | 'pin'
  | 'limit'
  /** A function of the application said no. */
  | 'application'

/** The AlertDescription that goes with each check (RFC 8446 §6.2). */
const ALERTS: Readonly<Record<CertificateCheck, number>> = {
  encoding: 42,
  validity: 45,
  name: 42,
  anchor: 48,
  signature: 42,
  algorithm: 43,
  'weak-algorithm': 42,
  key: 43,
  'key-usage': 43,
  'extended-key-usage': 43,
  'basic-constraints': 42,
  'path-length': 42,
  'name-constraints': 42,
  extension: 43,
  policy: 42,
  pin: 46,
  limit: 42,
  application: 46,
}

/**
 * A certificate or chain that is not accepted. The message is a phrase in lower case, to stand behind a colon:
 * `certificate expired on 2026-11-01`.
 */
export class CertificateError extends Error {
  override readonly name: string = 'CertificateError'
  /** Which check failed. */
  readonly check: CertificateCheck
  /** The AlertDescription to send: 42 bad, 43 unsupported, 45 expired, 46 unknown, 48 unknown CA (RFC 8446 §6.2). */
  readonly alert: number

  constructor(check: CertificateCheck, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.check = check
    this.alert = ALERTS[check]
  }
}
