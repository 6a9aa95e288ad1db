/** What a session does beside opening and ending: limits, protocols, draining, keys, numbers, datagrams that age. */
import { describe, expect, test } from 'vitest'
import { concat, encodeUtf8, toHex } from '../base/bytes.ts'
import { Http3ErrorCode } from '../http3/error.ts'
import { datagramSettings } from '../streams/datagram-settings.ts'
import type { Session } from './session.ts'
import { SessionStateError } from './session-error.ts'
import { openStream, readAll, SessionPair } from './session-pair.fixtures.ts'
import type { SessionStream } from './session-streams.ts'

/** Writes all of `bytes`, as the session and the connection let it. */
function writeAll(pair: SessionPair, stream: SessionStream, bytes: Uint8Array): void {
  let at = 0
  const write = () => {
    if (at < bytes.length) at += stream.send?.write(bytes.subarray(at)) ?? 0
    if (at === bytes.length) stream.send?.finish()
  }
  const { onEvent } = pair
  pair.onEvent = (side, event) => {
    onEvent(side, event)
    if (event.type === 'stream-writable' && event.stream === stream) write()
  }
  write()
}

/** Reads everything that comes to `session`; how many bytes. */
function sink(pair: SessionPair): { total: number; ended: number } {
  const read = { total: 0, ended: 0 }
  const { onEvent } = pair
  pair.onEvent = (side, event) => {
    onEvent(side, event)
    if (event.type !== 'stream-readable') return
    const { bytes, isEnd } = readAll(event.stream)
    read.total += bytes.length
    if (isEnd) read.ended += 1
  }
  return read
}

