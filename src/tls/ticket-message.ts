/** NewSessionTicket (RFC 8446 §4.6.1): decoding and judging. */
import { Reader } from '../base/reader.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { ExtensionType } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import { readExtensions } from './extensions.ts'

/** A decoded NewSessionTicket; byte fields are views into the message. */
export interface NewSessionTicket {
  /** Seconds for which the ticket may be used, up to seven days. */
  readonly lifetime: number
  readonly ageAdd: number
  readonly nonce: Uint8Array
  readonly ticket: Uint8Array
  /** Whether 0-RTT packets may be sent with it (RFC 9001 §4.6.1). */
  readonly allowsEarlyData: boolean
}

/** RFC 8446 §4.6.1: seven days, in seconds. */
const MAX_LIFETIME = 604_800

/** RFC 9001 §4.6.1: the only value that QUIC has for it. */
const EARLY_DATA_ALLOWED = 0xffff_ffff

/**
 * Decodes the body of a NewSessionTicket.
 * @throws TlsAlert decode_error; illegal_parameter for an extension that stands there twice or, as a PROTOCOL_VIOLATION,
 * for an early data size that QUIC does not have.
 */
export function decodeNewSessionTicket(body: Uint8Array): NewSessionTicket {
  const reader = new Reader(body)
  const lifetime = reader.uint32()
  const ageAdd = reader.uint32()
  const nonce = readVector(reader, 1)
  const ticket = readVector(reader, 2)
  if (ticket.length === 0) reader.fail()
  const extensions = readExtensions(reader, 'NewSessionTicket')
  finishReading(reader, 'NewSessionTicket')
  const earlyData = extensions.get(ExtensionType.earlyData)
  if (earlyData !== undefined) checkEarlyDataSize(earlyData)
  // RFC 8446 §4.6.1: a server must not say more, and a client must not believe it.
  return { lifetime: Math.min(lifetime, MAX_LIFETIME), ageAdd, nonce, ticket, allowsEarlyData: earlyData !== undefined }
}

function checkEarlyDataSize(body: Uint8Array): void {
  const reader = new Reader(body)
  const size = reader.uint32()
  finishReading(reader, 'early_data')
  if (size !== EARLY_DATA_ALLOWED) {
    throw new TlsAlert(
      AlertDescription.illegalParameter,
      `max_early_data_size must be 0xffffffff in QUIC, got ${size}`,
      {
        protocolViolation: true,
      },
    )
  }
}
