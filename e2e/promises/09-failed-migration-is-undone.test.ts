/** Proves: a migration to a path that leads nowhere is noticed and undone while data flows, and the next one succeeds. */
import { expect, test } from 'vitest'
import { QuicMigrationError } from '../../src/index.ts'
import { inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test('a migration that fails is noticed and undone', async () => {
  const LENGTH = 600_000
  await inWorld(
    { link: { delay: 20, bandwidth: 1_500_000 } },
    async ({ client, peer, simulation, near, far, arrived }) => {
      await simulation.sleep(100)
      const stream = await client.createUnidirectionalStream()
      const sent = writeAll(stream.writable, patterned(LENGTH))
      const received = readAll((await arrived(stream)).readable)
      await simulation.sleep(500)

      // What goes there is lost, and so is what might come back; then a way there that has no way back.
      const changes: string[] = []
      client.addEventListener('pathchange', () => changes.push(client.localAddress))
      for (const back of [1, 0]) {
        const dead = simulation.transport({ node: 'client' })
        simulation.net.connect(dead.port, far.port, { delay: 20, loss: 1 - back }, { delay: 20, loss: back })
        const began = simulation.now
        const error = await client.migrate(dead, { timeout: 600 }).catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(QuicMigrationError)
        expect((error as QuicMigrationError).failure).toBe('timeout')
        expect(simulation.now - began).toBeLessThan(610)
        expect(client.localAddress).toBe(near.localAddress)
        expect(client.paths.filter(({ state }) => state === 'active')).toMatchObject([
          { localAddress: near.localAddress },
        ])
        await simulation.sleep(200)
      }
      expect(changes).toEqual([])
      expect(client.state).toBe('connected')

      const better = simulation.transport({ node: 'client' })
      simulation.net.connect(better.port, far.port, { delay: 5, bandwidth: 10_000_000 })
      await client.migrate(better)
      expect(client.localAddress).toBe(better.localAddress)
      expect(await received).toEqual(patterned(LENGTH))
      await sent
      expect(peer.remoteAddress).toBe(better.localAddress)
    },
  )
})
