import { describe, expect, test } from 'vitest'
import { checkCapsuleMessage, isCapsuleProtocol } from './capsule-protocol.ts'
import { Http3ErrorCode } from './error.ts'
import { malformed, unsendable } from './field-rules.ts'

describe('Capsule-Protocol', () => {
  //= rfc9297#3.4-p1-1
  //= rfc9297#3.4-p1-2
  test.each([
    ['?1', true],
    ['?1;x=y', true],
    ['?0', false],
    ['1', false],
    ['"?1"', false],
    ['true', false],
    ['?1, ?1', false],
    ['', false],
  ])('with the value %j says %s', (value, wanted) => {
    expect(
      isCapsuleProtocol([
        { name: 'x', value: '?1' },
        { name: 'capsule-protocol', value },
      ]),
    ).toBe(wanted)
  })

  test('counts as none where it is missing or comes twice', () => {
    const line = { name: 'capsule-protocol', value: '?1' }
    expect(isCapsuleProtocol([])).toBe(false)
    expect(isCapsuleProtocol([line, line])).toBe(false)
  })
})

describe('a message that carries capsules', () => {
  //= rfc9297#3.2-p11-1
  //= rfc9297#3.2-p11-3
  test.each(['content-length', 'content-type', 'transfer-encoding'])('is malformed with %s', (name) => {
    expect(() => checkCapsuleMessage([{ name, value: '0' }], 200, malformed)).toThrow(
      expect.objectContaining({ code: Http3ErrorCode.H3_MESSAGE_ERROR, scope: 'stream' }),
    )
    expect(() => checkCapsuleMessage([{ name, value: '0' }], undefined, unsendable)).toThrow(TypeError)
  })

  //= rfc9297#3.2-p11-2
  test.each([204, 205, 206])('cannot have status %i', (status) => {
    expect(() => checkCapsuleMessage([], status, unsendable)).toThrow(TypeError)
    checkCapsuleMessage([{ name: 'x', value: 'y' }], 200, unsendable)
  })
})
