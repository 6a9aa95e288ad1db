/** Seeded changes to the plaintext of packets, of the kinds that break parsers and state machines. */
import { TestRandom } from '../../src/endpoint/test-pair.fixtures.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { v } from './misbehaving-peer.fixtures.ts'

/** Numbers at which fields change their length or their meaning. */
const BOUNDARIES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  20n,
  21n,
  62n,
  63n,
  64n,
  99n,
  100n,
  101n,
  255n,
  256n,
  1199n,
  1200n,
  16_383n,
  16_384n,
  65_535n,
  65_536n,
  524_288n,
  524_289n,
  1_048_576n,
  1_048_577n,
  0x3fff_ffffn,
  0x4000_0000n,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x1_0000_0000n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 60n) - 1n,
  1n << 60n,
  (1n << 60n) + 1n,
  (1n << 62n) - 2n,
  (1n << 62n) - 1n,
]
/** Bytes that are frame types, lengths, or full of bits. */
const BYTES: readonly number[] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0b, 0x0f, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x30, 0x3f, 0x40, 0x7f, 0x80, 0xbf,
  0xc0, 0xff,
]
/** Fields of the frames that are made up: how many varints follow the type; after them the bytes of {@link TAILS}. */
const FIELDS: Readonly<Record<number, number>> = {
  4: 3,
  5: 2,
  16: 1,
  17: 2,
  18: 1,
  19: 1,
  20: 1,
  21: 2,
  22: 1,
  23: 1,
  25: 1,
  28: 2,
  29: 1,
  2: 4,
  3: 7,
  6: 1,
  8: 1,
  12: 2,
  24: 2,
  26: 0,
  27: 0,
  30: 0,
  7: 0,
  1: 0,
  0: 0,
}
const TYPES: readonly number[] = Object.keys(FIELDS).map(Number)
/** Types that a peer of either role may send without an end, mostly. */
const TAME: readonly number[] = [
  0x00, 0x01, 0x02, 0x02, 0x04, 0x05, 0x0c, 0x0d, 0x0e, 0x0e, 0x0e, 0x0f, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
  0x16, 0x17, 0x1a, 0x1b,
]
/** Types that make sense in the connection that they come from alone. */
const LETHAL: readonly number[] = [0x02, 0x03, 0x07, 0x18, 0x19, 0x1c, 0x1d, 0x1e]
/** A packet's plaintext is no longer than this. */
const MAX_LENGTH = 1400

/** Draws and changes. */
export class Mutator {
  readonly random: TestRandom
  /** Whose packets these are. */
  readonly role: Role

  constructor(seed: number, role: Role) {
    this.role = role
    this.random = new TestRandom(seed)
  }

  /** From 0 up to `below`. */
  integer(below: number): number {
    return Math.floor(this.random.next() * below)
  }

  chance(probability: number): boolean {
    return this.random.next() < probability
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[this.integer(from.length)]
    if (chosen === undefined) throw new RangeError('There is nothing to choose from')
    return chosen
  }

  /** One to four changes; `corpus` is what may be spliced in. */
  mutate(payload: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
    let bytes = [...payload]
    for (let left = 1 + this.integer(4); left > 0; left--) bytes = this.#change(bytes, corpus)
    return Uint8Array.from(bytes.slice(0, MAX_LENGTH))
  }

  /** One to six whole frames, real ones or made up, in any order; one in eight times with changes. */
  compose(frames: readonly Uint8Array[], corpus: readonly Uint8Array[]): Uint8Array {
    const bytes: number[] = []
    for (let left = 1 + this.integer(6); left > 0; left--) {
      let frame: Uint8Array | readonly number[] = this.chance(0.6) ? this.pick(frames) : this.tameFrame()
      // Of another connection, these end this one as a rule.
      if (LETHAL.includes(frame[0] ?? 0) && this.chance(0.95)) frame = this.tameFrame()
      bytes.push(...(this.chance(0.02) ? this.frame() : frame))
    }
    const payload = Uint8Array.from(bytes.slice(0, MAX_LENGTH))
    return this.chance(0.05) ? this.mutate(payload, corpus) : payload
  }

