/** §13 of the contract: flow control. */
import { expect } from 'vitest'
import { above, bytesOf, first, readAll, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

export const FLOW_CONTROL: Section = {
  title: '13 · Flow control',
  file: 'e2e/contract/flow-control.ts',
  rows: [
    row('`initialMaxData` (1 MiB)', 'is told to the peer, and bounds all streams together', async (scene) => {
      const usual = await scene.meet()
      await usual.log.client.shows('parameters_set', { initiator: 'remote', initial_max_data: 1_048_576 })
      const { client, log } = await scene.meet({ server: { initialMaxData: 3000, maxReceiveWindow: 3000 } })
      for (const _ of [1, 2]) (await client.createUnidirectionalStream()).tryWrite(bytesOf(2000))
      await log.client.sent('data_blocked', { limit: 3000 })
      expect((await client.getStats()).bytesSent).toBe(3000)
    }),
    row(
      '`initialMaxStreamDataBidiLocal`, `initialMaxStreamDataBidiRemote`, `initialMaxStreamDataUni` (512 KiB each)',
      'bound a stream each',
      async (scene) => {
        const usual = await scene.meet()
        const all = 524_288
        await usual.log.client.shows('parameters_set', {
          initiator: 'remote',
          initial_max_stream_data_bidi_local: all,
          initial_max_stream_data_bidi_remote: all,
          initial_max_stream_data_uni: all,
        })
        const server = {
          initialMaxStreamDataBidiLocal: 1000,
          initialMaxStreamDataBidiRemote: 1100,
          initialMaxStreamDataUni: 1200,
        }
        const { client, peer, log } = await scene.meet({ server })
        const asked = await peer.createBidirectionalStream()
        asked.tryWrite(bytesOf(1))
        const streams = [
          await first(client.incomingBidirectionalStreams),
          await client.createBidirectionalStream(),
          await client.createUnidirectionalStream(),
        ]
        for (const stream of streams) stream.tryWrite(bytesOf(5000))
        await log.client.sent('stream_data_blocked', { stream_id: 1, limit: 1000 })
        await log.client.sent('stream_data_blocked', { stream_id: 0, limit: 1100 })
        await log.client.sent('stream_data_blocked', { stream_id: 2, limit: 1200 })
      },
    ),
    row(
      '`maxReceiveWindow` (16 MiB)',
      'is what windows grow to while the application reads',
      async (scene) => {
        const server = { initialMaxData: 20_000, initialMaxStreamDataUni: 20_000, maxReceiveWindow: 60_000 }
        const { client, peer, log } = await scene.meet({ server })
        const stream = await client.createUnidirectionalStream()
        const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
        await Promise.all([writeAll(stream, bytesOf(150_000)), reading])
        const credits = log.server.frames('packet_sent', 'max_data').map(({ maximum }) => Number(maximum))
        expect(Math.max(...credits)).toBeLessThanOrEqual(210_000)
        await log.server.sent('max_data', { maximum: above(150_000) })
      },
      { interop: ['transfer'] },
    ),
    row('Credit', 'returns when the application reads, not when bytes arrive', async (scene) => {
      const { client, peer, log } = await scene.meet({
        server: { initialMaxStreamDataUni: 8000, maxReceiveWindow: 8000 },
      })
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(20_000))
      stream.finish()
      const other = await first(peer.incomingUnidirectionalStreams)
      await scene.until(() => other.getStats().bytesReceived === 8000)
      await scene.sleep(300)
      expect(log.server.frames('packet_sent', 'max_stream_data')).toEqual([])
      expect(await readAll(other)).toEqual(bytesOf(20_000))
      await log.server.sent('max_stream_data', { stream_id: 2, maximum: above(8000) })
    }),
    row(
      '`maxIncomingBidirectionalStreams`, `maxIncomingUnidirectionalStreams` (100)',
      'are told to the peer, and bound what it may have open',
      async (scene) => {
        const usual = await scene.meet()
        await usual.log.client.shows('parameters_set', {
          initiator: 'remote',
          initial_max_streams_bidi: 100,
          initial_max_streams_uni: 100,
        })
        const { client, log } = await scene.meet({ server: { maxIncomingBidirectionalStreams: 2 } })
        const open = (): Promise<unknown> => client.createBidirectionalStream({ waitUntilAvailable: false })
        await Promise.all([open(), open()])
        await expect(open()).rejects.toThrow()
        await log.client.shows('parameters_set', { initiator: 'remote', initial_max_streams_bidi: 2 })
      },
    ),
    row('MAX_STREAMS', 'returns for every stream that ended, reset or not', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: { maxIncomingUnidirectionalStreams: 2 } })
      peer.serve({ stream: async (stream) => void (await readAll(stream).catch(() => {})) })
      for (let count = 0; count < 10; count++) {
        const stream = await client.createUnidirectionalStream()
        stream.tryWrite(bytesOf(100))
        if (count % 2 === 0) stream.finish()
        else stream.reset(3)
      }
      await log.server.sent('max_streams', { stream_type: 'unidirectional', maximum: above(9) })
    }),
    row(
      'A stream that ended',
      'leaves no state behind',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        peer.serve({ stream: async (stream) => void (await readAll(stream).catch(() => {})) })
        for (let count = 0; count < 120; count++) {
          const stream = await client.createUnidirectionalStream()
          stream.tryWrite(bytesOf(20))
          if (count % 3 === 0) stream.reset()
          else stream.finish()
        }
        await scene.until(() => client.inspect()?.streams.length === 0)
        await scene.until(() => peer.inspect()?.streams.length === 0)
        await log.client.sent('stream', { stream_id: 2 + 4 * 118, fin: true })
      },
      { also: ['e2e/stress/stream-churn.node.test.ts', 'streams, half of them reset, leave no state behind'] },
    ),
    row(
      'A peer that sends more than it may',
      'is FLOW_CONTROL_ERROR',
      async (scene) => {
        const { peer, log } = scene.forger('client', { server: { initialMaxStreamDataUni: 10 } })
        peer.connect('connected')
        peer.send([0x0a, 2, 11, ...bytesOf(11)])
        await log.sent('connection_close', { error: 'flow_control_error' })
      },
      { over: ['forger'] },
    ),
    row(
      'A peer that opens more streams than it may',
      'is STREAM_LIMIT_ERROR',
      async (scene) => {
        const { peer, log } = scene.forger('client', { server: { maxIncomingUnidirectionalStreams: 1 } })
        peer.connect('connected')
        peer.send([0x0a, 6, 1, 0])
        await log.sent('connection_close', { error: 'stream_limit_error' })
      },
      { over: ['forger'] },
    ),
  ],
}
