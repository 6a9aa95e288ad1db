/** Proves: another controller takes over window, bytes in flight and RTT in the middle of a transfer, and a new path gets the same algorithm. */
import { expect, test } from 'vitest'
import type { CongestionController, ControllerFactory } from '../../src/index.ts'
import { newReno } from '../../src/recovery/congestion/new-reno.ts'
import { inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test("changing the congestion controller keeps the connection's state, and migration keeps the algorithm", async () => {
  const LENGTH = 1_200_000
  const made: CongestionController[] = []
  const own: ControllerFactory = (options) => {
    const controller = newReno(options)
    made.push(controller)
    return controller
  }
  const options = { link: { delay: 25, bandwidth: 4_000_000 }, client: { congestionControl: 'cubic' as const } }
  await inWorld(options, async ({ client, simulation, far, arrived }) => {
    await simulation.sleep(100)
    const stream = await client.createUnidirectionalStream()
    const sent = writeAll(stream.writable, patterned(LENGTH))
    const received = readAll((await arrived(stream)).readable)
    await simulation.sleep(400)
    for (const controller of ['newreno', 'bbr', own] as const) {
      const before = client.sendQueue
      const rtt = client.paths[0]?.rtt ?? 0
      expect(before.bytesInFlight).toBeGreaterThan(10_000)
      client.congestionControl = controller
      const after = client.sendQueue
      expect(client.congestionControl).toBe(controller)
      expect([after.bytesInFlight, client.paths[0]?.rtt]).toEqual([before.bytesInFlight, rtt])
      expect(after.congestionWindow).toBeGreaterThan(0)
      expect(after.congestionWindow).toBeLessThanOrEqual(before.congestionWindow)
      await simulation.sleep(200)
      // And it does not begin from nothing.
      expect(client.sendQueue.bytesInFlight).toBeGreaterThan(10_000)
    }
    expect(made.length).toBe(1)

    const other = simulation.transport({ node: 'client' })
    simulation.net.connect(other.port, far.port, { delay: 10, bandwidth: 4_000_000 })
    await client.migrate(other)
    expect(client.congestionControl).toBe(own)
    expect(made.length).toBeGreaterThanOrEqual(2)
    await simulation.sleep(300)
    // The controller of the new path is one of its own, and in charge: what it says is what holds.
    expect(client.sendQueue.congestionWindow).toBe(made.at(-1)?.congestionWindow)
    expect(await received).toEqual(patterned(LENGTH))
    await sent
  })
})
