/** Connection ids (RFC 9000 §5.1): opaque bytes with a string form that serves as a key of maps. */
import { copyBytes, equalBytes, toHex, toLatin1 } from '../base/bytes.ts'

/** The longest connection id of QUIC versions 1 and 2, in bytes (RFC 9000 §17.2). Other versions may have up to 255. */
export const MAX_CONNECTION_ID_LENGTH = 20

/** Bytes of a stateless reset token, the companion of a connection id (RFC 9000 §10.3). */
export const STATELESS_RESET_TOKEN_LENGTH = 16

/** An immutable connection id. Make it with `ConnectionId.from`. */
export class ConnectionId {
  /** Not to be written to. */
  readonly bytes: Uint8Array
  /** The bytes as Latin-1: two ids are equal exactly when their keys are. */
  readonly key: string

  private constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.key = toLatin1(bytes)
  }

  /**
   * The id with these bytes, which are copied.
   * @throws RangeError beyond 255 bytes, which no header can carry.
   */
  static from(bytes: Uint8Array): ConnectionId {
    if (bytes.length > 255) throw new RangeError(`A connection id has at most 255 bytes, got ${bytes.length}`)
    return new ConnectionId(copyBytes(bytes))
  }

  /** Bytes. */
  get length(): number {
    return this.bytes.length
  }

  /** Whether both have the same bytes. */
  equals(other: ConnectionId): boolean {
    return equalBytes(this.bytes, other.bytes)
  }

  /** Hexadecimal. */
  toString(): string {
    return toHex(this.bytes)
  }
}
