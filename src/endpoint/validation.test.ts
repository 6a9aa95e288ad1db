import { describe, expect, test } from 'vitest'
import { noble } from '../crypto/noble/provider.ts'
import { LongHeader } from '../wire/long-header.ts'
import { PacketType } from '../wire/packet-type.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { Pair, testIdentity } from './test-pair.fixtures.ts'

/** The types of the long-header packets that begin datagrams. */
function typeOf(bytes: Uint8Array): number | undefined {
  const header = new LongHeader()
  header.anyFixedBit = true
  return header.parse(bytes, 0, bytes.length) ? header.type : undefined
}

/** A chain that no three datagrams hold. */
function longIdentity() {
  const identity = testIdentity(noble)
  return { ...identity, chain: Array.from({ length: 30 }, () => identity.chain[0] ?? new Uint8Array(0)) }
}

describe('Before a client’s address is validated', () => {
  //= rfc9000#8.1-p4-1
  test.each([0, 0.2, 0.4])('a server sends at most three times what it got, with a loss of %d', (loss) => {
    for (let seed = 1; seed <= 6; seed++) {
      const sent = { client: 0, server: 0 }
      let isValidated = false
      const pair = new Pair({
        seed,
        network: { loss, jitter: 5 },
        serverTls: { selectIdentity: longIdentity },
        client: { handshakeTimeout: 60_000 },
        server: { handshakeTimeout: 60_000 },
        tap: (bytes, from) => {
          if (from === 'server' && !isValidated) sent.server += bytes.length
          return true
        },
      })
      const client = pair.connect()
      const { endpoint } = pair.server
      const receive = endpoint.receiveDatagram.bind(endpoint)
      endpoint.receiveDatagram = (bytes, ...rest) => {
        sent.client += bytes.length
        receive(bytes, ...rest)
        isValidated = pair.server.connections[0]?.paths.active.isValidated ?? false
      }
      pair.run(() => {
        if (!isValidated) expect(sent.server).toBeLessThanOrEqual(3 * sent.client)
        return client.isHandshakeConfirmed
      }, 60_000)
      expect(client.isHandshakeConfirmed).toBe(true)
    }
  })
})

