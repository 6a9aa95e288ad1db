import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { later, slowProvider, slowSelection, slowVerifier } from '../tls/slow-provider.fixtures.ts'
import { insecureVerifier } from '../x509/certificate-verifier.ts'
import { firstVisit, ticketTerms } from './early-data.fixtures.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, testIdentity } from './test-pair.fixtures.ts'
import { checkAll, seeds, Traffic } from './traffic.fixtures.ts'
import { Wiretap } from './wire-discipline.fixtures.ts'

const crypto = quickCrypto()
const slow = slowProvider(crypto)

/** Both sides do their public-key work in promises. */
function slowPair(options: PairOptions = {}): Pair {
  return new Pair({
    crypto,
    clientTls: { crypto: slow, verifier: slowVerifier(insecureVerifier) },
    serverTls: { crypto: slow, selectIdentity: slowSelection(() => testIdentity(crypto)) },
    ...options,
  })
}

/** Lets virtual time pass in small steps, and promises settle between them. */
async function runSlowly(pair: Pair, done: () => boolean, limit = 60_000): Promise<boolean> {
  const end = pair.now + limit
  while (!done() && pair.now < end) {
    const before = pair.now
    pair.run(done, 3)
    if (pair.now === before) pair.now += 3
    checkAll(pair)
    await undefined
  }
  return done()
}

describe('With public-key work that takes its time', () => {
  test('a handshake completes, and what came too early for it is not lost', async () => {
    const pair = slowPair()
    const traffic = new Traffic(pair)
    const client = pair.connect()
    expect(await runSlowly(pair, () => client.isHandshakeConfirmed)).toBe(true)
    traffic.send(client, 'bidirectional', 10_000, 10_000)
    expect(await runSlowly(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(client.stats().packetsLost).toBe(0)
  })

  test('handshakes complete under loss, reordering, duplication and corruption, after Retry too', async () => {
    for (const seed of seeds(6)) {
      const network = { loss: 0.2, jitter: 20, duplicate: 0.1, corrupt: 0.02 }
      const patient = { handshakeTimeout: 60_000, maxIdleTimeout: 60_000 }
      const retry = seed % 2 === 0 ? 'always' : 'never'
      const pair = slowPair({ seed, network, client: patient, server: patient, listen: { retry } })
      const client = pair.connect()
      await runSlowly(pair, () => client.isHandshakeConfirmed)
      expect([seed, client.isHandshakeConfirmed]).toEqual([seed, true])
    }
  })

  test('early data is accepted, or refused and sent again, and keeps to its limits meanwhile', async () => {
    for (const seed of seeds(6)) {
      const isAccepted = seed % 2 === 0
      const tickets = ticketTerms({ acceptEarlyData: () => later(() => isAccepted) })
      const session = firstVisit({ tickets, server: { initialMaxData: 5_000 } })
      const wiretap = new Wiretap()
      const network = { loss: 0.1, jitter: 20, duplicate: 0.1 }
      const patient = { handshakeTimeout: 60_000, maxIdleTimeout: 60_000 }
      const pair = slowPair({ seed, network, tickets, client: patient, server: patient, ...wiretap.options })
      const traffic = new Traffic(pair)
      const client = pair.connect({ session })
      // The key shares take their time: streams can be opened once the ClientHello is out.
      expect(await runSlowly(pair, () => client.streams.open('unidirectional') !== undefined)).toBe(true)
      traffic.send(client, 'bidirectional', 20_000, 20_000)
      expect([seed, await runSlowly(pair, () => traffic.completed('client') === 1)]).toEqual([seed, true])
      expect(client.completion).toMatchObject({ resumed: true, earlyData: isAccepted })
      expect(wiretap.faults).toEqual([])
    }
  })

  test('versions are negotiated, once by a round trip and once without', async () => {
    const [one, two] = [0x0000_0001, 0x6b33_43cf]
    const versions = [one, two]
    const pair = slowPair({
      client: { version: 0x1a2a_3a4a, versions },
      server: { versions, preferredVersions: [two] },
      listen: { versions },
    })
    const client = pair.connect()
    expect(await runSlowly(pair, () => client.isHandshakeConfirmed)).toBe(true)
    expect([client.version, pair.server.connections[0]?.version]).toEqual([two, two])
  })

  //= rfc9001#4.1.4-p3-2
  test('either side may close, or be closed, at any moment of a handshake', async () => {
    for (const closer of ['client', 'server'] as const) {
      for (let steps = 0; steps < 40; steps += 2) {
        const pair = slowPair()
        const client = pair.connect()
        let left = steps
        await runSlowly(pair, () => left-- <= 0)
        const ends: Record<'client' | 'server', Connection | undefined> = { client, server: pair.server.connections[0] }
        const connection = ends[closer]
        if (connection === undefined) continue
        connection.close({ code: 7n, reason: '' }, pair.now)
        pair[closer].endpoint.wake(connection)
        const isOver = (): boolean => pair.client.endpoint.connectionCount + pair.server.endpoint.connectionCount === 0
        expect([closer, steps, await runSlowly(pair, isOver, 30_000)]).toEqual([closer, steps, true])
      }
    }
  })

  test('a handshake that never ends is given up in time', async () => {
    const never = { ...slow, verifiers: slow.verifiers.map(({ scheme }) => ({ scheme, verify: () => forever() })) }
    const pair = slowPair({ clientTls: { crypto: never }, client: { handshakeTimeout: 3000 } })
    const client = pair.connect()
    await runSlowly(pair, () => client.state !== 'connecting')
    expect(client.closeReason).toEqual({ kind: 'handshake-timeout', after: 3000 })
    expect(pair.now).toBeLessThan(4100)
  })

  test('a signature that fails late ends the connection with the alert', async () => {
    const wrong = { ...slow, verifiers: slow.verifiers.map(({ scheme }) => ({ scheme, verify: async () => false })) }
    const pair = slowPair({ clientTls: { crypto: wrong } })
    const client = pair.connect()
    await runSlowly(pair, () => client.state !== 'connecting')
    // decrypt_error
    expect(client.closeReason).toMatchObject({ kind: 'transport', side: 'local', code: 0x133n, frameType: 6n })
    expect(await runSlowly(pair, () => pair.server.connections[0]?.closeReason !== undefined)).toBe(true)
    expect(pair.server.connections[0]?.closeReason).toMatchObject({ side: 'remote', code: 0x133n })
  })
})

function forever(): Promise<boolean> {
  return new Promise(() => {})
}
