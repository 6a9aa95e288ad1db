/** §2 of the contract: functions of streams. */
import { expect } from 'vitest'
import { QuicStreamError } from '../../src/index.ts'
import { above, between, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

export const STREAMS: Section = {
  title: '2 · Functions: streams',
  file: 'e2e/contract/streams.ts',
  rows: [
    row(
      '`stream.writable`, `stream.readable`',
      'carry bytes in order, in a byte stream that takes the reader’s own buffers',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        const stream = await client.createUnidirectionalStream()
        const writing = writeAll(stream, bytesOf(4000))
        const { readable } = await first(peer.incomingUnidirectionalStreams)
        const reader = readable.getReader({ mode: 'byob' })
        const { value } = await reader.read(new Uint8Array(1000))
        expect(value).toEqual(bytesOf(4000).subarray(0, value?.length))
        reader.releaseLock()
        await readable.cancel().catch(() => {})
        await writing.catch(() => {})
        await log.server.received('stream', { stream_id: 2, offset: 0 })
      },
      { interop: ['transfer', 'transferloss'] },
    ),
    row('`stream.tryWrite(bytes)`, `whenWritable`', 'takes what there is room for and says how much', async (scene) => {
      const { client, peer, log } = await scene.meet({ client: { maxStreamSendBuffer: 10_000 } })
      const stream = await client.createUnidirectionalStream()
      const bytes = bytesOf(35_000)
      expect(stream.tryWrite(bytes)).toBe(10_000)
      expect(stream.tryWrite(bytes)).toBe(0)
      const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
      for (let at = 10_000; at < bytes.length; ) {
        await stream.whenWritable()
        at += stream.tryWrite(bytes.subarray(at))
      }
      stream.finish()
      expect(await reading).toEqual(bytes)
      await log.client.sent('stream', { stream_id: 2, fin: true })
    }),
    row('`stream.read(into)`, `whenReadable`', 'moves bytes without waiting, and -1 is the end', async (scene) => {
      const { client, peer, log } = await scene.meet()
      const writing = client.createUnidirectionalStream().then((stream) => writeAll(stream, bytesOf(3000)))
      const stream = await first(peer.incomingUnidirectionalStreams)
      const into = new Uint8Array(5000)
      let at = 0
      for (let length = 0; length >= 0; length = stream.read(into.subarray(at))) {
        at += length
        if (length === 0) await stream.whenReadable()
      }
      expect(into.subarray(0, at)).toEqual(bytesOf(3000))
      await writing
      await log.server.received('stream', { stream_id: 2, fin: true })
    }),
    row('Writes without `await`', 'lose no error: `writable` and `closed` have it', async (scene) => {
      const { client, peer, log } = await scene.meet()
      const stream = await client.createBidirectionalStream()
      const writer = stream.writable.getWriter()
      writer.write(bytesOf(100)).catch(() => {})
      const other = await first(peer.incomingBidirectionalStreams)
      other.stopSending(9)
      other.reset(8)
      await log.client.received('stop_sending', { stream_id: 0, error_code: 9 })
      expect(await rejection(writer.closed)).toMatchObject({ name: 'QuicStreamError', code: 9n })
      expect(await rejection(stream.closed)).toBeInstanceOf(QuicStreamError)
    }),
    row(
      '`writer.close()`, `stream.close()`, `stream.finish()`',
      'sends FIN, and fulfils when every byte is acknowledged',
      async (scene) => {
        const { client, log } = await scene.meet()
        const [one, other] = [await client.createUnidirectionalStream(), await client.createUnidirectionalStream()]
        await writeAll(one, bytesOf(5000))
        expect(one.getStats()).toMatchObject({ bytesWritten: 5000, bytesAcknowledged: 5000 })
        other.tryWrite(bytesOf(10))
        await other.close()
        expect(other.getStats()).toMatchObject({ bytesWritten: 10, bytesAcknowledged: 10 })
        await Promise.all([one.closed, other.closed])
        await log.client.sent('stream', { stream_id: 2, fin: true })
        await log.client.sent('stream', { stream_id: 6, fin: true })
      },
      { interop: ['transfer'] },
    ),
    row(
      '`createBidirectionalStream()`, `incomingBidirectionalStreams`',
      'opens a stream both ways, and the other end finds it',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        const [mine, theirs] = await Promise.all([client.createBidirectionalStream(), peer.createBidirectionalStream()])
        expect([mine.id, theirs.id, mine.direction]).toEqual([0, 1, 'bidirectional'])
        mine.tryWrite(bytesOf(1))
        theirs.tryWrite(bytesOf(1))
        expect((await first(peer.incomingBidirectionalStreams)).id).toBe(0)
        expect((await first(client.incomingBidirectionalStreams)).id).toBe(1)
        await log.client.sent('stream', { stream_id: 0, offset: 0 })
        await log.client.received('stream', { stream_id: 1, offset: 0 })
      },
      { interop: ['multiconnect', 'transfer'] },
    ),
    row(
      '`createUnidirectionalStream()`, `incomingUnidirectionalStreams`',
      'opens a stream one way; the other half’s members throw',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        const stream = await client.createUnidirectionalStream()
        expect(() => stream.readable).toThrow(TypeError)
        stream.tryWrite(bytesOf(1))
        const other = await first(peer.incomingUnidirectionalStreams)
        expect(() => other.writable).toThrow(TypeError)
        expect([stream.id, other.id]).toEqual([2, 2])
        await log.server.received('stream', { stream_id: 2, offset: 0 })
      },
    ),
    row(
      '`waitUntilAvailable`',
      'waits for MAX_STREAMS after STREAMS_BLOCKED; `false` rejects at the limit',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ server: { maxIncomingUnidirectionalStreams: 1 } })
        const stream = await client.createUnidirectionalStream()
        expect(await rejection(client.createUnidirectionalStream({ waitUntilAvailable: false }))).toBeInstanceOf(Error)
        const opening = client.createUnidirectionalStream()
        await log.client.sent('streams_blocked', { stream_type: 'unidirectional', limit: 1 })
        await writeAll(stream, bytesOf(3))
        await readAll(await first(peer.incomingUnidirectionalStreams))
        expect((await opening).id).toBe(6)
        await log.client.received('max_streams', { stream_type: 'unidirectional', maximum: 2 })
      },
    ),
    row('`createBidirectionalStream({ signal })`', 'gives the wait up with the signal’s reason', async (scene) => {
      const { client, log } = await scene.meet({ server: { maxIncomingBidirectionalStreams: 0 } })
      const abort = new AbortController()
      const opening = client.createBidirectionalStream({ signal: abort.signal })
      await log.client.sent('streams_blocked', { stream_type: 'bidirectional', limit: 0 })
      abort.abort(new Error('Too late'))
      expect(await rejection(opening)).toEqual(new Error('Too late'))
    }),
    row('`stream.abort(code)`', 'sends RESET_STREAM and STOP_SENDING at once', async (scene) => {
      const { client, log } = await scene.meet()
      const stream = await client.createBidirectionalStream()
      stream.tryWrite(bytesOf(20))
      stream.abort(77)
      await log.client.sent('reset_stream', { stream_id: 0, error_code: 77 })
      await log.client.sent('stop_sending', { stream_id: 0, error_code: 77 })
      expect(await rejection(stream.closed)).toMatchObject({ code: 77n })
    }),
    row(
      '`stream.reset(code)`',
      'sends RESET_STREAM with the right final size, and no byte of the stream after it',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ client: { initialWindow: 2400, pacing: false } })
        const stream = await client.createUnidirectionalStream()
        stream.tryWrite(bytesOf(100_000))
        const other = await first(peer.incomingUnidirectionalStreams)
        stream.reset(2n ** 61n)
        const { final_size: finalSize } = await log.client.sent('reset_stream', {
          stream_id: 2,
          error_code: String(2n ** 61n),
          final_size: between(1, 99_999),
        })
        await scene.until(() => log.server.frames('packet_received', 'reset_stream').length > 0)
        expect(await rejection(readAll(other))).toMatchObject({ code: 2n ** 61n, side: 'remote' })
        const packets = log.client.events('packet_sent').map(({ frames }) => frames as { frame_type: string }[])
        const reset = packets.findIndex((frames) => frames.some(({ frame_type: type }) => type === 'reset_stream'))
        const later = packets.slice(reset).flat()
        expect(later.filter(({ frame_type: type }) => type === 'stream')).toEqual([])
        expect(stream.getStats().bytesSent).toBe(finalSize)
      },
    ),
    row('`writable.abort(reason)`', 'resets with the code of the reason', async (scene) => {
      const { client, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(10))
      await stream.writable.abort(new QuicStreamError('Never mind', 31n, { side: 'local' }))
      await log.client.sent('reset_stream', { stream_id: 2, error_code: 31 })
    }),
    row(
      '`stream.stopSending(code)`, `readable.cancel(reason)`',
      'sends STOP_SENDING, and credit for unread bytes returns',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ server: { initialMaxData: 20_000 } })
        const stream = await client.createUnidirectionalStream()
        const refused = stream.closed.catch((error: unknown) => error)
        stream.tryWrite(bytesOf(60_000))
        const other = await first(peer.incomingUnidirectionalStreams)
        await scene.until(() => other.getStats().bytesReceived === 20_000)
        other.stopSending(12)
        await log.server.sent('stop_sending', { stream_id: 2, error_code: 12 })
        expect(await refused).toMatchObject({ code: 12n, side: 'remote' })
        await log.client.sent('reset_stream', { stream_id: 2, error_code: 12, final_size: 20_000 })
        await log.server.sent('max_data', { maximum: above(39_999) })
        const next = await client.createUnidirectionalStream()
        const cancelling = first(peer.incomingUnidirectionalStreams).then(({ readable }) => readable.cancel(13))
        next.tryWrite(bytesOf(10))
        await cancelling
        await log.server.sent('stop_sending', { stream_id: 6, error_code: 13 })
      },
    ),
    row(
      '`writer.atomicWrite(chunk)`',
      'sends a chunk whole within the credit of its turn, or nothing of it',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ server: { initialMaxStreamDataUni: 5000 } })
        const stream = await client.createUnidirectionalStream()
        const writer = stream.writable.getWriter()
        await writer.atomicWrite(bytesOf(4000))
        expect(await rejection(writer.atomicWrite(bytesOf(3000)))).toMatchObject({ name: 'AbortError' })
        await writer.close()
        expect(await readAll(await first(peer.incomingUnidirectionalStreams))).toEqual(bytesOf(4000))
        await log.client.sent('stream', { stream_id: 2, fin: true })
        expect(stream.getStats().bytesSent).toBe(4000)
      },
    ),
    row('`stream.id`, `direction`, `closed`, `getStats()`', 'tell where a stream stands', async (scene) => {
      const { client, peer, log } = await scene.meet()
      const stream = await client.createBidirectionalStream()
      const echoing = first(peer.incomingBidirectionalStreams).then(async (other) =>
        writeAll(other, await readAll(other)),
      )
      await writeAll(stream, bytesOf(700))
      await readAll(stream)
      await Promise.all([stream.closed, echoing])
      expect(stream.getStats()).toMatchObject({
        bytesWritten: 700,
        bytesSent: 700,
        bytesAcknowledged: 700,
        bytesReceived: 700,
        bytesRead: 700,
      })
      await log.client.received('stream', { stream_id: 0, fin: true })
    }),
  ],
}
