import { describe, expect, test } from 'vitest'
import { QuicEndpoint } from './endpoint.ts'
import {
  QuicApplicationError,
  QuicCarrierError,
  QuicError,
  QuicIdleTimeoutError,
  QuicStatelessResetError,
  QuicStreamError,
} from './errors.ts'
import { bytesOf, readAll, rejection, Stage, strays, writeAll } from './pipe.fixtures.ts'

/** Everything that an application may be waiting for on one connection, with streams in every state. */
async function everything(stage: Stage) {
  const { server, client, peer } = await stage.connected()
  const { environment } = stage
  const streams = []
  for (let index = 0; index < 3; index++) streams.push(await client.createBidirectionalStream())
  const [reading, writing, plain] = streams
  if (reading === undefined || writing === undefined || plain === undefined) throw new Error('No streams')
  const reader = reading.readable.getReader()
  const writer = writing.writable.getWriter()
  plain.tryWrite(bytesOf(10))
  await environment.pass(10)
  // The peer reads nothing, so this writer waits.
  const big = writer.write(bytesOf(4_000_000))
  await environment.pass(50)
  const waiting: Record<string, Promise<unknown>> = {
    closed: client.closed,
    peerClosed: peer.closed,
    read: reader.read(),
    readerClosed: reader.closed,
    write: big,
    writerClosed: writer.closed,
    close: writer.close(),
    whenReadable: plain.whenReadable(),
    plainClosed: plain.closed,
    readingClosed: reading.closed,
    writingClosed: writing.closed,
    streamClose: plain.close(),
    incoming: client.incomingBidirectionalStreams.getReader().read(),
    peerIncoming: peer.incomingUnidirectionalStreams.getReader().read(),
  }
  // Whoever calls is free to look at some of them alone.
  for (const promise of Object.values(waiting)) promise.catch(() => {})
  return { server, client, peer, waiting, streams, environment }
}

/** A client whose streams are used up, so that opening another one waits. */
async function usedUp(stage: Stage) {
  const { client, peer } = await stage.connected()
  const first = await client.createUnidirectionalStream()
  first.tryWrite(bytesOf(1))
  return { client, peer, second: client.createUnidirectionalStream() }
}

describe('When a transport is closed under live connections', () => {
  test('everything that waits settles', async () => {
    const found = await strays(async () => {
      const stage = new Stage()
      const { client, peer, waiting, environment } = await everything(stage)
      stage.near.close()
      const names = Object.keys(waiting)
      const results = await environment.until(Promise.allSettled(Object.values(waiting)))
      const fulfilled = names.filter((_, index) => results[index]?.status === 'fulfilled')
      expect(fulfilled).toEqual(['whenReadable'])
      for (const [index, name] of names.entries()) {
        const result = results[index]
        if (result?.status === 'rejected') expect([name, result.reason]).toEqual([name, expect.any(QuicCarrierError)])
      }
      expect([client.state, peer.state]).toEqual(['closed', 'closed'])
    })
    expect(found).toEqual([])
  })

  test('a stream that waits for the peer’s limit settles', async () => {
    const stage = new Stage({ server: { maxIncomingUnidirectionalStreams: 1 } })
    const { second } = await usedUp(stage)
    stage.far.close()
    expect(await rejection(stage.environment.until(second))).toBeInstanceOf(QuicCarrierError)
  })

  test('whoever comes later is told at once', async () => {
    const stage = new Stage()
    const { client, streams, environment } = await everything(stage)
    stage.near.close()
    await environment.pass(10)
    const plain = streams[2]
    expect(await rejection(client.createBidirectionalStream())).toBeInstanceOf(QuicCarrierError)
    expect(() => plain?.tryWrite(bytesOf(1))).toThrow(QuicCarrierError)
    expect(() => plain?.read(bytesOf(1))).toThrow(QuicCarrierError)
    expect(await rejection(plain?.readable.getReader().read() ?? Promise.resolve())).toBeInstanceOf(QuicCarrierError)
    expect(await rejection(plain?.writable.getWriter().write(bytesOf(1)) ?? Promise.resolve())).toBeInstanceOf(
      QuicCarrierError,
    )
    plain?.reset()
    plain?.stopSending()
    await client.close()
  })
})