describe('limits', () => {
  //= draft-ietf-webtrans-http3#5.6-p2-2
  //= draft-ietf-webtrans-http3#5.6.4-p6-1
  test('of data hold a writer up, and let it go on as its peer reads', () => {
    for (const drafts of [[14], [15]] as const) {
      const limits = { initialMaxData: 5000 }
      const pair = new SessionPair({ client: { drafts, ...limits }, server: limits }).ready()
      expect(pair.client.sessions.hasFlowControl).toBe(true)
      const both = pair.open()
      for (const [from, to] of [['client', 'server'] as const, ['server', 'client'] as const]) {
        const streams = [1, 2, 3].map(() => openStream(both[from], 'unidirectional', pair.now))
        for (const stream of streams) stream.send?.write(new Uint8Array(3000))
        expect(both[from].stats(pair.now).bytesWritten).toBe(5000)
        expect(streams[0]?.send).toMatchObject({ writableBytes: 0, credit: 0 })
        pair.run(() => pair[to].streams.length === 2)
        pair.run(undefined, 200)
        expect(pair[from].of('stream-writable')).toEqual([])
        expect(readAll(pair[to].streams[0]).bytes.length).toBe(3000)
        pair.run(() => pair[from].of('stream-writable').length > 0)
        const waiting = pair[from].of('stream-writable').map(({ stream }) => stream)
        expect(waiting).toEqual([streams[1], streams[2]])
        const read = sink(pair)
        readAll(pair[to].streams[1])
        for (const stream of streams) writeAll(pair, stream, new Uint8Array(20_000))
        pair.run(() => read.ended === 3, 20_000)
        expect(read.ended).toBe(3)
        expect(both[to].state).toBe('open')
        pair.onEvent = () => {}
      }
    }
  })

  //= draft-ietf-webtrans-http3#5.6.2-p6-1
  test('of streams hold back who opens them, until some have ended', () => {
    const pair = new SessionPair({ client: { initialMaxStreamsBidi: 4 }, server: { initialMaxStreamsBidi: 4 } }).ready()
    const both = pair.open()
    for (const [from, to] of [['client', 'server'] as const, ['server', 'client'] as const]) {
      const streams = [1, 2, 3, 4].map(() => openStream(both[from], 'bidirectional', pair.now))
      for (const stream of streams) stream.send?.write(new Uint8Array(1))
      expect(both[from].openStream('bidirectional', pair.now)).toBeUndefined()
      openStream(both[from], 'unidirectional', pair.now).send?.write(new Uint8Array(1))
      pair.run(undefined, 300)
      expect(pair[from].of('streams-available')).toEqual([])
      for (const stream of pair[to].streams.slice(0, 2)) stream.abort(0n)
      pair.run(() => pair[from].of('streams-available').length === 1)
      expect(pair[from].of('streams-available')[0]?.direction).toBe('bidirectional')
      for (let index = 0; index < 2; index++) openStream(both[from], 'bidirectional', pair.now)
      expect(both[from].openStream('bidirectional', pair.now)).toBeUndefined()
      both[to].setIncomingStreams('bidirectional', 20)
      pair.run(() => pair[from].of('streams-available').length === 2)
      for (let index = 0; index < 14; index++) openStream(both[from], 'bidirectional', pair.now)
    }
  })

  test('of the connection hold back all sessions, which are told as it lets go', () => {
    const pair = new SessionPair({ pair: { server: { maxIncomingUnidirectionalStreams: 6 } } }).ready()
    const sessions = [pair.open(), pair.open()]
    const opened: SessionStream[] = []
    for (const { client } of sessions) {
      for (let stream = client.openStream('unidirectional', pair.now); stream !== undefined; ) {
        stream.send?.write(new Uint8Array(1))
        stream.send?.finish()
        opened.push(stream)
        stream = client.openStream('unidirectional', pair.now)
      }
    }
    sink(pair)
    pair.run(() => pair.client.of('streams-available').length === 2)
    expect(pair.client.of('streams-available').map(({ session }) => session)).toEqual(
      sessions.map(({ client }) => client),
    )
  })

  test('get the credit back of what a reset leaves unsent', () => {
    const pair = new SessionPair({ server: { initialMaxData: 5000 } }).ready()
    const { client } = pair.open()
    for (let round = 0; round < 20; round++) {
      const stream = openStream(client, 'unidirectional', pair.now)
      expect(stream.send?.write(new Uint8Array(5000))).toBe(5000)
      stream.send?.reset(0n)
      expect(client.stats(pair.now).bytesSent).toBe(0)
    }
    const stream = openStream(client, 'unidirectional', pair.now)
    stream.send?.write(new Uint8Array(4000))
    pair.run(() => stream.send?.bytesSent === 4000)
    stream.send?.reset(0n)
    expect(openStream(client, 'unidirectional', pair.now).send?.write(new Uint8Array(5000))).toBe(1000)
  })

  test('get the credit back of streams that are stopped, of what comes after that too', () => {
    const pair = new SessionPair({ server: { initialMaxData: 5000 } }).ready()
    const { client } = pair.open()
    const counts: number[] = []
    pair.onEvent = (side, event) => {
      if (side === pair.server && event.type === 'stream') event.stream.receive?.stop(1n)
    }
    for (let round = 0; round < 12; round++) {
      const stream = openStream(client, 'unidirectional', pair.now)
      const stopped = pair.server.of('stream').length
      counts.push(stream.send?.write(new Uint8Array(1000)) ?? 0)
      pair.run(() => pair.server.of('stream').length > stopped)
      // The server has stopped it, and the client has not heard of that.
      stream.send?.write(new Uint8Array(2000))
      pair.run(() => stream.hasEnded, 400)
      pair.run(undefined, 100)
    }
    expect(counts.filter((count) => count === 1000).length).toBeGreaterThan(8)
    // Less than half of the window is not worth a capsule.
    expect(openStream(client, 'unidirectional', pair.now).send?.write(new Uint8Array(5000))).toBeGreaterThanOrEqual(
      2500,
    )
  })

  test('that nobody asked for are none', () => {
    const off = { initialMaxData: 0, initialMaxStreamsBidi: 0, initialMaxStreamsUni: 0 }
    const pair = new SessionPair({ client: off }).ready()
    const { client } = pair.open()
    expect(pair.client.sessions.hasFlowControl).toBe(false)
    client.setIncomingStreams('bidirectional', 5)
    const stream = openStream(client, 'bidirectional', pair.now)
    expect(stream.send?.write(new Uint8Array(100_000))).toBe(100_000)
    //= draft-ietf-webtrans-http3#5.1-p6-1
    expect(pair.client.sessions.canOpen).toBe(false)
    const second = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
    expect(second.end).toMatchObject({ kind: 'failed' })
  })

  test('of sessions, which drafts -07 and -14 name, are kept by the client', () => {
    for (const drafts of [[7], [14]] as const) {
      const pair = new SessionPair({ client: { drafts }, server: { maxSessions: 2 } }).ready()
      const first = pair.open()
      pair.open()
      expect(pair.client.sessions.canOpen).toBe(false)
      expect(pair.client.sessions.open({ authority: 'a', path: '/' }, pair.now).end).toMatchObject({ kind: 'failed' })
      first.client.close(0, '', pair.now)
      expect(pair.client.sessions.canOpen).toBe(true)
    }
  })
})

