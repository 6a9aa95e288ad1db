/** Critical streams and what is said on them, broken in every way that RFC 9114 §5.2, §6.2 and §7.2 know. */
import { describe, expect, test } from 'vitest'
import { concat, encodeUtf8 } from '../base/bytes.ts'
import type { Role } from '../wire/stream-id.ts'
import { Http3ErrorCode } from './error.ts'
import { encodeIdFrame, FrameType } from './frames.ts'
import { bytes, frame, GET, header, headers, Misbehaving, SETTINGS } from './misbehaving.fixtures.ts'
import { encodePriorityUpdate } from './priority.ts'
import { greaseId, StreamType } from './stream-kinds.ts'

const ROLES: readonly Role[] = ['client', 'server']
const CRITICAL = [
  ['control', StreamType.control, SETTINGS],
  ['QPACK encoder', StreamType.qpackEncoder, bytes()],
  ['QPACK decoder', StreamType.qpackDecoder, bytes()],
] as const

describe.each(ROLES)('a %s', (role) => {
  describe.each(CRITICAL)("whose peer's %s stream", (_, type, content) => {
    //= rfc9114#6.2.1-p2-3
    //= rfc9204#4.2-p3-2
    test('comes twice', () => {
      const one = new Misbehaving(role)
      one.openKind(type, content)
      one.openKind(type, content)
      expect(one.closed()).toBe('H3_STREAM_CREATION_ERROR')
    })

    //= rfc9114#6.2.1-p2-5
    //= rfc9204#4.2-p4-2
    test('ends', () => {
      const one = new Misbehaving(role)
      one.finish(one.openKind(type, content))
      expect(one.closed()).toBe('H3_CLOSED_CRITICAL_STREAM')
    })

    //= rfc9114#6.2.1-p2-5
    test('is reset', () => {
      const one = new Misbehaving(role)
      const stream = one.openKind(type, content)
      one.run()
      stream.send?.reset(0n)
      expect(one.closed()).toBe('H3_CLOSED_CRITICAL_STREAM')
    })
  })

  //= rfc9114#6.2.1-p2-4
  //= rfc9114#6.2.1-p2-5
  test.each([0, 1, 2])('whose own critical stream %i is no longer wanted closes', (index) => {
    const one = new Misbehaving(role)
    one.run()
    const own = [...one.peer.streams.values()].filter(({ isLocal }) => !isLocal)
    expect(own).toHaveLength(3)
    own[index]?.receive?.stop(0n)
    expect(one.closed()).toBe('H3_CLOSED_CRITICAL_STREAM')
  })

  //= rfc9114#6.2.1-p2-2
  //= rfc9114#9-p4-3
  test.each([
    ['GOAWAY', frame(FrameType.goAway, bytes(0))],
    ['an unknown frame', frame(0x21)],
    ['DATA', frame(FrameType.data, bytes(1))],
    ["HTTP/2's PING", frame(0x06)],
  ])('whose peer says %s in front of SETTINGS closes', (_, first) => {
    const one = new Misbehaving(role)
    one.openKind(StreamType.control, first, SETTINGS)
    expect(one.closed()).toBe('H3_MISSING_SETTINGS')
  })

  //= rfc9114#7.2.4.1-p5-1
  //= rfc9297#2.1.1-p2-2
  test.each([
    ["HTTP/2's ENABLE_PUSH", bytes(0x02, 0)],
    ["HTTP/2's MAX_FRAME_SIZE", bytes(0x05, 1)],
    ['one twice', bytes(0x06, 1, 0x06, 1)],
    ['H3_DATAGRAM of 2', bytes(0x33, 2)],
    ['ENABLE_CONNECT_PROTOCOL of 2', bytes(0x08, 2)],
  ])('whose peer sets %s closes', (_, payload) => {
    const one = new Misbehaving(role)
    one.openKind(StreamType.control, frame(FrameType.settings, payload))
    expect(one.closed()).toBe('H3_SETTINGS_ERROR')
    expect(one.of('settings')).toEqual([])
  })

  //= rfc9114#7.1-p5-2
  test.each([
    ['SETTINGS that end within a setting', frame(FrameType.settings, bytes(0x06))],
    ['GOAWAY without an id', concat(SETTINGS, frame(FrameType.goAway))],
    ['GOAWAY with half an id', concat(SETTINGS, frame(FrameType.goAway, bytes(0x40)))],
    ['GOAWAY with more than an id', concat(SETTINGS, frame(FrameType.goAway, bytes(0, 0)))],
    ['CANCEL_PUSH without an id', concat(SETTINGS, frame(FrameType.cancelPush))],
  ])('whose peer sends %s closes', (_, content) => {
    const one = new Misbehaving(role)
    one.openKind(StreamType.control, content)
    expect(one.closed()).toBe('H3_FRAME_ERROR')
  })

  //= rfc9114#7.1-p6-1
  test('whose peer ends the control stream within a frame closes', () => {
    const one = new Misbehaving(role)
    one.finish(one.openKind(StreamType.control, SETTINGS, header(FrameType.goAway, 1)))
    expect(one.closed()).toBe('H3_FRAME_ERROR')
  })

  //= rfc9114#5.2-p7-2
  test('whose peer raises the id of its GOAWAY closes', () => {
    const one = new Misbehaving(role)
    const control = one.control(encodeIdFrame(FrameType.goAway, 8), encodeIdFrame(FrameType.goAway, 8))
    one.write(control, encodeIdFrame(FrameType.goAway, 4))
    expect(one.closed()).toBe(undefined)
    one.write(control, encodeIdFrame(FrameType.goAway, 8))
    expect(one.closed()).toBe('H3_ID_ERROR')
  })

  test('takes no control frame of a length that none has', () => {
    for (const type of [FrameType.settings, FrameType.goAway]) {
      const one = new Misbehaving(role)
      one.openKind(StreamType.control, ...(type === FrameType.settings ? [] : [SETTINGS]), header(type, 2 ** 40))
      expect(one.closed()).toBe('H3_EXCESSIVE_LOAD')
    }
  })

  //= rfc9114#6.2-p10-1
  test('whose peer gives streams up before it says what they are for goes on', () => {
    const one = new Misbehaving(role)
    one.control()
    one.open('unidirectional').send?.finish()
    one.open('unidirectional').send?.reset(0n)
    const half = one.open('unidirectional', bytes(0x40))
    one.run()
    half.send?.finish()
    const other = one.open('unidirectional', bytes(0xc0, 0, 0))
    one.run()
    other.send?.reset(1n)
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9114#6.2-p7-1
  //= rfc9114#6.2-p7-3
  //= rfc9114#6.2-p7-2
  //= rfc9114#6.2.3-p1-1
  //= rfc9114#9-p4-2
  test('wants nothing of streams that nobody knows, however many come', () => {
    const one = new Misbehaving(role)
    one.control()
    const before = one.victim.streams.count
    let last: ReturnType<Misbehaving['openKind']> | undefined
    for (let round = 0; round < 20; round++) {
      for (let turn = 0; turn < 20; turn++) {
        last = one.openKind(greaseId(one.pair.random), new Uint8Array(500))
        last.send?.finish()
      }
      one.run()
    }
    const slow = one.openKind(greaseId(one.pair.random), new Uint8Array(500))
    expect(one.closed()).toBe(undefined)
    expect(one.verdict(slow).stopped).toBe('H3_STREAM_CREATION_ERROR')
    expect(one.victim.streams.count).toBe(before)
  })

  //= rfc9114#8-p5-1
  test('whose peer closes with any code hears of it, and nothing else happens', () => {
    const one = new Misbehaving(role)
    one.control()
    one.peer.close({ code: 0x1234_5678n, reason: 'Nobody knows this' }, one.pair.now)
    one.run()
    expect(one.victim.closeReason).toMatchObject({ kind: 'application', side: 'remote', code: 0x1234_5678n })
  })
})

describe('a client', () => {
  //= rfc9114#7.2.6-p3-1
  test.each([1, 2, 3, 7, 2 ** 40 + 1])('whose server goes away with stream %i, which is no request, closes', (id) => {
    const one = new Misbehaving('client')
    one.control(encodeIdFrame(FrameType.goAway, id))
    expect(one.closed()).toBe('H3_ID_ERROR')
  })

  test('takes the highest id that there is, and then any lower one', () => {
    const one = new Misbehaving('client')
    const ids = [2n ** 62n - 4n, 2n ** 60n, 400n, 400n, 0n]
    one.control(...ids.map((id) => encodeIdFrame(FrameType.goAway, id)))
    expect(one.closed()).toBe(undefined)
    expect(
      one
        .of('going-away')
        .map(({ lastId }) => lastId)
        .slice(2),
    ).toEqual([400, 400, 0])
    expect(() => one.ask()).toThrow()
  })

  //= rfc9114#6.1-p3-1
  test.each([
    ['nothing yet', bytes()],
    ['HEADERS', headers(...GET)],
    ['the signal of WebTransport', bytes(0x40, 0x41, 0)],
  ])('whose server opens a bidirectional stream with %s closes', (_, content) => {
    const one = new Misbehaving('client')
    one.control()
    const stream = one.open('bidirectional', content)
    if (content.length === 0) stream.send?.reset(0n)
    expect(one.closed()).toBe('H3_STREAM_CREATION_ERROR')
  })

  //= rfc9114#4.1.1-p5-2
  test('whose requests the server will not process cancels them, and does not reject them', () => {
    const one = new Misbehaving('client')
    const control = one.control()
    const first = one.ask('POST')
    const second = one.ask('POST')
    const heard = one.peer.streams.get(second.id)
    one.write(control, encodeIdFrame(FrameType.goAway, second.id))
    one.run()
    expect(one.of('failed').map(({ stream, code, side }) => [stream.id, code, side])).toEqual([
      [second.id, Http3ErrorCode.H3_REQUEST_REJECTED, 'remote'],
    ])
    expect(heard && one.verdict(heard).reset).toBe('H3_REQUEST_CANCELLED')
    expect(first.hasEnded).toBe(false)
    expect(one.http3.requests).toBe(1)
  })
})

describe('a server', () => {
  //= rfc9114#7.2.7-p6-1
  test('whose client takes back a push id closes', () => {
    const one = new Misbehaving('server')
    const control = one.control(encodeIdFrame(FrameType.maxPushId, 5), encodeIdFrame(FrameType.maxPushId, 5))
    expect(one.closed()).toBe(undefined)
    one.write(control, encodeIdFrame(FrameType.maxPushId, 4))
    expect(one.closed()).toBe('H3_ID_ERROR')
  })

  //= rfc9218#7.2-p6-2
  //= rfc9218#7.2-p6-1
  test.each([1, 2, 3, 6])('whose client prioritizes stream %i, which is no request, closes', (id) => {
    const one = new Misbehaving('server')
    one.control(frame(FrameType.priorityUpdateRequest, concat(bytes(id), encodeUtf8('u=1'))))
    expect(one.closed()).toBe('H3_ID_ERROR')
  })

  //= rfc9218#7.2-p6-3
  //= rfc9218#7.2-p6-4
  test('whose client prioritizes a stream beyond the limit closes', () => {
    const one = new Misbehaving('server', { pair: { server: { maxIncomingBidirectionalStreams: 10 } } })
    const control = one.control(encodePriorityUpdate(36, { urgency: 1, incremental: true }))
    expect(one.closed()).toBe(undefined)
    one.write(control, encodePriorityUpdate(40, { urgency: 1, incremental: true }))
    expect(one.closed()).toBe('H3_ID_ERROR')
  })

  //= rfc9218#7-p4-1
  test('keeps what its client said last of a request that has not come', () => {
    const one = new Misbehaving('server')
    one.control(
      encodePriorityUpdate(4, { urgency: 1, incremental: true }),
      encodePriorityUpdate(4, { urgency: 6, incremental: true }),
      frame(FrameType.priorityUpdateRequest, bytes(0, 0xff)),
    )
    one.request(headers(...GET, 'priority: u=0'))
    one.request(headers(...GET, 'priority: u=0'))
    one.run()
    const priorities = one.of('request').map(({ stream }) => stream.priority)
    expect(priorities).toEqual([
      { urgency: 3, incremental: false },
      { urgency: 6, incremental: true },
    ])
  })

  test('takes any number of priorities', () => {
    const one = new Misbehaving('server')
    const control = one.control()
    for (let round = 0; round < 20; round++) {
      const frames = Array.from({ length: 100 }, (_, turn) => {
        return encodePriorityUpdate(4 * turn, { urgency: turn % 8, incremental: true })
      })
      one.write(control, ...frames)
      one.run()
    }
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9114#4.1.1-p3-1
  test('that has gone away rejects what comes then', () => {
    const one = new Misbehaving('server')
    one.control()
    one.request(headers(...GET))
    one.run()
    one.http3.goAway('final')
    one.run()
    const late = one.request(headers(...GET))
    one.run()
    expect(one.verdict(late)).toEqual({ reset: 'H3_REQUEST_REJECTED', stopped: 'H3_REQUEST_REJECTED' })
    expect(one.of('request')).toHaveLength(1)
    expect(one.closed()).toBe(undefined)
  })
})
