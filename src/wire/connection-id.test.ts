import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectionId } from './connection-id.ts'

const anyId = fc.uint8Array({ maxLength: 20 })

test('an id is a copy that later changes do not reach', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const id = ConnectionId.from(bytes)
  bytes[0] = 9
  expect([...id.bytes]).toEqual([1, 2, 3])
  expect(id.toString()).toBe('010203')
  expect(`${id}`).toBe('010203')
})

test('the bytes of `toBytes` are whoever asked for them', () => {
  const id = ConnectionId.from(Uint8Array.of(1, 2, 255))
  const own = id.toBytes()
  expect([...own]).toEqual([1, 2, 255])
  own.fill(0)
  expect([...id.bytes]).toEqual([1, 2, 255])
  expect(id.bytes).toBe(id.bytes)
})

test('equality of bytes, of keys and `equals` are the same', () => {
  fc.assert(
    fc.property(anyId, anyId, (a, b) => {
      const same = a.length === b.length && a.every((byte, i) => byte === b[i])
      const [first, second] = [ConnectionId.from(a), ConnectionId.from(b)]
      expect(first.key === second.key).toBe(same)
      expect(first.equals(second)).toBe(same)
      expect(first.equals(ConnectionId.from(a))).toBe(true)
      expect(first.length).toBe(a.length)
    }),
  )
})

test('other versions may have ids of up to 255 bytes, no header has longer ones', () => {
  expect(ConnectionId.from(new Uint8Array(255)).length).toBe(255)
  expect(() => ConnectionId.from(new Uint8Array(256))).toThrow(RangeError)
})
