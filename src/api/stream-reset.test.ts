/** The ways to give up a stream (contract: `reset`, `resetAt`, `stopSending`, `abort`), at both ends and on the wire. */
import { describe, expect, test } from 'vitest'
import type { Frame } from '../wire/frame.ts'
import { FrameType } from '../wire/frame.ts'
import { QuicStreamError } from './errors.ts'
import { FrameLog } from './frame-log.fixtures.ts'
import { bytesOf, rejection, Stage, type StageOptions } from './pipe.fixtures.ts'
import type { QuicStream } from './stream.ts'

async function begun(options: StageOptions = {}, kind: 'bidirectional' | 'unidirectional' = 'bidirectional') {
  const log = new FrameLog()
  const stage = new Stage({ ...options, client: { ...options.client, observer: log.observer } })
  const { client, peer } = await stage.connected()
  const isBidi = kind === 'bidirectional'
  const stream = await (isBidi ? client.createBidirectionalStream() : client.createUnidirectionalStream())
  const arriving = (isBidi ? peer.incomingBidirectionalStreams : peer.incomingUnidirectionalStreams).getReader().read()
  const arrived = async (): Promise<QuicStream> => {
    const { value } = await stage.environment.until(arriving)
    if (value === undefined) throw new Error('No stream')
    return value
  }
  return { stage, environment: stage.environment, client, peer, stream, arrived, log }
}

/** What is read until the stream ends, and how it ends. */
async function drain(stream: QuicStream): Promise<{ length: number; error: unknown }> {
  const reader = stream.readable.getReader()
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { length, error: undefined }
      expect(value).toEqual(bytesOf(100_000).subarray(length, length + value.length))
      length += value.length
    }
  } catch (error) {
    return { length, error }
  }
}

const NARROW: StageOptions = { server: { initialMaxStreamDataBidiRemote: 5000, maxReceiveWindow: 5000 } }
const isAbout = (frame: Frame, id: number): boolean => 'streamId' in frame && frame.streamId === id

describe('reset', () => {
  test('sends the final size of what was sent, drops what waits, and no byte leaves after it', async () => {
    const { environment, client, stream, arrived, log } = await begun(NARROW)
    stream.tryWrite(bytesOf(100_000))
    await environment.pass(100)
    expect(client.sendQueue.queuedBytes).toBe(95_000)
    stream.reset(7)
    expect(client.sendQueue.queuedBytes).toBe(0)
    const far = await arrived()
    await environment.pass(1000)
    const about = log.sent.filter((frame) => isAbout(frame, stream.id))
    expect(log.of('resetStream')).toEqual([
      { type: FrameType.resetStream, streamId: stream.id, errorCode: 7n, finalSize: 5000 },
    ])
    expect(about.at(-1)?.type).toBe(FrameType.resetStream)
    expect((await drain(far)).error).toMatchObject({ code: 7n, side: 'remote' })
    expect(() => stream.tryWrite(bytesOf(1))).toThrow('Stream 0 was reset with code 7')
    // Numbers of what the application did do not fall.
    expect(stream.getStats()).toMatchObject({ bytesWritten: 100_000, bytesSent: 5000 })
  })

  test('by aborting the writable is the same, with the code of the reason, at a write that waits too', async () => {
    const { environment, stream, log } = await begun(NARROW)
    const writer = stream.writable.getWriter()
    const writing = writer.write(bytesOf(400_000))
    writing.catch(() => {})
    await environment.pass(100)
    const reason = new Error('Changed my mind')
    await environment.until(writer.abort(reason))
    expect(await rejection(writing)).toBe(reason)
    await environment.pass(100)
    expect(log.of('resetStream')).toMatchObject([{ errorCode: 0n, finalSize: 5000 }])
  })
})

