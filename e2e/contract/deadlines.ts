/** §5 and §8 of the contract: deadlines of streams, and resets that leave a beginning. */
import { expect } from 'vitest'
import type { QuicDeadlineDetail } from '../../src/index.ts'
import { between, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

export const DEADLINES: Section = {
  title: '5 · Stream deadlines',
  file: 'e2e/contract/deadlines.ts',
  rows: [
    row(
      '`stream.setDeadline(ms)`, event `deadline`',
      'tells, then resets the sending half and stops the receiving half, with 0xff',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { initialMaxStreamDataBidiRemote: 1000 } })
        const stream = await client.createBidirectionalStream()
        const order: unknown[] = []
        client.addEventListener('deadline', (event) => {
          const { stream: named, action } = (event as CustomEvent<QuicDeadlineDetail>).detail
          order.push(named, action)
        })
        stream.closed.catch(() => order.push('closed'))
        stream.tryWrite(bytesOf(5000))
        stream.setDeadline(150)
        expect(stream.deadline).toMatchObject({ remaining: expect.closeTo(150, -1.5) as number, action: 'both' })
        expect(await rejection(stream.closed)).toMatchObject({ code: 255n, side: 'local' })
        expect(order).toEqual([stream, 'both', 'closed'])
        expect([stream.deadline, client.sendQueue.queuedBytes]).toEqual([undefined, 0])
        await log.client.sent('reset_stream', { stream_id: 0, error_code: 255, final_size: between(0, 1000) })
        await log.client.sent('stop_sending', { stream_id: 0, error_code: 255 })
      },
    ),
    row("`setDeadline(ms, { action: 'notify' })`", 'only tells', async (scene) => {
      const { client, peer, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      const told = new Promise<Event>((resolve) => client.addEventListener('deadline', resolve))
      stream.setDeadline(50, { action: 'notify' })
      expect((await told) as CustomEvent).toMatchObject({ detail: { stream, action: 'notify' } })
      const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
      await writeAll(stream, bytesOf(10))
      await reading
      await log.client.sent('stream', { stream_id: 2, fin: true })
      expect(log.client.frames('packet_sent', 'reset_stream')).toEqual([])
    }),
    row("`setDeadline(ms, { action: 'reset', code })`", 'only resets, with that code', async (scene) => {
      const { client, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      let heard = 0
      client.addEventListener('deadline', () => void heard++)
      stream.setDeadline(50, { action: 'reset', code: 9 })
      expect(await rejection(stream.closed)).toMatchObject({ code: 9n })
      await log.client.sent('reset_stream', { stream_id: 2, error_code: 9 })
      expect(heard).toBe(0)
    }),
    row('`clearDeadline()`, `stream.deadline`', 'a cleared or replaced deadline never fires', async (scene) => {
      const { client, peer, log } = await scene.meet()
      let heard = 0
      client.addEventListener('deadline', () => void heard++)
      const [one, other] = [await client.createUnidirectionalStream(), await client.createUnidirectionalStream()]
      one.setDeadline(30)
      one.clearDeadline()
      expect(one.deadline).toBeUndefined()
      other.setDeadline(30)
      other.setDeadline(60_000)
      expect(other.deadline?.remaining).toBeGreaterThan(50_000)
      await scene.sleep(100)
      peer.serve({ stream: async (stream) => void (await readAll(stream)) })
      await Promise.all([writeAll(one, bytesOf(1)), writeAll(other, bytesOf(1))])
      expect([heard, other.deadline]).toEqual([0, undefined])
      await log.client.sent('stream', { stream_id: 2, fin: true })
      await log.client.sent('stream', { stream_id: 6, fin: true })
      expect(log.client.frames('packet_sent', 'reset_stream')).toEqual([])
    }),
    row('`setDeadline` with what cannot be meant', 'throws and sets nothing', async (scene) => {
      const { client, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      for (const ms of [0, -1, Number.NaN, Infinity]) expect(() => stream.setDeadline(ms)).toThrow(RangeError)
      expect(() => stream.setDeadline(5, { action: 'explode' as 'both' })).toThrow(TypeError)
      expect(stream.deadline).toBeUndefined()
      stream.tryWrite(bytesOf(1))
      await log.client.sent('stream', { stream_id: 2 })
    }),
  ],
}

export const RESETS: Section = {
  title: '8 · RESET_STREAM_AT',
  file: 'e2e/contract/deadlines.ts',
  rows: [
    row(
      '`stream.resetAt({ code, reliableSize })`',
      'delivers the bytes below the reliable size before the reset is reported',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        await client.handshakeConfirmed
        // What is reliable is lost at first, and sent again behind the reset.
        let count = 0
        scene.first('client').fate = () => (count++ < 1 ? 'lose' : 'send')
        const stream = await client.createUnidirectionalStream()
        stream.tryWrite(bytesOf(1000))
        await scene.until(() => stream.getStats().bytesSent === 1000)
        stream.resetAt({ code: 44, reliableSize: 600 })
        const other = await first(peer.incomingUnidirectionalStreams)
        const reader = other.readable.getReader()
        let read = 0
        let error: unknown
        while (error === undefined) {
          await reader.read().then(
            ({ value }) => {
              expect(value).toEqual(bytesOf(1000).subarray(read, read + (value?.length ?? 0)))
              read += value?.length ?? 0
            },
            (reason: unknown) => {
              error = reason
            },
          )
        }
        expect(read).toBeGreaterThanOrEqual(600)
        expect(error).toMatchObject({ code: 44n, side: 'remote' })
        await log.client.sent('reset_stream_at', {
          stream_id: 2,
          error_code: 44,
          final_size: 1000,
          reliable_size: 600,
        })
        await log.server.received('stream', { stream_id: 2, offset: 0 })
      },
    ),
    row(
      '`resetStreamAt` (true)',
      'is offered as a transport parameter, and where it is not, `resetAt` throws',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ client: { resetStreamAt: false } })
        await log.server.shows('parameters_set', { initiator: 'local', reset_stream_at: true })
        const stream = await peer.createUnidirectionalStream()
        stream.tryWrite(bytesOf(10))
        expect(() => stream.resetAt({ reliableSize: 5 })).toThrow(
          expect.objectContaining({ name: 'InvalidStateError' }),
        )
        const mine = await client.createUnidirectionalStream()
        mine.tryWrite(bytesOf(10))
        mine.resetAt({ reliableSize: 5 })
        await log.client.sent('reset_stream_at', { stream_id: 2, reliable_size: 5 })
      },
    ),
    row('A second `resetAt`, or `reset` behind it', 'may only shrink the reliable size', async (scene) => {
      const { client, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(1000))
      stream.resetAt({ code: 5, reliableSize: 800 })
      expect(() => stream.resetAt({ code: 5, reliableSize: 900 })).toThrow(RangeError)
      expect(() => stream.resetAt({ code: 6, reliableSize: 100 })).toThrow(RangeError)
      stream.resetAt({ code: 5, reliableSize: 300 })
      await log.client.sent('reset_stream_at', { reliable_size: 300, error_code: 5 })
    }),
    row('`resetAt` with what cannot be meant', 'throws, naming the value', async (scene) => {
      const { client, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(10))
      for (const reliableSize of [-1, 11, 0.5]) expect(() => stream.resetAt({ reliableSize })).toThrow(RangeError)
      expect(() => stream.resetAt({ reliableSize: 1, size: 3 } as never)).toThrow(TypeError)
      stream.finish()
      await log.client.sent('stream', { stream_id: 2, fin: true })
    }),
    row('`writer.commit()` before `abort()`', 'promises what was written so far', async (scene) => {
      const { client, peer, log } = await scene.meet()
      const stream = await client.createUnidirectionalStream()
      const writer = stream.writable.getWriter()
      await writer.write(bytesOf(250))
      writer.commit()
      await writer.write(bytesOf(90))
      await writer.abort(7)
      const other = await first(peer.incomingUnidirectionalStreams)
      const reader = other.readable.getReader()
      const { value } = await reader.read()
      expect(value?.subarray(0, 250)).toEqual(bytesOf(250))
      await log.client.sent('reset_stream_at', { stream_id: 2, error_code: 7, reliable_size: 250 })
      await rejection(reader.closed)
    }),
    ...[
      { claim: 'a changed code is STREAM_STATE_ERROR', second: [0x24, 2, 6, 9, 3], error: 'stream_state_error' },
      { claim: 'a changed final size is FINAL_SIZE_ERROR', second: [0x24, 2, 5, 8, 3], error: 'final_size_error' },
      {
        claim: 'a reliable size above the final size is FRAME_ENCODING_ERROR',
        second: [0x24, 2, 5, 9, 10],
        error: 'frame_encoding_error',
      },
    ].map(({ claim, error, second }) =>
      row(
        'A peer’s RESET_STREAM_AT:',
        claim,
        async (scene) => {
          const { peer, log } = scene.forger('client')
          peer.connect('connected')
          peer.send([0x24, 2, 5, 9, 4])
          peer.send(second)
          await log.sent('connection_close', { error })
        },
        { over: ['forger'] },
      ),
    ),
    row(
      'A server’s RESET_STREAM_AT:',
      'a reliable size above the final size is FRAME_ENCODING_ERROR',
      async (scene) => {
        const { peer, log } = scene.forger('server')
        peer.connect('connected')
        peer.send([0x24, 3, 5, 9, 10])
        await log.sent('connection_close', { error: 'frame_encoding_error' })
      },
      { over: ['forger'] },
    ),
    row(
      'A peer’s RESET_STREAM_AT:',
      'a larger reliable size is ignored',
      async (scene) => {
        const { peer, log } = scene.forger('client')
        peer.connect('connected')
        peer.send([0x24, 2, 5, 9, 4])
        peer.send([0x24, 2, 5, 9, 7])
        await log.received('reset_stream_at', { reliable_size: 7 })
        expect(peer.closeReason).toBeUndefined()
      },
      { over: ['forger'] },
    ),
  ],
}