describe('When a side closes the connection', () => {
  test('with a code, the other side is told, and everything settles', async () => {
    const found = await strays(async () => {
      const stage = new Stage()
      const { client, peer, waiting, environment } = await everything(stage)
      const closing = client.close({ closeCode: 0x1234, reason: 'enough' })
      expect(await environment.until(client.closed)).toEqual({ closeCode: 0x1234n, reason: 'enough' })
      const error = await rejection(environment.until(peer.closed))
      expect(error).toBeInstanceOf(QuicApplicationError)
      expect(error).toMatchObject({ side: 'remote', code: 0x1234n, reason: 'enough' })
      await environment.until(closing)
      const results = await environment.until(Promise.allSettled(Object.values(waiting)))
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(QuicApplicationError)
      }
    })
    expect(found).toEqual([])
  })

  test('without one, both ends are clean', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    void peer.close({ reason: 'bye' })
    expect(await stage.environment.until(Promise.all([client.closed, peer.closed]))).toEqual([
      { closeCode: 0n, reason: 'bye' },
      { closeCode: 0n, reason: 'bye' },
    ])
    await stage.environment.pass(5000)
    expect([client.state, peer.state]).toEqual(['closed', 'closed'])
  })

  test('a code that is none is refused, and nothing is closed', async () => {
    const stage = new Stage()
    const { client } = await stage.connected()
    expect(() => client.close({ closeCode: 1.5 })).toThrow(RangeError)
    expect(() => client.close({ closeCode: -1n })).toThrow(RangeError)
    expect(() => client.close({ closeCode: 2n ** 62n })).toThrow(RangeError)
    expect(client.state).toBe('connected')
  })
})

describe('When the peer is silent', () => {
  test('the connection ends with a QuicIdleTimeoutError, on both sides', async () => {
    const stage = new Stage({ client: { maxIdleTimeout: 5000 } })
    const { client, peer } = await stage.connected()
    const begin = stage.environment.now()
    expect(await rejection(stage.environment.until(client.closed))).toBeInstanceOf(QuicIdleTimeoutError)
    expect(await rejection(stage.environment.until(peer.closed))).toBeInstanceOf(QuicIdleTimeoutError)
    expect(stage.environment.now() - begin).toBeLessThanOrEqual(5100)
  })

  test('because it lost its memory, the connection ends with a QuicStatelessResetError', async () => {
    const resetKey = bytesOf(32)
    const stage = new Stage({ server: { resetKey } })
    const { client } = await stage.connected()
    await stage.environment.pass(100)
    // The same transport in other hands, as after a restart.
    const revived = new Stage({ server: { resetKey } })
    const stream = await client.createUnidirectionalStream()
    revive(stage, revived)
    void writeAll(stream.writable, bytesOf(100)).catch(() => {})
    expect(await rejection(stage.environment.until(client.closed))).toBeInstanceOf(QuicStatelessResetError)
  })
})

/** Has what arrives at the far end of `stage` answered by an endpoint that knows none of its connections. */
function revive(stage: Stage, revived: Stage): void {
  void revived.listen()
  stage.near.send = (bytes, to, ecn) => {
    revived.near.send(bytes, to, ecn)
    return true
  }
  if (stage.near.sendBatch !== undefined) {
    stage.near.sendBatch = (bytes, segmentSize, to, ecn) => {
      revived.near.sendBatch?.(bytes, segmentSize, to, ecn)
      return true
    }
  }
  revived.near.open({
    datagram: (bytes) => void stage.far.send(bytes, '', 0),
    drain: () => {},
    closed: () => {},
  })
}

