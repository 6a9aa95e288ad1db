import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_SAFE, MAX_VARINT } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { greaseId, isGreaseId, StreamType, VarintReader } from './stream-kinds.ts'

function encoded(...values: readonly (number | bigint)[]): Uint8Array {
  const writer = new Writer()
  for (const value of values) writer.varint(value)
  return writer.finish()
}

describe('VarintReader', () => {
  test('reads the same integers however the bytes are cut, and never beyond their end', () => {
    const values = fc.array(fc.bigInt(0n, MAX_VARINT), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(values, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (wanted, sizes) => {
        const bytes = encoded(...wanted)
        const reader = new VarintReader()
        const found: number[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = Math.min(bytes.length, at + (sizes[turn % sizes.length] ?? 1))
          const before = reader.needed
          const next = reader.push(bytes, at, end)
          expect(next - at).toBeGreaterThan(0)
          expect(next).toBeLessThanOrEqual(end)
          if (reader.isComplete) {
            expect(reader.needed).toBe(0)
            found.push(reader.value)
            reader.reset()
          } else {
            expect(next).toBe(end)
            expect(before).toBeGreaterThan(0)
          }
          at = next
        }
        const saturated = wanted.map((value) => (value > BigInt(MAX_SAFE) ? MAX_SAFE : Number(value)))
        expect(found).toEqual(saturated)
        expect(reader.isEmpty).toBe(true)
      }),
    )
  })

  test('needs exactly as many bytes as it says once it has seen the first', () => {
    const bytes = encoded(2 ** 40)
    const reader = new VarintReader()
    expect(reader.needed).toBe(1)
    expect(reader.push(bytes, 0, 1)).toBe(1)
    expect(reader.needed).toBe(7)
    expect(reader.isEmpty).toBe(false)
    expect(reader.push(bytes, 1)).toBe(8)
    expect(reader.value).toBe(2 ** 40)
  })

  test('takes nothing more once it is complete, and nothing from nothing', () => {
    const reader = new VarintReader()
    expect(reader.push(new Uint8Array(0))).toBe(0)
    expect(reader.isComplete).toBe(false)
    expect(reader.push(encoded(7, 8))).toBe(1)
    expect(reader.push(encoded(8))).toBe(0)
    expect(reader.value).toBe(7)
  })
})

describe('greaseId', () => {
  test('is always 0x1f * N + 0x21 and never a known type', () => {
    const known = Object.values(StreamType)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        const id = greaseId({ fill: (into) => into.set(bytes.subarray(0, into.length)) })
        expect(isGreaseId(id)).toBe(true)
        expect((id - 0x21) % 0x1f).toBe(0)
        expect(id).toBeLessThanOrEqual(MAX_SAFE)
        expect(known).not.toContain(id)
      }),
    )
  })

  test.each([0, 0x01, 0x20, 0x22, 0x41, 0x54])('%i is none', (id) => {
    expect(isGreaseId(id)).toBe(false)
  })
})
