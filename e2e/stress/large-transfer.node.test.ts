/**
 * A transfer much larger than its windows: 256 MB through 64 KiB in the ordinary run, 1 GB with ISOQUIC_STRESS=1 (or as many
 * times 1 GB as it says). Every byte is checked, and memory does not grow.
 */
import { expect, test } from 'vitest'
import { nodePackets } from '../../src/crypto/node/packets.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import { Pair } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { heldBytes, megabytes } from './memory.ts'

const GIGABYTE = 1_000_000_000
const WINDOW = 65_536
const TOTAL =
  process.env['ISOQUIC_STRESS'] === undefined ? 256_000_000 : Number(process.env['ISOQUIC_STRESS']) * GIGABYTE
const MEASUREMENTS = 8

test(`${TOTAL / 1e6} MB pass through windows of 64 KiB in constant memory`, { timeout: 600_000 }, () => {
  const limits = {
    initialMaxData: WINDOW,
    initialMaxStreamDataBidiLocal: WINDOW,
    initialMaxStreamDataBidiRemote: WINDOW,
    initialMaxStreamDataUni: WINDOW,
    maxReceiveWindow: WINDOW,
  }
  const pair = new Pair({ crypto: quickCrypto(nodePackets), network: { delay: 1 }, client: limits, server: limits })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  traffic.send(client, 'unidirectional', TOTAL)
  const held: number[] = []
  for (let part = 1; part <= MEASUREMENTS; part++) {
    const target = (TOTAL / MEASUREMENTS) * part
    pair.run(() => traffic.received('server') >= target, 1e9)
    for (const side of [pair.client, pair.server]) side.events.length = 0
    held.push(heldBytes())
  }
  pair.run(() => client.streams.count + server.streams.count === 0, 10_000)
  expect([traffic.received('server'), client.state, client.streams.count, server.streams.count]).toEqual([
    TOTAL,
    'connected',
    0,
    0,
  ])
  console.info(`${TOTAL / 1e6} MB; held after each eighth: ${held.map(megabytes).join(', ')}`)
  // The first measurement has compiled code and pools behind it.
  const [first = 0, ...later] = held
  const growth = Math.max(...later) - first
  expect(growth, `held: ${held.map(megabytes).join(', ')}`).toBeLessThan(2_000_000)
  expect(server.stats().packetsDropped).toBe(0)
})
