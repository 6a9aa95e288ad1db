/**
 * Proves: a transfer larger than every window completes, both ways at once, because credit returns as the application reads.
 * That 10^5 short or reset streams leave memory flat is proven in `e2e/stress/hundred-thousand.node.test.ts`.
 */
import { expect, test } from 'vitest'
import { inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test('a transfer larger than every window completes, and 10^5 short or reset streams leave memory flat', async () => {
  const WINDOW = 16_384
  const LENGTH = 40 * WINDOW + 7
  const limits = {
    initialMaxData: WINDOW,
    initialMaxStreamDataBidiLocal: WINDOW,
    initialMaxStreamDataBidiRemote: WINDOW,
    maxReceiveWindow: WINDOW,
    maxStreamSendBuffer: WINDOW,
    maxSendBuffer: WINDOW,
  }
  await inWorld(
    { link: { delay: 5, loss: 0.01 }, client: limits, server: limits },
    async ({ client, peer, frames, arrived }) => {
      const stream = await client.createBidirectionalStream()
      const sent = writeAll(stream.writable, patterned(LENGTH))
      const far = await arrived(stream)
      const answered = writeAll(far.writable, patterned(LENGTH, 1))
      const [there, back] = await Promise.all([readAll(far.readable), readAll(stream.readable)])
      expect(there).toEqual(patterned(LENGTH))
      expect(back).toEqual(patterned(LENGTH, 1))
      await Promise.all([sent, answered, stream.closed, far.closed])
      for (const log of [frames.client, frames.server]) {
        const limit = Math.max(...log.of('maxData').map(({ maximum }) => maximum))
        expect(limit).toBeGreaterThan(LENGTH - WINDOW)
        // Never more than a window ahead of what was read.
        expect(limit).toBeLessThanOrEqual(LENGTH + WINDOW)
      }
      expect([client.inspect()?.streams, peer.inspect()?.streams]).toEqual([[], []])
      expect(client.sendQueue.queuedBytes).toBe(0)
    },
  )
})
