import { expect, test } from 'vitest'
import { seededRandom } from '../connection/owners.fixtures.ts'
import { randomConnectionIds } from './connection-id-generator.ts'

//= rfc9000#5.1-p4-1
//= rfc9000#5.1-p4-2
test('ids are random, of the length asked for, and differ', () => {
  const generator = randomConnectionIds(seededRandom())
  expect(generator.length).toBe(8)
  const keys = new Set<string>()
  for (let count = 0; count < 1000; count++) {
    const id = generator.generate()
    expect(id.length).toBe(8)
    keys.add(id.key)
  }
  expect(keys.size).toBe(1000)
})

test('ids may have 0 to 20 bytes', () => {
  expect(randomConnectionIds(seededRandom(), 0).generate().length).toBe(0)
  expect(randomConnectionIds(seededRandom(), 20).generate().length).toBe(20)
  for (const length of [-1, 21, 1.5]) {
    expect(() => randomConnectionIds(seededRandom(), length)).toThrow(
      new RangeError(`Connection id length must be an integer from 0 to 20, got ${length}`),
    )
  }
})
