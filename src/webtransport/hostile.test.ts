/** Clients that break the rules, or mean ill: each costs its session, or its connection, and bounded memory. */
import { describe, expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { encodeCapsule } from '../base/capsule.ts'
import { Writer } from '../base/writer.ts'
import { encodeDatagram } from '../http3/datagram.ts'
import { Http3ErrorCode } from '../http3/error.ts'
import type { RequestStream } from '../http3/request-stream.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { CapsuleType, encodeCloseSession, encodeDataCapsule, encodeStreamsCapsule } from './capsules.ts'
import { toHttpCode, WebTransportErrorCode } from './error-codes.ts'
import type { Session } from './session.ts'
import { connectFields } from './session-fields.ts'
import { readAll, SessionPair, type SessionPairOptions } from './session-pair.fixtures.ts'

const { H3_DATAGRAM_ERROR, H3_ID_ERROR, H3_MESSAGE_ERROR, H3_REQUEST_REJECTED } = Http3ErrorCode
const { WT_BUFFERED_STREAM_REJECTED, WT_FLOW_CONTROL_ERROR, WT_SESSION_GONE } = WebTransportErrorCode

/** A server of ours, and a client that writes what it likes. */
class Victim {
  readonly pair: SessionPair

  constructor(options: SessionPairOptions = {}) {
    this.pair = new SessionPair(options).ready()
  }

  get #http3() {
    return this.pair.client.http3.http3
  }

  /** CONNECT, of which our own client knows nothing. */
  ask(): RequestStream {
    const stream = this.#http3.request(connectFields({ authority: 'localhost', path: '/' }, 15))
    if (stream === undefined) throw new Error('No request for now')
    return stream
  }

  /** CONNECT, and the server accepts. */
  open(): { readonly stream: RequestStream; readonly session: Session } {
    const stream = this.ask()
    this.pair.run(() => this.pair.server.of('request').at(-1)?.session.id === stream.id)
    const { session } = this.pair.server
    session.accept({}, this.pair.now)
    this.pair.run(() => this.pair.client.http3.of('response').length > 0, 200)
    return { stream, session }
  }

  /** A stream with the header of that session. */
  openStream(sessionId: number, direction: StreamDirection = 'unidirectional', bytes = new Uint8Array(0)): Stream {
    const stream = this.#http3.openSessionStream(direction, sessionId)
    if (stream === undefined) throw new Error('No stream for now')
    stream.send?.write(bytes)
    return stream
  }

  /** Whether the connection still takes a session. */
  get isWell(): boolean {
    return this.open().session.state === 'open'
  }

  /** The code with which the peer closed the connection. */
  get closeCode(): bigint | undefined {
    const reason = this.#http3.connection.closeReason
    return reason?.kind === 'application' && reason.side === 'remote' ? reason.code : undefined
  }
}

function varint(value: number | bigint): Uint8Array {
  const writer = new Writer(8)
  writer.varint(value)
  return writer.finish()
}

