/** Datagrams that belong nowhere, peers that give no credit, and peers that vanish (RFC 9297 §2; RFC 9114 §6.2, §10.5). */
import { describe, expect, test } from 'vitest'
import { EMPTY } from '../base/bytes.ts'
import type { ConnectionOptions } from '../connection/config.ts'
import type { Role } from '../wire/stream-id.ts'
import { encodeDatagram } from './datagram.ts'
import { Http3ErrorCode } from './error.ts'
import { FrameType } from './frames.ts'
import { bytes, frame, GET, headers, Misbehaving } from './misbehaving.fixtures.ts'
import { SettingId } from './settings.ts'
import { StreamType } from './stream-kinds.ts'

const ROLES: readonly Role[] = ['client', 'server']
const CONNECT = [':method: CONNECT', ':protocol: test', ':scheme: https', ':authority: localhost', ':path: /']
const TAKES_DATAGRAMS = frame(FrameType.settings, bytes(SettingId.enableConnectProtocol, 1, SettingId.h3Datagram, 1))

/** The side under test takes datagrams, and knows that its peer does. */
function withDatagrams(role: Role, own: ConnectionOptions = {}): Misbehaving {
  const one = new Misbehaving(role, {
    http3: { datagrams: true, enableConnectProtocol: true },
    pair: { [role]: own },
  })
  one.openKind(StreamType.control, TAKES_DATAGRAMS)
  one.run()
  return one
}

describe.each(ROLES)('a %s', (role) => {
  //= rfc9297#2.1-p4-1
  test.each([
    ['is empty', EMPTY],
    ['ends within its stream id', bytes(0x40)],
  ])('closes for a datagram that %s', (_, content) => {
    const one = withDatagrams(role)
    one.datagram(content)
    expect(one.closed()).toBe('H3_DATAGRAM_ERROR')
  })

  //= rfc9297#2.1-p3.2-1
  test('closes for a datagram of a stream that cannot be', () => {
    const one = withDatagrams(role)
    one.datagram(bytes(0xd0, 0, 0, 0, 0, 0, 0, 0))
    expect(one.closed()).toBe('H3_DATAGRAM_ERROR')
  })

  //= rfc9297#2-p6-1
  //= rfc9297#2-p6-2
  test('gives up a request that knows no datagrams', () => {
    const one = withDatagrams(role)
    const stream = one.request(role === 'server' ? headers(...GET) : EMPTY)
    one.run()
    one.datagram(encodeDatagram(stream.id, bytes(1)))
    one.run()
    expect(one.verdict(stream).stopped).toBe('H3_DATAGRAM_ERROR')
    expect(one.of('failed')).toMatchObject([{ side: 'local', code: Http3ErrorCode.H3_DATAGRAM_ERROR }])
    expect(one.of('datagram')).toEqual([])
    expect(one.closed()).toBe(undefined)
  })

  // RFC 9221 §3 says the one, RFC 9297 §2.1.1 the other; a peer that takes half of it takes none.
  test('sends no datagrams to a peer whose transport takes none', () => {
    const peer = role === 'client' ? 'server' : 'client'
    const one = new Misbehaving(role, {
      http3: { datagrams: true, enableConnectProtocol: true },
      pair: { [peer]: { maxDatagramFrameSize: 0 } },
    })
    one.openKind(StreamType.control, TAKES_DATAGRAMS)
    one.run()
    expect(one.closed()).toBe(undefined)
    const stream = role === 'client' ? one.ask('CONNECT', tunnel()) : serve(one)
    expect(stream?.maxDatagramSize).toBe(0)
    expect(() => stream?.sendDatagram(bytes(1), one.pair.now)).toThrow(RangeError)
  })

  //= rfc9297#2-p5-1
  test('sends no datagrams for a request that knows none', () => {
    const one = withDatagrams(role)
    if (role === 'server') one.request(headers(...GET))
    one.run()
    const stream = role === 'client' ? one.ask('POST') : one.of('request')[0]?.stream
    expect(stream?.maxDatagramSize).toBe(0)
    expect(() => stream?.sendDatagram(bytes(1), one.pair.now)).toThrow(/extended CONNECT/)
  })

  //= rfc9297#2.1.1-p3-1
  test('sends no datagrams before its peer has said that it takes them', () => {
    const one = new Misbehaving(role, { http3: { datagrams: true, enableConnectProtocol: true } })
    one.control()
    const stream = role === 'client' ? one.ask('CONNECT', tunnel()) : serve(one)
    expect(stream?.maxDatagramSize).toBe(0)
    expect(() => stream?.sendDatagram(bytes(1), one.pair.now)).toThrow(/takes no HTTP datagrams/)
  })

  //= rfc9297#2.1-p5-1
  test('sends no datagrams behind the end of what it sends', () => {
    const one = withDatagrams(role)
    const stream = role === 'client' ? one.ask('CONNECT', tunnel()) : serve(one)
    stream?.sendDatagram(bytes(1), one.pair.now)
    stream?.finish()
    expect(stream?.maxDatagramSize).toBe(0)
    expect(() => stream?.sendDatagram(bytes(1), one.pair.now)).toThrow(/was finished before/)
  })

  //= rfc9297#2.1-p5-2
  test('drops datagrams that come behind the end of what it receives', () => {
    const one = withDatagrams(role)
    const stream = role === 'client' ? one.ask('CONNECT', tunnel()) : serve(one)
    const theirs = [...one.peer.streams.values()].find(({ direction }) => direction === 'bidirectional')
    if (theirs === undefined || stream === undefined) throw new Error('There is no tunnel')
    one.finish(theirs, role === 'client' ? headers(':status: 200') : EMPTY)
    one.run()
    expect(stream.readBody(new Uint8Array(1))).toBe(-1)
    one.datagram(encodeDatagram(stream.id, bytes(1)))
    one.run()
    expect(one.of('datagram')).toEqual([])
    expect(one.closed()).toBe(undefined)
  })

  test('keeps a bounded number of datagrams that nobody reads', () => {
    const one = withDatagrams(role, { datagrams: { incomingHighWaterMark: 20 } })
    const stream = role === 'client' ? one.ask('CONNECT', tunnel()) : serve(one)
    for (let turn = 0; turn < 100; turn++) {
      one.datagram(encodeDatagram(stream?.id ?? 0, bytes(turn)))
      if (turn % 10 === 9) one.run()
    }
    expect(stream?.readDatagram()).toEqual(bytes(80))
    let kept = 1
    while (stream?.readDatagram() !== undefined) kept++
    expect(kept).toBe(20)
  })

  test('whose peer vanishes keeps nothing of its requests', () => {
    let isGone = false
    const one = new Misbehaving(role, { pair: { tap: () => !isGone } })
    one.control()
    one.request(role === 'server' ? headers(...GET) : headers(':status: 200'))
    one.request(role === 'server' ? headers(...GET) : EMPTY)
    one.open('unidirectional', bytes(0x40))
    one.run()
    expect(one.http3.requests).toBe(2)
    isGone = true
    one.run(60_000)
    expect(one.victim.closeReason?.kind).toBe('idle-timeout')
    expect(one.http3.requests).toBe(0)
    expect(one.victim.streams.count).toBe(0)
    const event = one.of('request')[0] ?? one.of('response')[0]
    expect(() => event?.stream.readBody(new Uint8Array(1))).toThrow(/ended with its connection/)
  })
})

