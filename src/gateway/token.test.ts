import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createToken, readToken } from './token.ts'

const key = new Uint8Array(32).fill(7)

test('what a token says is read again, in any runtime', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (subject, expires) => {
      const token = createToken(key, { subject, expires: expires + 2 })
      expect(token).toMatch(/^[\w-]+\.[\w-]+$/)
      expect(readToken(key, token, 1)).toEqual({ subject, expires: expires + 2 })
    }),
  )
})

test('nothing else is taken for one', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('A', 'b', '-', '_', '.', '=', '+', 'é'), maxLength: 90 }),
      (token) => {
        expect(readToken(key, token, 1)).toBeUndefined()
      },
    ),
  )
})
