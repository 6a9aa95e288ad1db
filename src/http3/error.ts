/** The error codes of HTTP/3 and of its field compression, and the one exception that stands for a peer's violation. */

/** Error codes (RFC 9114 §8.1, RFC 9204 §6, RFC 9297 §5.2). */
export const Http3ErrorCode = {
  H3_DATAGRAM_ERROR: 0x33n,
  H3_NO_ERROR: 0x0100n,
  H3_GENERAL_PROTOCOL_ERROR: 0x0101n,
  H3_INTERNAL_ERROR: 0x0102n,
  H3_STREAM_CREATION_ERROR: 0x0103n,
  H3_CLOSED_CRITICAL_STREAM: 0x0104n,
  H3_FRAME_UNEXPECTED: 0x0105n,
  H3_FRAME_ERROR: 0x0106n,
  H3_EXCESSIVE_LOAD: 0x0107n,
  H3_ID_ERROR: 0x0108n,
  H3_SETTINGS_ERROR: 0x0109n,
  H3_MISSING_SETTINGS: 0x010an,
  H3_REQUEST_REJECTED: 0x010bn,
  H3_REQUEST_CANCELLED: 0x010cn,
  H3_REQUEST_INCOMPLETE: 0x010dn,
  H3_MESSAGE_ERROR: 0x010en,
  H3_CONNECT_ERROR: 0x010fn,
  H3_VERSION_FALLBACK: 0x0110n,
  QPACK_DECOMPRESSION_FAILED: 0x0200n,
  QPACK_ENCODER_STREAM_ERROR: 0x0201n,
  QPACK_DECODER_STREAM_ERROR: 0x0202n,
} as const

/** The name of an error code as the RFCs write it; hexadecimal for codes that they do not know. */
export function http3ErrorName(code: bigint): string {
  for (const [name, value] of Object.entries(Http3ErrorCode)) if (value === code) return name
  return `0x${code.toString(16)}`
}

/** What an error ends: the whole connection, or one stream (RFC 9114 §8). */
export type Http3ErrorScope = 'connection' | 'stream'

/**
 * The peer broke a rule of HTTP/3. Thrown anywhere in `http3/`, caught there once, and sent as CONNECTION_CLOSE or, where
 * one stream alone is to end, as RESET_STREAM and STOP_SENDING.
 */
export class Http3Error extends Error {
  override readonly name = 'Http3Error'
  readonly code: bigint
  readonly scope: Http3ErrorScope

  constructor(code: bigint, reason: string, scope: Http3ErrorScope = 'connection') {
    super(reason)
    this.code = code
    this.scope = scope
  }
}
