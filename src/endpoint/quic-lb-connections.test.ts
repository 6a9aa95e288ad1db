import { describe, expect, test } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import type { Connection } from '../connection/connection.ts'
import { QuicLbIds } from './quic-lb.ts'
import type { QuicLbConfig } from './quic-lb-config.ts'
import { QuicLbRouter } from './quic-lb-router.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, TestRandom } from './test-pair.fixtures.ts'
import { runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()
const SERVER = fromHex('00c0ffee')
const KEY = fromHex('8f95f09245765f80256934e50c66207f')
const FIRST: QuicLbConfig = { id: 0, serverIdLength: 4, nonceLength: 6, key: KEY }
const SECOND: QuicLbConfig = {
  id: 1,
  serverIdLength: 4,
  nonceLength: 12,
  key: fromHex('00112233445566778899aabbccddeeff'),
}

const random = (): RandomSource => new TestRandom(9)

/** A server with QUIC-LB ids behind a router that keeps no state; `routes` counts short headers by configuration. */
function routed(ids: QuicLbIds): { pair: Pair; client: Connection; server: Connection; routes: Map<number, number> } {
  const router = new QuicLbRouter([FIRST, SECOND], { checksLength: true })
  const routes = new Map<number, number>()
  const pair = new Pair({
    crypto,
    serverEndpoint: { idGenerator: ids },
    tap: (bytes, from) => {
      if (from === 'server' || ((bytes[0] ?? 0) & 0x80) !== 0) return true
      const route = router.routeDatagram(bytes)
      const id = route === undefined ? -1 : route.configId
      routes.set(id, (routes.get(id) ?? 0) + 1)
      if (route !== undefined) expect(route.serverId).toEqual(SERVER)
      return true
    },
  })
  const { client, server } = pair.handshake()
  return { pair, client, server, routes }
}

function transfer(pair: Pair, client: Connection): void {
  const traffic = new Traffic(pair)
  traffic.send(client, 'bidirectional', 40_000, 40_000)
  expect(runChecked(pair, () => traffic.completed('client') === 1, 30_000)).toBe(true)
}

describe('A server whose ids are those of QUIC-LB', () => {
  test('is found by every packet of a connection, after the id was changed too', () => {
    const { pair, client, routes } = routed(new QuicLbIds({ random: random(), config: FIRST, serverId: SERVER }))
    transfer(pair, client)
    pair.client.address = '198.51.100.9:1000'
    transfer(pair, client)
    expect([...routes.keys()]).toEqual([0])
    expect(routes.get(0)).toBeGreaterThan(40)
  })

  test('changes to another configuration with longer ids while connections live', () => {
    const ids = new QuicLbIds({ random: random(), config: FIRST, serverId: SERVER })
    const { pair, client, server, routes } = routed(ids)
    transfer(pair, client)
    ids.configure(SECOND, SERVER)
    expect(server.rotateConnectionIds()).toBe(true)
    pair.server.endpoint.wake(server)
    pair.run(() => false, 500)
    routes.clear()
    transfer(pair, client)
    expect([...routes.keys()]).toEqual([1])
    // Those of the first configuration are gone, and a new connection lives beside it.
    ids.forget(0)
    transfer(pair, client)
    const other = pair.connect()
    pair.run(() => other.isHandshakeConfirmed, 5000)
    transfer(pair, other)
    expect([...routes.keys()]).toEqual([1])
  })

  test('without a configuration gives each client one id, and takes it from there', () => {
    const ids = new QuicLbIds({ random: random() })
    const { pair, client, server, routes } = routed(ids)
    transfer(pair, client)
    expect([...routes.keys()]).toEqual([-1])
    ids.configure(FIRST, SERVER)
    server.rotateConnectionIds()
    pair.server.endpoint.wake(server)
    pair.run(() => false, 500)
    routes.clear()
    transfer(pair, client)
    expect([...routes.keys()]).toEqual([0])
  })

  test('answers an id of its own that it has forgotten with a stateless reset, and no other', () => {
    const ids = new QuicLbIds({ random: random(), config: FIRST, serverId: SERVER })
    // What the server answers is lost: the client would answer it in turn.
    let isDeaf = false
    const pair = new Pair({
      crypto,
      serverEndpoint: { idGenerator: ids },
      tap: (_, from) => !isDeaf || from === 'client',
    })
    pair.handshake()
    isDeaf = true
    const answers = (first: number): number => {
      const before = pair.server.endpoint.stats().resets
      const datagram = new Uint8Array(60).fill(0x55)
      datagram[1] = first
      pair.inject(datagram, 'server', '203.0.113.1:5000')
      pair.run(() => false, 50)
      return pair.server.endpoint.stats().resets - before
    }
    pair.run(() => false, 1000)
    expect(answers((0 << 5) | 10)).toBe(1)
    expect(answers((3 << 5) | 10)).toBe(0)
  })
})
