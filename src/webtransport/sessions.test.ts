import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../base/bytes.ts'
import { Http3ErrorCode } from '../http3/error.ts'
import { WebTransportErrorCode } from './error-codes.ts'
import type { WebTransportDraft } from './negotiation.ts'
import { SessionClosedError, SessionStateError } from './session-error.ts'
import { openStream, readAll, SessionPair } from './session-pair.fixtures.ts'

const DRAFTS: readonly WebTransportDraft[] = [2, 7, 14, 15]

describe.each(DRAFTS)('a client of draft %i with a server of all', (draft) => {
  const make = () => new SessionPair({ client: { drafts: [draft] } }).ready()

  //= draft-ietf-webtrans-http3#3.2-p3.3-1
  test('asks for a session and gets it', () => {
    const pair = make()
    const client = pair.client.sessions.open(
      { authority: 'localhost', path: '/chat?a=1', origin: 'https://page', fields: [{ name: 'x-a', value: 'b' }] },
      pair.now,
    )
    expect(client.state).toBe('connecting')
    pair.run(() => pair.server.events.some(({ type }) => type === 'request'))
    const server = pair.server.session
    expect(server).toMatchObject({
      state: 'pending',
      authority: 'localhost',
      path: '/chat?a=1',
      origin: 'https://page',
    })
    expect(server.draft).toBe(draft)
    expect(server.fields).toContainEqual({ name: 'x-a', value: 'b' })
    server.accept({ fields: [{ name: 'x-b', value: 'c' }] }, pair.now)
    pair.run(() => client.state === 'open')
    expect(client).toMatchObject({ state: 'open', draft, status: 200, id: server.id })
    expect(client.responseFields).toContainEqual({ name: 'x-b', value: 'c' })
    expect(pair.client.of('opened')).toHaveLength(1)
  })

  //= draft-ietf-webtrans-http3#4.3-p2-1
  test('exchanges streams of both kinds, both ways', () => {
    const pair = make()
    const both = pair.open()
    for (const [from, to] of [['client', 'server'] as const, ['server', 'client'] as const]) {
      const uni = openStream(both[from], 'unidirectional', pair.now)
      const bidi = openStream(both[from], 'bidirectional', pair.now)
      expect(uni.send?.write(encodeUtf8('one'))).toBe(3)
      uni.send?.finish()
      expect(bidi.send?.write(encodeUtf8('question'))).toBe(8)
      bidi.send?.finish()
      pair.run(
        () => pair[to].streams.length === 2 && pair[to].streams.every(({ receive }) => receive?.bytesReceived !== 0),
      )
      const [theirBidi] = pair[to].streams.filter(({ direction }) => direction === 'bidirectional')
      const [theirUni] = pair[to].streams.filter(({ direction }) => direction === 'unidirectional')
      pair.run(undefined, 100)
      expect(readAll(theirUni)).toEqual({ bytes: [...encodeUtf8('one')], isEnd: true })
      expect(theirUni?.send).toBeUndefined()
      expect(readAll(theirBidi)).toEqual({ bytes: [...encodeUtf8('question')], isEnd: true })
      theirBidi?.send?.write(encodeUtf8('answer'))
      theirBidi?.send?.finish()
      pair.run(undefined, 200)
      expect(readAll(bidi)).toEqual({ bytes: [...encodeUtf8('answer')], isEnd: true })
      pair.run(undefined, 200)
      expect(theirBidi?.hasEnded).toBe(true)
      expect([...both[from].streams(), ...both[to].streams()]).toEqual([])
    }
  })

  test('exchanges datagrams', () => {
    const pair = make()
    const both = pair.open()
    for (const [from, to] of [['client', 'server'] as const, ['server', 'client'] as const]) {
      expect(both[from].maxDatagramSize).toBeGreaterThan(1000)
      both[from].sendDatagram(encodeUtf8('a'), pair.now)
      both[from].sendDatagram(new Uint8Array(0), pair.now)
      pair.run(() => pair[to].of('datagram-readable').length === 1)
      expect(both[to].readDatagram(pair.now)).toEqual(encodeUtf8('a'))
      expect(both[to].readDatagram(pair.now)).toEqual(new Uint8Array(0))
      expect(both[to].readDatagram(pair.now)).toBeUndefined()
      expect(both[to].stats(pair.now).datagrams.received).toBe(2)
    }
  })

  test('hears of codes of resets and stops, both ways', () => {
    const pair = make()
    const both = pair.open()
    const sent = draft === 2 ? 200 : 0xffff_fffe
    for (const [from, to] of [['client', 'server'] as const, ['server', 'client'] as const]) {
      const stream = openStream(both[from], 'bidirectional', pair.now)
      stream.send?.write(new Uint8Array(10))
      pair.run(() => pair[to].streams.length === 1)
      stream.send?.reset(BigInt(sent))
      stream.receive?.stop(7n)
      pair.run(() => pair[to].of('stream-reset').length === 1 && pair[to].of('stream-stopped').length === 1)
      expect(pair[to].of('stream-reset')[0]?.code).toBe(sent)
      expect(pair[to].of('stream-stopped')[0]?.code).toBe(7)
      expect([...both[to].streams()]).toEqual([])
    }
  })

  //= draft-ietf-webtrans-http3#6-p11-1
  test('is told why a session ends, by either side', () => {
    for (const [from, to] of [['client', 'server'] as const, ['server', 'client'] as const]) {
      const pair = make()
      const both = pair.open()
      const ours = openStream(both[from], 'bidirectional', pair.now)
      ours.send?.write(new Uint8Array(10))
      pair.run(() => pair[to].streams.length === 1)
      both[from].close(1234, 'that is all €', pair.now)
      expect(both[from].state).toBe('closed')
      expect(both[from].end).toEqual({ kind: 'closed', side: 'local', code: 1234, reason: 'that is all €' })
      expect(() => ours.send?.write(new Uint8Array(1))).toThrow('was reset')
      expect(() => openStream(both[from], 'bidirectional', pair.now)).toThrow(SessionClosedError)
      pair.run(() => pair.client.of('idle').length === 1 && pair.server.of('idle').length === 1)
      expect(both[to].end).toEqual({ kind: 'closed', side: 'remote', code: 1234, reason: 'that is all €' })
      expect(both[to].isSettled && both[from].isSettled).toBe(true)
      expect(() => readAll(pair[to].streams[0])).toThrow(/was (reset|stopped)/)
      expect([pair.client.of('closed').length, pair.server.of('closed').length]).toEqual([1, 1])
      expect(pair.http3.client.http3.connection.state).toBe('connected')
    }
  })
})

