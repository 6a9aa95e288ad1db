import { describe, expect, test } from 'vitest'
import { Http3ErrorCode } from './error.ts'
import type { Http3Event } from './events.ts'
import { Http3Pair, type Http3Side, readAll, requestTo } from './http3-pair.fixtures.ts'
import { responseFields, trailerFields } from './message.ts'
import type { RequestStream } from './request-stream.ts'

const text = (value: string): Uint8Array => Uint8Array.from(value, (letter) => letter.charCodeAt(0))

/** Sends the whole of `content`, as there is room for it, and then `end`. */
class Sender {
  #at = 0
  readonly #stream: RequestStream
  readonly #content: Uint8Array
  readonly #end: () => void

  constructor(stream: RequestStream, content: Uint8Array, end: () => void = () => stream.finish()) {
    this.#stream = stream
    this.#content = content
    this.#end = end
  }

  go(): void {
    while (this.#at < this.#content.length) {
      const taken = this.#stream.writeBody(this.#content.subarray(this.#at))
      if (taken === 0) return
      this.#at += taken
    }
    this.#end()
  }
}

/** A server that answers each request with its own content, once that has come whole. */
function echo(pair: Http3Pair): void {
  const bodies = new Map<RequestStream, number[]>()
  const senders = new Map<RequestStream, Sender>()
  pair.onEvent = (side: Http3Side, event: Http3Event) => {
    if (side === pair.client) return
    if (event.type === 'request') bodies.set(event.stream, [])
    if (event.type === 'body') {
      const body = bodies.get(event.stream)
      if (body === undefined || !readAll(event.stream, body)) return
      event.stream.sendFields(responseFields(200, [{ name: 'x-length', value: String(body.length) }]))
      const sender = new Sender(event.stream, Uint8Array.from(body))
      senders.set(event.stream, sender)
      sender.go()
    }
    if (event.type === 'writable') senders.get(event.stream)?.go()
  }
}

/** Runs until the response to `stream` is read whole; its content. */
function response(pair: Http3Pair, stream: RequestStream): number[] {
  const body: number[] = []
  let isOver = false
  pair.run(() => {
    if (!isOver && pair.client.events.some((event) => event.type === 'response' && event.stream === stream)) {
      isOver = readAll(stream, body)
    }
    return isOver
  })
  expect(isOver).toBe(true)
  return body
}

