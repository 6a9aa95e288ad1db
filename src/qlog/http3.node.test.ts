import { describe, expect, test } from 'vitest'
import { hasVectors, readVectorText } from '../../e2e/support/vectors.ts'
import { Http3Pair, readAll, requestTo } from '../http3/http3-pair.fixtures.ts'
import { responseFields } from '../http3/message.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import type { Observer } from '../wire/observer.ts'
import { Cddl } from './cddl.fixtures.ts'
import { qlogTo } from './qlog-to.ts'
import { eventsOf } from './scenarios.fixtures.ts'
import type { QlogEvent, QlogObject } from './schema.ts'

/** What both ends logged of a connection on which everything happens that HTTP/3 has to offer. */
function logs(): { client: string; server: string } {
  const texts = { client: '', server: '' }
  const observe = qlogTo(({ role }) => (record) => {
    texts[role] += record
  })
  const observer = (role: 'client' | 'server'): Observer =>
    observe(ConnectionId.from(new Uint8Array(8).fill(1)), role) ?? {}
  const sides = { datagrams: true, sessionStreams: true }
  const pair = new Http3Pair({
    pair: { clientObserver: observer('client'), serverObserver: observer('server') },
    client: sides,
    server: { ...sides, enableConnectProtocol: true },
  }).ready()
  pair.onEvent = (side, event) => {
    if (event.type === 'body') readAll(event.stream, [])
    if (side === pair.client || event.type !== 'request' || event.head.protocol !== undefined) return
    event.stream.sendFields(responseFields(103, []))
    event.stream.sendFields(responseFields(200, [{ name: 'set-cookie', value: 'id=hunter2' }]))
    event.stream.writeBody(new Uint8Array(100))
    event.stream.sendFields([{ name: 'checksum', value: 'abc' }])
  }
  const request = pair.get('/path', [{ name: 'authorization', value: 'Bearer hunter2' }], false)
  request.writeBody(new Uint8Array(10))
  request.priority = { urgency: 1, incremental: true }
  const tunnel = pair.client.http3.request([...requestTo('/', 'CONNECT'), { name: ':protocol', value: 'echo' }])
  tunnel?.sendDatagram(new Uint8Array(5), pair.pair.now)
  pair.client.http3.openSessionStream('bidirectional', request.id)
  pair.client.http3.openSessionStream('unidirectional', request.id)?.send?.finish()
  pair.run(() => pair.client.of('response').length > 0)
  pair.server.http3.goAway()
  request.finish()
  pair.run(() => pair.client.of('going-away').length > 0)
  pair.client.http3.close(0x100n, '', pair.pair.now)
  pair.run()
  return texts
}

const frameOf = ({ data }: QlogEvent): QlogObject => data['frame'] as QlogObject
const framesOf = (log: string, name: string): QlogObject[] => eventsOf(log, `http3:${name}`).map(frameOf)

describe('The log of HTTP/3', () => {
  test('tells of every frame, on the side that made it and on the side that read it', () => {
    const { client, server } = logs()
    const types = (frames: QlogObject[]): unknown[] => [...new Set(frames.map(({ frame_type }) => frame_type))].sort()
    const made = ['data', 'headers', 'priority_update', 'reserved', 'settings']
    expect(types(framesOf(client, 'frame_created'))).toEqual(made)
    expect(types(framesOf(server, 'frame_parsed'))).toEqual(made)
    const answered = ['data', 'goaway', 'headers', 'reserved', 'settings']
    expect(types(framesOf(server, 'frame_created'))).toEqual(answered)
    expect(types(framesOf(client, 'frame_parsed'))).toEqual(answered)
    expect(eventsOf(client, 'http3:datagram_created').map(({ data }) => data)).toEqual([
      { quarter_stream_id: 1, raw: { payload_length: 5 } },
    ])
    expect(eventsOf(server, 'http3:datagram_parsed')).toHaveLength(1)
    expect(eventsOf(server, 'http3:priority_updated')[0]?.data).toMatchObject({ stream_id: 0, new: 'u=1, i' })
    const kinds = eventsOf(server, 'http3:stream_type_set').map(
      ({ data }) => `${data['initiator']} ${data['stream_type']}`,
    )
    expect(kinds).toEqual(
      expect.arrayContaining([
        'local control',
        'remote control',
        'remote qpack_encode',
        'remote request',
        'local reserved',
      ]),
    )
  })

  test('names fields that let somebody in, and keeps their values to itself', () => {
    const { client, server } = logs()
    for (const log of [client, server]) {
      expect(log).not.toMatch(/hunter2/)
      expect(log).toMatch(/"name":"authorization"}/)
      expect(log).toMatch(/"name":":path","value":"\/path"}/)
    }
  })

  test.skipIf(!hasVectors)('is right by the CDDL of the drafts', () => {
    const names = ['main-schema', 'quic-events', 'h3-events']
    const schema = new Cddl(...names.map((name) => readVectorText(`qlog/qlog-${name}.cddl`)))
    for (const log of Object.values(logs())) {
      const events = eventsOf(log).filter(({ name }) => name.startsWith('http3:'))
      expect(events.length).toBeGreaterThan(15)
      for (const { name, data } of events)
        expect([name, schema.check(schema.eventRule(name) ?? name, data)]).toEqual([name, []])
    }
  })
})
