/** NewSessionTicket (RFC 8446 §4.6.1): decoding and judging, encoding. */
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { ExtensionType, HandshakeType } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import { readExtensions, writeExtension } from './extensions.ts'
import { writeMessage } from './message.ts'

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
export const MAX_TICKET_LIFETIME = 604_800

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
  return {
    lifetime: Math.min(lifetime, MAX_TICKET_LIFETIME),
    ageAdd,
    nonce,
    ticket,
    allowsEarlyData: earlyData !== undefined,
  }
}

/** The whole message. */
export function encodeNewSessionTicket(fields: NewSessionTicket): Uint8Array {
  const writer = new Writer(512)
  writeMessage(writer, HandshakeType.newSessionTicket, () => {
    writer.uint32(fields.lifetime)
    writer.uint32(fields.ageAdd)
    const nonce = writer.openVector(1)
    writer.bytes(fields.nonce)
    writer.closeVector(nonce)
    const ticket = writer.openVector(2)
    writer.bytes(fields.ticket)
    writer.closeVector(ticket)
    const extensions = writer.openVector(2)
    if (fields.allowsEarlyData) {
      writeExtension(writer, ExtensionType.earlyData, () => writer.uint32(EARLY_DATA_ALLOWED))
    }
    writer.closeVector(extensions)
  })
  return writer.finish()
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