describe('stopSending', () => {
  test('sends STOP_SENDING, and returns the credit of what nobody reads', async () => {
    const log = new FrameLog()
    const limits = { initialMaxData: 20_000, maxReceiveWindow: 20_000 }
    const stage = new Stage({ server: { ...limits, observer: log.observer } })
    const { client, peer } = await stage.connected()
    const incoming = peer.incomingUnidirectionalStreams.getReader()
    for (let round = 0; round < 5; round++) {
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(18_000))
      const { value: far } = await stage.environment.until(incoming.read())
      await stage.environment.pass(200)
      expect(far?.getStats().bytesReceived).toBe(18_000)
      far?.stopSending(BigInt(round))
      await stage.environment.pass(200)
      expect(far?.getStats().bytesRead).toBe(18_000)
      expect(await rejection(stream.closed)).toMatchObject({ code: BigInt(round), side: 'remote' })
    }
    expect(log.of('stopSending').map(({ errorCode }) => errorCode)).toEqual([0n, 1n, 2n, 3n, 4n])
    expect((await peer.getStats()).quic.streams).toEqual([])
  })

  test('by cancelling the readable is the same', async () => {
    const { environment, stream, arrived, log } = await begun()
    stream.tryWrite(bytesOf(10))
    const far = await arrived()
    far.tryWrite(bytesOf(5000))
    await environment.pass(100)
    await environment.until(stream.readable.cancel(5))
    await environment.pass(100)
    expect(log.of('stopSending')).toEqual([{ type: FrameType.stopSending, streamId: 0, errorCode: 5n }])
    expect(() => far.tryWrite(bytesOf(1))).toThrow('The peer stopped stream 0 with code 5')
  })
})

test('abort sends RESET_STREAM and STOP_SENDING at once', async () => {
  const { environment, client, peer, stream, arrived, log } = await begun()
  stream.tryWrite(bytesOf(10))
  const far = await arrived()
  log.clear()
  stream.abort(9n)
  await environment.pass(100)
  expect(log.of('resetStream')).toMatchObject([{ errorCode: 9n, finalSize: 10 }])
  expect(log.of('stopSending')).toMatchObject([{ errorCode: 9n }])
  expect(await rejection(stream.closed)).toMatchObject({ code: 9n, side: 'local' })
  expect(await rejection(far.closed)).toMatchObject({ code: 9n, side: 'remote' })
  expect([(await client.getStats()).quic.streams, (await peer.getStats()).quic.streams]).toEqual([[], []])
})