describe('the beginning', () => {
  //= draft-ietf-webtrans-http3#4.6-p1-1
  //= draft-ietf-webtrans-http3#3.1-p2-2
  test('of sessions that are asked for at once waits for the SETTINGS, and for room', () => {
    const pair = new SessionPair({ pair: { server: { maxIncomingBidirectionalStreams: 2 } } })
    const sessions = Array.from({ length: 4 }, (_, index) =>
      pair.client.sessions.open({ authority: 'localhost', path: `/${index}` }, pair.now),
    )
    expect(sessions.map(({ id }) => id)).toEqual([undefined, undefined, undefined, undefined])
    expect(pair.client.sessions.canOpen).toBeUndefined()
    expect(() => sessions[0]?.openStream('bidirectional', pair.now)).toThrow(SessionStateError)
    expect(() => sessions[0]?.exportKeyingMaterial(encodeUtf8('a'), undefined, 8)).toThrow(SessionStateError)
    pair.run(() => pair.hasServer && pair.server.of('request').length === 2)
    pair.run(undefined, 100)
    expect(sessions.map(({ id }) => id)).toEqual([0, 4, undefined, undefined])
    sessions[0]?.close(0, '', pair.now)
    pair.server.session.reject({ status: 404 }, pair.now)
    sessions[2]?.close(1, 'not any more', pair.now)
    pair.run(() => sessions[3]?.id !== undefined)
    expect(sessions[2]?.end).toEqual({ kind: 'closed', side: 'local', code: 1, reason: 'not any more' })
    pair.run(() => pair.server.session.path === '/3')
    expect(pair.server.of('closed').map(({ end }) => end.kind)).toEqual(['rejected', 'reset'])
  })

  //= draft-ietf-webtrans-http3#3.3-p2-1
  //= draft-ietf-webtrans-http3#3.3-p6-1
  test('brings an application protocol, which both know by its name', () => {
    const pair = new SessionPair().ready()
    const client = pair.client.sessions.open(
      { authority: 'a', path: '/', protocols: ['moq-"2"', 'b'], requiresProtocol: true },
      pair.now,
    )
    pair.run(() => pair.server.of('request').length === 1)
    expect(pair.server.session.availableProtocols).toEqual(['moq-"2"', 'b'])
    pair.server.session.accept({ protocol: 'moq-"2"' }, pair.now)
    pair.run(() => client.state === 'open')
    expect([client.protocol, pair.server.session.protocol]).toEqual(['moq-"2"', 'moq-"2"'])
  })

  test('may be used by a client before the server has answered', () => {
    const pair = new SessionPair().ready()
    const client = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
    const stream = openStream(client, 'bidirectional', pair.now)
    stream.send?.write(encodeUtf8('early'))
    client.sendDatagram(encodeUtf8('bird'), pair.now)
    pair.run(() => pair.server.of('request').length === 1)
    const { session } = pair.server
    pair.run(undefined, 50)
    session.accept({}, pair.now)
    pair.run(() => client.state === 'open')
    expect(readAll(pair.server.streams[0]).bytes).toEqual([...encodeUtf8('early')])
    expect(session.readDatagram(pair.now)).toEqual(encodeUtf8('bird'))
  })

  test('can be called off by either side', () => {
    const pair = new SessionPair().ready()
    const client = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
    pair.run(() => pair.server.of('request').length === 1)
    client.close(5, 'forget it', pair.now)
    pair.run(() => pair.server.session.isSettled)
    const cancelled = { kind: 'reset', side: 'remote', code: Http3ErrorCode.H3_REQUEST_CANCELLED }
    expect(pair.server.session.end).toMatchObject(cancelled)
    const other = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
    pair.run(() => pair.server.of('request').length === 2)
    pair.server.session.close(5, '', pair.now)
    pair.run(() => other.isSettled)
    expect(other.end).toMatchObject({ kind: 'reset', side: 'remote', code: Http3ErrorCode.H3_REQUEST_REJECTED })
  })
})

