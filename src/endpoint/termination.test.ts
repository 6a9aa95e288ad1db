import { describe, expect, test } from 'vitest'
import { Pair } from './test-pair.fixtures.ts'

const ERROR = { code: 0x42n, reason: 'done' }

describe('Closing a connection', () => {
  //= rfc9000#10.2-p5-1
  test('reaches the peer, and both are gone three PTOs later', () => {
    const pair = new Pair()
    const { client, server } = pair.handshake()
    client.close(ERROR, pair.now)
    pair.client.endpoint.wake(client)
    expect(client.state).toBe('closing')
    pair.run(() => server.state === 'draining', 100)
    expect(server.closeReason).toEqual({ kind: 'application', side: 'remote', code: 0x42n, reason: 'done' })
    pair.run(() => client.state === 'draining', 100)
    expect(client.state).toBe('draining')
    pair.run(() => false, 5000)
    expect([client.state, server.state]).toEqual(['closed', 'closed'])
    expect([pair.client.endpoint.connectionCount, pair.server.endpoint.connectionCount]).toEqual([0, 0])
    for (const side of [pair.client, pair.server]) {
      expect(side.events.map(({ event }) => event.type).slice(-3)).toEqual(['closing', 'draining', 'closed'])
    }
  })

  //= rfc9000#10.2.3-p3-1
  test('during the handshake tells the server, and tells it nothing of the application', () => {
    const pair = new Pair()
    const client = pair.connect()
    pair.run(() => pair.server.connections.length > 0, 100)
    client.close(ERROR, pair.now)
    pair.client.endpoint.wake(client)
    const server = pair.server.connections[0]
    pair.run(() => server?.closeReason !== undefined, 5000)
    expect(server?.closeReason).toMatchObject({ kind: 'transport', side: 'remote', code: 0x0cn, reason: '' })
  })

  //= rfc9000#10.2.3-p2.3-1
  test('before the Finished of the client could leave lets it go first: without it nobody could read why', () => {
    const pair = new Pair()
    const client = pair.connect()
    pair.run(() => pair.server.connections.length > 0, 100)
    pair.client.endpoint.onCarrierFull()
    pair.run(() => client.state === 'connected', 1000)
    client.close(ERROR, pair.now)
    pair.client.endpoint.onCarrierDrained(pair.client.carrier)
    pair.client.endpoint.wake(client)
    const server = pair.server.connections[0]
    pair.run(() => server?.closeReason !== undefined, 100)
    expect(server?.closeReason).toEqual({ kind: 'application', side: 'remote', code: 0x42n, reason: 'done' })
  })

  test('under loss is repeated in answer to what still comes', () => {
    let toLose = 2
    const pair = new Pair({
      tap: (_bytes, from) => !(from === 'client' && isClosing && toLose-- > 0),
    })
    let isClosing = false
    const { client, server } = pair.handshake()
    pair.run(() => false, 200)
    client.close(ERROR, pair.now)
    isClosing = true
    pair.client.endpoint.wake(client)
    const stream = server.streams.open('unidirectional')
    stream?.send?.write(new Uint8Array(100_000))
    pair.server.endpoint.wake(server)
    pair.run(() => server.state !== 'connected', 5000)
    expect(server.closeReason).toMatchObject({ kind: 'application', code: 0x42n })
  })
})

describe('An idle connection', () => {
  test('ends silently on both sides after the smaller of the two timeouts', () => {
    let datagrams = 0
    const pair = new Pair({
      client: { maxIdleTimeout: 8000 },
      server: { maxIdleTimeout: 5000 },
      tap: () => {
        datagrams += 1
        return true
      },
    })
    const { client, server } = pair.handshake()
    pair.run(() => false, 1000)
    const start = pair.now
    datagrams = 0
    pair.run(() => client.state === 'closed' && server.state === 'closed', 20_000)
    expect([client.closeReason, server.closeReason]).toEqual([
      { kind: 'idle-timeout', after: 5000 },
      { kind: 'idle-timeout', after: 5000 },
    ])
    expect(pair.now).toBeLessThan(start + 5001)
    expect(datagrams).toBe(0)
  })

  test('is kept alive if that is asked for', () => {
    const pair = new Pair({ client: { keepAlive: 'auto' }, server: { maxIdleTimeout: 3000 } })
    const { client, server } = pair.handshake()
    pair.run(() => false, 60_000)
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
  })

  test('gives up a handshake that nobody answers, in time', () => {
    const pair = new Pair({ client: { handshakeTimeout: 4000 }, tap: () => false })
    const client = pair.connect()
    const start = pair.now
    pair.run(() => client.state !== 'connecting', 60_000)
    expect(client.closeReason).toEqual({ kind: 'handshake-timeout', after: 4000 })
    expect(pair.now - start).toBe(4000)
  })
})

describe('A server that lost its state', () => {
  //= rfc9000#10.3.1-p5-1
  test('resets the connection, by a key that outlived it', () => {
    const resetKey = new Uint8Array(32).fill(5)
    const pair = new Pair({ endpoint: { resetKey } })
    const { client, server } = pair.handshake()
    pair.run(() => false, 200)
    expect(server.state).toBe('connected')
    pair.server.endpoint.onCarrierClosed(pair.server.carrier, pair.now)
    pair.settle()
    expect(pair.server.endpoint.connectionCount).toBe(0)
    const stream = client.streams.open('unidirectional')
    stream?.send?.write(new Uint8Array(100))
    pair.client.endpoint.wake(client)
    pair.run(() => client.state !== 'connected', 5000)
    expect(client.closeReason).toEqual({ kind: 'stateless-reset' })
    pair.run(() => client.state === 'closed', 5000)
    expect(client.state).toBe('closed')
  })
})