test('what a session is asked with and answered with is refused where it cannot be', () => {
  const pair = new SessionPair().ready()
  const ask = (request: object) => pair.client.sessions.open({ authority: 'a', path: '/', ...request }, pair.now)
  expect(() => ask({ fields: [{ name: 'wt-available-protocols', value: '"a"' }] })).toThrow(TypeError)
  expect(() => ask({ fields: [{ name: 'content-length', value: '1' }] })).toThrow('content-length')
  expect(() => ask({ fields: [{ name: 'a b', value: '' }] })).toThrow(TypeError)
  expect(() => ask({ protocols: ['ä'] })).toThrow(TypeError)
  expect(pair.client.sessions.count).toBe(0)
  const session = ask({ protocols: ['a'] })
  expect(() => session.accept({}, pair.now)).toThrow(SessionStateError)
  pair.run(() => pair.server.of('request').length === 1)
  const { session: server } = pair.server
  expect(() => server.openStream('bidirectional', pair.now)).toThrow(SessionStateError)
  expect(() => server.accept({ status: 300 }, pair.now)).toThrow(RangeError)
  expect(() => server.accept({ status: 204 }, pair.now)).toThrow(TypeError)
  expect(() => server.accept({ protocol: 'b' }, pair.now)).toThrow('protocol')
  expect(() => server.accept({ fields: [{ name: 'WT-Protocol', value: '"a"' }] }, pair.now)).toThrow('wt-protocol')
  expect(() => server.reject({ status: 200 }, pair.now)).toThrow(RangeError)
  expect(() => server.close(-1, '', pair.now)).toThrow(RangeError)
  server.accept({ protocol: 'a', status: 201 }, pair.now)
  expect(() => server.accept({}, pair.now)).toThrow(SessionStateError)
  pair.run(() => session.state === 'open')
  expect(session).toMatchObject({ status: 201, protocol: 'a' })
  expect(() => pair.server.sessions.open({ authority: 'a', path: '/' }, pair.now)).toThrow(
    'A server asks for no sessions',
  )
})

