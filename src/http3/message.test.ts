import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { lines } from './fields.fixtures.ts'
import { expectedContent, parseRequest, parseResponse, parseTrailers, requestFields } from './message.ts'

const GET = [':method: GET', ':scheme: https', ':authority: example.com', ':path: /']
const OK = [':status: 200']

const MALFORMED = expect.objectContaining({ code: Http3ErrorCode.H3_MESSAGE_ERROR, scope: 'stream' })

function expectMalformedRequest(...texts: readonly string[]): void {
  expect(() => parseRequest(lines(...texts))).toThrow(MALFORMED)
}

describe('a request', () => {
  test('is taken apart', () => {
    const head = parseRequest(lines(...GET, 'accept: */*', 'content-length: 12', 'priority: u=1', 'priority: i'))
    expect(head).toEqual({
      method: 'GET',
      scheme: 'https',
      authority: 'example.com',
      path: '/',
      protocol: undefined,
      fields: lines('accept: */*', 'content-length: 12', 'priority: u=1', 'priority: i'),
      contentLength: 12,
      priority: { urgency: 1, incremental: true },
    })
    expect(parseRequest(lines(...GET)).priority).toEqual({ urgency: 3, incremental: false })
  })

  test('is read as it was written', () => {
    const tokenCharacters = fc.constantFrom(..."!#$%&'*+-.^_`|~09azAZ".split(''))
    const name = fc.string({ unit: tokenCharacters, minLength: 1, maxLength: 12 }).map((text) => `x-${text}`)
    const value = fc
      .string({ unit: fc.constantFrom(...'aZ0 \t~!"%,;=\x80\xff'.split('')), maxLength: 20 })
      .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
    const path = fc.webPath().map((text) => `/${text.replace(/^\//, '')}`)
    fc.assert(
      fc.property(path, fc.domain(), fc.array(fc.record({ name, value })), (wantedPath, host, fields) => {
        const parts = { method: 'POST', scheme: 'https', authority: `${host}:8443`, path: wantedPath, fields }
        const head = parseRequest(requestFields(parts))
        expect(head).toMatchObject({ method: 'POST', scheme: 'https', authority: `${host}:8443`, path: wantedPath })
        expect(head.fields).toEqual(fields.map((field) => ({ ...field, name: field.name.toLowerCase() })))
      }),
    )
  })

  //= rfc9114#4.3.1-p3-1
  test.each([0, 1, 3])('without its mandatory pseudo-header field %i is malformed', (missing) => {
    expectMalformedRequest(...GET.filter((_, at) => at !== missing))
  })

  //= rfc9114#4.3.1-p3-1
  test.each([0, 1, 2, 3])('with its pseudo-header field %i twice is malformed', (twice) => {
    expectMalformedRequest(...GET, ...GET.filter((_, at) => at === twice))
  })

  //= rfc9114#4.3-p3-3
  //= rfc9114#4.3-p3-1
  test.each([':status: 200', ':foo: bar', ':: x', ':: ', ':Method: GET', ':protocol: websocket'])(
    'with the pseudo-header field "%s" is malformed',
    (text) => {
      expectMalformedRequest(...GET, text)
    },
  )

  //= rfc9114#4.3-p4-2
  //= rfc9114#4.3-p4-1
  test('with a pseudo-header field behind another is malformed', () => {
    expectMalformedRequest(...GET.slice(0, 3), 'accept: */*', ':path: /')
    expectMalformedRequest('accept: */*', ...GET)
  })

  //= rfc9114#4.2-p2-2
  //= rfc9114#10.3-p1-1
  test.each(['Accept: x', 'x-A: 1', 'a b: c', '"a": b', 'é: x', 'a\0: b', ': x', 'a\r\n: b', '(a): b'])(
    'with the field %j is malformed',
    (text) => {
      expectMalformedRequest(...GET, text)
    },
  )

  test('with a field name that is empty or holds a colon is malformed', () => {
    for (const name of ['', 'a:b', 'a:']) {
      expect(() => parseRequest([...lines(...GET), { name, value: 'x' }])).toThrow(MALFORMED)
    }
  })

  //= rfc9114#10.3-p2-1
  test.each(['a\r\nb', 'a\nb', '\0', 'a\x01', '\x7f', ' a', 'a ', '\ta', 'a\t', ' ', '\u0100'])(
    'with the field value %j is malformed',
    (value) => {
      expect(() => parseRequest([...lines(...GET), { name: 'x', value }])).toThrow(MALFORMED)
      expect(() => parseRequest([{ name: ':path', value: `/${value}` }, ...lines(...GET.slice(0, 3))])).toThrow(
        MALFORMED,
      )
    },
  )

  test.each(['', 'a b', 'a\tb', '\x80\xff', 'a, b; "c"'])('may have the field value %j', (value) => {
    expect(parseRequest([...lines(...GET), { name: 'x', value }]).fields).toEqual([{ name: 'x', value }])
  })

  //= rfc9114#4.2-p3-1
  //= rfc9114#4.1-p11-1
  test.each([
    'connection: close',
    'connection: ',
    'keep-alive: timeout=5',
    'proxy-connection: keep-alive',
    'transfer-encoding: chunked',
    'transfer-encoding: identity',
    'upgrade: websocket',
  ])('with the field "%s" is malformed', (text) => {
    expectMalformedRequest(...GET, text)
  })

  //= rfc9114#4.2-p4-1
  test('may say that it takes trailers, and nothing else, in TE', () => {
    expect(parseRequest(lines(...GET, 'te: trailers')).fields).toEqual(lines('te: trailers'))
    for (const value of ['', 'gzip', 'trailers, gzip', 'trailers;q=1', 'trailers, trailers']) {
      expectMalformedRequest(...GET, `te: ${value}`)
    }
  })

  test.each([
    '-1',
    '+1',
    '1, 1',
    '1,1',
    '0x10',
    '1e3',
    '1.0',
    '',
    '1 1',
    '9007199254740992',
    '99999999999999999999999',
  ])('with content-length "%s" is malformed', (value) => {
    expectMalformedRequest(...GET, `content-length: ${value}`)
  })

  test('with two content-lengths is malformed, even if they agree', () => {
    expectMalformedRequest(...GET, 'content-length: 1', 'content-length: 1')
    expectMalformedRequest(...GET, 'content-length: 1', 'content-length: 2')
    expect(parseRequest(lines(...GET, 'content-length: 9007199254740991')).contentLength).toBe(2 ** 53 - 1)
    expect(parseRequest(lines(...GET, 'content-length: 007')).contentLength).toBe(7)
  })

  test.each(['', 'GE T', 'G\tT', 'GET/', 'é', '"GET"'])('with the method %j is malformed', (method) => {
    expectMalformedRequest(`:method: ${method}`, ...GET.slice(1))
  })

  test.each(['', '1http', 'ht tp', 'https:', 'https://', 'é'])('with the scheme %j is malformed', (scheme) => {
    expectMalformedRequest(':method: GET', `:scheme: ${scheme}`, ...GET.slice(2))
  })

  test('has its scheme in lower case, so that no rule is lost on HTTPS', () => {
    expect(parseRequest(lines(':method: GET', ':scheme: HTTPS', ...GET.slice(2))).scheme).toBe('https')
    expectMalformedRequest(':method: GET', ':scheme: HTTPS', ':path: /')
  })

  //= rfc9114#4.3.1-p2.16.1-1
  test.each(['', 'x', '*', '?q', 'https://example.com/', '/a b', '/a#b', '/\x7f', '/é', '/\t'])(
    'with the path %j is malformed',
    (path) => {
      expectMalformedRequest(...GET.slice(0, 3), `:path: ${path}`)
    },
  )

  test.each(['/a?b=c&d[]=%20', '//x', '/{}|^`"<>\\'])('may have the path %j', (path) => {
    expect(parseRequest(lines(...GET.slice(0, 3), `:path: ${path}`)).path).toBe(path)
  })

  test('may be for "*" with OPTIONS alone', () => {
    expect(parseRequest(lines(':method: OPTIONS', ...GET.slice(1, 3), ':path: *')).path).toBe('*')
    expectMalformedRequest(':method: OPTIONS', ...GET.slice(1, 3), ':path: **')
  })

  //= rfc9114#4.3.1-p4-1
  test('may name its host in either field', () => {
    const withHost = [...GET.filter((text) => !text.startsWith(':authority')), 'host: example.com']
    expect(parseRequest(lines(...withHost)).authority).toBe('example.com')
    expect(parseRequest(lines(...GET, 'host: example.com')).authority).toBe('example.com')
    expectMalformedRequest(...GET.filter((text) => !text.startsWith(':authority')))
  })

  //= rfc9114#4.3.1-p4-3
  test('whose host fields differ, or come twice, is malformed', () => {
    expectMalformedRequest(...GET, 'host: example.org')
    expectMalformedRequest(...GET, 'host: ')
    expectMalformedRequest(...GET, 'host: example.com', 'host: example.com')
    expectMalformedRequest(...GET.filter((text) => !text.startsWith(':authority')), 'host: a', 'host: b')
  })

  //= rfc9114#4.3.1-p4-2
  //= rfc9114#4.3.1-p2.10.1-1
  test.each([
    '',
    'user@example.com',
    'u:p@example.com',
    ':443',
    'a/b',
    'a?b',
    'a#b',
    'a b',
    'a\\b',
    'a:b',
    'a:1:2',
    'é.com',
    '[::1',
    'a:65536',
    'a,b@c',
  ])('with the authority %j is malformed', (authority) => {
    expectMalformedRequest(...GET.slice(0, 2), `:authority: ${authority}`, ':path: /')
    expectMalformedRequest(...GET.slice(0, 2), ':path: /', `host: ${authority}`)
  })

  test.each(['a', 'a:', 'a:443', '127.0.0.1', '[::1]:443', '[fe80::1%25eth0]', 'xn--bcher-kva.example', 'a_b'])(
    'may have the authority %j',
    (authority) => {
      expect(parseRequest(lines(...GET.slice(0, 2), `:authority: ${authority}`, ':path: /')).authority).toBe(authority)
    },
  )

  test('of another scheme needs no authority, and may have userinfo and an empty path', () => {
    const foreign = [':method: GET', ':scheme: coap', ':path: ']
    expect(parseRequest(lines(...foreign))).toMatchObject({ authority: undefined, path: '' })
    expect(parseRequest(lines(...foreign, ':authority: u@h')).authority).toBe('u@h')
    expectMalformedRequest(...foreign, ':authority: ')
    expectMalformedRequest(...foreign, ':authority: a/b')
  })

  //= rfc9114#4.2.1-p2-1
  test('has its split cookies in one line', () => {
    const head = parseRequest([
      ...lines(...GET, 'cookie: a=1', 'x: y', 'cookie: b=2'),
      { name: 'cookie', value: 'c=3', isNeverIndexed: true },
    ])
    expect(head.fields).toEqual([{ name: 'cookie', value: 'a=1; b=2; c=3', isNeverIndexed: true }, ...lines('x: y')])
    expect(parseRequest(lines(...GET, 'cookie: a', 'cookie: b')).fields).toEqual(lines('cookie: a; b'))
  })
})

