import { describe, expect, test } from 'vitest'
import { VERSION_1 } from '../wire/version.ts'
import { createReception } from './reception.ts'
import { Pair } from './test-pair.fixtures.ts'

const key = (value: number): Uint8Array => new Uint8Array(32).fill(value)

describe('A server whose keys were exchanged', () => {
  //= rfc9000#10.3.2-p1-1
  test('resets connections from before and after, once it has lost their state', () => {
    for (const when of ['before', 'after'] as const) {
      const pair = new Pair({ endpoint: { resetKey: key(5) } })
      if (when === 'after') pair.server.endpoint.rotateResetKey(key(6))
      const { client } = pair.handshake()
      pair.run(() => false, 200)
      if (when === 'before') pair.server.endpoint.rotateResetKey(key(6))
      pair.server.endpoint.onCarrierClosed(pair.server.carrier, pair.now)
      pair.settle()
      client.streams.open('unidirectional')?.send?.write(new Uint8Array(100))
      pair.client.endpoint.wake(client)
      pair.run(() => client.state !== 'connected', 10_000)
      expect([when, client.closeReason]).toEqual([when, { kind: 'stateless-reset' }])
      expect(pair.server.endpoint.stats().resets).toBeGreaterThan(0)
    }
  })

  test('takes tokens of the key before, and none that are older', () => {
    for (const rotations of [1, 2]) {
      const pair = new Pair({ listen: { retry: 'always' } })
      pair.handshake()
      pair.run(() => pair.client.of('new-token').length > 0, 1000)
      const token = pair.client.of('new-token')[0]?.token
      if (token === undefined) throw new Error('No token came')
      for (let count = 1; count <= rotations; count++) pair.server.endpoint.rotateTokenKey(key(count))
      const { retried } = pair.server.endpoint.stats()
      const again = pair.connect({ token })
      pair.run(() => again.isHandshakeConfirmed, 5000)
      expect([rotations, pair.server.endpoint.stats().retried - retried]).toEqual([rotations, rotations - 1])
    }
  })

  test('has keys worth the name', () => {
    const { server, client } = new Pair()
    expect(() => server.endpoint.rotateTokenKey(new Uint8Array(31))).toThrow(RangeError)
    expect(() => client.endpoint.rotateTokenKey(new Uint8Array(31))).toThrow(RangeError)
    expect(() => server.endpoint.rotateResetKey(new Uint8Array(15))).toThrow(RangeError)
    client.endpoint.rotateTokenKey(key(1))
  })
})

describe('An endpoint', () => {
  test('counts who came and what became of them', () => {
    const pair = new Pair({ listen: { limits: { maxConnections: 3 } } })
    const decisions = ['accept', 'refuse', 'retry', 'accept', 'ignore', 'accept'] as const
    let next = 0
    const { endpoint } = pair.server
    pair.onIncoming = (incoming) => {
      const decision = decisions[next++]
      if (decision === 'refuse') endpoint.refuse(incoming)
      else if (decision === 'retry') endpoint.retry(incoming)
      else if (decision === 'ignore') endpoint.ignore(incoming)
      else pair.accept(incoming)
    }
    const settle = (connection = pair.connect()): string => {
      pair.run(() => connection.isHandshakeConfirmed || connection.state === 'closed', 30_000)
      return connection.state
    }
    expect([settle(), settle(), settle(), settle()]).toEqual(['connected', 'closed', 'connected', 'connected'])
    expect(endpoint.stats()).toMatchObject({ connections: 3, accepted: 3, retried: 1, ignored: 1, refused: 1 })
    expect(settle()).toBe('closed')
    expect(endpoint.stats()).toMatchObject({ connections: 3, handshakes: 0, pending: 0, dropped: 0 })
    // The client's own last word is an Initial packet, too.
    expect(endpoint.stats().refused).toBeGreaterThanOrEqual(2)
    pair.inject(new Uint8Array(100).fill(0xc0), 'server', '198.51.100.1:1')
    pair.connect({ config: { version: 0x1a2a3a4a } })
    pair.run(() => false, 20_000)
    expect(endpoint.stats()).toMatchObject({ versionNegotiations: 1 })
    expect(pair.client.endpoint.stats()).toMatchObject({ accepted: 0, handshakes: 0 })
  })

  test('holds its next server to the limits with the connections of the one before', () => {
    const pair = new Pair({ listen: { limits: { maxConnections: 2 } } })
    const { client } = pair.handshake()
    pair.handshake()
    const { endpoint } = pair.server
    endpoint.stopListening()
    endpoint.listen({ versions: [VERSION_1], limits: { maxConnections: 2 } }, createReception)
    const third = pair.connect()
    pair.run(() => third.state === 'closed', 30_000)
    expect(third.closeReason).toMatchObject({ side: 'remote', code: 2n })
    client.close({ code: 0n, reason: '' }, pair.now)
    pair.client.endpoint.wake(client)
    pair.run(() => endpoint.connectionCount === 1, 5000)
    const fourth = pair.connect()
    pair.run(() => fourth.isHandshakeConfirmed, 5000)
    expect(fourth.state).toBe('connected')
    expect(endpoint.stats()).toMatchObject({ connections: 2, handshakes: 0 })
  })
})
