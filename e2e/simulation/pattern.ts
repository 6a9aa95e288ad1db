/** Bytes that tell where they belong: what is lost, doubled, moved or changed does not go unseen. */
import { SeededRandom } from '../../src/simulator.ts'

/** A prime, so that streams do not fall into step with sizes of packets, windows and buffers. */
const PERIOD = 65_521

/** The most that is asked for at a time, bytes. */
export const CHUNK = 8192

/** The endless row of bytes of every stream: each begins somewhere else in one circle. */
export class Pattern {
  /** The circle, and its beginning once more behind it. */
  readonly #circle: Uint8Array

  constructor() {
    this.#circle = new Uint8Array(PERIOD + CHUNK)
    new SeededRandom(1, 'pattern').fill(this.#circle.subarray(0, PERIOD))
    this.#circle.copyWithin(PERIOD, 0, CHUNK)
  }

  /** `length` bytes, at most {@link CHUNK}, of the stream with that `key` from `offset` on. */
  at(key: number, offset: number, length: number): Uint8Array {
    const start = (key * 7919 + offset) % PERIOD
    return this.#circle.subarray(start, start + length)
  }

  /** @throws Error where `bytes` are not those of the stream at `offset` */
  check(key: number, offset: number, bytes: Uint8Array): void {
    const expected = this.at(key, offset, bytes.length)
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] !== expected[at]) throw new Error(`Stream ${key >> 1} has a wrong byte at ${offset + at}`)
    }
  }
}
