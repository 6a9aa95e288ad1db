/** Table 1 of RFC 9114 §7.2: every frame on every stream, sent by a peer that does not care where frames belong. */
import { describe, expect, test } from 'vitest'
import { FrameType } from './frames.ts'
import { bytes, frame, GET, headers, Misbehaving } from './misbehaving.fixtures.ts'
import { StreamType } from './stream-kinds.ts'

/** One of each kind that has a meaning, and valid where it belongs. */
const FRAMES = {
  DATA: frame(FrameType.data, bytes(1, 2, 3)),
  HEADERS: headers('x: y'),
  CANCEL_PUSH: frame(FrameType.cancelPush, bytes(0)),
  SETTINGS: frame(FrameType.settings),
  PUSH_PROMISE: frame(FrameType.pushPromise, bytes(0, 0, 0)),
  GOAWAY: frame(FrameType.goAway, bytes(0)),
  MAX_PUSH_ID: frame(FrameType.maxPushId, bytes(0)),
  'PRIORITY_UPDATE of a request': frame(FrameType.priorityUpdateRequest, bytes(0)),
  'PRIORITY_UPDATE of a push': frame(FrameType.priorityUpdatePush, bytes(0)),
  "HTTP/2's PRIORITY": frame(0x02, bytes(0)),
  "HTTP/2's PING": frame(0x06),
  "HTTP/2's WINDOW_UPDATE": frame(0x08, bytes(0)),
  "HTTP/2's CONTINUATION": frame(0x09),
} as const

type FrameName = keyof typeof FRAMES

const NAMES = Object.keys(FRAMES) as readonly FrameName[]

/** Types that nobody knows, the signal of WebTransport among them where it was not negotiated. */
const UNKNOWN = [0x21, 0x41, 0x0a, 0x1f * 1000 + 0x21, 2 ** 40].map((type) => frame(type, bytes(1, 2)))

/** Those that are errors, with the code where it is not H3_FRAME_UNEXPECTED. */
function errors(allowed: readonly FrameName[], codes: Partial<Record<FrameName, string>>): [FrameName, string][] {
  const wrong = NAMES.filter((name) => !allowed.includes(name))
  return wrong.map((name) => [name, codes[name] ?? 'H3_FRAME_UNEXPECTED'])
}

describe("a server, on its client's control stream,", () => {
  //= rfc9114#7.2.1-p2-2
  //= rfc9114#7.2.1-p2-1
  //= rfc9114#7.2.2-p3-1
  //= rfc9114#7.2.3-p8-1
  //= rfc9114#7.2.4-p2-2
  //= rfc9114#7.2.5-p9-2
  //= rfc9114#7.2.8-p3-1
  //= rfc9218#7.2-p7-2
  test.each(
    errors(['GOAWAY', 'MAX_PUSH_ID', 'PRIORITY_UPDATE of a request'], {
      CANCEL_PUSH: 'H3_ID_ERROR',
      'PRIORITY_UPDATE of a push': 'H3_ID_ERROR',
    }),
  )('answers %s with %s', (name, code) => {
    const one = new Misbehaving('server')
    one.control(FRAMES[name])
    expect(one.closed()).toBe(code)
  })

  //= rfc9114#7.2.8-p1-1
  //= rfc9114#9-p4-1
  test('takes what belongs there, and what nobody knows', () => {
    const one = new Misbehaving('server')
    one.control(FRAMES.GOAWAY, ...UNKNOWN, FRAMES.MAX_PUSH_ID, FRAMES['PRIORITY_UPDATE of a request'])
    expect(one.closed()).toBe(undefined)
    expect(one.of('going-away')).toHaveLength(1)
  })
})

describe("a client, on its server's control stream,", () => {
  //= rfc9114#7.2.1-p2-2
  //= rfc9114#7.2.2-p3-1
  //= rfc9114#7.2.3-p7-1
  //= rfc9114#7.2.4-p2-2
  //= rfc9114#7.2.5-p8-1
  //= rfc9114#7.2.7-p3-2
  //= rfc9218#7.2-p8-2
  test.each(errors(['GOAWAY'], { CANCEL_PUSH: 'H3_ID_ERROR' }))('answers %s with %s', (name, code) => {
    const one = new Misbehaving('client')
    one.control(FRAMES[name])
    expect(one.closed()).toBe(code)
  })

  test('takes what belongs there, and what nobody knows', () => {
    const one = new Misbehaving('client')
    one.control(FRAMES.GOAWAY, ...UNKNOWN)
    expect(one.closed()).toBe(undefined)
    expect(one.of('going-away')).toHaveLength(1)
  })
})

