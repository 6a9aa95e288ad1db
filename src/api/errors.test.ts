import { expect, test } from 'vitest'
import { errorOf, QuicVersionError } from './errors.ts'

test('a version error names the versions that a server speaks, not those that keep the field open', () => {
  const error = errorOf({ kind: 'version', offered: 1, supported: [0xca6a_faba, 0x6b33_43cf] })
  expect(error).toBeInstanceOf(QuicVersionError)
  expect(error).toMatchObject({ side: 'remote', supported: [0x6b33_43cf] })
  expect(error.message).toBe('The server does not speak version 0x1, it offers 0x6b3343cf')
})

test('a version error says so where a server offers none that is real', () => {
  const error = errorOf({ kind: 'version', offered: 1, supported: [0x0a0a_0a0a] })
  expect(error.message).toBe('The server does not speak version 0x1, it offers none')
})
