/**
 * The Huffman code of RFC 7541 Appendix B. It is canonical: within one length codes ascend with their symbols, and each
 * length goes on where the shorter one ended, so that the lengths say all. Tables are made when first used.
 */

/** The symbol that ends a string; no string may hold it (RFC 7541 §5.2). */
export const END_OF_STRING = 256

// Bits of each symbol's code, one digit of base 36 for each.
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u'

/** Set in an entry of `steps` that leads to another table. */
export const FURTHER = 0x8000

/** The code, for both directions. */
export interface HuffmanTables {
  /** The code of each symbol, in the low bits. */
  readonly codes: Uint32Array
  /** Bits of each symbol's code. */
  readonly lengths: Uint8Array
  /**
   * Tables of 256 entries, by the next eight bits. An entry is `symbol << 4 | bits`, where `bits` (1 to 8) of the eight
   * belong to the symbol, or `FURTHER | n`: all eight are taken, and the n-th table goes on.
   */
  readonly steps: Uint16Array
}

let tables: HuffmanTables | undefined

/** The tables; made once. */
export function huffmanTables(): HuffmanTables {
  tables ??= makeTables()
  return tables
}

function makeTables(): HuffmanTables {
  const lengths = new Uint8Array(LENGTHS.length)
  for (let symbol = 0; symbol < lengths.length; symbol++) lengths[symbol] = Number.parseInt(LENGTHS.charAt(symbol), 36)
  const codes = new Uint32Array(lengths.length)
  let next = 0
  for (let length = 1; length <= 30; length++) {
    next *= 2
    for (let symbol = 0; symbol < lengths.length; symbol++) if (lengths[symbol] === length) codes[symbol] = next++
  }
  return { codes, lengths, steps: makeSteps(codes, lengths) }
}

function makeSteps(codes: Uint32Array, lengths: Uint8Array): Uint16Array {
  const steps: number[] = new Array<number>(256).fill(0)
  for (let symbol = 0; symbol < codes.length; symbol++) {
    const code = codes[symbol] ?? 0
    let bits = lengths[symbol] ?? 0
    let table = 0
    for (; bits > 8; bits -= 8) {
      const at = table + ((code >>> (bits - 8)) & 0xff)
      let entry = steps[at] ?? 0
      if (entry === 0) {
        entry = FURTHER | (steps.length / 256)
        steps[at] = entry
        for (let i = 0; i < 256; i++) steps.push(0)
      }
      table = (entry & ~FURTHER) * 256
    }
    // Whatever bits come after a shorter code, it is this symbol.
    const first = table + ((code << (8 - bits)) & 0xff)
    steps.fill((symbol << 4) | bits, first, first + (1 << (8 - bits)))
  }
  return Uint16Array.from(steps)
}
