/** What our own side sends, seen by a peer that only listens (RFC 9114 §4.1, §5.2, §6.2, §7.2; RFC 9218 §7.2). */
import { describe, expect, test } from 'vitest'
import type { Role } from '../wire/stream-id.ts'
import { Http3ErrorCode } from './error.ts'
import { encodeIdFrame, FrameHeaderReader, FrameType } from './frames.ts'
import { bytes, frame, GET, headers, Misbehaving } from './misbehaving.fixtures.ts'
import { decodePriorityUpdate } from './priority.ts'
import { decodeSettings, SettingId } from './settings.ts'
import { isGreaseId, StreamType, VarintReader } from './stream-kinds.ts'

const ROLES: readonly Role[] = ['client', 'server']

interface Sent {
  readonly type: number
  readonly payload: Uint8Array
}

/** The frames of some bytes. */
function framesOf(content: Uint8Array): Sent[] {
  const frames: Sent[] = []
  const reader = new FrameHeaderReader()
  for (let at = 0; at < content.length; reader.reset()) {
    at = reader.push(content, at)
    frames.push({ type: reader.type, payload: content.subarray(at, at + reader.length) })
    at += reader.length
  }
  return frames
}

/** The unidirectional streams that the peer has received: type and content. */
function kindsOf(one: Misbehaving): { readonly type: number; readonly content: Uint8Array }[] {
  return [...one.received]
    .filter(([id]) => id % 4 >= 2)
    .map(([, content]) => {
      const reader = new VarintReader()
      const at = reader.push(content)
      return { type: reader.value, content: content.subarray(at) }
    })
}

/** The frames on the control stream under test. */
function controlOf(one: Misbehaving): Sent[] {
  return kindsOf(one)
    .filter(({ type }) => type === StreamType.control)
    .flatMap(({ content }) => framesOf(content))
}

