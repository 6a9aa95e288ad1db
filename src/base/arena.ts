/**
 * One buffer cut into slots of equal size, each lent to one batch of packets at a time. The buffer is given by the
 * packet engine (it may be the memory of a Wasm instance) and never grows.
 */

/** Slots over one buffer. Slots are named by the offset of their first byte. */
export class Arena {
  readonly bytes: Uint8Array
  /** Bytes of one slot. */
  readonly slotSize: number
  readonly #free: number[] = []
  /** 1 for each slot that is lent. */
  readonly #lent: Uint8Array

  /** @throws RangeError unless `bytes` holds one slot at least. */
  constructor(bytes: Uint8Array, slotSize: number) {
    const slots = Math.floor(bytes.length / slotSize)
    if (!(Number.isInteger(slotSize) && slotSize > 0 && slots > 0)) {
      throw new RangeError(
        `slotSize must be an integer from 1 to the ${bytes.length} bytes of the arena, got ${slotSize}`,
      )
    }
    this.bytes = bytes
    this.slotSize = slotSize
    this.#lent = new Uint8Array(slots)
    for (let slot = slots - 1; slot >= 0; slot--) this.#free.push(slot * slotSize)
  }

  /** How many slots are free. */
  get free(): number {
    return this.#free.length
  }

  /** How many slots there are. */
  get slots(): number {
    return this.#lent.length
  }

  /** Lends a slot, the one given back last (its memory is warm): its first byte's offset, or -1 if none is free. */
  acquire(): number {
    const start = this.#free.pop()
    if (start === undefined) return -1
    this.#lent[start / this.slotSize] = 1
    return start
  }

  /**
   * Takes back the slot that begins at `start`.
   * @throws RangeError when that is no slot, or one that is not lent.
   */
  release(start: number): void {
    const slot = start / this.slotSize
    if (this.#lent[slot] !== 1) throw new RangeError(`The slot at ${start} is not lent`)
    this.#lent[slot] = 0
    this.#free.push(start)
  }
}
