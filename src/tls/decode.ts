/** Small tools for reading TLS structures (RFC 8446 §3): vectors, and the one check at the end of a structure. */
import { EMPTY } from '../base/bytes.ts'
import type { Reader } from '../base/reader.ts'
import { AlertDescription, TlsAlert } from './alert.ts'

/** A vector with a length of one, two or three bytes before it (RFC 8446 §3.4), as a view. Fails the reader if it is cut off. */
export function readVector(reader: Reader, lengthBytes: 1 | 2 | 3): Uint8Array {
  const length = lengthBytes === 1 ? reader.uint8() : lengthBytes === 2 ? reader.uint16() : reader.uint24()
  return reader.ok ? reader.bytesView(length) : EMPTY
}

/**
 * Ends the reading of a structure that must fill its bytes exactly (RFC 8446 §4.2, §6).
 * @throws TlsAlert decode_error when bytes were missing or are left over.
 */
export function finishReading(reader: Reader, structure: string): void {
  if (!reader.ok) throw new TlsAlert(AlertDescription.decodeError, `${structure} is malformed`)
  if (reader.remaining > 0) {
    throw new TlsAlert(AlertDescription.decodeError, `${structure} has ${reader.remaining} bytes too many`)
  }
}
