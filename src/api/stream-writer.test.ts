/** W3C's WebTransportWriter on the writables of streams. */
import { describe, expect, test } from 'vitest'
import { QuicStreamError } from './errors.ts'
import { FrameLog } from './frame-log.fixtures.ts'
import { bytesOf, readAll, rejection, Stage, type StageOptions } from './pipe.fixtures.ts'

async function begun(options: StageOptions = {}) {
  const log = new FrameLog()
  const stage = new Stage({ ...options, client: { ...options.client, observer: log.observer } })
  const { client, peer } = await stage.connected()
  const stream = await client.createUnidirectionalStream()
  const incoming = peer.incomingUnidirectionalStreams.getReader()
  const arrived = async () => {
    const { value } = await stage.environment.until(incoming.read())
    if (value === undefined) throw new Error('No stream')
    return value
  }
  return { environment: stage.environment, client, stream, writer: stream.writable.getWriter(), arrived, log }
}

const narrow = (bytes: number): StageOptions => ({
  server: { initialMaxStreamDataUni: bytes, maxReceiveWindow: bytes, initialMaxData: 1_000_000 },
})

test('A writer is a writer, and a writable a writable', async () => {
  const { environment, stream, writer, arrived } = await begun()
  expect([writer instanceof WritableStreamDefaultWriter, stream.writable instanceof WritableStream]).toEqual([
    true,
    true,
  ])
  expect([stream.writable.locked, writer.desiredSize]).toEqual([true, 1])
  await environment.until(writer.write(bytesOf(10)))
  writer.releaseLock()
  await expect(writer.write(bytesOf(1))).rejects.toBeInstanceOf(TypeError)
  expect(() => writer.commit()).toThrow(TypeError)
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytesOf(20).subarray(10))
      controller.close()
    },
  })
  const piping = source.pipeTo(stream.writable)
  expect(await environment.until(readAll((await arrived()).readable))).toEqual(bytesOf(20))
  await environment.until(piping)
})

test('A chunk may be any BufferSource', async () => {
  const { environment, writer, arrived } = await begun()
  const views = [new Uint16Array([0x0201]), new DataView(Uint8Array.of(9, 3, 4).buffer, 1), Uint8Array.of(5).buffer]
  for (const view of views) await environment.until(writer.write(view as unknown as Uint8Array))
  void writer.close()
  expect([...(await environment.until(readAll((await arrived()).readable)))]).toEqual([1, 2, 3, 4, 5])
})

