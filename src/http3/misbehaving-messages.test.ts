/** Messages that lie, end too soon or never, or are far too large, against either role (RFC 9114 §4.1, §4.2.2, §7.1, §8.1). */
import { describe, expect, test } from 'vitest'
import type { Role } from '../wire/stream-id.ts'
import { Http3ErrorCode } from './error.ts'
import { FrameType } from './frames.ts'
import { bytes, frame, GET, header, headers, Misbehaving } from './misbehaving.fixtures.ts'

const ROLES: readonly Role[] = ['client', 'server']
const DATA = frame(FrameType.data, bytes(1, 2, 3))

/** A header section that the role accepts as the first of a message. */
function head(role: Role, ...fields: readonly string[]): Uint8Array {
  return role === 'server' ? headers(...GET, ...fields) : headers(':status: 200', ...fields)
}

/** Reads all that is there; how much, and whether it ended. */
function readAll(one: Misbehaving): { readonly length: number; readonly ended: boolean } {
  const event = one.of('request')[0] ?? one.of('response')[0]
  if (event === undefined) throw new Error('There is no message')
  const into = new Uint8Array(1_000)
  let length = 0
  for (let read = event.stream.readBody(into); read !== 0; read = event.stream.readBody(into)) {
    if (read < 0) return { length, ended: true }
    length += read
  }
  return { length, ended: false }
}