describe('draining', () => {
  test('is asked for by a capsule, and changes nothing else', () => {
    const pair = new SessionPair().ready()
    const { client, server } = pair.open()
    server.drain(pair.now)
    server.drain(pair.now)
    pair.run(() => pair.client.of('draining').length === 1)
    expect([client.isDraining, server.isDraining]).toEqual([true, false])
    expect(pair.client.of('draining')).toEqual([{ type: 'draining', session: client }])
    openStream(client, 'bidirectional', pair.now).send?.write(new Uint8Array(1))
    pair.run(() => pair.server.streams.length === 1)
    client.drain(pair.now)
    pair.run(() => pair.server.of('draining').length === 1)
    expect(server.isDraining).toBe(true)
  })

  //= draft-ietf-webtrans-http3#4.7-p2-1
  test('is asked for by GOAWAY, after which there are no new sessions', () => {
    const pair = new SessionPair().ready()
    const { client } = pair.open()
    const unanswered = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
    pair.run(() => pair.server.of('request').length === 2)
    pair.server.http3.http3.goAway()
    pair.run(() => pair.client.of('draining').length === 1)
    expect(client.state).toBe('open')
    expect(pair.client.sessions.canOpen).toBe(false)
    expect(pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now).end).toMatchObject({
      kind: 'failed',
    })
    pair.server.session.accept({}, pair.now)
    pair.run(() => unanswered.state === 'open')
    openStream(client, 'bidirectional', pair.now)
  })
})