describe('When an application’s handler fails', () => {
  test('on one stream, the other streams and the connection go on', async () => {
    const found = await strays(async () => {
      const stage = new Stage()
      const { client, peer } = await stage.connected()
      void (async () => {
        for await (const stream of peer.incomingBidirectionalStreams) {
          stream.readable
            .pipeThrough(
              new TransformStream<Uint8Array, Uint8Array>({
                transform: (chunk, controller) => {
                  if (chunk[0] === 13) throw new RangeError('A handler that throws')
                  controller.enqueue(chunk)
                },
              }),
            )
            .pipeTo(stream.writable)
            .catch(() => {})
        }
      })()
      const bad = await client.createBidirectionalStream()
      const good = await client.createBidirectionalStream()
      void writeAll(bad.writable, Uint8Array.of(13)).catch(() => {})
      void writeAll(good.writable, Uint8Array.of(1, 2, 3))
      const answer = await stage.environment.until(readAll(good.readable))
      expect(answer).toEqual(Uint8Array.of(1, 2, 3))
      const error = await rejection(stage.environment.until(readAll(bad.readable)))
      expect(error).toBeInstanceOf(QuicStreamError)
      expect(error).toMatchObject({ side: 'remote', code: 0n })
      expect(await rejection(stage.environment.until(bad.closed))).toBeInstanceOf(QuicError)
      expect([client.state, peer.state]).toEqual(['connected', 'connected'])
    })
    expect(found).toEqual([])
  })

  test('in a listener, its connection ends, and no other', async () => {
    const found = await strays(async () => {
      const stage = new Stage()
      const server = await stage.listen()
      const client = new QuicEndpoint(stage.near, stage.clientOptions()).connect('server.test:1', stage.clientOptions())
      const cause = new RangeError('A listener that throws')
      let told = 0
      const count = {
        handleEvent: () => {
          told += 1
        },
      }
      const fail = (): void => {
        throw cause
      }
      client.addEventListener('token', count)
      client.addEventListener('token', count)
      client.addEventListener('token', fail)
      client.addEventListener('mtuchange', fail)
      client.removeEventListener('mtuchange', fail)
      const error = await rejection(stage.environment.until(client.closed))
      expect(error).toBeInstanceOf(QuicApplicationError)
      expect(error).toMatchObject({ side: 'local', cause, message: 'A listener of token threw' })
      await stage.environment.pass(100)
      expect([told, server.connections.size]).toEqual([1, 0])
    })
    expect(found).toEqual([])
  })
})

describe('A stream', () => {
  test('that is reset rejects its reader with the code, and the writer’s own promises', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    const stream = await client.createBidirectionalStream()
    stream.tryWrite(bytesOf(10))
    const { value: far } = await stage.environment.until(peer.incomingBidirectionalStreams.getReader().read())
    if (far === undefined) throw new Error('No stream')
    const writer = stream.writable.getWriter()
    void writer.closed.catch(() => {})
    await writer.abort(new QuicStreamError('No more', 77n, { side: 'local' }))
    expect(await rejection(stage.environment.until(readAll(far.readable)))).toMatchObject({ code: 77n, side: 'remote' })
    await far.readable.cancel().catch(() => {})
    far.reset(78)
    expect(await rejection(stage.environment.until(readAll(stream.readable)))).toMatchObject({ code: 78n })
    expect(await rejection(stage.environment.until(stream.closed))).toBeInstanceOf(QuicError)
    expect(client.state).toBe('connected')
  })

  test('that the peer stops rejects its writer with the code, now and later', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    const stream = await client.createUnidirectionalStream()
    const writer = stream.writable.getWriter()
    await writer.write(bytesOf(10))
    const { value: far } = await stage.environment.until(peer.incomingUnidirectionalStreams.getReader().read())
    await far?.readable.cancel(99n)
    expect(await rejection(stage.environment.until(writer.closed))).toMatchObject({ code: 99n, side: 'remote' })
    expect(await rejection(writer.write(bytesOf(1)))).toBeInstanceOf(QuicStreamError)
    expect(() => stream.tryWrite(bytesOf(1))).toThrow(QuicStreamError)
    stream.finish()
    stream.reset()
    expect(await rejection(stream.closed)).toMatchObject({ code: 99n })
    await stage.environment.pass(1000)
    expect((await client.getStats()).quic.streams).toEqual([])
  })

  test('of a kind that nobody takes any more is turned away, and costs nothing', async () => {
    const stage = new Stage({ server: { initialMaxData: 20_000, maxReceiveWindow: 20_000 } })
    const { client, peer } = await stage.connected()
    await peer.incomingUnidirectionalStreams.cancel()
    for (let count = 0; count < 10; count++) {
      const stream = await client.createUnidirectionalStream()
      const writer = stream.writable.getWriter()
      void writer.write(bytesOf(10_000)).catch(() => {})
      expect(await rejection(stage.environment.until(writer.closed))).toBeInstanceOf(QuicStreamError)
    }
    expect(client.state).toBe('connected')
  })
})
