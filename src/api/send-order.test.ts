/** Whose bytes go first: priorities, send orders and send groups of the public API, by the order of frames on the wire. */
import { describe, expect, test } from 'vitest'
import type { CreateStreamOptions } from './connection-streams.ts'
import { FrameLog } from './frame-log.fixtures.ts'
import { bytesOf, rejection, Stage } from './pipe.fixtures.ts'
import type { QuicSendGroup } from './send-group.ts'
import type { QuicStream } from './stream.ts'

/** A client whose server reads nothing: windows are large enough for all, and the network takes its time. */
async function begun() {
  const log = new FrameLog()
  const wide = { initialMaxStreamDataUni: 2 ** 22, initialMaxData: 2 ** 24 }
  const stage = new Stage({ client: { observer: log.observer }, server: wide })
  const { client, peer } = await stage.connected()
  return { environment: stage.environment, client, peer, log }
}
type Scene = Awaited<ReturnType<typeof begun>>

/** Streams with that many bytes each, and which of them sent in which order: runs of one stream are one. */
async function race(scene: Scene, all: readonly CreateStreamOptions[], bytes = 40_000): Promise<number[]> {
  const streams: QuicStream[] = []
  for (const options of all) streams.push(await scene.client.createUnidirectionalStream(options))
  scene.log.clear()
  for (const stream of streams) expect(stream.tryWrite(bytesOf(bytes))).toBe(bytes)
  await scene.environment.pass(5000)
  const runs: number[] = []
  for (const { streamId } of scene.log.of('stream')) {
    const index = streams.findIndex(({ id }) => id === streamId)
    if (runs.at(-1) !== index) runs.push(index)
  }
  for (const stream of streams) expect(stream.getStats().bytesSent).toBe(bytes)
  return runs
}

describe('Streams', () => {
  test('go by urgency, then one after another', async () => {
    expect(await race(await begun(), [{ urgency: 5 }, {}, {}, { urgency: 0 }])).toEqual([3, 1, 2, 0])
  })

  test('that are incremental share frame by frame', async () => {
    const runs = await race(await begun(), [{ incremental: true }, { incremental: true }])
    expect(runs.length).toBeGreaterThan(40)
    expect(runs.slice(0, 6)).toEqual([0, 1, 0, 1, 0, 1])
  })

  test('of a higher send order go first, and those without one count as 0', async () => {
    const runs = await race(await begun(), [{ sendOrder: -7 }, {}, { sendOrder: 3 }, { sendOrder: 2 ** 50 }])
    expect(runs).toEqual([3, 2, 1, 0])
  })

  test('of a group have orders of their own, and groups share by bytes', async () => {
    const scene = await begun()
    const [one, other] = [scene.client.createSendGroup(), scene.client.createSendGroup()]
    const runs = await race(scene, [
      { sendGroup: one, sendOrder: 1 },
      { sendGroup: one, sendOrder: 2 },
      { sendGroup: other, sendOrder: -100 },
      { sendGroup: other, sendOrder: -200 },
    ])
    const firstHalf = runs.slice(0, 20)
    expect(new Set(firstHalf)).toEqual(new Set([1, 2]))
    expect(firstHalf.filter((index) => index === 1).length).toBe(10)
    expect(new Set(runs.slice(-5))).toEqual(new Set([0, 3]))
  })
})

test('Order, group and priority of a stream take effect while its bytes wait', async () => {
  const { client, environment, log } = await begun()
  const [a, b, c] = [
    await client.createUnidirectionalStream(),
    await client.createUnidirectionalStream(),
    await client.createUnidirectionalStream(),
  ]
  log.clear()
  for (const stream of [a, b, c]) stream.tryWrite(bytesOf(30_000))
  b.sendOrder = 5
  c.priority = { urgency: 1 }
  expect([b.sendOrder, b.sendGroup, c.priority]).toEqual([5, undefined, { urgency: 1, incremental: false }])
  await environment.pass(3000)
  const ids = log.of('stream').map(({ streamId }) => streamId)
  expect([...new Set(ids)]).toEqual([c.id, b.id, a.id])
})

describe('A send group', () => {
  test('counts the bytes of its streams, those that have ended as well', async () => {
    const { client, peer, environment } = await begun()
    void (async () => {
      for await (const each of peer.incomingUnidirectionalStreams) void each.readable.pipeTo(new WritableStream())
    })()
    const group = client.createSendGroup()
    const sizes = [1000, 2000, 3000]
    const streams = []
    for (const size of sizes) {
      const stream = await client.createUnidirectionalStream({ sendGroup: group })
      stream.tryWrite(bytesOf(size))
      streams.push(stream)
    }
    await environment.pass(1000)
    const all = { bytesWritten: 6000, bytesSent: 6000, bytesAcknowledged: 6000 }
    expect(await group.getStats()).toEqual(all)
    await environment.until(Promise.all(streams.slice(0, 2).map((stream) => stream.close())))
    expect(await group.getStats()).toEqual(all)
    const [, , last] = streams
    if (last !== undefined) last.sendGroup = undefined
    expect(await group.getStats()).toEqual({ bytesWritten: 3000, bytesSent: 3000, bytesAcknowledged: 3000 })
  })

  test('is for streams of its connection alone', async () => {
    const [{ client, environment }, other] = [await begun(), await begun()]
    const foreign = other.client.createSendGroup()
    const stream = await client.createUnidirectionalStream()
    let thrown: unknown
    try {
      stream.sendGroup = foreign
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ name: 'InvalidStateError' })
    expect(stream.sendGroup).toBeUndefined()
    for (const sendGroup of [foreign, {} as QuicSendGroup, 7 as unknown as QuicSendGroup]) {
      expect(await rejection(environment.until(client.createUnidirectionalStream({ sendGroup })))).toBeInstanceOf(
        TypeError,
      )
    }
  })
})

test.each([
  [{ sendOrder: 0.5 }, RangeError, 'sendOrder must be a safe integer, got 0.5'],
  [{ urgency: 8 }, RangeError, 'urgency must be an integer from 0 to 7, got 8'],
  [{ priority: 3 }, TypeError, 'options has no member priority'],
])('A stream is not opened with %o', async (options, type, message) => {
  const { client } = await begun()
  const error = await rejection(client.createBidirectionalStream(options as CreateStreamOptions))
  expect(error).toBeInstanceOf(type)
  expect(error).toMatchObject({ message: expect.stringContaining(message) })
  expect((await client.createBidirectionalStream()).id).toBe(0)
})
