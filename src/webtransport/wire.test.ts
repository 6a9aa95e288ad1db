/** What sessions put on the wire, read byte by byte, and what bytes out of place lead to. */
import { describe, expect, test } from 'vitest'
import { concat, toHex } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { Pair, TestRandom } from '../endpoint/test-pair.fixtures.ts'
import { Http3Connection } from '../http3/connection.ts'
import { Http3ErrorCode } from '../http3/error.ts'
import { encodeFrame, FrameType } from '../http3/frames.ts'
import { encodeSettings } from '../http3/settings.ts'
import type { Stream } from '../streams/stream.ts'
import { encodeCloseSession, encodeDataCapsule, encodeDrainSession, encodeStreamsCapsule } from './capsules.ts'
import type { SessionEvent } from './events.ts'
import { webTransportHttp3Options } from './negotiation.ts'
import type { Session } from './session.ts'
import { connectFields } from './session-fields.ts'
import { WebTransportSessions } from './sessions.ts'

/** A client of whose streams nobody but the test reads, and a server of ours. */
class Wire {
  readonly pair: Pair = new Pair()
  readonly events: SessionEvent[] = []
  readonly #client: Http3Connection
  readonly #sessions: WebTransportSessions
  readonly #server: Http3Connection

  constructor(settings: readonly (readonly [number, number])[] = webTransportHttp3Options('client').settings) {
    const { client, server } = this.pair.handshake()
    // It only writes requests: it is never started, and hears of nothing.
    this.#client = new Http3Connection(client, new TestRandom(1))
    this.#server = new Http3Connection(server, new TestRandom(2), {
      ...webTransportHttp3Options('server'),
      grease: false,
    })
    this.#sessions = new WebTransportSessions(this.#server)
    this.pair.onEvent = (side, _, event) => {
      if (side === this.pair.client) return
      this.#server.receiveEvent(event, this.pair.now)
      this.#sessions.receiveConnectionEvent(event, this.pair.now)
      this.#tell()
    }
    this.#server.start(this.pair.now)
    const control = client.streams.open('unidirectional')
    control?.send?.write(
      concat(Uint8Array.of(0), encodeFrame(FrameType.settings, encodeSettings([[0x33, 1], ...settings]))),
    )
  }

  #tell(): void {
    for (let fact = this.#server.pollEvent(); fact !== undefined; fact = this.#server.pollEvent()) {
      this.#sessions.receiveEvent(fact, this.pair.now)
    }
    for (let event = this.#sessions.pollEvent(); event !== undefined; event = this.#sessions.pollEvent()) {
      this.events.push(event)
    }
  }

  run(ms = 200): void {
    this.pair.client.endpoint.wake(this.#client.connection)
    this.pair.server.endpoint.wake(this.#server.connection)
    this.pair.run(undefined, ms)
    this.#tell()
  }

  /** A session that the server has accepted, and its CONNECT stream. */
  open(): { readonly session: Session; readonly stream: Stream } {
    const request = this.#client.request(connectFields({ authority: 'localhost', path: '/' }, 15))
    this.run()
    const asked = this.events.findLast(({ type }) => type === 'request')
    if (asked?.type !== 'request' || request === undefined) throw new Error('No session was asked for')
    asked.session.accept({}, this.pair.now)
    this.run()
    read(request.stream)
    return { session: asked.session, stream: request.stream }
  }

  /** The streams that the server has opened and that are of no use to HTTP/3 itself. */
  get streams(): Stream[] {
    const { streams } = this.#client.connection
    return [...streams.values()].filter(({ id, isLocal }) => !isLocal && (id % 4 === 1 || id > 11))
  }

  get closeCode(): bigint | undefined {
    const reason = this.#client.connection.closeReason
    return reason?.kind === 'application' ? reason.code : undefined
  }

  openStream(direction: 'bidirectional' | 'unidirectional', ...bytes: readonly Uint8Array[]): Stream {
    const stream = this.#client.connection.streams.open(direction)
    if (stream === undefined) throw new Error('No stream for now')
    stream.send?.write(concat(...bytes))
    return stream
  }
}

/** What has come of a stream, in hexadecimal. */
function read(stream: Stream | undefined): string {
  const chunk = new Uint8Array(65_536)
  const length = stream?.receive?.read(chunk) ?? 0
  return toHex(chunk.subarray(0, Math.max(0, length)))
}

/** A DATA frame. */
function data(capsule: Uint8Array): Uint8Array {
  return encodeFrame(FrameType.data, capsule)
}

describe('streams', () => {
  //= draft-ietf-webtrans-http3#4.2-p1-1
  //= draft-ietf-webtrans-http3#4.2-p1-2
  //= draft-ietf-webtrans-http3#4.3-p3-1
  //= draft-ietf-webtrans-http3#4-p4-1
  test('begin with what they are, and the id of their session', () => {
    const wire = new Wire()
    wire.open()
    const { session, stream } = wire.open()
    expect(stream.id).toBe(4)
    session.openStream('unidirectional', wire.pair.now)?.send?.write(Uint8Array.of(1, 2, 3))
    session.openStream('bidirectional', wire.pair.now)?.send?.write(Uint8Array.of(4, 5))
    wire.run()
    const [one, both] = [...wire.streams].sort((a, b) => a.direction.localeCompare(b.direction)).reverse()
    expect(read(one)).toBe('405404010203')
    expect(read(both)).toBe('4041040405')
  })

  //= draft-ietf-webtrans-http3#4.3-p6-1
  //= draft-ietf-webtrans-http3#4.3-p6-3
  test('that say so later than in their first bytes end the connection', () => {
    const wire = new Wire()
    const { stream } = wire.open()
    stream.send?.write(Uint8Array.of(0x40, 0x41, 0x00))
    wire.run()
    expect(wire.closeCode).toBe(Http3ErrorCode.H3_FRAME_ERROR)
  })

  test('may say so in more bytes than are needed, one by one', () => {
    const wire = new Wire()
    const { stream } = wire.open()
    const writer = new Writer(32)
    writer.uint32(0x8000_0041)
    writer.uint32(0xc000_0000)
    writer.uint32(stream.id)
    const opened = wire.openStream('bidirectional')
    for (const byte of concat(writer.finish(), Uint8Array.of(7, 8))) {
      opened.send?.write(Uint8Array.of(byte))
      wire.run(20)
    }
    const came = wire.events.find(({ type }) => type === 'stream')
    if (came?.type !== 'stream') throw new Error('There is no stream')
    const chunk = new Uint8Array(10)
    expect(came.stream.receive?.bytesReceived).toBe(2)
    expect(came.stream.receive?.read(chunk)).toBe(2)
    expect([...chunk.subarray(0, 2)]).toEqual([7, 8])
  })
})

describe('the CONNECT stream', () => {
  //= draft-ietf-webtrans-http3#6-p9-1
  test('ends with the word of the end', () => {
    const wire = new Wire()
    const { session, stream } = wire.open()
    session.drain(wire.pair.now)
    session.close(258, 'bye', wire.pair.now)
    wire.run()
    const expected = concat(data(encodeDrainSession()), data(encodeCloseSession(258, 'bye')))
    expect(read(stream)).toBe(toHex(expected))
    expect(stream.receive?.isFinished).toBe(true)
  })

  //= draft-ietf-webtrans-http3#6-p9-2
  test('is ended by whoever hears that word', () => {
    const wire = new Wire()
    const { session, stream } = wire.open()
    stream.send?.write(data(encodeCloseSession(0, '')))
    wire.run()
    expect(session.isSettled).toBe(false)
    read(stream)
    expect(stream.receive?.isFinished).toBe(true)
    stream.send?.finish()
    wire.run()
    expect(session.isSettled).toBe(true)
  })

  //= draft-ietf-webtrans-http3#5.6.3-p1-1
  //= draft-ietf-webtrans-http3#5.6.5-p1-1
  test('tells of a limit that holds the server up, once, and goes on when that is raised', () => {
    const wire = new Wire([
      [0x2c7cf000, 1],
      [0x2b61, 10],
      [0x2b64, 2],
      [0x2b65, 1],
    ])
    const { session, stream } = wire.open()
    const { now } = wire.pair
    const first = session.openStream('unidirectional', now)
    session.openStream('unidirectional', now)
    expect([session.openStream('unidirectional', now), session.openStream('unidirectional', now)]).toEqual([
      undefined,
      undefined,
    ])
    expect(first?.send?.write(new Uint8Array(20))).toBe(10)
    expect(first?.send?.write(new Uint8Array(10))).toBe(0)
    wire.run()
    const blocked = [encodeStreamsCapsule('blocked', 'unidirectional', 2), encodeDataCapsule('blocked', 10)]
    expect(read(stream)).toBe(toHex(concat(...blocked.map(data))))
    stream.send?.write(
      data(concat(encodeStreamsCapsule('maximum', 'unidirectional', 3), encodeDataCapsule('maximum', 15))),
    )
    wire.run()
    expect(wire.events.slice(-2)).toMatchObject([
      { type: 'streams-available' },
      { type: 'stream-writable', stream: first },
    ])
    expect(first?.send?.write(new Uint8Array(10))).toBe(5)
    wire.run()
    expect(read(stream)).toBe(toHex(data(encodeDataCapsule('blocked', 15))))
  })

  //= rfc9297#3.5-p10-1
  test('may carry datagrams, as capsules', () => {
    const wire = new Wire()
    const { session, stream } = wire.open()
    stream.send?.write(data(Uint8Array.of(0, 2, 42, 43)))
    wire.run()
    expect(session.readDatagram(wire.pair.now)).toEqual(Uint8Array.of(42, 43))
  })
})
