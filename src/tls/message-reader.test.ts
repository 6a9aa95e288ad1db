import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { TlsAlert } from './alert.ts'
import { MAX_MESSAGE_LENGTH, messageName } from './message.ts'
import { MessageReader } from './message-reader.ts'

const message = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 300 }))
  .map(([type, body]) => concat(Uint8Array.of(type, 0, body.length >>> 8, body.length), body))

test('messages come out as they went in, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat({ max: 50 })), (messages, cuts) => {
      const reader = new MessageReader()
      const bytes = concat(...messages)
      const found: string[] = []
      let at = 0
      for (let i = 0; at < bytes.length; i++) {
        const next = i < cuts.length ? at + (cuts[i] ?? 0) : bytes.length
        reader.append(bytes.subarray(at, next))
        at = next
        for (let one = reader.next(); one !== undefined; one = reader.next()) {
          expect(one.body).toEqual(one.bytes.subarray(4))
          expect(one.type).toBe(one.bytes[0])
          found.push(toHex(one.bytes))
        }
      }
      expect(found).toEqual(messages.map(toHex))
      expect(reader.isEmpty).toBe(true)
    }),
  )
})

test('what came out does not change when more comes in', () => {
  const reader = new MessageReader()
  const input = fromHex('140000020102')
  reader.append(input)
  const first = reader.next()
  input.fill(0xff)
  reader.append(fromHex('1400000203041400'))
  expect(toHex(first?.bytes ?? input)).toBe('140000020102')
  expect(toHex(reader.next()?.bytes ?? input)).toBe('140000020304')
  expect(reader.next()).toBeUndefined()
})

test('the limit holds for what waits, not for what has passed through', () => {
  const reader = new MessageReader(20)
  for (let i = 0; i < 100; i++) {
    reader.append(new Uint8Array(16))
    for (let one = reader.next(); one !== undefined; one = reader.next()) expect(one.bytes).toHaveLength(4)
  }
  reader.append(fromHex('01000020'))
  reader.append(new Uint8Array(16))
  expect(() => reader.append(new Uint8Array(1))).toThrow(TlsAlert)
})

test('a header that announces more than its type may have is refused at once', () => {
  const reader = new MessageReader()
  const longest = MAX_MESSAGE_LENGTH + 1
  reader.append(Uint8Array.of(2, longest >>> 16, (longest >>> 8) & 0xff, longest & 0xff))
  expect(() => reader.next()).toThrow(expect.objectContaining({ description: 50 }))
})

test('messages have names', () => {
  expect(messageName(8)).toBe('EncryptedExtensions')
  expect(messageName(99)).toBe('message 99')
})