describe('a request', () => {
  test('is answered, and both sides forget it', () => {
    const pair = new Http3Pair().ready()
    echo(pair)
    const request = pair.get('/')
    expect(response(pair, request)).toEqual([])
    expect(pair.server.of('request')[0]?.head).toMatchObject({ method: 'GET', path: '/', authority: 'localhost' })
    expect(pair.client.of('response')[0]?.head).toMatchObject({ status: 200 })
    pair.run(() => pair.server.http3.requests + pair.client.http3.requests === 0)
    expect([pair.client.http3.requests, pair.server.http3.requests]).toEqual([0, 0])
    expect(pair.client.of('ended')).toHaveLength(1)
    expect(pair.server.of('ended')).toHaveLength(1)
  })

  test('can leave before the settings of either side have come', () => {
    const pair = new Http3Pair()
    echo(pair)
    pair.run(() => pair.client.of('requests-available').length > 0)
    expect(pair.client.http3.peerSettings).toBeUndefined()
    expect(response(pair, pair.get('/early'))).toEqual([])
  })

  test('carries content both ways in any amount, with losses', () => {
    const pair = new Http3Pair({ pair: { network: { loss: 0.05, delay: 20 } } }).ready()
    echo(pair)
    const content = Uint8Array.from({ length: 700_000 }, (_, index) => index * 7)
    const request = pair.get('/', [{ name: 'content-length', value: String(content.length) }], false)
    const sender = new Sender(request, content)
    const answer = pair.onEvent
    pair.onEvent = (side, event) => {
      answer(side, event)
      if (side === pair.client && event.type === 'writable') sender.go()
    }
    sender.go()
    expect(Uint8Array.from(response(pair, request))).toEqual(content)
  })

  test('is followed by interim responses, the final one, content and trailers, in this order', () => {
    const pair = new Http3Pair().ready()
    pair.onEvent = (side, event) => {
      if (side === pair.client || event.type !== 'request') return
      event.stream.sendFields(responseFields(103, [{ name: 'link', value: '</style.css>' }]))
      event.stream.sendFields(responseFields(200, []))
      event.stream.writeBody(text('hello'))
      event.stream.sendFields(trailerFields([{ name: 'checksum', value: 'abc' }]))
    }
    const request = pair.get('/')
    expect(response(pair, request)).toEqual([...text('hello')])
    expect(request.trailers).toEqual([{ name: 'checksum', value: 'abc' }])
    expect(pair.client.events.map(({ type }) => type).filter((type) => /info|resp|body/.test(type))).toEqual([
      'informational',
      'response',
      'body',
    ])
  })

  test('whose fields repeat costs less and less, by the dynamic tables of both sides', () => {
    const pair = new Http3Pair().ready()
    echo(pair)
    const fields = Array.from({ length: 10 }, (_, index) => ({
      name: `x-field-${index}`,
      value: `value-${index}-abcdef`,
    }))
    const sizes: number[] = []
    for (let turn = 0; turn < 4; turn++) {
      const request = pair.get('/same', fields)
      sizes.push(request.stream.send?.bytesWritten ?? 0)
      response(pair, request)
      expect(pair.server.of('request')[turn]?.head.fields).toEqual(expect.arrayContaining(fields))
    }
    expect(sizes.at(-1)).toBeLessThan((sizes[0] ?? 0) / 4)
  })

  test('that is given up by the client reaches the server as such, and nothing is kept', () => {
    const pair = new Http3Pair().ready()
    const request = pair.get('/', [], false)
    pair.run(() => pair.server.of('request').length > 0)
    request.abort()
    pair.run(() => pair.server.of('failed').length > 0)
    expect(pair.server.of('failed')[0]).toMatchObject({ side: 'remote', code: Http3ErrorCode.H3_REQUEST_CANCELLED })
    pair.server.of('request')[0]?.stream.abort()
    pair.run(() => pair.server.http3.requests === 0)
    expect([pair.client.http3.requests, pair.server.http3.requests]).toEqual([0, 0])
  })

  test('whose header section is too large is answered with 431', () => {
    const pair = new Http3Pair({ server: { maxFieldSectionSize: 500 } })
    pair.run(() => pair.client.of('requests-available').length > 0)
    const request = pair.get('/', [{ name: 'x-large', value: 'x'.repeat(600) }])
    expect(response(pair, request)).toEqual([])
    expect(pair.client.of('response')[0]?.head.status).toBe(431)
    expect(pair.server.of('request')).toEqual([])
    expect(pair.client.http3.connection.state).toBe('connected')
  })

  test('with a section that is larger than the server takes is refused here', () => {
    const pair = new Http3Pair({ server: { maxFieldSectionSize: 500 } }).ready()
    expect(() => pair.get('/', [{ name: 'x-large', value: 'x'.repeat(600) }])).toThrow(RangeError)
    expect(pair.client.http3.requests).toBe(0)
  })

  //= rfc9114#4.1.2-p4-1
  test('whose content is not as long as it says ends alone', () => {
    const pair = new Http3Pair().ready()
    const request = pair.get('/', [{ name: 'content-length', value: '10' }], false)
    request.writeBody(text('short'))
    request.finish()
    const body: number[] = []
    pair.onEvent = (side, event) => {
      if (side !== pair.client && event.type === 'body') readAll(event.stream, body)
    }
    pair.run(() => pair.client.of('failed').length > 0)
    expect(pair.server.of('failed')[0]).toMatchObject({ side: 'local', code: Http3ErrorCode.H3_MESSAGE_ERROR })
    expect(pair.client.of('failed')[0]).toMatchObject({ side: 'remote', code: Http3ErrorCode.H3_MESSAGE_ERROR })
    expect(pair.client.http3.connection.state).toBe('connected')
  })

  test('content that nobody reads is not granted credit', () => {
    const pair = new Http3Pair({ pair: { server: { initialMaxStreamDataBidiRemote: 10_000 } } }).ready()
    const request = pair.get('/', [], false)
    const content = new Uint8Array(200_000)
    request.writeBody(content)
    pair.run(undefined, 2_000)
    expect(request.stream.send?.bytesSent).toBeLessThanOrEqual(10_000)
  })
})

describe('going away', () => {
  //= rfc9114#5.2-p6-1
  test('a server serves what has come, and the client knows what was not processed', () => {
    const pair = new Http3Pair().ready()
    echo(pair)
    const served = pair.get('/served')
    pair.run(() => pair.server.of('request').length > 0)
    pair.server.http3.goAway('announce')
    pair.run(() => pair.client.of('going-away').length > 0)
    expect(() => pair.get('/more')).toThrow(/no more requests/)
    pair.server.http3.goAway('final')
    expect(response(pair, served)).toEqual([])
    pair.run(() => pair.client.of('going-away').length > 1)
    expect(pair.client.of('going-away').map(({ lastId }) => lastId)).toEqual([Number.MAX_SAFE_INTEGER, 4])
  })

  test('requests that cross it fail as not processed', () => {
    const pair = new Http3Pair().ready()
    pair.server.http3.goAway('final')
    const late = pair.get('/late')
    pair.run(() => pair.client.of('failed').length > 0)
    expect(pair.client.of('failed')[0]).toMatchObject({ stream: late, code: Http3ErrorCode.H3_REQUEST_REJECTED })
    expect(pair.server.of('request')).toEqual([])
  })
})

