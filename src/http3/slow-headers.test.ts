/** Clients that open a stream and take their time to say what it is for (RFC 9114 §4.1.1). */
import { describe, expect, test } from 'vitest'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import type { Stream } from '../streams/stream.ts'
import { Http3ErrorCode } from './error.ts'
import { FrameType } from './frames.ts'
import { bytes, GET, header, headers, Misbehaving } from './misbehaving.fixtures.ts'
import { type Http3Options, http3Config } from './options.ts'

const REJECTED = { reset: 'H3_REQUEST_REJECTED', stopped: 'H3_REQUEST_REJECTED' }
const UNTOUCHED = { reset: undefined, stopped: undefined }

/** A server whose client keeps the connection alive, whatever it does on streams. */
function server(http3: Http3Options = {}): Misbehaving {
  const one = new Misbehaving('server', { http3, pair: { client: { keepAlive: 10_000 } } })
  one.control()
  return one
}

/** Sends a byte a second for as long as the stream can be written; how many seconds that was. */
function drip(one: Misbehaving, stream: Stream, text: Uint8Array): number {
  for (const [second, byte] of text.entries()) {
    if (stream.send?.isWritable !== true) return second
    one.write(stream, bytes(byte))
    one.run(1000)
  }
  return text.length
}

describe('a server', () => {
  //= rfc9114#4.1.1-p3-1
  test('rejects a request whose header comes a byte a second, and answers the others', () => {
    const one = server({ headersTimeout: 20_000 })
    const slow = one.request()
    expect(drip(one, slow, headers(...GET, `x-slow: ${'a'.repeat(300)}`))).toBeGreaterThanOrEqual(20)
    expect(one.verdict(slow)).toEqual(REJECTED)
    expect(one.of('request')).toEqual([])
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_REQUEST_REJECTED }])
    const quick = one.request(headers(...GET))
    one.run()
    expect(one.of('request')).toMatchObject([{ stream: { id: quick.id } }])
    expect(one.closed()).toBe(undefined)
    expect(one.http3.requests).toBe(1)
  })

  test('rejects requests of which nothing comes, those among them that later ones have opened', () => {
    const one = server({ headersTimeout: 20_000 })
    const [first, second, third] = [one.request(), one.request(), one.request(headers(...GET))]
    one.run(19_000)
    expect([first, second].map((stream) => one.verdict(stream))).toEqual([UNTOUCHED, UNTOUCHED])
    expect(one.http3.requests).toBe(3)
    one.run(2000)
    expect([first, second].map((stream) => one.verdict(stream))).toEqual([REJECTED, REJECTED])
    expect(one.verdict(third)).toEqual(UNTOUCHED)
    expect(one.http3.requests).toBe(1)
  })

  test('rejects a request that waits for a compression table that never comes', () => {
    const one = server({ headersTimeout: 20_000 })
    // Base 1, and the first entry of a table that has none (RFC 9204 §4.5.1).
    const stream = one.request(header(FrameType.headers, 3), bytes(2, 0, 0x80))
    one.run(19_000)
    expect([one.verdict(stream), one.of('request')]).toEqual([UNTOUCHED, []])
    one.run(2000)
    expect(one.verdict(stream)).toEqual(REJECTED)
    expect(one.closed()).toBe(undefined)
  })

  test('gives as much time as it is told to for content, and for the answer', () => {
    const one = server({ headersTimeout: 20_000 })
    const stream = one.request(headers(...GET))
    one.run()
    expect(
      drip(
        one,
        stream,
        new Uint8Array(60).map((_, at) => (at % 2 === 0 ? FrameType.data : 0)),
      ),
    ).toBe(60)
    one.of('request')[0]?.stream.sendFields([{ name: ':status', value: '200' }], true)
    one.run()
    expect(one.verdict(stream)).toEqual(UNTOUCHED)
    expect(one.of('failed')).toEqual([])
  })

  test('leaves the deadlines of requests that it knows to the application', () => {
    const one = server({ headersTimeout: 20_000 })
    one.request(headers(...GET))
    one.run()
    const stream = one.of('request')[0]?.stream
    if (stream === undefined) throw new Error('There is no request')
    expect(stream.stream.deadline).toBe(undefined)
    stream.stream.deadline = { at: one.pair.now + 1000, action: 'notify', code: 0n }
    one.run(2000)
    expect(one.of('failed')).toEqual([])
  })

  test('takes its time from the opening of a stream for a session too, and forgets it then', () => {
    const one = server({ headersTimeout: 20_000, sessionStreams: true })
    const known = one.request(bytes(0x40, 0x41, 0))
    const unknown = one.request(bytes(0x40, 0x41))
    one.run(21_000)
    expect([one.verdict(known), one.verdict(unknown)]).toEqual([UNTOUCHED, REJECTED])
    expect(one.of('session-stream')).toMatchObject([{ sessionId: 0 }])
  })

  test.each([0, Infinity])('waits for ever where headersTimeout is %d', (headersTimeout) => {
    const one = server({ headersTimeout })
    const stream = one.request(header(FrameType.headers, 10))
    one.run(3_600_000)
    expect(one.verdict(stream)).toEqual(UNTOUCHED)
  })

  test('waits for a minute by default', () => {
    const one = server()
    const stream = one.request(header(FrameType.headers, 10))
    one.run(59_000)
    expect(one.verdict(stream)).toEqual(UNTOUCHED)
    one.run(2000)
    expect(one.verdict(stream)).toEqual(REJECTED)
  })

  // RFC 9114 §6.2: they may be closed before, and nothing says when they are to come. All they take is the client's own limit.
  test('leaves unidirectional streams alone whose type never comes, and goes on', () => {
    const one = server({ headersTimeout: 20_000 })
    const streams = Array.from({ length: 99 }, () => one.open('unidirectional', bytes(0x40)))
    expect(() => one.open('unidirectional')).toThrow()
    one.run(60_000)
    expect(streams.map((stream) => one.verdict(stream).stopped)).toEqual(streams.map(() => undefined))
    one.request(headers(...GET))
    one.run()
    expect(one.of('request').length).toBe(1)
    expect(one.closed()).toBe(undefined)
  })
})

test('a client has no such deadline', () => {
  const one = new Misbehaving('client', { http3: { headersTimeout: 1000 } })
  one.control()
  const request = one.ask()
  one.run(10_000)
  expect(request.stream.deadline).toBe(undefined)
  expect(one.of('failed')).toEqual([])
})

test.each([-1, Number.NaN, '5'])('headersTimeout cannot be %s', (value) => {
  expect(() => http3Config({ headersTimeout: value as number }, new TestRandom(1))).toThrow(/headersTimeout must be/)
})
