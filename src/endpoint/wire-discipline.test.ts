import { expect, test } from 'vitest'
import { VERSION_2 } from '../wire/version.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, testIdentity } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'
import { Wiretap } from './wire-discipline.fixtures.ts'

const crypto = quickCrypto()
const PATIENT = { handshakeTimeout: 120_000, maxIdleTimeout: 120_000 }

/** A chain that no three datagrams hold. */
function longChain() {
  const identity = testIdentity(crypto)
  return { ...identity, chain: Array.from({ length: 25 }, () => identity.chain[0] ?? new Uint8Array(0)) }
}

/** A whole life: handshake, streams in every direction, resets, new ids, new keys, an end. */
function live(options: PairOptions): Wiretap {
  const tap = new Wiretap()
  const pair = new Pair({ crypto, client: PATIENT, server: PATIENT, ...options, ...tap.options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  traffic.send(client, 'bidirectional', 60_000, 30_000)
  traffic.send(server, 'unidirectional', 30_000)
  traffic.send(client, 'unidirectional', 40_000)?.send?.reset(3n)
  let updates = 0
  runChecked(
    pair,
    () => {
      if (updates < 3 && client.updateKeys(pair.now)) updates += 1
      if (client.rotateConnectionIds()) server.rotateConnectionIds()
      for (const { stream } of pair.server.of('stream-opened')) if (stream.id === 2) stream.receive?.stop(1n)
      pair.client.endpoint.wake(client)
      pair.server.endpoint.wake(server)
      return traffic.completed('client') === 2
    },
    300_000,
  )
  expect(traffic.completed('client')).toBe(2)
  runChecked(pair, () => false, 2000)
  client.close({ code: 1n, reason: 'enough' }, pair.now)
  pair.client.endpoint.wake(client)
  runChecked(pair, () => false, 2000)
  expect(tap.datagrams).toBeGreaterThan(50)
  return tap
}

// Each packet and datagram of both sides is held to all of these.
//= rfc9000#12.2-p4-1
//= rfc9000#12.3-p11-2
//= rfc9000#12.4-p3-1
//= rfc9000#12.5-p2.4-1
//= rfc9000#13.1-p1-1
//= rfc9000#13.2.6-p1-1
//= rfc9000#13.2.6-p1-2
//= rfc9000#14.1-p1-1
//= rfc9000#14.1-p1-2
//= rfc9000#17.2-p3.12-1
//= rfc9000#17.2-p3.16-1
//= rfc9000#17.2.2-p4.2-1
//= rfc9000#17.2.3-p5-2
//= rfc9000#19.7-p5.4-1
//= rfc9000#19.7-p7-1
//= rfc9000#19.15-p9-1
//= rfc9000#19.20-p4-1
//= rfc9001#4.9.1-p2-2
//= rfc9001#5.7-p1-1
//= rfc9001#5.7-p4-1
//= rfc9001#5.7-p8-1
//= rfc9001#9.3-p2-1
//= rfc9369#3-p1-1
test.each([
  ['a perfect network', {}],
  [
    'loss, reordering, duplication and corruption',
    { network: { loss: 0.15, jitter: 30, duplicate: 0.1, corrupt: 0.03 } },
  ],
  ['Retry', { listen: { retry: 'always' }, network: { loss: 0.1, jitter: 10 } }],
  ['a long chain of certificates', { serverTls: { selectIdentity: longChain }, network: { loss: 0.1, jitter: 10 } }],
  [
    'version 2',
    { client: { ...PATIENT, version: VERSION_2 }, listen: { versions: [VERSION_2] }, network: { loss: 0.1 } },
  ],
  ['small windows', { server: { ...PATIENT, initialMaxData: 9000, maxReceiveWindow: 9000 }, network: { loss: 0.05 } }],
] as const)('Nothing is said against the rules, with %s', (_, options) => {
  forSeeds(3, (seed) => expect(live({ seed, ...options }).faults).toEqual([]))
})
