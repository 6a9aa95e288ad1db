/** TLS alerts (RFC 8446 §6): the one error that a handshake may end with. QUIC sends it as CRYPTO_ERROR (RFC 9001 §4.8). */

/** Alert descriptions (RFC 8446 §6.2, RFC 7301 §3.2), under the RFC's names in camelCase. */
export const AlertDescription = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  certificateRevoked: 44,
  certificateExpired: 45,
  certificateUnknown: 46,
  illegalParameter: 47,
  unknownCa: 48,
  accessDenied: 49,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  insufficientSecurity: 71,
  internalError: 80,
  inappropriateFallback: 86,
  userCanceled: 90,
  missingExtension: 109,
  unsupportedExtension: 110,
  unrecognizedName: 112,
  badCertificateStatusResponse: 113,
  unknownPskIdentity: 115,
  certificateRequired: 116,
  noApplicationProtocol: 120,
} as const

/** The RFC's name of an alert, such as `no_application_protocol`; `alert_N` for a number without one. */
export function alertName(description: number): string {
  for (const [name, value] of Object.entries(AlertDescription)) {
    if (value === description) return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  }
  return `alert_${description}`
}

/** What else is known of a failure. */
export interface TlsAlertOptions {
  /** The error below: of a certificate verifier, a signer, a key exchange. */
  readonly cause?: unknown
  /** See {@link TlsAlert.protocolViolation}. */
  readonly protocolViolation?: boolean
}

/** A handshake that failed, by the alert that RFC 8446 names for it. Every alert is fatal (RFC 9001 §4.8). */
export class TlsAlert extends Error {
  override readonly name = 'TlsAlert'
  /** The alert description, 0 to 255; the QUIC error code is 0x0100 more (RFC 9001 §4.8). */
  readonly description: number
  /**
   * RFC 9001 wants PROTOCOL_VIOLATION where RFC 8446 alone would want this alert: CRYPTO data that no message may
   * bring (§4.1.3), a CertificateRequest after the handshake (§4.4), a ticket with a wrong early data size (§4.6.1),
   * a `legacy_session_id` (§8.4).
   */
  readonly protocolViolation: boolean

  /** @param reason what was wrong, as a sentence without a full stop. */
  constructor(description: number, reason: string, options: TlsAlertOptions = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause })
    this.description = description
    this.protocolViolation = options.protocolViolation ?? false
  }
}
