/** Connection ids (RFC 9000 §5.1): opaque bytes with a string form that serves as a key of maps. */
import { fromLatin1, toHex, toLatin1 } from '../base/bytes.ts'

/** The longest connection id of QUIC versions 1 and 2, in bytes (RFC 9000 §17.2). Other versions may have up to 255. */
export const MAX_CONNECTION_ID_LENGTH = 20

/** Bytes of a stateless reset token, the companion of a connection id (RFC 9000 §10.3). */
export const STATELESS_RESET_TOKEN_LENGTH = 16

/** An immutable connection id. Make it with `ConnectionId.from`. */
export class ConnectionId {
  /** The bytes as Latin-1: two ids are equal exactly when their keys are. */
  readonly key: string
  /** Made when they are asked for: most ids are only ever looked up, and a small array takes ten times what its bytes do. */
  #bytes: Uint8Array | undefined = undefined

  private constructor(key: string) {
    this.key = key
  }

  /**
   * The id with these bytes, which are copied.
   * @throws RangeError beyond 255 bytes, which no header can carry.
   */
  static from(bytes: Uint8Array): ConnectionId {
    if (bytes.length > 255) throw new RangeError(`A connection id has at most 255 bytes, got ${bytes.length}`)
    return new ConnectionId(toLatin1(bytes))
  }

  /** Not to be written to. Kept by the id from now on, for the next packet that carries it. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.toBytes()
    return this.#bytes
  }

  /** The bytes in an array of the caller's. */
  toBytes(): Uint8Array {
    return fromLatin1(this.key)
  }

  /** Bytes. */
  get length(): number {
    return this.key.length
  }

  /** Whether both have the same bytes. */
  equals(other: ConnectionId): boolean {
    return this.key === other.key
  }

  /** Hexadecimal. */
  toString(): string {
    return toHex(this.toBytes())
  }
}
