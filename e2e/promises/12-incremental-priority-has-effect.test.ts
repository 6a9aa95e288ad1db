/** Proves, by what arrives when: streams that are not incremental come one after another, incremental ones together, urgent ones first. */
import { expect, test } from 'vitest'
import type { QuicConnection } from '../../src/index.ts'
import { inWorld, patterned, readAll, type World, writeAll } from './world.fixtures.ts'

const LENGTH = 200_000

/** The virtual ms at which each stream had arrived, from when they were all written on. */
async function arrivals(
  { client, arrived, simulation }: World,
  options: readonly Parameters<QuicConnection['createUnidirectionalStream']>[0][],
): Promise<number[]> {
  const began = simulation.now
  const times = await Promise.all(
    options.map(async (each) => {
      const stream = await client.createUnidirectionalStream(each)
      const sent = writeAll(stream.writable, patterned(LENGTH))
      const far = await arrived(stream)
      await readAll(far.readable)
      const duration = simulation.now - began
      await sent
      return [far.id, duration] as const
    }),
  )
  return times.sort(([a], [b]) => a - b).map(([, time]) => time)
}

test('incremental priority has effect', async () => {
  const wide = { initialMaxData: 2 ** 24, initialMaxStreamDataUni: 2 ** 22 }
  const client = { maxStreamSendBuffer: 2 ** 20 }
  await inWorld({ link: { delay: 10, bandwidth: 3_200_000 }, server: wide, client }, async (world) => {
    const [first = 0, second = 0] = await arrivals(world, [{}, {}])
    // One has the whole link, then the other.
    expect(first).toBeLessThan(0.62 * second)
    const [one = 0, other = 0] = await arrivals(world, [{ incremental: true }, { incremental: true }])
    expect(Math.abs(one - other)).toBeLessThan(0.05 * Math.max(one, other))
    const [late = 0, early = 0] = await arrivals(world, [
      { urgency: 5, incremental: true },
      { urgency: 1, incremental: true },
    ])
    expect(early).toBeLessThan(0.62 * late)
  })
})
