import { sha256, sha384 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeUtf8, toHex } from '../base/bytes.ts'
import { Sha2 } from './sha2.ts'

const noble = { sha256, sha384 }

function hash(name: 'sha256' | 'sha384', text: string): string {
  const made = new Sha2(name)
  made.update(encodeUtf8(text))
  return toHex(made.digest())
}

test('the examples of FIPS 180 come out', () => {
  expect(hash('sha256', 'abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(hash('sha256', '')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(hash('sha384', 'abc')).toBe(
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  )
})

for (const name of ['sha256', 'sha384'] as const) {
  test(`${name} of every length up to three blocks agrees with noble`, () => {
    for (let length = 0; length <= 384; length++) {
      const bytes = new Uint8Array(length).map((_, index) => 31 * index + length)
      const made = new Sha2(name)
      made.update(bytes)
      expect(toHex(made.digest())).toBe(toHex(noble[name](bytes)))
    }
  })

  test(`${name} of pieces is that of the whole, and a clone goes on by itself`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), fc.uint8Array(), (pieces, other) => {
        const made = new Sha2(name)
        for (const piece of pieces) {
          made.update(piece)
          made.clone().update(other)
          made.digest()
        }
        const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]))
        expect(toHex(made.digest())).toBe(toHex(noble[name](whole)))
      }),
    )
  })
}
