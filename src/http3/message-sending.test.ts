import { describe, expect, test } from 'vitest'
import type { Field } from './field.ts'
import { lines } from './fields.fixtures.ts'
import { requestFields, responseFields, trailerFields } from './message.ts'

const GET = [':method: GET', ':scheme: https', ':authority: example.com', ':path: /']

describe('for sending', () => {
  const TARGET = { method: 'GET', scheme: 'https', authority: 'example.com', path: '/' }

  //= rfc9114#4.2-p2-1
  test('names are put into lower case, and nothing else is changed', () => {
    const secret: Field = { name: 'Authorization', value: 'Basic AbC', isNeverIndexed: true }
    expect(requestFields({ ...TARGET, fields: [secret, { name: 'X-Y', value: 'Z' }] })).toEqual([
      ...lines(...GET),
      { name: 'authorization', value: 'Basic AbC', isNeverIndexed: true },
      { name: 'x-y', value: 'Z' },
    ])
    expect(responseFields(200, lines('Server: S'))).toEqual(lines(':status: 200', 'server: S'))
    expect(trailerFields(lines('Grpc-Status: 0'))).toEqual(lines('grpc-status: 0'))
    expect(() => trailerFields([{ name: '\u212Aey', value: 'x' }])).toThrow(TypeError)
  })

  //= rfc9114#4.3-p2-1
  test.each([
    [{ method: 'G T' }, ':method must be a token, got "G T"'],
    [{ scheme: undefined }, 'The request has no :scheme'],
    [{ path: '' }, ':path must begin with "/", got ""'],
    [{ path: '/a#b' }, ':path has a character that is not allowed: "/a#b"'],
    [{ authority: 'u@h' }, ':authority must not include userinfo'],
    [{ authority: undefined }, 'The request has neither :authority nor host'],
    [{ protocol: 'websocket' }, ':protocol goes with CONNECT alone, not with "GET"'],
    [{ method: 'CONNECT' }, 'CONNECT without :protocol has :scheme'],
    [{ fields: lines('host: other') }, ':authority and host differ: "example.com" and "other"'],
    [{ fields: lines(':path: /x') }, '":path" cannot be given among the fields'],
    [{ fields: lines('TE: gzip') }, 'The field te must be "trailers", got "gzip"'],
    [{ fields: lines('a b: c') }, '"a b" is no field name'],
    [{ fields: lines('x: a\r\nb') }, 'The value of x has a character that is not allowed: "a\\r\\nb"'],
    [{ fields: lines('x: \u20ac') }, 'The value of x has a character that is not allowed: "\u20ac"'],
    [{ fields: [{ name: 'x', value: ' a' }] }, 'The value of x begins or ends with whitespace: " a"'],
    [{ fields: lines('Content-Length: 1', 'content-length: 1') }, 'The field content-length is there twice'],
  ])('a request with %o is refused', (change, message) => {
    expect(() => requestFields({ ...TARGET, ...change })).toThrow(new TypeError(message))
  })

  //= rfc9114#4.2-p3-1
  test.each(['Connection', 'Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'Upgrade'])(
    'the field %s is refused everywhere',
    (name) => {
      const fields = [{ name, value: 'x' }]
      const message = `The field ${name.toLowerCase()} belongs to a single HTTP/1.1 connection and has no place in HTTP/3`
      expect(() => requestFields({ ...TARGET, fields })).toThrow(new TypeError(message))
      expect(() => responseFields(200, fields)).toThrow(new TypeError(message))
      expect(() => trailerFields(fields)).toThrow(new TypeError(message))
    },
  )

  test.each([101, 99, 600, 0, -1, 200.5, Number.NaN])('the status %d is refused', (status) => {
    expect(() => responseFields(status, [])).toThrow(TypeError)
  })

  test('a response without content cannot announce any', () => {
    expect(() => responseFields(204, lines('content-length: 0'))).toThrow(TypeError)
    expect(() => responseFields(103, lines('content-length: 0'))).toThrow(TypeError)
    expect(responseFields(304, lines('content-length: 7'))).toHaveLength(2)
  })

  // RFC 8470 §5.1.
  test('Early-Data is refused in responses and trailers', () => {
    expect(requestFields({ ...TARGET, fields: lines('early-data: 1') })).toHaveLength(5)
    expect(() => responseFields(200, lines('early-data: 1'))).toThrow(TypeError)
    expect(() => trailerFields(lines('early-data: 1'))).toThrow(TypeError)
  })

  //= rfc9297#3.4-p4-1
  test('Capsule-Protocol is refused in responses that agree to nothing', () => {
    expect(responseFields(200, lines('capsule-protocol: ?1'))).toHaveLength(2)
    for (const status of [103, 302, 404]) {
      expect(() => responseFields(status, lines('capsule-protocol: ?1'))).toThrow(TypeError)
    }
  })

  test.each(['content-length', 'host', 'content-type', 'Set-Cookie', 'If-Match', 'Authorization', 'te', 'trailer'])(
    'the trailer %s is refused',
    (name) => {
      expect(() => trailerFields([{ name, value: '1' }])).toThrow(TypeError)
    },
  )
})
