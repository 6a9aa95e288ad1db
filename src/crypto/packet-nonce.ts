/** The AEAD nonce of a packet (RFC 9001 §5.3): the IV with the packet number, in network order, XORed into its end. */

/** Bytes of IV and nonce, of all suites. */
export const NONCE_LENGTH = 12

/** One IV, and the nonce of the packet at hand. */
export class PacketNonce {
  /** The nonce that {@link set} made last. */
  readonly bytes: Uint8Array = new Uint8Array(NONCE_LENGTH)
  /** Its three words, little-endian. */
  word0 = 0
  word1 = 0
  word2 = 0
  readonly #view: DataView = new DataView(this.bytes.buffer)
  readonly #iv: DataView

  /** @param iv 12 bytes; copied. */
  constructor(iv: Uint8Array) {
    this.#iv = new DataView(new ArrayBuffer(NONCE_LENGTH))
    new Uint8Array(this.#iv.buffer).set(iv)
  }

  /** Makes the nonce of a packet number. */
  set(packetNumber: number): void {
    const view = this.#view
    // Both halves in network order; `>>> 0` takes an integer below 2^53 modulo 2^32 exactly.
    view.setUint32(0, this.#iv.getUint32(0))
    view.setUint32(4, this.#iv.getUint32(4) ^ Math.floor(packetNumber / 0x1_0000_0000))
    view.setUint32(8, this.#iv.getUint32(8) ^ (packetNumber >>> 0))
    this.word0 = view.getInt32(0, true)
    this.word1 = view.getInt32(4, true)
    this.word2 = view.getInt32(8, true)
  }

  /** Forgets the IV. */
  wipe(): void {
    for (let i = 0; i < NONCE_LENGTH; i += 4) this.#iv.setUint32(i, 0)
    this.bytes.fill(0)
    this.word0 = this.word1 = this.word2 = 0
  }
}
