/** Finished (RFC 8446 §4.4.4): encoding, and comparing with what it must be. */
import { equalBytes } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { HandshakeType } from './code-points.ts'
import { type HandshakeMessage, writeMessage } from './message.ts'

/** Writes a Finished message (RFC 8446 §4.4.4). */
export function encodeFinished(verifyData: Uint8Array): Uint8Array {
  const writer = new Writer(64)
  writeMessage(writer, HandshakeType.finished, () => writer.bytes(verifyData))
  return writer.finish()
}

/**
 * Compares a Finished with what it must be.
 * @throws TlsAlert decode_error for one of another length, decrypt_error for one that does not match (RFC 8446 §4.4.4).
 */
export function checkFinished(message: HandshakeMessage, expected: Uint8Array): void {
  if (message.body.length !== expected.length) {
    throw new TlsAlert(
      AlertDescription.decodeError,
      `Finished has ${message.body.length} bytes, not ${expected.length}`,
    )
  }
  if (!equalBytes(message.body, expected)) {
    throw new TlsAlert(AlertDescription.decryptError, 'Finished does not match the handshake')
  }
}