describe('Retry', () => {
  //= rfc9000#8.1.2-p1-1
  //= rfc9000#17.2.5.3-p4-1
  test('is answered, and the handshake goes on with a validated address', () => {
    const seen: (number | undefined)[] = []
    const pair = new Pair({
      listen: { retry: 'always' },
      tap: (bytes) => {
        seen.push(typeOf(bytes))
        return true
      },
    })
    const { server } = pair.handshake()
    expect(seen.slice(0, 3)).toEqual([PacketType.initial, PacketType.retry, PacketType.initial])
    expect(seen.filter((type) => type === PacketType.retry).length).toBe(1)
    expect(server.state).toBe('connected')
    expect(pair.server.connections.length).toBe(1)
  })

  //= rfc9000#8.1.3-p2-1
  //= rfc9000#7.2-p3-2
  //= rfc9000#8.1-p5-1
  test('changes id and token of all Initial packets of the client, each in 1,200 bytes', () => {
    const seen: string[] = []
    const pair = new Pair({
      listen: { retry: 'always' },
      network: { loss: 0.5 },
      seed: 4,
      client: { handshakeTimeout: 60_000 },
      tap: (bytes, from) => {
        const header = new LongHeader()
        header.anyFixedBit = true
        if (from !== 'client' || !header.parse(bytes, 0, bytes.length) || header.type !== PacketType.initial)
          return true
        expect(bytes.length).toBeGreaterThanOrEqual(1200)
        const token = header.tokenLength > 0 ? 'token' : 'none'
        const entry = `${header.destinationId().toString()} ${token}`
        if (seen.at(-1) !== entry) seen.push(entry)
        return true
      },
    })
    pair.handshake()
    expect(seen.map((entry) => entry.split(' ')[1])).toEqual(['none', 'token', 'token'])
    expect(new Set(seen).size).toBe(3)
  })

  test('completes under loss, reordering and duplication', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const network = { loss: 0.2, jitter: 20, duplicate: 0.2 }
      const pair = new Pair({ seed, network, listen: { retry: 'always' }, client: { handshakeTimeout: 60_000 } })
      const { client } = pair.handshake()
      expect(client.state).toBe('connected')
    }
  })

  //= rfc9000#8.1.3-p6-1
  test('is spared a client that brings a token of an earlier connection', () => {
    const seen: (number | undefined)[] = []
    const pair = new Pair({
      listen: { retry: 'always' },
      tap: (bytes) => {
        seen.push(typeOf(bytes))
        return true
      },
    })
    pair.handshake()
    pair.run(() => pair.client.of('new-token').length > 0, 1000)
    const token = pair.client.of('new-token')[0]?.token
    expect(token).toBeDefined()
    for (const [use, retries] of [
      ['first', 0],
      ['second', 1],
    ] as const) {
      seen.length = 0
      const again = pair.connect(token === undefined ? {} : { token })
      pair.run(() => again.isHandshakeConfirmed, 5000)
      expect([use, again.state]).toEqual([use, 'connected'])
      expect(seen.filter((type) => type === PacketType.retry).length).toBe(retries)
    }
  })

  //= rfc9000#8.1.2-p5-1
  test('with a token of another attempt ends in INVALID_TOKEN', () => {
    let token: Uint8Array | undefined
    const pair = new Pair({
      listen: { retry: 'always' },
      tap: (bytes, from) => {
        const header = new LongHeader()
        header.anyFixedBit = true
        if (from === 'client' && header.parse(bytes, 0, bytes.length) && header.tokenLength > 0)
          token ??= header.token()
        return true
      },
    })
    pair.handshake()
    const client = pair.connect(token === undefined ? {} : { token })
    pair.run(() => client.state === 'closed', 20_000)
    expect(client.closeReason).toMatchObject({ kind: 'transport', side: 'remote', code: 0x0bn })
  })

  test('with a token that was damaged on the way goes on with the next copy', () => {
    let damaged = 0
    const pair = new Pair({
      listen: { retry: 'always' },
      tap: (bytes, from) => {
        const header = new LongHeader()
        header.anyFixedBit = true
        if (from !== 'client' || !header.parse(bytes, 0, bytes.length) || header.tokenLength === 0) return true
        if (damaged > 0) return true
        damaged += 1
        const copy = bytes.slice()
        copy[header.tokenStart + 30] = (copy[header.tokenStart + 30] ?? 0) ^ 1
        return copy
      },
    })
    const { client } = pair.handshake()
    expect([damaged, client.state, pair.server.connections.length]).toEqual([1, 'connected', 1])
  })
})

describe('Version Negotiation', () => {
  //= rfc9368#2.1-p3-3
  test('leads to a version that both speak', () => {
    const pair = new Pair({ listen: { versions: [VERSION_2] } })
    const client = pair.connect()
    pair.run(() => client.isHandshakeConfirmed || client.state === 'closed', 20_000)
    expect([client.state, client.version]).toEqual(['connected', VERSION_2])
    expect(pair.client.of('version-changed')).toEqual([{ type: 'version-changed', version: VERSION_2 }])
  })

  //= rfc9000#6.2-p2-1
  test('ends the attempt where there is none', () => {
    const pair = new Pair({ listen: { versions: [VERSION_2] }, client: { versions: [VERSION_1] } })
    const client = pair.connect()
    pair.run(() => client.state === 'closed', 20_000)
    expect(client.closeReason).toMatchObject({ kind: 'version', offered: VERSION_1 })
    expect(pair.now).toBeLessThan(1200)
  })
})

describe('A server with limits', () => {
  test('refuses what is beyond them', () => {
    const pair = new Pair({ listen: { limits: { maxConnections: 1 } } })
    pair.handshake()
    const second = pair.connect()
    pair.run(() => second.state === 'closed', 20_000)
    expect(second.closeReason).toMatchObject({ kind: 'transport', side: 'remote', code: 0x02n })
  })

  //= rfc9000#5.2.2-p7-1
  test('makes one connection of an Initial packet, however often and however late it comes', () => {
    let first: Uint8Array | undefined
    const pair = new Pair({
      tap: (bytes) => {
        first ??= bytes
        return true
      },
    })
    const { client } = pair.handshake()
    for (const wait of [0, 5, 50, 500]) {
      pair.run(() => false, wait)
      if (first !== undefined) pair.inject(first, 'server', pair.client.address)
    }
    pair.run(() => false, 1000)
    expect(client.state).toBe('connected')
    expect(pair.server.connections.length).toBe(1)
  })
})
