import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FieldLines, NodeResponseError, ResponseReader, withoutConnectionFields } from './response-reader.ts'

interface Read {
  readonly heads: unknown[]
  content: string
  trailers: FieldLines | undefined
  isComplete: boolean
}

/** What is read from `text`, cut into pieces of `size`. */
function read(text: string, { isHead = false, size = text.length } = {}): Read {
  const result: Read = { heads: [], content: '', trailers: undefined, isComplete: false }
  const reader = new ResponseReader(
    {
      informational: (status, fields) => result.heads.push([status, fields]),
      head: (status, reason, fields, hasContent) => result.heads.push([status, reason, fields, hasContent]),
      content: (bytes) => {
        result.content += Buffer.from(bytes).toString('latin1')
      },
      end: (trailers) => {
        result.trailers = trailers
      },
    },
    isHead,
  )
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
  result.isComplete = reader.finish()
  return result
}

const CHUNKED =
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nX-Caf\u00e9: \u00e9t\u00e9 \r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n' +
  '3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 13\r\n\r\n'

test.each([1, 2, 3, 7, 1000])('reads chunks, interim responses and trailers from pieces of %i bytes', (size) => {
  expect(read(CHUNKED, { size })).toEqual({
    heads: [
      [103, [['Link', '</a>']]],
      [200, 'OK', [['X-Caf\u00e9', '\u00e9t\u00e9']], true],
    ],
    content: 'abc0123456789',
    trailers: [['X-Sum', '13']],
    isComplete: true,
  })
})

describe('content', () => {
  test.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', 'abc', true],
    ['a length of nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '', true],
    ['less than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab', 'ab', false],
    ['the end of the connection', 'HTTP/1.1 200 OK\r\n\r\nabc', 'abc', true],
    ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'abc', false],
    ['no end of its head', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n', '', false],
    ['none, by its status', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n', '', true],
  ])('with %s', (_, text, content, isComplete) => {
    expect(read(text)).toMatchObject({ content, isComplete })
  })

  test('is none for HEAD', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'
    expect(read(text, { isHead: true })).toMatchObject({ content: '', isComplete: true, trailers: [] })
  })
})

test.each([
  'HTTP/2 200\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'HTTP/1.1 200 OK\r\nno field\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n',
])('refuses %j', (text) => {
  expect(() => read(text)).toThrow(NodeResponseError)
})

test('what comes out of any cut is the same, and nothing but its own error is thrown for any bytes', () => {
  const text = fc.oneof(
    fc.constant(CHUNKED),
    fc.string({
      unit: fc.constantFrom('\r', '\n', ':', ' ', '0', '3', 'a', 'HTTP/1.1 200', 'content-length: 3', '\r\n'),
    }),
  )
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 20 }), fc.nat(CHUNKED.length), (given, size, cut) => {
      const part = given.slice(0, cut)
      const outcome = (pieces: number): unknown => {
        try {
          return read(part, { size: pieces })
        } catch (error) {
          if (error instanceof NodeResponseError) return 'refused'
          throw error
        }
      }
      expect(outcome(size)).toEqual(outcome(Math.max(1, part.length)))
    }),
  )
})

//= rfc9114#4.2-p5-1
test('fields of the connection stay behind, and those that it names', () => {
  const fields = [
    ['Connection', 'close, X-Hop'],
    ['x-hop', '1'],
    ['Keep-Alive', 'timeout=5'],
    ['Content-Type', 'text/plain'],
    ['Upgrade', 'h2c'],
  ] as const
  expect(withoutConnectionFields(fields)).toEqual([['Content-Type', 'text/plain']])
})
