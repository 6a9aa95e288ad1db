/** The frame around every handshake message (RFC 8446 §4), and how long a message of each type may be. */
import type { Writer } from '../base/writer.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { HandshakeType } from './code-points.ts'

/** One whole handshake message. The arrays are the session's own and stay as they are. */
export interface HandshakeMessage {
  /** A HandshakeType, or a number of the peer's. */
  readonly type: number
  /** What stands behind the header. */
  readonly body: Uint8Array
  /** Header and body, as they go into the transcript. */
  readonly bytes: Uint8Array
}

/** Bytes of a message's type and length. */
export const HEADER_LENGTH = 4

/** Bytes of the longest body that is read, but for Certificate: room for a key share of any kind, many extensions, a cookie. */
export const MAX_MESSAGE_LENGTH: number = 64 * 1024

/** Bytes of the longest Certificate body that is read. Chains in use are below 16 KiB, those of post-quantum signatures included. */
export const MAX_CERTIFICATE_LENGTH: number = 256 * 1024

/** Bytes of the longest body of a message type. */
export function maximumLength(type: number): number {
  return type === HandshakeType.certificate ? MAX_CERTIFICATE_LENGTH : MAX_MESSAGE_LENGTH
}

/** Writes a message, header included; `writeBody` writes what stands behind the header. */
export function writeMessage(writer: Writer, type: number, writeBody: (writer: Writer) => void): void {
  writer.uint8(type)
  const mark = writer.openVector(3)
  writeBody(writer)
  writer.closeVector(mark)
}

/** The RFC's name of a message type, such as `ServerHello`; `message N` for a number without one. */
export function messageName(type: number): string {
  for (const [name, value] of Object.entries(HandshakeType)) {
    if (value === type) return name.charAt(0).toUpperCase() + name.slice(1)
  }
  return `message ${type}`
}

/** The alert for a message that may not stand where it does (RFC 8446 §4). */
export function unexpectedMessage(message: HandshakeMessage, expected: string): TlsAlert {
  return new TlsAlert(AlertDescription.unexpectedMessage, `${messageName(message.type)} instead of ${expected}`)
}