describe('resetAt', () => {
  test('lets the beginning arrive, under loss, before the reader hears of the reset', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { environment, client, stream, arrived, log } = await begun(
        { ...NARROW, seed, network: { loss: 0.2 } },
        seed % 2 === 0 ? 'bidirectional' : 'unidirectional',
      )
      stream.tryWrite(bytesOf(60_000))
      await environment.pass(20)
      stream.resetAt({ code: 7, reliableSize: 30_000 })
      expect(client.sendQueue.queuedBytes).toBeLessThanOrEqual(30_000)
      expect(() => stream.tryWrite(bytesOf(1))).toThrow('was reset with code 7')
      const far = await arrived()
      const { length, error } = await environment.until(drain(far))
      // What was read before the reset was heard of may be more.
      expect(length, `seed ${seed}`).toBeGreaterThanOrEqual(30_000)
      expect(length, `seed ${seed}`).toBeLessThanOrEqual(log.of('resetStreamAt')[0]?.finalSize ?? 0)
      expect(error).toMatchObject({ code: 7n, side: 'remote' })
      expect(log.of('resetStream')).toEqual([])
      // The other half of a bidirectional stream goes on.
      if (seed % 2 === 0) far.writable.close().catch(() => {})
      expect(await environment.until(rejection(stream.closed))).toMatchObject({ code: 7n, side: 'local' })
    }
  })

  test('is told to readers as every reset is, though they read on before its event', async () => {
    for (const way of ['readable', 'read'] as const) {
      const { environment, stream, arrived } = await begun({}, 'unidirectional')
      environment.defersByTurns = true
      stream.tryWrite(bytesOf(5000))
      stream.resetAt({ code: 7, reliableSize: 3000 })
      const far = await arrived()
      await environment.pass(10)
      let length = 0
      const error = await rejection(
        environment.until(
          (async () => {
            const reader = way === 'readable' ? far.readable.getReader() : undefined
            const into = new Uint8Array(1000)
            while (length < 1e6)
              length += reader === undefined ? far.read(into) : ((await reader.read()).value?.length ?? 0)
          })(),
        ),
      )
      expect([way, length, error]).toEqual([way, 3000, expect.any(QuicStreamError)])
      expect(error).toMatchObject({ code: 7n, side: 'remote' })
      expect(await rejection(environment.until(far.closed))).toBe(error)
    }
  })

  test('may be lowered, and become a plain reset, with the same code alone', async () => {
    const { environment, stream, arrived, log } = await begun()
    stream.tryWrite(bytesOf(5000))
    await environment.pass(100)
    stream.resetAt({ code: 7, reliableSize: 4000 })
    await environment.pass(0)
    stream.resetAt({ code: 7n, reliableSize: 3000 })
    expect(() => stream.resetAt({ code: 7, reliableSize: 3001 })).toThrow(
      new RangeError('reliableSize must be an integer from 0 to 3000, got 3001'),
    )
    expect(() => stream.reset(8)).toThrow('code must stay 7, with which stream 0 was reset before, got 8')
    stream.reset(7)
    const far = await arrived()
    await environment.pass(100)
    expect(log.of('resetStream')).toMatchObject([{ finalSize: 5000, errorCode: 7n }])
    expect((await drain(far)).error).toMatchObject({ code: 7n })
  })

  test.each([
    ['no options', undefined, 'options must be an object, got undefined'],
    ['an unknown member', { reliableSize: 1, size: 2 }, 'options has no member size'],
    ['no size', {}, 'reliableSize must be an integer from 0 to 10, got undefined'],
    ['more than was written', { reliableSize: 11 }, 'reliableSize must be an integer from 0 to 10, got 11'],
    ['a code below 0', { reliableSize: 1, code: -1 }, 'code must be from 0 to 2^62-1, got -1'],
  ])('refuses %s', async (_name, options, message) => {
    const { stream } = await begun()
    stream.tryWrite(bytesOf(10))
    expect(() => stream.resetAt(options as { reliableSize: number })).toThrow(message)
    expect(stream.tryWrite(bytesOf(5))).toBe(5)
  })

  test('throws where the peer did not offer it, and where there is nothing to reset', async () => {
    const { stage, peer, stream, arrived } = await begun({ server: { resetStreamAt: false } }, 'unidirectional')
    stream.tryWrite(bytesOf(10))
    let thrown: unknown
    try {
      stream.resetAt({ reliableSize: 5 })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ name: 'InvalidStateError', message: expect.stringContaining('did not offer') })
    const far = await arrived()
    expect(() => far.resetAt({ reliableSize: 0 })).toThrow(TypeError)
    expect([stage.environment.now() > 0, peer.state]).toEqual([true, 'connected'])
  })
})

describe('A signal', () => {
  test('ends the wait of a call on a stream, and nothing else', async () => {
    const { environment, stream, arrived } = await begun(NARROW)
    const reason = new Error('Enough')
    const controller = new AbortController()
    const { signal } = controller
    while (stream.tryWrite(bytesOf(100_000)) > 0);
    const waiting = [stream.whenReadable({ signal }), stream.whenWritable({ signal }), stream.close({ signal })]
    const results = Promise.allSettled(waiting)
    await environment.pass(50)
    controller.abort(reason)
    expect(await results).toEqual(waiting.map(() => ({ status: 'rejected', reason })))
    const { length } = await environment.until(drainWhole(await arrived()))
    expect(length).toBe(stream.getStats().bytesWritten)
    await expect(stream.close({ signal })).rejects.toBe(reason)
  })
})

async function drainWhole(stream: QuicStream): Promise<{ length: number }> {
  let length = 0
  const reader = stream.readable.getReader()
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) length += chunk.value.length
  return { length }
}
