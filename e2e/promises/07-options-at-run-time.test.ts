/** Proves: each option of `configure` changes what the connection does from then on, and what cannot be configured throws. */
import { expect, test } from 'vitest'
import { QuicIdleTimeoutError } from '../../src/index.ts'
import { inWorld, patterned, readAll, rejection, writeAll } from './world.fixtures.ts'

test('options set at run time take effect', async () => {
  const server = { maxIncomingUnidirectionalStreams: 1, maxIncomingBidirectionalStreams: 0, maxReceiveWindow: 20_000 }
  const windows = { initialMaxData: 20_000, initialMaxStreamDataUni: 20_000 }
  const world = { server: { ...server, ...windows }, client: { maxIdleTimeout: 5000 }, link: { delay: 20 } }
  await inWorld(world, async ({ client, peer, frames, simulation, arrived }) => {
    // Streams: who waited for one gets it.
    const waiting = client.createBidirectionalStream()
    expect(await Promise.race([waiting.then(() => 'opened'), simulation.sleep(1000)])).toBeUndefined()
    peer.configure({ maxIncomingBidirectionalStreams: 1, maxIncomingUnidirectionalStreams: 3 })
    expect((await waiting).id).toBe(0)
    for (let count = 0; count < 3; count++) await client.createUnidirectionalStream({ waitUntilAvailable: count === 2 })

    // Windows: a transfer of the same size takes fewer round trips as soon as they may grow.
    const transfer = async (): Promise<number> => {
      const began = simulation.now
      peer.configure({ maxIncomingUnidirectionalStreams: 20 })
      const stream = await client.createUnidirectionalStream()
      const sent = writeAll(stream.writable, patterned(600_000))
      expect(await readAll((await arrived(stream)).readable)).toEqual(patterned(600_000))
      await sent
      return simulation.now - began
    }
    const narrow = await transfer()
    peer.configure({ maxReceiveWindow: 10_000_000 })
    const wide = await transfer()
    expect(wide).toBeLessThan(narrow / 2)

    // Congestion control and pacing: other controller, other bursts.
    client.congestionControl = 'bbr'
    expect(client.congestionControl).toBe('bbr')
    client.configure({ congestionControl: 'newreno', pacing: false })
    expect(client.congestionControl).toBe('newreno')
    await transfer()

    // Datagrams: as many wait as the queue now holds.
    peer.configure({ datagrams: { incomingHighWaterMark: 2 } })
    for (const value of [1, 2, 3, 4]) client.datagrams.send(Uint8Array.of(value))
    await simulation.sleep(200)
    expect((await peer.getStats()).datagrams).toMatchObject({ received: 4, droppedIncoming: 2 })

    // Keep-alive: PINGs, where there were none.
    frames.client.clear()
    await simulation.sleep(1500)
    const before = frames.client.of('ping').length
    client.configure({ keepAlive: 500 })
    await simulation.sleep(20_000)
    expect([before, client.state]).toEqual([0, 'connected'])
    expect(frames.client.of('ping').length).toBeGreaterThan(20)

    // Idle timeout: sooner, and since that is sooner than the peer was told, with a word.
    client.configure({ keepAlive: false, maxIdleTimeout: 1000 })
    const began = simulation.now
    expect(await rejection(client.closed)).toBeInstanceOf(QuicIdleTimeoutError)
    expect(simulation.now - began).toBeLessThan(1600)
    expect(await peer.closed).toMatchObject({ closeCode: 0n })

    for (const options of [{ alpn: ['x'] }, { maxIdleTimout: 5 }, { pacing: 'yes' }]) {
      expect(() => client.configure(options as never)).toThrow(TypeError)
    }
  })
})