describe.each(ROLES)('a %s', (role) => {
  //= rfc9114#3.2-p4-1
  //= rfc9114#6.2.1-p2-1
  //= rfc9114#7.2.4-p2-1
  //= rfc9114#7.2.4.2-p3-1
  //= rfc9204#4.2-p3-1
  test('opens each critical stream once and begins with SETTINGS, without having heard a word', () => {
    const one = new Misbehaving(role)
    expect(kindsOf(one).map(({ type }) => type)).toEqual([0x00, 0x02, 0x03])
    expect(controlOf(one).map(({ type }) => type)).toEqual([FrameType.settings])
  })

  //= rfc9114#6.2-p9-1
  //= rfc9114#7.2.4.2-p6-2
  //= rfc9204#4.2-p4-1
  test('says nothing on the streams of QPACK before it knows what its peer takes, and never ends them', () => {
    const one = new Misbehaving(role)
    const fields = [{ name: 'x-long-name-to-remember', value: 'a value worth an entry of the table' }]
    for (let turn = 0; turn < 5; turn++) exchange(one, fields)
    const [, encoder, decoder] = kindsOf(one)
    expect([encoder?.content.length, decoder?.content.length]).toEqual([0, 0])
    const critical = [...one.peer.streams.values()].filter(({ isLocal, id }) => !isLocal && id % 4 >= 2)
    expect(critical.map(({ receive }) => receive?.finalSize)).toEqual([undefined, undefined, undefined])
  })

  //= rfc9114#7.2.4.2-p8-2
  test('tells every setting that is not the default', () => {
    const http3 = {
      maxFieldSectionSize: 1_234,
      qpackMaxTableCapacity: 567,
      qpackBlockedStreams: 8,
      enableConnectProtocol: true,
      datagrams: true,
      settings: [[0x2b60_3742, 1]] as const,
    }
    const settings = decodeSettings(controlOf(new Misbehaving(role, { http3 }))[0]?.payload ?? bytes())
    expect(settings).toMatchObject({
      maxFieldSectionSize: 1_234,
      qpackMaxTableCapacity: 567,
      qpackBlockedStreams: 8,
      enableConnectProtocol: true,
      h3Datagram: true,
    })
    expect(settings.all.get(0x2b60_3742)).toBe(1)
  })

  //= rfc9114#7.2.4.1-p3-1
  test('greases settings, frames and streams, and means nothing by it', () => {
    const one = new Misbehaving(role, { http3: { grease: true } })
    const unknown = kindsOf(one).filter(({ type }) => type > StreamType.qpackDecoder)
    expect(unknown.map(({ type }) => isGreaseId(type))).toEqual([true])
    const [settings, other] = controlOf(one)
    expect([...decodeSettings(settings?.payload ?? bytes()).all.keys()].filter(isGreaseId)).toHaveLength(1)
    expect(isGreaseId(other?.type ?? 0)).toBe(true)
  })

  //= rfc9114#6.2-p5-1
  //= rfc9114#6.1-p2-2
  //= rfc9114#6.2-p5-2
  test('lets its peer open three unidirectional streams at least, with credit', () => {
    const one = new Misbehaving(role)
    expect(one.peer.peerParameters?.initialMaxStreamsUni).toBeGreaterThanOrEqual(3)
    expect(one.peer.peerParameters?.initialMaxStreamDataUni).toBeGreaterThanOrEqual(1_024)
    expect(one.peer.peerParameters?.initialMaxStreamsBidi).toBeGreaterThanOrEqual(100)
  })

  //= rfc9204#4.2-p7-1
  test('takes the streams of QPACK although it has no table', () => {
    const one = new Misbehaving(role, { http3: { qpackMaxTableCapacity: 0, qpackBlockedStreams: 0 } })
    one.control()
    one.openKind(StreamType.qpackEncoder)
    one.openKind(StreamType.qpackDecoder)
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9114#5.2-p7-1
  test('never raises the id of its GOAWAY', () => {
    const one = new Misbehaving(role)
    one.control()
    if (role === 'server') one.request(headers(...GET))
    one.run()
    one.http3.goAway('announce')
    one.http3.goAway('announce')
    one.http3.goAway('final')
    one.http3.goAway('final')
    if (role === 'server') one.request(headers(...GET))
    one.run()
    one.http3.goAway('final')
    one.run()
    const ids = controlOf(one).filter(({ type }) => type === FrameType.goAway)
    const values = ids.map(({ payload }) => payload.reduce((value, byte) => value * 256 + byte, 0))
    expect(values.length).toBeGreaterThan(0)
    expect(values).toEqual([...values].sort((a, b) => b - a))
    expect(values.at(-1)).toBe(role === 'server' ? 4 : 0)
  })

  //= rfc9114#7.2.4-p3-1
  //= rfc9218#7.2-p8-1
  //= rfc9114#7.2.7-p3-1
  //= rfc9114#7.2.5-p9-1
  test('sends messages on request streams and nothing else, and on its control stream what its role may', () => {
    const one = new Misbehaving(role)
    one.control()
    exchange(one, [])
    const request = one.of('request')[0]?.stream ?? one.of('response')[0]?.stream
    if (request !== undefined && role === 'server') request.priority = { urgency: 0, incremental: true }
    one.http3.goAway('final')
    one.run()
    const sent = [...one.received].filter(([id]) => id % 4 === 0).flatMap(([, content]) => framesOf(content))
    expect(new Set(sent.map(({ type }) => type))).toEqual(new Set([FrameType.headers, FrameType.data]))
    expect(controlOf(one).map(({ type }) => type)).toEqual([FrameType.settings, FrameType.goAway])
  })

  //= rfc9114#7.2.4.2-p1-1
  //= rfc9114#7.2.4.2-p6-3
  //= rfc9114#4.2.2-p2-1
  test('sends no section that is larger than its peer takes, once it knows', () => {
    const one = new Misbehaving(role)
    const large = [{ name: 'x', value: 'a'.repeat(500) }]
    exchange(one, large)
    one.openKind(StreamType.control, frame(FrameType.settings, bytes(SettingId.maxFieldSectionSize, 0x41, 0x00)))
    one.run()
    expect(() => exchange(one, large)).toThrow(RangeError)
    exchange(one, [])
    expect(one.closed()).toBe(undefined)
  })
})

describe('a client', () => {
  //= rfc9114#4.1-p13-1
  //= rfc9114#4.1-p13-2
  //= rfc9114#4.1-p1-1
  test('sends each request on a stream of its own and ends it, whether it is answered or not', () => {
    const one = new Misbehaving('client')
    const ids = [one.ask().id, one.ask().id]
    const post = one.ask('POST')
    post.writeBody(bytes(1, 2, 3))
    post.finish()
    one.run()
    expect([...ids, post.id]).toEqual([0, 4, 8])
    for (const id of [0, 4, 8]) {
      expect(one.peer.streams.get(id)?.receive?.isFinished).toBe(true)
      const types = framesOf(one.received.get(id) ?? bytes()).map(({ type }) => type)
      expect(types).toEqual(id === 8 ? [FrameType.headers, FrameType.data] : [FrameType.headers])
    }
    expect(() => post.sendFields([])).toThrow(/was finished before/)
  })

  //= rfc9114#4.1.1-p5-1
  //= rfc9114#4.1.1-p2-1
  test('cancels with H3_REQUEST_CANCELLED', () => {
    const one = new Misbehaving('client')
    const request = one.ask('POST')
    const stream = one.peer.streams.get(request.id)
    request.abort()
    one.run()
    expect(stream && one.verdict(stream)).toEqual({ reset: 'H3_REQUEST_CANCELLED', stopped: 'H3_REQUEST_CANCELLED' })
    expect(one.http3.requests).toBe(0)
  })

  //= rfc9218#7.2-p2-1
  test('says its priorities on the control stream', () => {
    const one = new Misbehaving('client')
    const request = one.ask()
    request.priority = { urgency: 1, incremental: true }
    one.run()
    const [update] = controlOf(one).filter(({ type }) => type === FrameType.priorityUpdateRequest)
    expect(decodePriorityUpdate(update?.payload ?? bytes())).toEqual({
      id: request.id,
      priority: { urgency: 1, incremental: true },
    })
  })

  //= rfc9114#5.2-p3-1
  test('asks for nothing more once its server has said that it goes', () => {
    const one = new Misbehaving('client')
    one.control(encodeIdFrame(FrameType.goAway, 400))
    expect(() => one.http3.request([])).toThrow(/takes no more requests/)
  })
})

describe('a server', () => {
  //= rfc9114#4.1-p13-3
  test('ends the stream behind its answer', () => {
    const one = new Misbehaving('server')
    const stream = one.request(headers(...GET))
    one.run()
    one.of('request')[0]?.stream.sendFields([{ name: ':status', value: '204' }], true)
    one.run()
    expect(stream.receive?.isFinished).toBe(true)
  })

  //= rfc9114#4.1.1-p4-1
  //= rfc9114#4.1.1-p4-2
  test('that goes away still serves what it has begun, and does not call it rejected', () => {
    const one = new Misbehaving('server')
    const stream = one.request(headers(...GET))
    one.run()
    one.http3.goAway('final')
    one.run()
    expect(one.verdict(stream)).toEqual({ reset: undefined, stopped: undefined })
    const request = one.of('request')[0]?.stream
    request?.sendFields([{ name: ':status', value: '200' }])
    request?.abort()
    one.run()
    expect(one.verdict(stream).reset).toBe('H3_REQUEST_CANCELLED')
  })

  //= rfc9114#4.1-p15-1
  test('that wants no more of a request says H3_NO_ERROR where it is told to', () => {
    const one = new Misbehaving('server')
    const stream = one.request(headers(...GET))
    one.run()
    one.of('request')[0]?.stream.stop(Http3ErrorCode.H3_NO_ERROR)
    one.run()
    expect(one.verdict(stream)).toEqual({ reset: undefined, stopped: 'H3_NO_ERROR' })
  })
})

/** A request and its answer, with a body each; these fields are in what the side under test sends. */
function exchange(one: Misbehaving, fields: readonly { name: string; value: string }[]): void {
  if (one.role === 'server') {
    one.request(headers(...GET)).send?.finish()
    one.run()
    const request = one.of('request').at(-1)?.stream
    request?.sendFields([{ name: ':status', value: '200' }, ...fields])
    request?.writeBody(bytes(1))
    request?.finish()
  } else {
    const target = [':scheme', ':authority', ':path'].map((name, at) => ({
      name,
      value: ['https', 'a', '/'][at] ?? '',
    }))
    const request = one.ask('POST', [...target, ...fields])
    request.writeBody(bytes(1))
    request.finish()
    const stream = one.peer.streams.get(request.id)
    if (stream !== undefined) one.finish(stream, headers(':status: 200'))
  }
  one.run()
}