describe('CONNECT', () => {
  const CONNECT = [':method: CONNECT', ':authority: example.com:443']

  //= rfc9114#4.4-p3-1
  test('has host and port, and neither scheme nor path', () => {
    expect(parseRequest(lines(...CONNECT, 'content-length: 5'))).toMatchObject({
      method: 'CONNECT',
      authority: 'example.com:443',
      scheme: undefined,
      path: undefined,
      contentLength: undefined,
    })
    expect(parseRequest(lines(...CONNECT, 'host: example.com:443')).authority).toBe('example.com:443')
    expectMalformedRequest(...CONNECT, ':scheme: https')
    expectMalformedRequest(...CONNECT, ':path: /')
    expectMalformedRequest(...CONNECT, 'host: example.org:443')
    expectMalformedRequest(':method: CONNECT')
    expectMalformedRequest(':method: CONNECT', 'host: example.com:443')
  })

  test.each(['', 'example.com', 'example.com:', ':443', 'a:0', 'a:65536', 'a:x', 'u@a:1', 'a:-1', 'a:1/'])(
    'to %j is malformed',
    (authority) => {
      expectMalformedRequest(':method: CONNECT', `:authority: ${authority}`)
    },
  )

  // RFC 9220 §3, RFC 8441 §4.
  test('with :protocol has scheme, authority and path as well', () => {
    const extended = [':method: CONNECT', ':protocol: webtransport', ':scheme: https', ':authority: a', ':path: /wt']
    expect(parseRequest(lines(...extended))).toMatchObject({ protocol: 'webtransport', authority: 'a', path: '/wt' })
    for (let missing = 1; missing < 5; missing++) expectMalformedRequest(...extended.filter((_, at) => at !== missing))
    expectMalformedRequest(...extended.filter((_, at) => at !== 3), 'host: a')
    expectMalformedRequest(...extended.slice(0, 4), ':path: *')
    for (const protocol of ['', 'a b', 'a/', '/1', 'a/1/2', 'a,b']) {
      expectMalformedRequest(':method: CONNECT', `:protocol: ${protocol}`, ...extended.slice(2))
    }
    expect(parseRequest(lines(':method: CONNECT', ':protocol: HTTP/2.0', ...extended.slice(2))).protocol).toBe(
      'HTTP/2.0',
    )
  })

  //= rfc9297#3.2-p11-3
  //= rfc9297#3.2-p11-1
  test('with capsules cannot have a content', () => {
    const extended = [
      ...[':method: CONNECT', ':protocol: connect-udp', ':scheme: https', ':authority: a', ':path: /'],
      'capsule-protocol: ?1',
    ]
    parseRequest(lines(...extended))
    expectMalformedRequest(...extended, 'content-length: 0')
    expectMalformedRequest(...extended, 'content-type: text/plain')
  })
})