describe('before the session', () => {
  //= draft-ietf-webtrans-http3#4.6-p3-2
  //= draft-ietf-webtrans-http3#8-p6-1
  //= draft-ietf-webtrans-http3#4.6-p3-3
  test('streams of a session that nobody asked for wait in bounded number, and not for ever', () => {
    const victim = new Victim({ server: { maxBufferedStreams: 10, bufferTimeout: 3000 } })
    const { pair } = victim
    const streams = Array.from({ length: 60 }, (_, index) =>
      victim.openStream(
        4 * (100 + (index % 7)),
        index % 2 === 0 ? 'unidirectional' : 'bidirectional',
        new Uint8Array(9),
      ),
    )
    pair.run(undefined, 300)
    const refused = () => streams.filter(({ send }) => send?.stopCode === WT_BUFFERED_STREAM_REJECTED).length
    expect(refused()).toBe(50)
    pair.pass(3000)
    expect(refused()).toBe(60)
    expect(victim.isWell).toBe(true)
  })

  //= draft-ietf-webtrans-http3#4.6-p3-1
  test('streams and datagrams that overtake CONNECT find their session, in their order', () => {
    const victim = new Victim({ server: { bufferTimeout: 3000 } })
    const { pair } = victim
    const { datagrams } = pair.client.http3.http3.connection
    for (const byte of [7, 8]) datagrams.send(encodeDatagram(0, Uint8Array.of(byte)), undefined, pair.now)
    pair.run(undefined, 50)
    const stream = victim.ask()
    expect(stream.id).toBe(0)
    for (let index = 0; index < 5; index++) victim.openStream(stream.id, 'unidirectional', Uint8Array.of(index))
    for (let index = 0; index < 3; index++) stream.sendDatagram(Uint8Array.of(index), pair.now)
    pair.run(() => pair.server.of('request').length === 1)
    pair.pass(10_000)
    expect(pair.server.of('stream')).toEqual([])
    expect(pair.server.of('datagram-readable')).toEqual([])
    const { session } = pair.server
    session.accept({}, pair.now)
    pair.run(undefined, 100)
    expect(pair.server.streams.map((each) => readAll(each).bytes)).toEqual([[0], [1], [2], [3], [4]])
    expect([7, 8, 0, 1, 2].map(() => session.readDatagram(pair.now)?.[0])).toEqual([7, 8, 0, 1, 2])
  })

  test('streams that end while they wait tell so when their session is open', () => {
    const victim = new Victim()
    const { pair } = victim
    const { id } = victim.ask()
    const reset = victim.openStream(id, 'unidirectional', new Uint8Array(5))
    const stopped = victim.openStream(id, 'bidirectional', new Uint8Array(5))
    pair.run(() => pair.server.of('request').length === 1)
    pair.run(undefined, 50)
    reset.send?.reset(toHttpCode(3, 15))
    stopped.receive?.stop(toHttpCode(4, 15))
    pair.run(undefined, 100)
    pair.server.session.accept({}, pair.now)
    pair.run(undefined, 50)
    expect(pair.server.of('stream-reset')).toMatchObject([{ code: 3, stream: { id: reset.id } }])
    expect(pair.server.of('stream-stopped')).toMatchObject([{ code: 4, stream: { id: stopped.id } }])
    expect([...pair.server.session.streams()].map((each) => each.id)).toEqual([stopped.id])
  })

  test('what waits for a session that is rejected is turned away', () => {
    const victim = new Victim()
    const { pair } = victim
    const { id } = victim.ask()
    const held = victim.openStream(id, 'bidirectional', new Uint8Array(5))
    pair.run(() => pair.server.of('request').length === 1)
    pair.run(undefined, 100)
    pair.server.session.reject({ status: 404 }, pair.now)
    pair.run(() => held.send?.stopCode !== undefined)
    expect(held.send?.stopCode).toBe(WT_BUFFERED_STREAM_REJECTED)
    expect(pair.server.of('stream')).toEqual([])
  })

  //= draft-ietf-webtrans-http3#4.6-p3-4
  test('of the datagrams of a session that is not open the newest are kept', () => {
    const victim = new Victim({ server: { maxBufferedDatagrams: 4 } })
    const { pair } = victim
    const stream = victim.ask()
    pair.run(() => pair.server.of('request').length === 1)
    const { session } = pair.server
    for (let index = 0; index < 50; index++) stream.sendDatagram(Uint8Array.of(index), pair.now)
    pair.run(undefined, 300)
    session.accept({}, pair.now)
    const read = []
    for (let bytes = session.readDatagram(pair.now); bytes !== undefined; bytes = session.readDatagram(pair.now)) {
      read.push(bytes[0])
    }
    expect(read).toEqual([46, 47, 48, 49])
    expect(session.stats(pair.now).datagrams).toMatchObject({ received: 50, droppedIncoming: 46 })
  })

  //= draft-ietf-webtrans-http3#4-p4-2
  test.each([1, 2, 3, 401])('session id %i, which cannot be, ends the connection', (id) => {
    for (const direction of ['unidirectional', 'bidirectional'] as const) {
      const victim = new Victim()
      victim.openStream(id, direction, new Uint8Array(1))
      victim.pair.run(() => victim.closeCode !== undefined)
      expect(victim.closeCode).toBe(H3_ID_ERROR)
    }
  })

  test('a datagram without a whole id ends the connection', () => {
    const victim = new Victim()
    victim.pair.client.http3.http3.connection.datagrams.send(new Uint8Array(0), undefined, victim.pair.now)
    victim.pair.run(() => victim.closeCode !== undefined)
    expect(victim.closeCode).toBe(H3_DATAGRAM_ERROR)
  })

  //= draft-ietf-webtrans-http3#5.2-p1-1
  test('requests beyond the number of sessions are rejected unprocessed, and the rest live', () => {
    const victim = new Victim({ server: { maxSessions: 3 } })
    const { pair } = victim
    const requests = Array.from({ length: 20 }, () => victim.ask())
    pair.run(undefined, 300)
    expect(pair.server.of('request')).toHaveLength(3)
    const rejected = pair.client.http3.of('failed').filter(({ code }) => code === H3_REQUEST_REJECTED)
    expect(rejected).toHaveLength(17)
    requests[0]?.abort()
    pair.run(() => pair.server.of('closed').length === 1)
    victim.ask()
    pair.run(undefined, 300)
    expect(pair.server.of('request')).toHaveLength(4)
  })

  //= draft-ietf-webtrans-http3#5.1-p6-2
  //= draft-ietf-webtrans-http3#5.2-p3-1
  test('without flow control there is one session at a time', () => {
    const off = { initialMaxData: 0, initialMaxStreamsBidi: 0, initialMaxStreamsUni: 0 }
    const victim = new Victim({ server: off })
    const { stream } = victim.open()
    victim.ask()
    victim.pair.run(() => victim.pair.client.http3.of('failed').length === 1)
    expect(victim.pair.client.http3.of('failed')[0]?.code).toBe(H3_REQUEST_REJECTED)
    stream.abort()
    victim.pair.run(() => victim.pair.server.of('closed').length === 1)
    expect(victim.isWell).toBe(true)
  })

  //= draft-ietf-webtrans-http3#3.1-p13-1
  test('a client without HTTP datagrams has no sessions', () => {
    const victim = new Victim({ clientHttp3: { datagrams: false, settings: [[0x2c7cf000, 1]] } })
    expect(victim.pair.server.sessions.draft).toBe(false)
    victim.ask()
    victim.pair.run(() => victim.pair.client.http3.of('failed').length === 1)
    expect(victim.pair.client.http3.of('failed')[0]?.code).toBe(H3_MESSAGE_ERROR)
    expect(victim.pair.server.events.map(({ type }) => type)).toEqual(['negotiated'])
  })

  test('a token of no draft that was agreed on is not implemented', () => {
    const victim = new Victim({ client: { drafts: [7] } })
    const stream = victim.ask()
    victim.pair.run(() => victim.pair.client.http3.of('response').length === 1)
    expect(victim.pair.client.http3.of('response')[0]).toMatchObject({ stream, head: { status: 501 } })
  })

  //= rfc9297#3.2-p11-3
  //= draft-ietf-webtrans-http3#3.2-p3.2-1
  test('a request that is none for a session is malformed', () => {
    for (const bad of [
      { name: 'content-type', value: 'a/b' },
      { name: ':scheme', value: 'http' },
    ]) {
      const victim = new Victim()
      const fields = connectFields({ authority: 'localhost', path: '/' }, 15).filter(({ name }) => name !== bad.name)
      const at = bad.name.startsWith(':') ? 1 : fields.length
      const stream = victim.pair.client.http3.http3.request(fields.toSpliced(at, 0, bad))
      victim.pair.run(() => victim.pair.client.http3.of('failed').length === 1)
      expect(victim.pair.client.http3.of('failed')[0]).toMatchObject({ stream, code: H3_MESSAGE_ERROR })
      expect(victim.pair.server.of('request')).toEqual([])
    }
  })
})