describe.each(ROLES)('a %s', (role) => {
  //= rfc9114#4.1.2-p4-2
  //= rfc9114#4.1.2-p5-1
  test.each([
    ['a pseudo-header field that nobody knows', [':foo: bar']],
    ['upper case', ['Accept: x']],
    ['a field of HTTP/1.1', ['transfer-encoding: chunked']],
    ['a line break', ['x: a\r\nb: c']],
    ['two lengths', ['content-length: 3', 'content-length: 4']],
  ])('gives up a message with %s, and nothing else', (_, fields) => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(head(role, ...fields), DATA)
    one.run()
    expect(one.verdict(stream).stopped).toBe('H3_MESSAGE_ERROR')
    if (role === 'server') expect(one.verdict(stream).reset).toBe('H3_MESSAGE_ERROR')
    expect(one.of(role === 'server' ? 'request' : 'response')).toEqual([])
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
    expect(one.http3.requests).toBe(0)
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9114#4.1.2-p4-2
  test.each([
    ['less', 4, DATA],
    ['more', 2, DATA],
    ['none', 1, bytes()],
    ['some, where none was announced,', 0, DATA],
  ])('gives up a message with %s than its content-length', (_, length, content) => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(head(role, `content-length: ${length}`), content)
    stream.send?.finish()
    one.run()
    try {
      readAll(one)
    } catch {
      // It has failed before.
    }
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
    expect(one.closed()).toBe(undefined)
  })

  test('takes content in any pieces, if they add up', () => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(head(role, 'content-length: 6'), frame(FrameType.data), DATA, frame(0x21), DATA)
    one.finish(stream, frame(FrameType.data), headers('x: y'))
    one.run()
    expect(readAll(one)).toEqual({ length: 6, ended: true })
    expect(one.of('failed')).toEqual([])
  })

  //= rfc9114#7.1-p6-1
  test.each([
    ['half a frame type', bytes(0x40)],
    ['a type without a length', bytes(0)],
    ['half a length', bytes(0, 0x80)],
    ['DATA that is cut', header(FrameType.data, 10)],
    ['HEADERS that are cut', header(FrameType.headers, 10)],
    ['an unknown frame that is cut', header(0x21, 10)],
    ['2^61 bytes of an unknown frame', bytes(0x21, 0xe0, 0, 0, 0, 0, 0, 0, 0)],
  ])('closes where a stream ends with %s', (_, rest) => {
    const one = new Misbehaving(role)
    one.control()
    one.finish(one.request(head(role), rest))
    one.run()
    if (one.closed() === undefined) readAll(one)
    expect(one.closed()).toBe('H3_FRAME_ERROR')
  })

  test('closes where a stream ends within its first frame', () => {
    const one = new Misbehaving(role)
    one.control()
    one.finish(one.request(head(role).subarray(0, -1)))
    expect(one.closed()).toBe('H3_FRAME_ERROR')
  })

  //= rfc9114#7.1-p6-1
  test('takes no offence where a stream is reset within a frame', () => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(head(role), header(FrameType.data, 10))
    one.run()
    stream.send?.reset(Http3ErrorCode.H3_REQUEST_CANCELLED)
    expect(one.closed()).toBe(undefined)
    expect(one.of('failed')).toMatchObject([{ side: 'remote', code: Http3ErrorCode.H3_REQUEST_CANCELLED }])
  })

  test('sets nothing aside for what was only announced', () => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(head(role), header(FrameType.data, 2 ** 40), bytes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
    one.run()
    expect(readAll(one)).toEqual({ length: 10, ended: false })
    stream.send?.reset(0n)
    expect(one.closed()).toBe(undefined)
  })

  test('passes over the megabytes of an unknown frame and keeps none of them', () => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(header(0x21, 100_000_000))
    const chunk = new Uint8Array(65_536)
    let written = 0
    let held = 0
    for (let round = 0; round < 100 && written < 4_000_000; round++) {
      while (written < 4_000_000) {
        const taken = stream.send?.write(chunk) ?? 0
        written += taken
        if (taken < chunk.length) break
      }
      one.run()
      held = Math.max(held, one.victim.streams.get(stream.id)?.receive?.heldBytes ?? 0)
    }
    expect(written).toBeGreaterThanOrEqual(4_000_000)
    expect(held).toBeLessThan(65_536)
    expect(one.closed()).toBe(undefined)
  })

  test('passes over any number of unknown frames', () => {
    const one = new Misbehaving(role)
    one.control()
    const many = new Uint8Array(20_000)
    for (let at = 0; at < many.length; at += 2) many[at] = 0x21
    const stream = one.request(many, head(role), many)
    one.finish(stream, DATA)
    one.run()
    expect(readAll(one)).toEqual({ length: 3, ended: true })
    expect(one.closed()).toBe(undefined)
  })

  test('does not let a section grow beyond its limit, whichever way it is told', () => {
    const one = new Misbehaving(role, { http3: { maxFieldSectionSize: 1_000 } })
    one.control()
    const fits = one.request(head(role, `x: ${'a'.repeat(500)}`))
    one.run()
    expect(one.verdict(fits).stopped).toBe(undefined)
    const decoded = one.request(head(role, ...Array.from({ length: 30 }, () => 'a: b')))
    one.run()
    const encoded = one.request(header(FrameType.headers, 2 ** 40), bytes(0, 0))
    one.run()
    for (const stream of [decoded, encoded]) {
      expect(one.verdict(stream).stopped).toBe(role === 'server' ? 'H3_NO_ERROR' : 'H3_EXCESSIVE_LOAD')
      // A literal :status 431 with a name reference.
      if (role === 'server') expect(one.received.get(stream.id)?.[0]).toBe(FrameType.headers)
    }
    expect(one.of('failed')).toMatchObject([
      { side: 'local', code: Http3ErrorCode.H3_EXCESSIVE_LOAD },
      { side: 'local', code: Http3ErrorCode.H3_EXCESSIVE_LOAD },
    ])
    expect(one.closed()).toBe(undefined)
  })

  test('gives up trailers that are too large', () => {
    const one = new Misbehaving(role, { http3: { maxFieldSectionSize: 300 } })
    one.control()
    one.request(head(role), DATA, headers(`x: ${'a'.repeat(400)}`))
    one.run()
    readAll(one)
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_EXCESSIVE_LOAD }])
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9114#4.3-p3-2
  test('gives up a message whose trailers have pseudo-header fields', () => {
    const one = new Misbehaving(role)
    one.control()
    one.request(head(role), DATA, headers(':status: 200'))
    one.run()
    try {
      readAll(one)
    } catch {
      // It has failed before.
    }
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
  })
})

