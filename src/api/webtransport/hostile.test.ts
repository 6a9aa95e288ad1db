/** Clients that mean ill, byte by byte, against the server that applications use. */
import { describe, expect, test } from 'vitest'
import { concat } from '../../base/bytes.ts'
import { Writer } from '../../base/writer.ts'
import { Http3ErrorCode } from '../../http3/error.ts'
import { encodeFrame, FrameType } from '../../http3/frames.ts'
import { QpackEncoder } from '../../http3/qpack/encoder.ts'
import { encodeSettings } from '../../http3/settings.ts'
import { WebTransportErrorCode } from '../../webtransport/error-codes.ts'
import { webTransportHttp3Options } from '../../webtransport/negotiation.ts'
import { connectFields } from '../../webtransport/session-fields.ts'
import { connect } from '../client.ts'
import type { QuicConnection } from '../connection.ts'
import { rejection, testCrypto, testRoot } from '../pipe.fixtures.ts'
import type { QuicStream } from '../stream.ts'
import type { WebTransportServerSession } from './request.ts'
import type { WebTransportListenOptions, WebTransportServer } from './server.ts'
import { echo, SessionStage } from './stage.fixtures.ts'

const { H3_ID_ERROR, H3_REQUEST_REJECTED } = Http3ErrorCode
const { WT_BUFFERED_STREAM_REJECTED, WT_SESSION_GONE } = WebTransportErrorCode

function varints(...values: readonly number[]): Uint8Array {
  const writer = new Writer(16)
  for (const value of values) writer.varint(value)
  return writer.finish()
}

/** A server, and a client that writes what it likes. */
class Siege {
  readonly stage: SessionStage = new SessionStage()
  readonly sessions: WebTransportServerSession[] = []
  readonly #encoder = new QpackEncoder({ maxTableCapacity: 0 })
  #server: WebTransportServer | undefined
  #connection: QuicConnection | undefined