describe('datagrams', () => {
  test('are dropped where too many wait to be read, the oldest first, or once they are too old', () => {
    const pair = new SessionPair().ready()
    const { client, server } = pair.open()
    server.configureDatagrams(datagramSettings({ incomingHighWaterMark: 3, incomingMaxAge: 1000 }), pair.now)
    expect(server.datagramSettings.incomingHighWaterMark).toBe(3)
    for (let index = 0; index < 5; index++) client.sendDatagram(Uint8Array.of(index), pair.now)
    pair.run(() => server.stats(pair.now).datagrams.received === 5)
    expect(server.readDatagram(pair.now)).toEqual(Uint8Array.of(2))
    expect(server.stats(pair.now).datagrams).toMatchObject({ droppedIncoming: 2, expiredIncoming: 0 })
    expect(server.readDatagram(pair.now + 1001)).toBeUndefined()
    expect(server.stats(pair.now).datagrams).toMatchObject({ droppedIncoming: 2, expiredIncoming: 2 })
    for (let index = 0; index < 3; index++) client.sendDatagram(Uint8Array.of(index), pair.now)
    pair.run(() => server.stats(pair.now).datagrams.received === 8)
    expect(pair.server.of('datagram-readable')).toHaveLength(2)
    server.configureDatagrams(datagramSettings({ incomingHighWaterMark: 1 }), pair.now)
    expect(server.readDatagram(pair.now)).toEqual(Uint8Array.of(2))
  })

  test('are not sent once they are too old, and a writer is told of room', () => {
    const pair = new SessionPair().ready()
    const { client, server } = pair.open()
    client.configureDatagrams(datagramSettings({ outgoingHighWaterMark: 20, outgoingMaxAge: 5 }), pair.now)
    const size = client.maxDatagramSize
    const sent = []
    while (client.hasDatagramRoom) sent.push(client.sendDatagram(new Uint8Array(size), pair.now))
    expect(sent).toHaveLength(20)
    client.wantDatagramRoom()
    expect(pair.client.of('datagram-writable')).toEqual([])
    pair.run(() => pair.client.of('datagram-writable').length === 1, 300)
    expect(client.hasDatagramRoom).toBe(true)
    client.wantDatagramRoom()
    pair.run(undefined, 10)
    expect(pair.client.of('datagram-writable')).toHaveLength(2)
    for (let index = 0; index < 200; index++) client.sendDatagram(new Uint8Array(size), pair.now)
    pair.run(undefined, 500)
    const { datagrams } = client.stats(pair.now)
    expect(datagrams.sent).toBe(220)
    expect(datagrams.expiredOutgoing).toBeGreaterThan(0)
    expect(server.stats(pair.now).datagrams.received + datagrams.expiredOutgoing).toBe(220)
    expect(() => client.sendDatagram(new Uint8Array(size + 1), pair.now)).toThrow(RangeError)
  })

  test('that are lost are counted', () => {
    const pair = new SessionPair().ready()
    const { client, server } = pair.open()
    pair.http3.pair.network = { loss: 0.3 }
    for (let round = 0; round < 30; round++) {
      client.sendDatagram(new Uint8Array(1000), pair.now)
      pair.run(undefined, 40)
    }
    pair.http3.pair.network = {}
    client.sendDatagram(new Uint8Array(1), pair.now)
    pair.run(undefined, 3000)
    const { lostOutgoing } = client.stats(pair.now).datagrams
    expect(lostOutgoing).toBeGreaterThan(3)
    expect(server.stats(pair.now).datagrams.received).toBe(31 - lostOutgoing)
  })
})

test('streams tell their numbers without the header, and the session those of all', () => {
  const pair = new SessionPair().ready()
  const { client, server } = pair.open()
  const stream = openStream(client, 'bidirectional', pair.now)
  expect(stream.send).toMatchObject({ bytesWritten: 0, bytesSent: 0, bytesAcknowledged: 0, queuedBytes: 0 })
  stream.send?.write(new Uint8Array(1000))
  expect(stream.send).toMatchObject({ bytesWritten: 1000, queuedBytes: 1000, isWritable: true, canResetAt: true })
  pair.run(() => stream.send?.bytesAcknowledged === 1000)
  const [theirs] = pair.server.streams
  expect(theirs?.receive).toMatchObject({ bytesReceived: 1000, bytesRead: 0, readableBytes: 1000, isReadable: true })
  expect(readAll(theirs).bytes).toHaveLength(1000)
  expect(theirs?.receive).toMatchObject({ bytesReceived: 1000, bytesRead: 1000, readableBytes: 0, isFinished: false })
  theirs?.send?.write(new Uint8Array(500))
  theirs?.send?.finish()
  stream.send?.finish()
  pair.run(undefined, 100)
  readAll(stream)
  readAll(theirs)
  pair.run(undefined, 100)
  expect(stream.hasEnded && theirs?.hasEnded).toBe(true)
  const expected = { bytesWritten: 1000, bytesSent: 1000, bytesAcknowledged: 1000, bytesReceived: 500, bytesRead: 500 }
  expect(client.stats(pair.now)).toMatchObject({ streamsOpened: 1, streamsAccepted: 0, ...expected })
  expect(server.stats(pair.now)).toMatchObject({
    streamsOpened: 0,
    streamsAccepted: 1,
    bytesReceived: 1000,
    bytesSent: 500,
  })
})