describe('datagrams', () => {
  test('belong to their request, in both directions', () => {
    const pair = new Http3Pair({
      client: { datagrams: true },
      server: { datagrams: true, enableConnectProtocol: true },
    }).ready()
    pair.onEvent = (side, event) => {
      if (event.type !== 'datagram') return
      const payload = event.stream.readDatagram()
      if (payload !== undefined && side !== pair.client) event.stream.sendDatagram(payload, pair.pair.now)
    }
    const request = connect(pair, '/')
    expect(request.maxDatagramSize).toBeGreaterThan(1_000)
    request.sendDatagram(text('ping'), pair.pair.now)
    pair.run(() => pair.client.of('datagram').length > 0)
    expect(pair.client.of('datagram')[0]?.stream).toBe(request)
  })

  test('cannot be sent to a peer that does not take them', () => {
    const pair = new Http3Pair({ client: { datagrams: true }, server: { enableConnectProtocol: true } }).ready()
    const request = connect(pair, '/')
    expect(request.maxDatagramSize).toBe(0)
    expect(() => request.sendDatagram(text('ping'), pair.pair.now)).toThrow(/takes no HTTP datagrams/)
  })

  test('that come before their request wait for it', () => {
    const pair = new Http3Pair({
      client: { datagrams: true },
      server: { datagrams: true, enableConnectProtocol: true },
    }).ready()
    pair.pair.network = { delay: 10, jitter: 30 }
    for (let turn = 0; turn < 20; turn++) connect(pair, `/${turn}`).sendDatagram(text('ping'), pair.pair.now)
    pair.run(() => pair.server.of('datagram').length === 20)
    expect(pair.server.of('datagram').length).toBeGreaterThanOrEqual(16)
  })
})

describe('priority', () => {
  test('is read from the field, and changed by PRIORITY_UPDATE', () => {
    const pair = new Http3Pair().ready()
    const request = pair.get('/', [{ name: 'priority', value: 'u=1, i' }])
    pair.run(() => pair.server.of('request').length > 0)
    const served = pair.server.of('request')[0]?.stream
    expect(served?.priority).toEqual({ urgency: 1, incremental: true })
    request.priority = { urgency: 6, incremental: false }
    pair.run(() => served?.priority.urgency === 6)
    expect(served?.priority).toEqual({ urgency: 6, incremental: false })
  })

  test('PRIORITY_UPDATE that comes before its request counts for more than the field', () => {
    const pair = new Http3Pair({ pair: { network: { delay: 10, jitter: 40 }, seed: 5 } }).ready()
    for (let turn = 0; turn < 10; turn++) {
      pair.get(`/${turn}`, [{ name: 'priority', value: 'u=1' }]).priority = { urgency: 5, incremental: false }
    }
    pair.run(() => pair.server.of('request').length === 10)
    pair.run(undefined, 1_000)
    for (const { stream } of pair.server.of('request')) expect(stream.priority.urgency).toBe(5)
  })
})

describe('streams of sessions', () => {
  const options = { client: { sessionStreams: true }, server: { sessionStreams: true } }

  test('are handed out once their header is read, from either side and of both kinds', () => {
    const pair = new Http3Pair(options).ready()
    const session = pair.get('/', [], false)
    pair.run(() => pair.server.of('request').length > 0)
    for (const [from, to] of [
      [pair.client, pair.server],
      [pair.server, pair.client],
    ] as const) {
      for (const direction of ['bidirectional', 'unidirectional'] as const) {
        const stream = from.http3.openSessionStream(direction, session.id)
        stream?.send?.write(text(direction))
        stream?.send?.finish()
      }
      pair.run(() => to.of('session-stream').length === 2)
      const content = to.of('session-stream').map(({ stream, sessionId }) => {
        expect(sessionId).toBe(session.id)
        const into = new Uint8Array(100)
        return [stream.direction, String.fromCharCode(...into.subarray(0, stream.receive?.read(into)))]
      })
      expect(content).toEqual(
        expect.arrayContaining([
          ['bidirectional', 'bidirectional'],
          ['unidirectional', 'unidirectional'],
        ]),
      )
    }
  })

  test('a server that opens a bidirectional stream of no session breaks the rules', () => {
    const pair = new Http3Pair().ready()
    pair.server.http3.openSessionStream('bidirectional', 0)
    pair.run(() => pair.client.http3.connection.closeReason !== undefined)
    expect(pair.client.http3.connection.closeReason).toMatchObject({ code: Http3ErrorCode.H3_STREAM_CREATION_ERROR })
  })
})

test('the end of the connection is no fault of a request', () => {
  const pair = new Http3Pair().ready()
  const request = pair.get('/', [], false)
  pair.client.http3.close(Http3ErrorCode.H3_NO_ERROR, '', pair.pair.now)
  pair.run(() => pair.server.http3.connection.closeReason !== undefined)
  request.abort()
  expect(() => request.writeBody(text('late'))).toThrow(/finished/)
  expect(() => pair.client.http3.request(requestTo('/'))).toThrow(/over|ended/)
})

/** Begins a tunnel, to which datagrams may belong. */
function connect(pair: Http3Pair, path: string): RequestStream {
  const request = pair.client.http3.request([...requestTo(path, 'CONNECT'), { name: ':protocol', value: 'test' }])
  if (request === undefined) throw new Error('No request for now')
  return request
}