describe('capsules', () => {
  /** What becomes of a session whose client sends this. */
  function fate(bytes: Uint8Array, isEnd = false): { victim: Victim; session: Session; failed: bigint | undefined } {
    const victim = new Victim()
    const { session, stream } = victim.open()
    const data = victim.openStream(stream.id, 'bidirectional', new Uint8Array(3))
    stream.writeBody(bytes)
    if (isEnd) stream.finish()
    victim.pair.run(() => session.end !== undefined && data.send?.stopCode !== undefined, 1000)
    expect(data.send?.stopCode).toBe(WT_SESSION_GONE)
    victim.pair.run(undefined, 100)
    return { victim, session, failed: victim.pair.client.http3.of('failed')[0]?.code }
  }

  test('a message of 10 MB in WT_CLOSE_SESSION ends the session before any of it has come', () => {
    const { failed, session, victim } = fate(concat(varint(CapsuleType.closeSession), varint(10_000_000)))
    expect(session.end).toMatchObject({ kind: 'reset', side: 'local', code: H3_MESSAGE_ERROR })
    expect(failed).toBe(H3_MESSAGE_ERROR)
    expect(victim.isWell).toBe(true)
  })

  //= rfc9297#3.3-p1-1
  test('a stream that ends within a capsule is malformed', () => {
    const { failed, session } = fate(encodeCloseSession(1, 'x').subarray(0, 5), true)
    expect(session.end).toMatchObject({ kind: 'reset', side: 'local', code: H3_MESSAGE_ERROR })
    expect(failed).toBe(H3_MESSAGE_ERROR)
  })

  //= draft-ietf-webtrans-http3#6-p9-3
  test('what follows WT_CLOSE_SESSION is an error, and the reason that was given stays', () => {
    const { failed, session } = fate(concat(encodeCloseSession(1, 'x'), encodeCloseSession(2, 'y')))
    expect(session.end).toEqual({ kind: 'closed', side: 'remote', code: 1, reason: 'x' })
    expect(failed).toBe(H3_MESSAGE_ERROR)
  })

  test('capsules of flow control that break its rules end the session alone', () => {
    const bad = [
      encodeStreamsCapsule('maximum', 'bidirectional', 100),
      encodeStreamsCapsule('maximum', 'unidirectional', 3),
      encodeDataCapsule('maximum', 16_777_216),
      encodeCapsule(CapsuleType.maxStreamsBidi, varint(2n ** 60n + 1n)),
      encodeCapsule(CapsuleType.streamsBlockedUni, varint(2n ** 61n)),
      encodeCapsule(CapsuleType.maxStreamData, new Uint8Array(2)),
    ]
    for (const capsule of bad) {
      const { failed, session, victim } = fate(capsule)
      expect(session.end).toMatchObject({ kind: 'reset', side: 'local', code: WT_FLOW_CONTROL_ERROR })
      expect(failed).toBe(WT_FLOW_CONTROL_ERROR)
      expect(victim.isWell).toBe(true)
    }
  })

  //= draft-ietf-webtrans-http3#3.2-p11-1
  test('capsules that come before the answer are kept for it, as they are', () => {
    const victim = new Victim()
    const stream = victim.ask()
    stream.writeBody(encodeCloseSession(9, 'never mind'))
    stream.finish()
    victim.pair.run(() => victim.pair.server.of('request').length === 1)
    victim.pair.run(undefined, 200)
    const { session } = victim.pair.server
    expect(session.state).toBe('pending')
    session.accept({}, victim.pair.now)
    expect(session.end).toEqual({ kind: 'closed', side: 'remote', code: 9, reason: 'never mind' })
    const malformed = victim.ask()
    malformed.writeBody(concat(varint(CapsuleType.closeSession), varint(10_000_000)))
    victim.pair.run(() => victim.pair.server.of('request').length === 2)
    victim.pair.server.session.reject({ status: 403 }, victim.pair.now)
    expect(victim.pair.server.session.end).toMatchObject({ kind: 'rejected' })
  })
})

