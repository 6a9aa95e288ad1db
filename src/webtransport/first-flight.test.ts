/** What may come before the SETTINGS that tell its meaning, and with SETTINGS of another time. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../base/bytes.ts'
import { Pair, TestRandom } from '../endpoint/test-pair.fixtures.ts'
import { Http3Connection } from '../http3/connection.ts'
import { encodeDatagram } from '../http3/datagram.ts'
import { Http3ErrorCode } from '../http3/error.ts'
import type { SessionEvent } from './events.ts'
import { webTransportHttp3Options } from './negotiation.ts'
import { connectFields } from './session-fields.ts'
import { SessionPair } from './session-pair.fixtures.ts'
import { WebTransportSessions } from './sessions.ts'

/** A server of ours, and a client that has not sent its SETTINGS yet. */
function lateSettings(maxSessions = 100) {
  const pair = new Pair()
  const { client: below, server: connection } = pair.handshake()
  const client = new Http3Connection(below, new TestRandom(1), webTransportHttp3Options('client'))
  const server = new Http3Connection(connection, new TestRandom(2), webTransportHttp3Options('server', { maxSessions }))
  const sessions = new WebTransportSessions(server, { maxSessions })
  const events: SessionEvent[] = []
  pair.onEvent = (side, _, event) => {
    if (side === pair.client) {
      client.receiveEvent(event, pair.now)
      return
    }
    server.receiveEvent(event, pair.now)
    sessions.receiveConnectionEvent(event, pair.now)
    for (let told = server.pollEvent(); told !== undefined; told = server.pollEvent())
      sessions.receiveEvent(told, pair.now)
    for (let told = sessions.pollEvent(); told !== undefined; told = sessions.pollEvent()) events.push(told)
  }
  server.start(pair.now)
  const ask = () => {
    const stream = client.request(connectFields({ authority: 'localhost', path: '/' }, 15))
    if (stream === undefined) throw new Error('No request for now')
    return stream
  }
  const run = (ms: number) => {
    pair.client.endpoint.wake(below)
    pair.server.endpoint.wake(connection)
    pair.run(undefined, ms)
  }
  return { pair, client, sessions, events, ask, run, startClient: () => client.start(pair.now) }
}

describe('CONNECT in front of the SETTINGS', () => {
  //= draft-ietf-webtrans-http3#7.1-p3-1
  //= draft-ietf-webtrans-http3#3.1-p16-1
  test('is not looked at until they have come', () => {
    const late = lateSettings()
    const { id } = late.ask()
    late.client.openSessionStream('unidirectional', id)?.send?.write(encodeUtf8('early'))
    late.client.connection.datagrams.send(encodeDatagram(id, encodeUtf8('bird')), undefined, late.pair.now)
    late.run(300)
    expect(late.events).toEqual([])
    expect(late.sessions.draft).toBeUndefined()
    late.startClient()
    late.run(300)
    expect(late.events.map(({ type }) => type)).toEqual(['negotiated', 'request'])
    const [, request] = late.events
    if (request?.type !== 'request') throw new Error('There is no request')
    request.session.accept({}, late.pair.now)
    const stream = late.sessions.pollEvent()
    if (stream?.type !== 'stream') throw new Error('There is no stream')
    const chunk = new Uint8Array(10)
    expect(stream.stream.receive?.read(chunk)).toBe(5)
    expect(request.session.readDatagram(late.pair.now)).toEqual(encodeUtf8('bird'))
  })

  test('does not pile up', () => {
    const late = lateSettings(3)
    const streams = Array.from({ length: 20 }, () => late.ask().stream)
    late.run(300)
    const codes = streams.map(({ receive }) => receive?.resetCode)
    expect(codes.filter((code) => code === Http3ErrorCode.H3_REQUEST_REJECTED)).toHaveLength(17)
    late.startClient()
    late.run(300)
    expect(late.events.filter(({ type }) => type === 'request')).toHaveLength(3)
  })

  test('is forgotten where it is called off before they come', () => {
    const late = lateSettings()
    late.ask().abort()
    late.run(300)
    late.startClient()
    late.run(300)
    expect(late.events.map(({ type }) => type)).toEqual(['negotiated'])
  })
})

test('a client of the time of draft -02, whose datagrams had another name, exchanges datagrams', () => {
  const settings: [number, number][] = [
    [0xffd277, 1],
    [0x2b603742, 1],
  ]
  const pair = new SessionPair({ client: { drafts: [2] }, clientHttp3: { datagrams: false, settings } }).ready()
  const { client, server } = pair.open()
  expect(server.draft).toBe(2)
  expect(server.maxDatagramSize).toBeGreaterThan(1000)
  server.sendDatagram(encodeUtf8('there'), pair.now)
  pair.http3.client.http3.connection.datagrams.send(
    encodeDatagram(client.id ?? 0, encodeUtf8('back')),
    undefined,
    pair.now,
  )
  pair.run(() => pair.client.of('datagram-readable').length + pair.server.of('datagram-readable').length === 2)
  expect(client.readDatagram(pair.now)).toEqual(encodeUtf8('there'))
  expect(server.readDatagram(pair.now)).toEqual(encodeUtf8('back'))
})