describe('a server', () => {
  //= rfc9297#2.1-p7-1
  test('closes for a datagram of a request beyond the limit', () => {
    const one = new Misbehaving('server', {
      http3: { datagrams: true },
      pair: { server: { maxIncomingBidirectionalStreams: 10 } },
    })
    one.datagram(encodeDatagram(36, bytes(1)))
    expect(one.closed()).toBe(undefined)
    one.datagram(encodeDatagram(40, bytes(1)))
    expect(one.closed()).toBe('H3_ID_ERROR')
  })

  //= rfc9297#2.1-p6-1
  test('keeps the last few datagrams whose request has not come', () => {
    const one = withDatagrams('server')
    for (let turn = 0; turn < 40; turn++) one.datagram(encodeDatagram(turn % 2 === 0 ? 0 : 8, bytes(turn)))
    one.run()
    one.request(headers(...CONNECT))
    one.run()
    expect(one.events.map(({ type }) => type).slice(-2)).toEqual(['request', 'datagram'])
    const stream = one.of('request')[0]?.stream
    const kept: number[] = []
    for (let payload = stream?.readDatagram(); payload !== undefined; payload = stream?.readDatagram()) {
      kept.push(payload[0] ?? -1)
    }
    expect(kept).toEqual([24, 26, 28, 30, 32, 34, 36, 38])
  })

  //= rfc9297#2-p6-2
  test('gives up a request that knows no datagrams and whose datagrams came first', () => {
    const one = withDatagrams('server')
    one.datagram(encodeDatagram(0, bytes(1)))
    one.run()
    const stream = one.request(headers(...GET))
    one.run()
    expect(one.verdict(stream).reset).toBe('H3_DATAGRAM_ERROR')
    expect(one.of('request')).toEqual([])
  })
})

/** What follows the method of an extended CONNECT. */
function tunnel(): { name: string; value: string }[] {
  return [':protocol', ':scheme', ':authority', ':path'].map((name, at) => {
    return { name, value: ['test', 'https', 'localhost', '/'][at] ?? '' }
  })
}

/** Server under test: takes an extended CONNECT, and accepts it. */
function serve(one: Misbehaving): NonNullable<ReturnType<typeof one.ask>> | undefined {
  one.request(headers(...CONNECT))
  one.run()
  const stream = one.of('request')[0]?.stream
  stream?.sendFields([{ name: ':status', value: '200' }])
  return stream
}