describe('limits of a session', () => {
  //= draft-ietf-webtrans-http3#5.6.2-p8-1
  test('one stream too many ends it', () => {
    for (const direction of ['unidirectional', 'bidirectional'] as const) {
      const victim = new Victim({ server: { initialMaxStreamsBidi: 3, initialMaxStreamsUni: 3 } })
      const { session, stream } = victim.open()
      const streams = Array.from({ length: 4 }, () => victim.openStream(stream.id, direction, new Uint8Array(1)))
      victim.pair.run(() => session.end !== undefined)
      expect(session.end).toMatchObject({ kind: 'reset', side: 'local', code: WT_FLOW_CONTROL_ERROR })
      expect(victim.pair.server.streams).toHaveLength(3)
      victim.pair.run(undefined, 200)
      expect(streams.every(({ send }) => send?.stopCode === WT_SESSION_GONE)).toBe(true)
      expect(victim.isWell).toBe(true)
    }
  })

  //= draft-ietf-webtrans-http3#5.6.4-p6-2
  test('data beyond the limit ends it, whether it is read or reset', () => {
    for (const isReset of [false, true]) {
      const victim = new Victim({ server: { initialMaxData: 1000 } })
      const { session, stream } = victim.open()
      const data = victim.openStream(stream.id, 'unidirectional', new Uint8Array(600))
      victim.pair.run(() => victim.pair.server.streams.length === 1)
      data.send?.write(new Uint8Array(401))
      victim.pair.run(undefined, 100)
      const [theirs] = victim.pair.server.streams
      if (isReset) {
        data.send?.reset(0n)
        victim.pair.run(() => session.end !== undefined)
      } else expect(() => readAll(theirs)).toThrow('was stopped')
      expect(session.end).toMatchObject({ kind: 'reset', side: 'local', code: WT_FLOW_CONTROL_ERROR })
      expect(victim.isWell).toBe(true)
    }
  })

  test('of streams that were opened and ended nothing is kept', () => {
    const victim = new Victim()
    const { pair } = victim
    const { session, stream } = victim.open()
    pair.onEvent = (_, event) => {
      if (event.type === 'stream-readable') readAll(event.stream)
    }
    for (let round = 0; round < 60; round++) {
      for (let index = 0; index < 40; index++) {
        const each = victim.openStream(stream.id, 'unidirectional', new Uint8Array(1))
        if (index % 2 === 0) each.send?.finish()
        else each.send?.reset(5n)
      }
      pair.run(() => pair.client.http3.http3.connection.streams.count < 10, 300)
    }
    expect([...session.streams()]).toEqual([])
    // A plain RESET_STREAM may have taken the header of some along.
    expect(session.stats(pair.now).streamsAccepted).toBeGreaterThanOrEqual(1200)
    expect(session.state).toBe('open')
  })
})