test('what was promised of a stream arrives though it is reset', () => {
  const pair = new SessionPair().ready()
  const { client } = pair.open()
  const stream = openStream(client, 'unidirectional', pair.now)
  stream.send?.write(encodeUtf8('promised'))
  stream.send?.write(new Uint8Array(50_000))
  stream.send?.resetAt(9n, 8)
  pair.run(() => pair.server.streams.length === 1)
  const chunk = new Uint8Array(100)
  expect(pair.server.streams[0]?.receive?.read(chunk)).toBe(8)
  expect(chunk.subarray(0, 8)).toEqual(encodeUtf8('promised'))
  pair.run(() => pair.server.of('stream-reset').length === 1)
  expect(pair.server.of('stream-reset')[0]).toMatchObject({ code: 9 })
  stream.abort(10n)
  expect(() => stream.send?.reset(2n ** 32n)).toThrow(RangeError)
})

//= draft-ietf-webtrans-http3#3.4-p2-2
test('sessions share what can be sent alike, however many streams each has', () => {
  //= draft-ietf-webtrans-http3#8-p3-2
  const pair = new SessionPair({ pair: { network: { delay: 20 } } }).ready()
  const sessions = [pair.open(), pair.open()]
  const received = new Map<Session, number>()
  pair.onEvent = (_, event) => {
    if (event.type === 'stream-readable') {
      received.set(event.session, (received.get(event.session) ?? 0) + readAll(event.stream).bytes.length)
    }
  }
  for (const [index, { client }] of sessions.entries()) {
    for (let count = 0; count < (index === 0 ? 1 : 9); count++) {
      writeAll(pair, openStream(client, 'unidirectional', pair.now), new Uint8Array(index === 0 ? 900_000 : 100_000))
    }
  }
  pair.run(() => [...received.values()].reduce((sum, each) => sum + each, 0) > 400_000)
  const [one = 0, nine = 0] = sessions.map(({ server }) => received.get(server) ?? 0)
  expect(one / nine).toBeGreaterThan(0.6)
  expect(one / nine).toBeLessThan(1.6)
})

//= draft-ietf-webtrans-http3#3.4-p2-1
test('the priority of a session is that of its streams, at both ends', () => {
  const pair = new SessionPair().ready()
  const priority = { urgency: 1, incremental: true }
  const { client, server } = pair.open({ priority })
  expect(server.fields).toContainEqual({ name: 'priority', value: 'u=1, i' })
  expect(openStream(client, 'unidirectional', pair.now).core.priority).toEqual(priority)
  expect(openStream(server, 'unidirectional', pair.now).core.priority).toEqual(priority)
  const other = pair.open()
  expect(openStream(other.server, 'unidirectional', pair.now).core.priority).toEqual({ urgency: 3, incremental: false })
})

//= draft-ietf-webtrans-http3#4.8-p1-1
test('keys are those of TLS, with a context of the session', () => {
  const pair = new SessionPair().ready()
  const first = pair.open()
  const second = pair.open()
  const keys = (session: Session, label: string, context?: string) =>
    toHex(session.exportKeyingMaterial(encodeUtf8(label), context === undefined ? undefined : encodeUtf8(context), 32))
  const key = keys(first.client, 'label', 'ctx')
  expect(keys(first.server, 'label', 'ctx')).toBe(key)
  expect(keys(second.client, 'label', 'ctx')).not.toBe(key)
  expect(keys(first.client, 'labe', 'lctx')).not.toBe(key)
  expect(keys(first.client, 'label')).toBe(keys(first.client, 'label', ''))
  const context = concat(new Uint8Array(8), Uint8Array.of(5), encodeUtf8('label'), Uint8Array.of(3), encodeUtf8('ctx'))
  context[7] = first.client.id ?? 0
  expect(toHex(pair.http3.client.http3.connection.exportKeyingMaterial('EXPORTER-WebTransport', context, 32))).toBe(key)
  expect(() => keys(first.client, 'x'.repeat(256))).toThrow('label must have at most 255 bytes, got 256')
  expect(() => keys(first.client, '', 'x'.repeat(256))).toThrow('context must have at most 255 bytes, got 256')
})