test('a session that is rejected tells its status, and the connection takes another', () => {
  const pair = new SessionPair().ready()
  for (const status of [403, 404, 405, 429, 500, 302]) {
    const client = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
    pair.run(() => pair.server.of('request').at(-1)?.session.state === 'pending')
    const { session: server } = pair.server
    server.reject({ status, fields: [{ name: 'location', value: '/x' }], body: encodeUtf8('no') }, pair.now)
    expect(server.end).toEqual({ kind: 'rejected', side: 'local', status })
    pair.run(() => client.isSettled && server.isSettled)
    //= draft-ietf-webtrans-http3#3.2-p8-1
    expect(client.end).toEqual({ kind: 'rejected', side: 'remote', status })
    expect(client.responseFields).toContainEqual({ name: 'location', value: '/x' })
    expect(pair.server.of('request')).toHaveLength(pair.client.of('closed').length)
    expect(pair.client.http3.of('stopped')).toEqual([])
  }
  pair.open()
})

test('several sessions share a connection, each with its streams and datagrams', () => {
  const pair = new SessionPair().ready()
  const sessions = Array.from({ length: 5 }, (_, index) => pair.open({ path: `/${index}` }))
  for (const [index, { client }] of sessions.entries()) {
    const stream = openStream(client, 'unidirectional', pair.now)
    stream.send?.write(Uint8Array.of(index))
    client.sendDatagram(Uint8Array.of(index), pair.now)
  }
  pair.run(() => pair.server.streams.length === 5 && pair.server.of('datagram-readable').length === 5)
  for (const [index, { server }] of sessions.entries()) {
    const stream = pair.server.streams.find(({ session }) => session === server)
    expect(readAll(stream).bytes).toEqual([index])
    expect(server.readDatagram(pair.now)).toEqual(Uint8Array.of(index))
  }
  sessions[2]?.client.close(0, '', pair.now)
  pair.run(() => sessions[2]?.server.isSettled === true)
  expect(sessions.map(({ server }) => server.state)).toEqual(['open', 'open', 'closed', 'open', 'open'])
  expect([...pair.server.sessions.values()]).toHaveLength(4)
})

test('an end without a word is one with code 0', () => {
  //= draft-ietf-webtrans-http3#6-p10-1
  const pair = new SessionPair().ready()
  const { client, server } = pair.open()
  pair.http3.client.http3.connection.streams.get(client.id ?? -1)?.send?.finish()
  pair.run(() => server.isSettled)
  expect(server.end).toEqual({ kind: 'closed', side: 'remote', code: 0, reason: '' })
  expect(client.end).toEqual({ kind: 'closed', side: 'remote', code: 0, reason: '' })
})

test('a CONNECT stream that is reset takes its session along, and nothing else', () => {
  const pair = new SessionPair().ready()
  const { client, server } = pair.open()
  const stream = openStream(client, 'bidirectional', pair.now)
  stream.send?.write(new Uint8Array(5))
  pair.run(() => pair.server.streams.length === 1)
  pair.http3.client.http3.connection.streams.get(client.id ?? -1)?.abort(Http3ErrorCode.H3_INTERNAL_ERROR)
  pair.run(() => server.isSettled)
  expect(server.end).toMatchObject({ kind: 'reset', side: 'remote', code: Http3ErrorCode.H3_INTERNAL_ERROR })
  //= draft-ietf-webtrans-http3#6-p3-1
  expect(pair.server.streams[0]?.core.send?.resetCode).toBe(WebTransportErrorCode.WT_SESSION_GONE)
  pair.open()
})

test('the end of the connection is the end of all sessions', () => {
  const pair = new SessionPair().ready()
  const { client, server } = pair.open()
  const waiting = pair.client.sessions.open({ authority: 'localhost', path: '/2' }, pair.now)
  pair.http3.server.http3.close(Http3ErrorCode.H3_NO_ERROR, 'enough', pair.now)
  pair.run(() => client.isSettled && server.isSettled)
  expect(server.end).toMatchObject({ kind: 'connection', reason: { side: 'local' } })
  expect(client.end).toMatchObject({ kind: 'connection', reason: { side: 'remote', reason: 'enough' } })
  expect(waiting.end).toMatchObject({ kind: 'connection' })
  expect(() => client.sendDatagram(new Uint8Array(1), pair.now)).toThrow(SessionClosedError)
  expect(pair.client.sessions.canOpen).toBe(false)
  expect(pair.client.of('idle').length).toBeGreaterThan(0)
})
