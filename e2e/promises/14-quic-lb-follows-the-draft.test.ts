/** Proves: ids are those of draft-ietf-quic-load-balancers, Appendix B, and a router without state finds the server of every packet by them. */
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { type QuicLbConfig, QuicLbIds, QuicLbRouter, type RandomSource } from '../../src/quic-lb.ts'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

const KEY = '8f95f09245765f80256934e50c66207f'

/** Appendix B.2: configurations, and what becomes of server id and nonce. */
const VECTORS = [
  { id: 0, serverId: 'ed793a', nonce: 'ee080dbf', cid: '0720b1d07b359d3c' },
  { id: 1, serverId: 'ed793a51d49b8f5fab65', nonce: 'ee080dbf48', cid: '2fcc381bc74cb4fbad2823a3d1f8fed2' },
  { id: 2, serverId: 'ed793a51d49b8f5f', nonce: 'ee080dbf48c0d1e5', cid: '504dd2d05a7b0de9b2b9907afb5ecf8cc3' },
  { id: 0, serverId: 'ed793a51d49b8f5fab', nonce: 'ee080dbf48c0d1e55d', cid: '125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc' },
] as const

test('QUIC-LB follows the draft', async () => {
  for (const { id, serverId, nonce, cid } of VECTORS) {
    const config: QuicLbConfig = {
      id,
      serverIdLength: serverId.length / 2,
      nonceLength: nonce.length / 2,
      key: fromHex(KEY),
    }
    const route = new QuicLbRouter([config]).route(fromHex(cid))
    expect([route?.configId, toHex(route?.serverId ?? new Uint8Array(0))]).toEqual([id, serverId])
  }

  const config: QuicLbConfig = { id: 2, serverIdLength: 3, nonceLength: 9, key: fromHex(KEY) }
  const random: RandomSource = new SeededRandom(4)
  const connectionIdGenerator = new QuicLbIds({ random, config, serverId: fromHex('c0ffee') })
  const router = new QuicLbRouter([config])
  const found = new Map<string, number>()
  await inWorld({ server: { connectionIdGenerator } }, async ({ client, peer, simulation, arrived }) => {
    simulation.net.tap(({ bytes, from }) => {
      // Every packet of the client, whichever of the server's ids it uses.
      if (from !== 'client') return true
      const server = toHex(router.routeDatagram(bytes)?.serverId ?? new Uint8Array(0))
      found.set(server, (found.get(server) ?? 0) + 1)
      return true
    })
    for (let round = 0; round < 3; round++) {
      const stream = await client.createUnidirectionalStream()
      const sent = writeAll(stream.writable, patterned(50_000))
      expect(await readAll((await arrived(stream)).readable)).toEqual(patterned(50_000))
      await sent
      expect(peer.issueConnectionIds()).toBe(true)
      await simulation.sleep(500)
    }
  })
  expect([...found.keys()]).toEqual(['c0ffee'])
  expect(found.get('c0ffee')).toBeGreaterThan(100)
})
