/** The transport's error codes (RFC 9000 §20.1, RFC 9001 §4.8, RFC 9368 §10.2) and the one exception that stands for a peer's violation. */

/** Transport error codes. */
export const TransportErrorCode = {
  NO_ERROR: 0x00n,
  INTERNAL_ERROR: 0x01n,
  CONNECTION_REFUSED: 0x02n,
  FLOW_CONTROL_ERROR: 0x03n,
  STREAM_LIMIT_ERROR: 0x04n,
  STREAM_STATE_ERROR: 0x05n,
  FINAL_SIZE_ERROR: 0x06n,
  FRAME_ENCODING_ERROR: 0x07n,
  TRANSPORT_PARAMETER_ERROR: 0x08n,
  CONNECTION_ID_LIMIT_ERROR: 0x09n,
  PROTOCOL_VIOLATION: 0x0an,
  INVALID_TOKEN: 0x0bn,
  APPLICATION_ERROR: 0x0cn,
  CRYPTO_BUFFER_EXCEEDED: 0x0dn,
  KEY_UPDATE_ERROR: 0x0en,
  AEAD_LIMIT_REACHED: 0x0fn,
  NO_VIABLE_PATH: 0x10n,
  VERSION_NEGOTIATION_ERROR: 0x11n,
} as const

/** The lowest of the 256 codes that carry a TLS alert (RFC 9001 §4.8). */
export const CRYPTO_ERROR = 0x0100n

/** The transport error code that carries a TLS alert description (0 to 255). */
export function cryptoError(alert: number): bigint {
  return CRYPTO_ERROR + BigInt(alert)
}

/** The TLS alert that a transport error code carries, or `undefined` for any other code. */
export function alertOf(code: bigint): number | undefined {
  return code >= CRYPTO_ERROR && code <= 0x01ffn ? Number(code - CRYPTO_ERROR) : undefined
}

/** The name of a transport error code as the RFC writes it; `CRYPTO_ERROR(n)` for alerts, hexadecimal for unknown codes. */
export function transportErrorName(code: bigint): string {
  for (const [name, value] of Object.entries(TransportErrorCode)) if (value === code) return name
  const alert = alertOf(code)
  return alert === undefined ? `0x${code.toString(16)}` : `CRYPTO_ERROR(${alert})`
}

/**
 * The peer broke a rule of the transport. Thrown anywhere below the packet receiver, caught there once, and sent as
 * CONNECTION_CLOSE (RFC 9000 §11.1).
 */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly code: bigint
  /** The type of the frame that broke the rule; 0 if none did. The receiver fills it in where the thrower did not know. */
  frameType: bigint

  constructor(code: bigint, reason: string, options: { frameType?: number | bigint; cause?: unknown } = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.frameType = BigInt(options.frameType ?? 0)
  }
}
