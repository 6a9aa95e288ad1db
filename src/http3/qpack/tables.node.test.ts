import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../../e2e/support/vectors.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import type { Field } from '../field.ts'
import { decodeHuffman, HUFFMAN_INVALID, huffmanSize, writeHuffman } from './huffman.ts'
import { huffmanTables } from './huffman-table.ts'
import { written } from './qpack.fixtures.ts'
import { staticFields, staticNames } from './static-table.ts'

interface HuffmanVectors {
  readonly codes: readonly { readonly symbol: number; readonly code: string; readonly bits: number }[]
  readonly strings: readonly { readonly text: string; readonly bytes: string }[]
  readonly invalid: readonly { readonly why: string; readonly bytes: string }[]
}

describe.skipIf(!hasVectors)('RFC 7541 Appendix B', () => {
  const vectors = hasVectors ? readVectors<HuffmanVectors>('qpack/huffman.json') : undefined
  const { codes = [], strings = [], invalid = [] } = vectors ?? {}

  test('the 257 codes are those of the RFC', () => {
    const tables = huffmanTables()
    expect(codes).toHaveLength(257)
    for (const { symbol, code, bits } of codes) {
      expect(tables.codes[symbol]).toBe(Number.parseInt(code, 16))
      expect(tables.lengths[symbol]).toBe(bits)
    }
  })

  test.each(strings)('$text', ({ text, bytes }) => {
    const size = huffmanSize(text)
    expect(toHex(written((writer) => writeHuffman(writer, text, size)))).toBe(bytes)
    const into = new Uint8Array(100)
    const length = decodeHuffman(fromHex(bytes), 0, bytes.length / 2, into)
    expect(String.fromCharCode(...into.subarray(0, length))).toBe(text)
  })

  test.each(invalid)('$why is refused', ({ bytes }) => {
    expect(decodeHuffman(fromHex(bytes), 0, bytes.length / 2, new Uint8Array(100))).toBe(HUFFMAN_INVALID)
  })
})

describe.skipIf(!hasVectors)('RFC 9204 Appendix A', () => {
  test('the 99 entries are those of the RFC, and each is found', () => {
    const { entries } = readVectors<{ readonly entries: readonly (Field & { readonly index: number })[] }>(
      'qpack/static-table.json',
    )
    expect(entries).toHaveLength(99)
    expect(staticFields()).toEqual(entries.map(({ name, value }) => ({ name, value })))
    for (const { index, name, value } of entries) {
      expect(staticNames().get(name)?.values.get(value)).toBe(index)
      expect(staticNames().get(name)?.index).toBe(entries.findIndex((entry) => entry.name === name))
    }
  })
})
