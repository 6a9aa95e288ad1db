/** §3 of the contract: the send queue, and how it pushes back. */
import { expect } from 'vitest'
import { above, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

/** A server that takes a thousand bytes, and no more before it has read them. */
const SMALL = { initialMaxData: 1000, maxReceiveWindow: 1000 }

export const SENDING: Section = {
  title: '3 · Send queue and back-pressure',
  file: 'e2e/contract/sending.ts',
  rows: [
    row(
      '`connection.sendQueue`, `congestionThreshold`',
      'counts what is accepted and not yet in a packet; congested is more than the threshold times the window, strictly',
      async (scene) => {
        const small = { initialWindow: 12_000, mtu: { max: 1200 }, congestionThreshold: 1.5 } as const
        const { client, log } = await scene.meet({ client: small, server: SMALL })
        await client.handshakeConfirmed
        expect(client.sendQueue).toMatchObject({ queuedBytes: 0, congested: false })
        const stream = await client.createUnidirectionalStream()
        stream.tryWrite(bytesOf(1000))
        await scene.until(() => stream.getStats().bytesAcknowledged === 1000)
        const { congestionWindow } = client.sendQueue
        stream.tryWrite(bytesOf(1.5 * congestionWindow))
        expect(client.sendQueue).toMatchObject({ queuedBytes: 1.5 * congestionWindow, congested: false })
        stream.tryWrite(bytesOf(1))
        expect(client.sendQueue).toMatchObject({ queuedBytes: 1.5 * congestionWindow + 1, congested: true })
        await log.client.shows('recovery_metrics_updated', { congestion_window: congestionWindow })
        await log.client.sent('data_blocked', { limit: 1000 })
      },
    ),
    row('`connection.drained({ signal })`', 'fulfils when `congested` turns false', async (scene) => {
      const { client, peer, log } = await scene.meet({ client: { initialWindow: 12_000, mtu: { max: 1200 } } })
      await client.handshakeConfirmed
      await client.drained()
      const stream = await client.createUnidirectionalStream()
      expect(stream.tryWrite(bytesOf(200_000))).toBe(200_000)
      expect(client.sendQueue.congested).toBe(true)
      const abort = new AbortController()
      const given = client.drained({ signal: abort.signal })
      abort.abort(new Error('No more'))
      expect(await rejection(given)).toEqual(new Error('No more'))
      const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
      await client.drained()
      expect(client.sendQueue.congested).toBe(false)
      stream.finish()
      await reading
      await log.client.sent('stream', { stream_id: 2, offset: above(100_000) })
    }),
    row('`maxStreamSendBuffer` (256 KiB)', 'bounds what a stream holds: a writer beyond it waits', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: SMALL })
      const stream = await client.createUnidirectionalStream()
      const writer = stream.writable.getWriter()
      const writing = writer.write(bytesOf(300_000)).then(() => 'written')
      writing.catch(() => {})
      await log.client.sent('data_blocked', { limit: 1000 })
      await scene.until(() => stream.getStats().bytesAcknowledged === 1000)
      expect(client.sendQueue.queuedBytes).toBeLessThanOrEqual(262_144)
      expect(client.sendQueue.queuedBytes).toBeGreaterThan(200_000)
      expect(await Promise.race([writing, Promise.resolve('waits')])).toBe('waits')
      await peer.close()
      await rejection(writing)
    }),
    row('`maxSendBuffer` (4 MiB)', 'bounds what all streams hold', async (scene) => {
      const { client, log } = await scene.meet({ client: { maxSendBuffer: 30_000 }, server: SMALL })
      const streams = [await client.createUnidirectionalStream(), await client.createUnidirectionalStream()]
      expect(streams.map((stream) => stream.tryWrite(bytesOf(20_000)))).toEqual([20_000, 10_000])
      expect(client.sendQueue.queuedBytes).toBe(30_000)
      await log.client.sent('data_blocked', { limit: 1000 })
    }),
    row('Flow-control credit', 'is taken when bytes are first sent, never by bytes that only wait', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: { initialMaxData: 10_000 } })
      const [idle, busy] = [await client.createUnidirectionalStream(), await client.createUnidirectionalStream()]
      idle.priority = { urgency: 7 }
      idle.tryWrite(bytesOf(10_000))
      busy.tryWrite(bytesOf(10_000))
      idle.reset()
      busy.finish()
      const arrived = new Map<number, number>()
      peer.serve({
        stream: async (stream) => void arrived.set(stream.id, (await readAll(stream).catch(() => [])).length),
      })
      await scene.until(() => arrived.get(busy.id) === 10_000)
      await log.client.sent('stream', { stream_id: busy.id, fin: true })
      await log.client.sent('reset_stream', { stream_id: idle.id, final_size: 0 })
    }),
    row(
      'Writers',
      'wait for the reader, and no byte is lost',
      async (scene) => {
        const { client, peer, log } = await scene.meet({
          server: { initialMaxStreamDataUni: 5000, maxReceiveWindow: 20_000 },
        })
        const stream = await client.createUnidirectionalStream()
        const writing = writeAll(stream, bytesOf(100_000))
        const other = await first(peer.incomingUnidirectionalStreams)
        await log.client.sent('stream_data_blocked', { stream_id: 2, limit: 5000 })
        expect(await readAll(other)).toEqual(bytesOf(100_000))
        await writing
        await log.server.sent('max_stream_data', { stream_id: 2, maximum: above(99_999) })
      },
      { interop: ['transfer'] },
    ),
  ],
}