describe('a response', () => {
  test('is taken apart', () => {
    expect(parseResponse(lines(...OK, 'content-length: 3', 'set-cookie: a', 'set-cookie: b'))).toEqual({
      status: 200,
      fields: lines('content-length: 3', 'set-cookie: a', 'set-cookie: b'),
      contentLength: 3,
    })
    expect(parseResponse(lines(':status: 103', 'link: </a>')).status).toBe(103)
    expect(parseResponse(lines(':status: 999')).status).toBe(999)
  })

  //= rfc9114#4.3.2-p1-1
  //= rfc9114#4.3-p3-1
  //= rfc9114#4.3-p3-3
  test.each([
    ['no status', []],
    ['two', [':status: 200', ':status: 200']],
    ['a late one', ['x: y', ':status: 200']],
    ['one of a request', [':status: 200', ':method: GET']],
    ['an unknown one', [':status: 200', ':foo: bar']],
    ['101', [':status: 101']],
    ['four digits', [':status: 2000']],
    ['two digits', [':status: 20']],
    ['a leading zero', [':status: 099']],
    ['a sign', [':status: +20']],
    ['a reason', [':status: 200 OK']],
    ['nothing in it', [':status: ']],
  ])('with %s is malformed', (_, texts) => {
    expect(() => parseResponse(lines(...texts))).toThrow(MALFORMED)
  })

  //= rfc9114#4.1.2-p5-1
  test.each([
    'Server: x',
    'connection: close',
    'transfer-encoding: chunked',
    'upgrade: h2c',
    'te: trailers',
    'content-length: 1, 1',
    'content-length: -1',
    'x: a\nb',
  ])('with the field %j is malformed', (text) => {
    expect(() => parseResponse(lines(...OK, text))).toThrow(MALFORMED)
  })

  test.each([
    ['GET', 200, 7],
    ['HEAD', 200, 0],
    ['GET', 204, 0],
    ['GET', 304, 0],
    ['GET', 103, 0],
    ['CONNECT', 200, undefined],
    ['CONNECT', 407, 7],
  ])('to %s with status %i and content-length 7 has %s bytes', (method, status, length) => {
    expect(expectedContent(method, { status, fields: [], contentLength: 7 })).toBe(length)
  })
})