describe('a server, on a request stream,', () => {
  //= rfc9114#4.1-p7-1
  //= rfc9114#7.2.3-p5-1
  //= rfc9114#7.2.4-p3-2
  //= rfc9114#7.2.7-p2-1
  //= rfc9218#7.2-p2-2
  test.each(errors(['HEADERS'], {}))('answers %s in front of HEADERS with %s', (name, code) => {
    const one = new Misbehaving('server')
    one.control()
    one.request(FRAMES[name])
    expect(one.closed()).toBe(code)
  })

  test.each(errors(['HEADERS', 'DATA'], {}))('answers %s behind HEADERS with %s', (name, code) => {
    const one = new Misbehaving('server')
    one.control()
    one.request(headers(...GET), FRAMES[name])
    expect(one.closed()).toBe(code)
    expect(one.of('request')).toHaveLength(1)
  })

  //= rfc9114#4.1-p7-1
  test.each(['HEADERS', 'DATA', 'SETTINGS'] as const)('answers %s behind trailers', (name) => {
    const one = new Misbehaving('server')
    one.control()
    one.request(headers(...GET), FRAMES.HEADERS, FRAMES[name])
    expect(one.closed()).toBe('H3_FRAME_UNEXPECTED')
  })

  //= rfc9114#7.2.8-p1-1
  test('passes over what nobody knows, wherever it stands', () => {
    const one = new Misbehaving('server')
    one.control()
    const stream = one.request(...UNKNOWN, headers(...GET), ...UNKNOWN, FRAMES.DATA, ...UNKNOWN, FRAMES.HEADERS)
    one.finish(stream, ...UNKNOWN)
    one.run()
    const [request] = one.of('request')
    const into = new Uint8Array(10)
    expect(request?.stream.readBody(into)).toBe(3)
    expect(request?.stream.readBody(into)).toBe(-1)
    expect(request?.stream.trailers).toEqual([{ name: 'x', value: 'y' }])
    expect(one.closed()).toBe(undefined)
  })

  // RFC 9114 §4.4.
  //= rfc9114#4.4-p8-1
  test.each(['HEADERS', 'GOAWAY'] as const)('answers %s on a tunnel', (name) => {
    const one = new Misbehaving('server')
    one.control()
    one.request(headers(':method: CONNECT', ':authority: a:1'), FRAMES.DATA, ...UNKNOWN, FRAMES[name])
    one.run()
    const [tunnel] = one.of('request')
    tunnel?.stream.sendFields([{ name: ':status', value: '200' }])
    tunnel?.stream.readBody(new Uint8Array(10))
    expect(one.closed()).toBe('H3_FRAME_UNEXPECTED')
  })
})

describe('a client, on a request stream,', () => {
  //= rfc9114#7.2.5-p5-2
  test.each(errors(['HEADERS'], { PUSH_PROMISE: 'H3_ID_ERROR' }))(
    'answers %s in front of HEADERS with %s',
    (name, code) => {
      const one = new Misbehaving('client')
      one.control()
      one.request(FRAMES[name])
      expect(one.closed()).toBe(code)
    },
  )

  //= rfc9114#7.2.6-p5-1
  test.each(errors(['HEADERS', 'DATA'], { PUSH_PROMISE: 'H3_ID_ERROR' }))(
    'answers %s behind HEADERS with %s',
    (name, code) => {
      const one = new Misbehaving('client')
      one.control()
      one.request(headers(':status: 200'), FRAMES[name])
      expect(one.closed()).toBe(code)
    },
  )

  test('answers DATA behind an interim response', () => {
    const one = new Misbehaving('client')
    one.control()
    one.request(headers(':status: 103'), FRAMES.DATA)
    expect(one.closed()).toBe('H3_FRAME_UNEXPECTED')
    expect(one.of('informational')).toHaveLength(1)
  })

  test.each(['HEADERS', 'DATA'] as const)('answers %s behind trailers', (name) => {
    const one = new Misbehaving('client')
    one.control()
    one.request(headers(':status: 200'), FRAMES.HEADERS, FRAMES[name])
    expect(one.closed()).toBe('H3_FRAME_UNEXPECTED')
  })

  test('answers HEADERS on a tunnel', () => {
    const one = new Misbehaving('client')
    one.control()
    const { id } = one.ask('CONNECT', [{ name: ':authority', value: 'a:1' }])
    const stream = one.peer.streams.get(id)
    if (stream !== undefined) one.write(stream, headers(':status: 200'), FRAMES.HEADERS)
    expect(one.closed()).toBe('H3_FRAME_UNEXPECTED')
  })
})

describe('a push stream', () => {
  //= rfc9114#6.2.2-p3-1
  test('of a client is H3_STREAM_CREATION_ERROR', () => {
    const one = new Misbehaving('server')
    one.control()
    one.openKind(StreamType.push)
    expect(one.closed()).toBe('H3_STREAM_CREATION_ERROR')
  })

  //= rfc9114#4.6-p3-2
  test.each(NAMES)('that begins with %s is H3_ID_ERROR for a client, which allows none', (name) => {
    const one = new Misbehaving('client')
    one.control()
    one.openKind(StreamType.push, bytes(0), FRAMES[name])
    expect(one.closed()).toBe('H3_ID_ERROR')
  })
})