describe('atomicWrite', () => {
  test('sends a chunk that fits into the credit, and of one that does not nothing', async () => {
    const { environment, stream, writer, arrived, log } = await begun(narrow(5000))
    await environment.until(writer.atomicWrite(bytesOf(5000).subarray(0, 3000)))
    expect(await rejection(writer.atomicWrite(bytesOf(2001)))).toMatchObject({
      name: 'AbortError',
      message: '2001 bytes are more than flow control lets go now',
    })
    await environment.until(writer.atomicWrite(bytesOf(5000).subarray(3000)))
    await environment.pass(100)
    expect(stream.getStats()).toMatchObject({ bytesWritten: 5000, bytesSent: 5000 })
    expect(log.of('streamDataBlocked')).toEqual([])
    void writer.close()
    expect(await environment.until(readAll((await arrived()).readable))).toEqual(bytesOf(5000))
  })

  test('counts what waits on other streams against the credit of the connection', async () => {
    const { client, writer } = await begun({ server: { initialMaxData: 10_000 } })
    const other = await client.createUnidirectionalStream()
    other.tryWrite(bytesOf(9000))
    expect(await rejection(writer.atomicWrite(bytesOf(1001)))).toMatchObject({ name: 'AbortError' })
    await writer.atomicWrite(bytesOf(1000))
  })

  test('that is refused takes the atomic ones behind it with it, and the stream lives on', async () => {
    const { environment, writer, arrived } = await begun(narrow(100))
    const results = Promise.allSettled([
      writer.write(bytesOf(3).subarray(0, 1)),
      writer.atomicWrite(bytesOf(200)),
      writer.atomicWrite(bytesOf(1)),
      writer.atomicWrite(bytesOf(0)),
    ])
    expect((await environment.until(results)).map((each) => each.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
    ])
    await environment.until(writer.atomicWrite(bytesOf(3).subarray(1)))
    void writer.close()
    expect(await environment.until(readAll((await arrived()).readable))).toEqual(bytesOf(3))
  })

  test('that is refused in front of others that are not atomic fails the writable, and resets the stream', async () => {
    const { environment, stream, writer, log } = await begun(narrow(100))
    // The first is under way, so that the others wait.
    void writer.write(bytesOf(1))
    const results = Promise.allSettled([writer.atomicWrite(bytesOf(200)), writer.write(bytesOf(1)), writer.closed])
    for (const result of await environment.until(results)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } })
    }
    await environment.pass(10)
    expect(log.of('resetStream')).toMatchObject([{ errorCode: 0n }])
    expect(await rejection(stream.closed)).toBeInstanceOf(QuicStreamError)
  })

  test('refuses what is no chunk, which fails the writable as it does for every write', async () => {
    const { environment, writer } = await begun()
    expect(await rejection(environment.until(writer.atomicWrite('text' as never)))).toBeInstanceOf(TypeError)
  })

  test('rejects when the writable is aborted or was released', async () => {
    const { environment, writer } = await begun({ ...narrow(1000), client: { maxStreamSendBuffer: 1000 } })
    const both = Promise.allSettled([writer.write(bytesOf(5000)), writer.atomicWrite(bytesOf(10))])
    await environment.pass(10)
    const reason = new Error('No more')
    await environment.until(writer.abort(reason))
    expect(await both).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ])
    writer.releaseLock()
    await expect(writer.atomicWrite(bytesOf(1))).rejects.toBeInstanceOf(TypeError)
  })
})

describe('commit', () => {
  test('lets what was written arrive before the reset of an abort', async () => {
    const { environment, writer, arrived, log } = await begun({ ...narrow(4000), network: { loss: 0.1 }, seed: 3 })
    await environment.until(writer.write(bytesOf(30_000).subarray(0, 20_000)))
    writer.commit()
    await environment.until(writer.write(bytesOf(30_000).subarray(20_000)))
    const aborting = writer.abort(new QuicStreamError('Enough', 9n, { side: 'local' }))
    const far = await arrived()
    const reader = far.readable.getReader()
    let length = 0
    const error = await rejection(
      environment.until(
        (async () => {
          for (;;) {
            const { value, done } = await reader.read()
            if (done) return
            expect(value).toEqual(bytesOf(30_000).subarray(length, length + value.length))
            length += value.length
          }
        })(),
      ),
    )
    await environment.until(aborting)
    expect([length, error]).toEqual([20_000, expect.objectContaining({ code: 9n, side: 'remote' })])
    expect(log.of('resetStreamAt')[0]).toMatchObject({ errorCode: 9n, reliableSize: 20_000 })
    expect(log.of('resetStream')).toEqual([])
  })

  test('counts no write that has not settled', async () => {
    const { environment, writer, log } = await begun({ ...narrow(1000), client: { maxStreamSendBuffer: 2000 } })
    await environment.until(writer.write(bytesOf(500)))
    writer.write(bytesOf(50_000)).catch(() => {})
    await environment.pass(10)
    writer.commit()
    await environment.until(writer.abort())
    await environment.pass(100)
    expect(log.of('resetStreamAt')[0]).toMatchObject({ errorCode: 0n, finalSize: 1000, reliableSize: 500 })
  })

  test('is a wish where the peer does not take RESET_STREAM_AT, and nothing before anything was written', async () => {
    const { environment, writer, log } = await begun({ server: { resetStreamAt: false } })
    await environment.until(writer.write(bytesOf(500)))
    writer.commit()
    await environment.until(writer.abort())
    await environment.pass(10)
    expect([log.of('resetStream').length, log.of('resetStreamAt')]).toEqual([1, []])
    const other = await begun()
    other.writer.commit()
    await other.environment.until(other.writer.abort())
    await other.environment.pass(10)
    expect([other.log.of('resetStream').length, other.log.of('resetStreamAt')]).toEqual([1, []])
  })
})
