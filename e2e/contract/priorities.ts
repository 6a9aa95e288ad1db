/** §2 of the contract: whose bytes go first. */
import { expect } from 'vitest'
import type { CreateStreamOptions, QuicConnection, QuicStream } from '../../src/index.ts'
import { bytesOf, readAll } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Meeting, Scene } from './scene.ts'

/** Two ends, of which the client's transport is full: what is written waits for {@link race}. */
async function held(scene: Scene): Promise<Meeting> {
  const meeting = await scene.meet({ client: { mtu: { max: 1200 } } })
  await meeting.client.handshakeConfirmed
  await scene.sleep(300)
  meeting.peer.serve({ stream: async (stream) => void (await readAll(stream)) })
  scene.first('client').isFull = true
  const last = meeting.client.datagrams.send(bytesOf(1))
  await scene.until(() => last.status !== 'queued')
  return meeting
}

async function opened(client: QuicConnection, all: readonly CreateStreamOptions[]): Promise<QuicStream[]> {
  const streams: QuicStream[] = []
  for (const options of all) {
    const stream = await client.createUnidirectionalStream(options)
    stream.tryWrite(bytesOf(6000))
    stream.finish()
    streams.push(stream)
  }
  return streams
}

/** Lets everything leave, and tells in which order streams sent for the first time what they have: by index, runs as one. */
async function race(scene: Scene, { client, log }: Meeting, streams: readonly QuicStream[]): Promise<number[]> {
  scene.first('client').drain()
  await Promise.all(streams.map((stream) => scene.until(() => stream.getStats().bytesSent === 6000)))
  expect(client.state).toBe('connected')
  const runs: number[] = []
  const ends = new Map<unknown, number>()
  for (const { stream_id: id, offset, raw } of log.client.frames('packet_sent', 'stream')) {
    // What is sent again, in whatever pieces, is not in the race.
    const end = Number(offset) + Number((raw as { readonly payload_length: number }).payload_length)
    if (end <= (ends.get(id) ?? 0)) continue
    ends.set(id, end)
    const index = streams.findIndex((stream) => stream.id === id)
    if (runs.at(-1) !== index) runs.push(index)
  }
  const [winner] = runs
  await log.client.sent('stream', { stream_id: streams[winner ?? 0]?.id, offset: 0 })
  return runs
}

/** Nothing is lost by chance: what is sent again would be in between. */
const CLEAR = { link: { delay: 20 } }

export const PRIORITIES: Section = {
  title: '2 · Functions: priorities',
  file: 'e2e/contract/priorities.ts',
  rows: [
    row(
      '`urgency`, `stream.priority`',
      'sends lower urgency first, and otherwise one stream after another',
      async (scene) => {
        const meeting = await held(scene)
        const streams = await opened(meeting.client, [{ urgency: 5 }, {}, {}, { urgency: 7 }])
        const [, , , last] = streams
        expect(last?.priority).toEqual({ urgency: 7, incremental: false })
        if (last !== undefined) last.priority = { urgency: 0 }
        expect(await race(scene, meeting, streams)).toEqual([3, 1, 2, 0])
        expect(() => {
          if (last !== undefined) last.priority = { urgency: 8 }
        }).toThrow(RangeError)
      },
      CLEAR,
    ),
    row(
      '`incremental`',
      'has streams of one level share by turns',
      async (scene) => {
        const meeting = await held(scene)
        const streams = await opened(meeting.client, [{ incremental: true }, { incremental: true }])
        expect((await race(scene, meeting, streams)).length).toBeGreaterThan(5)
      },
      CLEAR,
    ),
    row(
      '`sendOrder`, `stream.sendOrder`',
      'sends higher orders first',
      async (scene) => {
        const meeting = await held(scene)
        const streams = await opened(meeting.client, [{ sendOrder: -7 }, {}, { sendOrder: 3 }, {}])
        const [, , , last] = streams
        if (last !== undefined) last.sendOrder = 2 ** 50
        expect(await race(scene, meeting, streams)).toEqual([3, 2, 1, 0])
      },
      CLEAR,
    ),
    row(
      '`createSendGroup()`, `sendGroup`, `sendGroup.getStats()`',
      'shares by groups, each with orders of its own',
      async (scene) => {
        const meeting = await held(scene)
        const { client } = meeting
        const [one, other] = [client.createSendGroup(), client.createSendGroup()]
        const streams = await opened(client, [
          { sendGroup: one, sendOrder: 1 },
          { sendGroup: one, sendOrder: 2 },
          { sendGroup: other, sendOrder: -100 },
        ])
        expect(streams[0]?.sendGroup).toBe(one)
        const runs = await race(scene, meeting, streams)
        expect(new Set(runs.slice(0, 4))).toEqual(new Set([1, 2]))
        expect(runs.at(-1)).toBe(0)
        expect(await one.getStats()).toMatchObject({ bytesWritten: 12_000, bytesSent: 12_000 })
      },
      CLEAR,
    ),
  ],
}
