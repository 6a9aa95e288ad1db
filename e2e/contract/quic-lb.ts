/** §12 of the contract: connection ids that lead to their server. */
import { expect } from 'vitest'
import { ConnectionId, type QuicLbConfig, QuicLbIds, QuicLbRouter } from '../../src/quic-lb.ts'
import { SeededRandom } from '../../src/simulator.ts'
import { bytesOf } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Scene } from './scene.ts'

const SERVER = Uint8Array.of(0x12, 0x34)
const KEY = bytesOf(16)
const VECTORS = [
  'src/endpoint/quic-lb.test.ts',
  'the ids of a server are those of the draft, first octet included, where the nonce is',
] as const

/** A connection to a server whose ids are made by `config`, and the ids that the client sent to after the handshake. */
async function idsBy(scene: Scene, ids: QuicLbIds, router: QuicLbRouter, rounds = 1): Promise<void> {
  const host = await scene.serve({ connectionIdGenerator: ids })
  const { client, log } = await scene.visit(host)
  await client.handshakeConfirmed
  for (let round = 0; round < rounds; round++) await client.ping()
  const isRouted = (dcid: unknown): boolean => {
    const route = router.route(bytesFrom(String(dcid)))
    return route !== undefined && SERVER.every((byte, index) => route.serverId[index] === byte)
  }
  await log.client.shows('packet_sent', { header: { packet_type: '1RTT', dcid: isRouted } })
  await log.server.sent('new_connection_id', { connection_id: isRouted, connection_id_length: ids.length })
  await scene.sees('client', 'a short header whose id leads to server 1234', (bytes) => {
    const route = (bytes[0] ?? 0x80) < 0x80 ? router.routeDatagram(bytes) : undefined
    return route !== undefined && SERVER.every((byte, index) => route.serverId[index] === byte)
  })
}

function bytesFrom(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

const encoding = (what: string, claim: string, config: QuicLbConfig) =>
  row(what, claim, async (scene) => {
    const ids = new QuicLbIds({ random: new SeededRandom(5), config, serverId: SERVER })
    await idsBy(scene, ids, new QuicLbRouter([config]))
  })

export const QUIC_LB: Section = {
  title: '12 · QUIC-LB',
  file: 'e2e/contract/quic-lb.ts',
  rows: [
    encoding('`connectionIdGenerator: new QuicLbIds({ config })` without a key', 'shows the server in the clear', {
      id: 0,
      serverIdLength: 2,
      nonceLength: 5,
    }),
    encoding('`QuicLbIds` with a key and 16 bytes', 'encrypts in a single pass', {
      id: 1,
      serverIdLength: 2,
      nonceLength: 14,
      key: KEY,
    }),
    encoding('`QuicLbIds` with a key and other lengths', 'encrypts in four passes', {
      id: 2,
      serverIdLength: 2,
      nonceLength: 6,
      key: KEY,
    }),
    row(
      '`ids.configure(config, serverId)`',
      'rotates: ids of both configurations lead to the server',
      async (scene) => {
        const [one, other] = [
          { id: 0, serverIdLength: 2, nonceLength: 6, key: KEY },
          { id: 5, serverIdLength: 2, nonceLength: 6, key: bytesOf(17).subarray(1) },
        ] as const
        const ids = new QuicLbIds({ random: new SeededRandom(5), config: one, serverId: SERVER })
        const router = new QuicLbRouter([one, other])
        await idsBy(scene, ids, router)
        ids.configure(other, SERVER)
        await idsBy(scene, ids, router)
        await scene.sees('client', 'a short header with the rotation bits 5', (bytes) => {
          return (bytes[0] ?? 0x80) < 0x80 && (bytes[1] ?? 0) >> 5 === 5
        })
      },
    ),
    row('`describesLength`', 'has the first octet tell how long the id is', async (scene) => {
      const config = { id: 0, serverIdLength: 2, nonceLength: 6 }
      const ids = new QuicLbIds({ random: new SeededRandom(5), config, serverId: SERVER, describesLength: true })
      await idsBy(scene, ids, new QuicLbRouter([config], { checksLength: true }))
      await scene.sees('client', 'a short header whose id describes its length', (bytes) => {
        return (bytes[0] ?? 0x80) < 0x80 && ((bytes[1] ?? 0) & 0x1f) === 8
      })
    }),
    row(
      '`QuicLbRouter.route(id)`, `routeDatagram(bytes)`',
      'reads what belongs to its configurations, and nothing else',
      async (scene) => {
        const config = { id: 0, serverIdLength: 2, nonceLength: 6, key: KEY }
        const ids = new QuicLbIds({ random: new SeededRandom(9), config, serverId: SERVER })
        const router = new QuicLbRouter([config])
        expect(router.route(Uint8Array.of(0xe0, ...bytesOf(8)))).toBeUndefined()
        expect(router.route(new Uint8Array(3))).toBeUndefined()
        expect(ConnectionId.from(bytesOf(8)).length).toBe(8)
        await idsBy(scene, ids, router)
      },
    ),
    row('A generator of one’s own', 'makes the ids that peers address us with', async (scene) => {
      let made = 0
      const generate = (): Uint8Array => Uint8Array.of(0xab, 0xcd, 0, 0, 0, 0, 0, ++made)
      const host = await scene.serve({ connectionIdGenerator: { length: 8, generate } })
      const { client, log } = await scene.visit(host)
      await client.ping()
      const isOurs = (dcid: unknown): boolean => String(dcid).startsWith('abcd')
      await log.client.shows('packet_sent', { header: { packet_type: '1RTT', dcid: isOurs } })
    }),
  ].map((each) => (each.what.startsWith('`QuicLbRouter') ? { ...each, also: VECTORS } : each)),
}