describe('trailers', () => {
  test('are fields and nothing else', () => {
    expect(parseTrailers(lines('grpc-status: 0', 'x: y'))).toEqual(lines('grpc-status: 0', 'x: y'))
    expect(parseTrailers([])).toEqual([])
  })

  //= rfc9114#4.3-p3-2
  test.each([
    ':status: 200',
    ':method: GET',
    ':x: y',
    'X: y',
    'connection: close',
    'te: trailers',
    'content-length: 1',
    'host: a',
    'x: \0',
  ])('with %j are malformed', (text) => {
    expect(() => parseTrailers(lines('x: y', text))).toThrow(MALFORMED)
  })
})

test('any fields are a message or malformed, of the stream', () => {
  const name = fc.oneof(
    fc.constantFrom(
      ':method',
      ':scheme',
      ':path',
      ':authority',
      ':protocol',
      ':status',
      'host',
      'te',
      'content-length',
    ),
    fc.constantFrom('cookie', 'priority', 'capsule-protocol', 'upgrade', 'x'),
    fc.string({ maxLength: 4 }),
  )
  const value = fc.oneof(
    fc.constantFrom('GET', 'CONNECT', 'OPTIONS', 'https', '/', '*', 'a:1', '200', '?1', 'trailers', ''),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.array(fc.record({ name, value }), { maxLength: 8 }), (fields) => {
      for (const parse of [parseRequest, parseResponse, parseTrailers]) {
        try {
          parse(fields)
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error)
          expect(error).toEqual(MALFORMED)
        }
      }
    }),
    { numRuns: 500 },
  )
})