describe('a server', () => {
  //= rfc9114#4.1-p14-2
  test('answers a stream that ends before its request with H3_REQUEST_INCOMPLETE', () => {
    const one = new Misbehaving('server')
    one.control()
    const empty = one.request()
    empty.send?.finish()
    const unknown = one.request(frame(0x21, bytes(1)))
    unknown.send?.finish()
    one.run()
    expect(one.verdict(empty).reset).toBe('H3_REQUEST_INCOMPLETE')
    expect(one.verdict(unknown).reset).toBe('H3_REQUEST_INCOMPLETE')
    expect(one.http3.requests).toBe(0)
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9114#4.1-p14-2
  //= rfc9114#4.1.1-p2-1
  test('forgets a stream that is reset before its request', () => {
    const one = new Misbehaving('server')
    one.control()
    for (let turn = 0; turn < 300; turn++) {
      const stream = one.request(turn % 2 === 0 ? bytes(1, 0x40, 0x50, 0) : bytes())
      stream.send?.reset(Http3ErrorCode.H3_REQUEST_CANCELLED)
      if (turn % 50 === 49) one.run()
    }
    one.run()
    expect(one.http3.requests).toBe(0)
    expect(one.closed()).toBe(undefined)
  })

  test('answers a header bomb even if its client takes no answer', () => {
    const one = new Misbehaving('server')
    one.openKind(0, frame(FrameType.settings, bytes(0x06, 0)))
    one.run()
    const stream = one.request(header(FrameType.headers, 2 ** 30))
    one.run()
    expect(one.verdict(stream).reset).toBe('H3_EXCESSIVE_LOAD')
    expect(one.closed()).toBe(undefined)
  })

  test('takes extended CONNECT only where it said so', () => {
    const connect = [':method: CONNECT', ':protocol: webtransport', ':scheme: https', ':authority: a', ':path: /']
    const deaf = new Misbehaving('server')
    deaf.control()
    const refused = deaf.request(headers(...connect))
    deaf.run()
    expect(deaf.verdict(refused).reset).toBe('H3_MESSAGE_ERROR')
    const open = new Misbehaving('server', { http3: { enableConnectProtocol: true } })
    open.control()
    open.request(headers(...connect))
    open.run()
    expect(open.of('request')).toMatchObject([{ head: { protocol: 'webtransport' } }])
  })

  //= rfc9114#4.1-p3-1
  test('takes a second request on a stream for malformed trailers', () => {
    const one = new Misbehaving('server')
    one.control()
    one.request(headers(...GET), headers(...GET))
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
  })
})

describe('a client', () => {
  //= rfc9114#4.1-p3-1
  test('takes a second final response for malformed', () => {
    const one = new Misbehaving('client')
    one.control()
    one.request(headers(':status: 200'), headers(':status: 200'))
    one.run()
    expect(one.of('response')).toHaveLength(1)
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
  })

  test.each([
    ['nothing', bytes()],
    ['an interim response', headers(':status: 103')],
  ])('takes a stream that ends with %s for malformed', (_, content) => {
    const one = new Misbehaving('client')
    one.control()
    one.finish(one.request(content))
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
    expect(one.closed()).toBe(undefined)
  })

  test.each([
    ['HEAD', ':status: 200'],
    ['GET', ':status: 204'],
    ['GET', ':status: 304'],
  ])('takes content in answer to %s with %s for malformed', (method, status) => {
    const one = new Misbehaving('client')
    one.control()
    const { id } = one.ask(method)
    const stream = one.peer.streams.get(id)
    if (stream !== undefined) one.write(stream, headers(status, 'content-length: 3'), frame(FrameType.data))
    one.run()
    expect(one.of('failed')).toEqual([])
    if (stream !== undefined) one.write(stream, DATA)
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR }])
  })

  //= rfc9114#4.1-p15-2
  test('keeps a response whose server wanted no more of the request', () => {
    const one = new Misbehaving('client')
    one.control()
    const request = one.ask('POST')
    const stream = one.peer.streams.get(request.id)
    if (stream === undefined) throw new Error('The server has not heard of the request')
    stream.receive?.stop(Http3ErrorCode.H3_NO_ERROR)
    one.run()
    one.finish(stream, headers(':status: 200', 'content-length: 3'), DATA)
    one.run()
    expect(one.of('stopped')).toMatchObject([{ code: Http3ErrorCode.H3_NO_ERROR }])
    expect(readAll(one)).toEqual({ length: 3, ended: true })
    one.run()
    expect(one.http3.requests).toBe(0)
  })
})