describe('the end', () => {
  test('waits for no credit on the CONNECT stream', () => {
    const victim = new Victim({
      server: { closeTimeout: 2000 },
      pair: { client: { initialMaxStreamDataBidiLocal: 300 } },
    })
    const { pair } = victim
    const { session } = victim.open()
    session.close(7, 'x'.repeat(1024), pair.now)
    expect(session.end).toMatchObject({ kind: 'closed', side: 'local', code: 7 })
    pair.run(undefined, 1000)
    expect(session.isSettled).toBe(false)
    pair.pass(1500)
    expect(session.isSettled).toBe(true)
    expect(pair.server.of('idle')).toHaveLength(1)
    pair.run(() => pair.client.http3.of('failed').length === 1)
    expect(pair.client.http3.of('failed')[0]?.code).toBe(WT_SESSION_GONE)
    expect(victim.isWell).toBe(true)
  })

  test('is told once though streams of the session go on coming, and these are turned away', () => {
    const victim = new Victim()
    const { pair } = victim
    const { session, stream } = victim.open()
    session.close(0, '', pair.now)
    const late = victim.openStream(stream.id, 'bidirectional', new Uint8Array(1))
    pair.run(() => late.send?.stopCode !== undefined)
    expect(late.send?.stopCode).toBe(WT_SESSION_GONE)
    stream.finish()
    pair.run(() => session.isSettled)
    pair.run(undefined, 200)
    const later = victim.openStream(stream.id, 'unidirectional', new Uint8Array(1))
    pair.run(() => later.send?.stopCode !== undefined)
    expect(later.send?.stopCode).toBe(WT_SESSION_GONE)
    expect(pair.server.of('closed')).toHaveLength(1)
    expect(pair.server.of('stream')).toEqual([])
  })

  test('may be told by STOP_SENDING that overtakes WT_CLOSE_SESSION', () => {
    const victim = new Victim()
    const { session, stream } = victim.open()
    stream.stop(WT_SESSION_GONE)
    victim.pair.run(undefined, 300)
    expect(session.state).toBe('open')
    stream.writeBody(encodeCloseSession(4, 'late'))
    stream.finish()
    victim.pair.run(() => session.isSettled)
    expect(session.end).toEqual({ kind: 'closed', side: 'remote', code: 4, reason: 'late' })
    const silent = victim.open()
    silent.stream.stop(WT_SESSION_GONE)
    victim.pair.run(undefined, 300)
    victim.pair.pass(1500)
    expect(silent.session.end).toMatchObject({ kind: 'reset', side: 'remote', code: WT_SESSION_GONE })
    const rude = victim.open()
    rude.stream.stop(0x10cn)
    victim.pair.run(() => rude.session.end !== undefined)
    expect(rude.session.end).toMatchObject({ kind: 'reset', side: 'remote', code: 0x10cn })
  })
})
