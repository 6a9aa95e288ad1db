/** Proves: the lower of both timeouts counts for both ends, each ends by itself, and not a datagram speaks of it. */
import { expect, test } from 'vitest'
import { QuicIdleTimeoutError } from '../../src/index.ts'
import { inWorld, rejection } from './world.fixtures.ts'

test('the idle timeout is negotiated and silent', async () => {
  for (const [ours, theirs, wanted] of [
    [20_000, 4000, 4000],
    [6000, 60_000, 6000],
    [0, 5000, 5000],
  ] as const) {
    const options = { client: { maxIdleTimeout: ours }, server: { maxIdleTimeout: theirs } }
    await inWorld(options, async ({ client, peer, simulation, frames }) => {
      await simulation.sleep(500)
      await client.ping()
      await simulation.sleep(100)
      const began = simulation.now
      const { datagrams } = simulation.net
      frames.client.clear()
      frames.server.clear()
      const ends = await Promise.all(
        [client, peer].map(async ({ closed }) => [await rejection(closed), simulation.now - began] as const),
      )
      for (const [error, after] of ends) {
        expect(error).toBeInstanceOf(QuicIdleTimeoutError)
        // From the last that was heard, which is up to 100 ms and a round trip ago.
        expect(after).toBeLessThanOrEqual(wanted)
        expect(after).toBeGreaterThan(wanted - 200)
      }
      expect([client.state, peer.state]).toEqual(['closed', 'closed'])
      await simulation.sleep(10_000)
      expect([simulation.net.datagrams, frames.client.sent, frames.server.sent]).toEqual([datagrams, [], []])
    })
  }
})