  /** A frame that breaks no rule, as a rule: with small numbers, on streams that there may be. */
  tameFrame(): number[] {
    const type = this.pick(TAME)
    const own = (this.role === 'client' ? 0 : 1) + 4 * this.integer(12)
    switch (type) {
      case 0x02:
        return [type, this.integer(3), ...v(this.integer(500)), 0, 0]
      case 0x04:
        return [type, ...v(own + 2 * this.integer(2)), ...this.number(), ...v(this.integer(3) * 20)]
      case 0x05:
        return [type, ...v(own), ...this.number()]
      case 0x0c:
      case 0x0d:
      case 0x0e:
      case 0x0f: {
        const length = this.integer(30)
        const header = [type, ...v(own + 2 * this.integer(2)), ...v(this.integer(this.pick([40, 40, 3000, 80_000])))]
        return [...header, ...((type & 2) === 0 ? [] : v(length)), ...this.#some(length)]
      }
      case 0x11:
        return [type, ...v(own), ...this.number()]
      case 0x15:
        return [type, ...v(own + 2 * this.integer(2)), ...this.number()]
      case 0x1a:
      case 0x1b:
        return [type, ...this.#some(8)]
      default:
        return [type, ...(type < 0x10 ? [] : this.#small())]
    }
  }

  /** A frame of a type that there is, with any numbers. */
  frame(): number[] {
    const type = this.pick(TYPES)
    const bytes = [type]
    for (let left = FIELDS[type] ?? 0; left > 0; left--) bytes.push(...this.number())
    if (type === 0x1a || type === 0x1b) bytes.push(...this.#some(8))
    if (type === 0x18) {
      const length = this.chance(0.9) ? 8 : this.integer(24)
      bytes.push(length, ...this.#some(length), ...this.#some(16))
    }
    if (type === 0x06 || type === 0x07 || type === 0x0c || type === 0x1c || type === 0x1d) {
      const length = this.integer(30)
      bytes.push(...v(length), ...this.#some(length))
    }
    return bytes
  }

  /** A varint: small, or at a boundary, or anything. */
  number(): number[] {
    const kind = this.integer(10)
    if (kind < 5) return v(this.integer(40))
    if (kind < 8) return v(this.pick(BOUNDARIES))
    if (kind < 9) return v(this.integer(2_000_000))
    return v(BigInt(this.integer(40)), this.pick([1, 2, 4, 8] as const))
  }

  #change(bytes: number[], corpus: readonly Uint8Array[]): number[] {
    const at = this.integer(bytes.length + 1)
    const end = Math.min(bytes.length, at + this.integer(40))
    const head = bytes.slice(0, at)
    switch (this.integer(11)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << this.integer(8))
        return bytes
      case 1:
        bytes[at] = this.pick(BYTES)
        return bytes
      case 2:
        return [...head, ...this.#some(1 + this.integer(8)), ...bytes.slice(at)]
      case 3:
        return [...head, ...bytes.slice(end)]
      case 4:
        return [...bytes.slice(0, end), ...bytes.slice(at, end), ...bytes.slice(end)]
      case 5:
        return head
      case 6:
        return [
          ...head,
          ...v(this.pick(BOUNDARIES)),
          ...bytes.slice(Math.min(bytes.length, at + this.pick([0, 1, 2, 4, 8]))),
        ]
      case 7: {
        const other = this.pick(corpus)
        return [...head, ...other.subarray(this.integer(other.length + 1))]
      }
      case 8:
        return [...head, ...this.frame(), ...bytes.slice(at)]
      case 9:
        return [...this.frame(), ...bytes]
      default:
        return this.frame()
    }
  }

  /** A number that no limit forbids. */
  #small(): number[] {
    return this.chance(0.5) ? v(this.integer(100_000)) : v(this.pick(BOUNDARIES.slice(0, -5)))
  }

  #some(length: number): number[] {
    return Array.from({ length }, () => this.integer(256))
  }
}
