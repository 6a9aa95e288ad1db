import { describe, expect, test } from 'vitest'
import { SECP256R1, SECP384R1, X25519 } from '../crypto/key-exchange.ts'
import { noble } from '../crypto/noble/provider.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

function exchange(options: PairOptions): Pair {
  const pair = new Pair({ crypto, network: { loss: 0.05, jitter: 5 }, ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  traffic.send(client, 'bidirectional', 100_000, 100_000)
  runChecked(pair, () => client.isHandshakeConfirmed && client.updateKeys(pair.now), 1000)
  expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
  expect(client.exportKeyingMaterial('EXPORTER-test', new Uint8Array(3), 32)).toEqual(
    server.exportKeyingMaterial('EXPORTER-test', new Uint8Array(3), 32),
  )
  return pair
}

describe('A connection', () => {
  // The client's offer begins with a reserved suite that nobody has (RFC 8701).
  //= rfc9001#5.3-p3-1
  test.each(crypto.suites.map((suite) => suite.name))('is protected by %s', (name) => {
    const lines: string[] = []
    const suites = crypto.suites.filter((suite) => suite.name === name)
    exchange({ clientTls: { suites, keyLog: (line) => void lines.push(line) } })
    expect(new Set(lines.map((line) => line.split(' ')[0]))).toEqual(
      new Set([
        'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
        'SERVER_HANDSHAKE_TRAFFIC_SECRET',
        'CLIENT_TRAFFIC_SECRET_0',
        'SERVER_TRAFFIC_SECRET_0',
        'EXPORTER_SECRET',
      ]),
    )
  })

  test.each([
    ['X25519', X25519],
    ['P-256', SECP256R1],
    ['P-384', SECP384R1],
  ])('agrees on keys by %s', (_, group) => {
    exchange({ crypto: noble, clientTls: { groups: [group] } })
  })

  test('agrees after a HelloRetryRequest, under loss', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const clientTls = { groups: [X25519, SECP256R1], shares: [X25519] }
      exchange({
        seed,
        crypto: noble,
        clientTls,
        serverTls: { groups: [SECP256R1] },
        network: { loss: 0.2, jitter: 10 },
      })
    }
  })

  test('agrees after Retry and HelloRetryRequest both', () => {
    const clientTls = { groups: [X25519, SECP256R1], shares: [X25519] }
    exchange({ crypto: noble, clientTls, serverTls: { groups: [SECP256R1] }, listen: { retry: 'always' } })
  })

  test('has nothing to agree on, and both sides say so', () => {
    const pair = new Pair({ crypto: noble, clientTls: { groups: [X25519] }, serverTls: { groups: [SECP256R1] } })
    const client = pair.connect()
    pair.run(() => client.state === 'closed', 10_000)
    // handshake_failure
    expect(client.closeReason).toMatchObject({ kind: 'transport', side: 'remote', code: 0x128n })
    expect(pair.server.connections[0]?.closeReason).toMatchObject({ kind: 'transport', side: 'local', code: 0x128n })
  })

  //= rfc9001#8.1-p1-1
  //= rfc9001#8.1-p2-2
  test('without a common application protocol ends in no_application_protocol', () => {
    const pair = new Pair({ crypto, clientTls: { alpn: ['one'] }, serverTls: { alpn: ['another'] } })
    const client = pair.connect()
    pair.run(() => client.state === 'closed', 10_000)
    expect(client.closeReason).toMatchObject({ kind: 'transport', side: 'remote', code: 0x178n })
  })
})