  /** @throws Error before {@link begin} */
  get connection(): QuicConnection {
    if (this.#connection === undefined) throw new Error('There is no connection yet')
    return this.#connection
  }

  /** @throws Error before {@link begin} */
  get server(): WebTransportServer {
    if (this.#server === undefined) throw new Error('There is no server yet')
    return this.#server
  }

  async begin(options: Partial<WebTransportListenOptions> = {}): Promise<this> {
    const { environment, near } = this.stage
    this.#server = await this.stage.serve((session) => {
      this.sessions.push(session)
      echo(session)
    }, options)
    this.#connection = await environment.until(
      connect(near, {
        ca: [testRoot.der],
        crypto: testCrypto(),
        environment,
        serverName: 'server.test',
        alpn: ['h3'],
        maxDatagramFrameSize: 65_535,
      }),
    )
    const settings: [number, number][] = [[0x33, 1], ...webTransportHttp3Options('client').settings.map(copy)]
    await this.open('unidirectional', varints(0), encodeFrame(FrameType.settings, encodeSettings(settings)))
    return this
  }

  /** A stream that begins with these bytes. */
  async open(direction: 'unidirectional' | 'bidirectional', ...bytes: readonly Uint8Array[]): Promise<QuicStream> {
    const create = direction === 'bidirectional' ? 'createBidirectionalStream' : 'createUnidirectionalStream'
    const stream = await this.stage.environment.until(this.connection[create]())
    await this.stage.environment.until(this.write(stream, concat(...bytes)))
    return stream
  }

  async write(stream: QuicStream, bytes: Uint8Array): Promise<void> {
    const writer = stream.writable.getWriter()
    await writer.write(bytes)
    writer.releaseLock()
  }

  /** CONNECT. */
  ask(path = '/'): Promise<QuicStream> {
    const fields = connectFields({ authority: 'server.test', path }, 15)
    return this.open('bidirectional', encodeFrame(FrameType.headers, this.#encoder.encode(0, fields, 0)))
  }

  /** A stream of a session. */
  openIn(sessionId: number, direction: 'unidirectional' | 'bidirectional' = 'unidirectional'): Promise<QuicStream> {
    return this.open(direction, varints(direction === 'bidirectional' ? 0x41 : 0x54, sessionId), new Uint8Array(50))
  }

  /** The code with which the peer stopped a stream, or reset it. */
  async codeOf(stream: QuicStream): Promise<bigint | undefined> {
    const { environment } = this.stage
    const error = await environment.until(rejection(stream.writable.getWriter().closed))
    return (error as { code?: bigint }).code
  }
}

function copy([id, value]: readonly [number, number]): [number, number] {
  return [id, value]
}

describe('a client that floods', () => {
  test('with requests gets as many sessions as there may be', async () => {
    const siege = await new Siege().begin({ maxSessions: 3 })
    const requests = []
    for (let count = 0; count < 30; count++) requests.push(await siege.ask(`/${count}`))
    await siege.stage.environment.pass(1000)
    expect(siege.sessions.map(({ request }) => request.path)).toEqual(['/0', '/1', '/2'])
    const [, , , ...rejected] = requests
    for (const request of rejected) expect(await siege.codeOf(request)).toBe(H3_REQUEST_REJECTED)
    expect(siege.server.quic.connections.size).toBe(1)
  })

  test('with streams of sessions that it never asks for has them turned away', async () => {
    const siege = await new Siege().begin()
    const streams = []
    for (let count = 0; count < 90; count++) streams.push(await siege.openIn(4 * (50 + (count % 9))))
    await siege.stage.environment.pass(10_000)
    for (const stream of streams) expect(await siege.codeOf(stream)).toBe(WT_BUFFERED_STREAM_REJECTED)
    await siege.ask()
    await siege.stage.environment.pass(100)
    expect(siege.sessions).toHaveLength(1)
  })

  test('with ids that no session has loses its connection', async () => {
    const siege = await new Siege().begin()
    await siege.openIn(3)
    const error = await siege.stage.environment.until(rejection(siege.connection.closed))
    expect(error).toMatchObject({ code: H3_ID_ERROR })
  })
})

test('a close message that claims 10 MB fails its session at once, and no other', async () => {
  const siege = await new Siege().begin()
  const bad = await siege.ask('/bad')
  await siege.ask('/good')
  await siege.stage.environment.pass(100)
  const [session, other] = siege.sessions
  if (session === undefined || other === undefined) throw new Error('There are no sessions')
  const header = varints(0x2843, 10_000_000)
  await siege.write(bad, encodeFrame(FrameType.data, header))
  const error = await siege.stage.environment.until(rejection(session.closed))
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await siege.codeOf(bad)).toBe(Http3ErrorCode.H3_MESSAGE_ERROR)
  await siege.stage.environment.until(other.createUnidirectionalStream())
})

test('a server closes in time though its clients take nothing of what it says', async () => {
  const siege = await new Siege().begin()
  await siege.ask()
  await siege.stage.environment.pass(100)
  const [session] = siege.sessions
  session?.close({ closeCode: 1, reason: 'x'.repeat(1024) })
  expect(await siege.stage.environment.until(session?.closed ?? Promise.reject(new Error('No session')))).toMatchObject(
    {
      closeCode: 1,
    },
  )
  // The client never ends its half of the CONNECT stream.
  await siege.stage.environment.until(siege.server.close(), 20_000)
  expect(siege.server.quic.connections.size).toBe(0)
})

test('streams of a session that the server has closed are turned away', async () => {
  const siege = await new Siege().begin()
  const request = await siege.ask()
  await siege.stage.environment.pass(100)
  siege.sessions[0]?.close()
  const late = await siege.openIn(Number(request.id), 'bidirectional')
  expect(await siege.codeOf(late)).toBe(WT_SESSION_GONE)
})

test('a client that vanishes takes everything along', async () => {
  const siege = await new Siege().begin({ maxIdleTimeout: 5000 })
  const { id } = await siege.ask()
  await siege.openIn(Number(id), 'bidirectional')
  await siege.stage.environment.pass(100)
  const [session] = siege.sessions
  if (session === undefined) throw new Error('There is no session')
  siege.stage.near.close()
  const error = await siege.stage.environment.until(rejection(session.closed))
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await rejection(session.createBidirectionalStream())).toMatchObject({ name: 'InvalidStateError' })
  await siege.stage.environment.pass(30_000)
  expect(siege.server.quic.connections.size).toBe(0)
})
