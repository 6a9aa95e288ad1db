/** Bytes in the form that Node takes keys from. */
import { Buffer } from 'node:buffer'

/** The same bytes as a `Buffer`, not copied. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
