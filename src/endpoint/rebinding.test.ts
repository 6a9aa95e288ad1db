import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, Traffic } from './traffic.fixtures.ts'

const REBOUND = '192.0.2.1:2000'
const ELSEWHERE = '198.51.100.9:1000'

interface Setting {
  readonly pair: Pair
  readonly client: Connection
  readonly server: Connection
  /** Bytes that the server has read. */
  received(): number
  /** Sends `length` bytes from the client and runs until the server has them. */
  send(length: number): void
}

function connected(options: PairOptions = {}): Setting {
  const pair = new Pair(options)
  const { client, server } = pair.handshake()
  // Ids are issued and acknowledged before anything moves.
  pair.run(() => false, 200)
  let received = 0
  let left = 0
  const into = new Uint8Array(4096)
  const stream = client.streams.open('unidirectional')
  const push = (): void => {
    while (left > 0) {
      const taken = stream?.send?.write(new Uint8Array(Math.min(left, 4096))) ?? 0
      if (taken === 0) return
      left -= taken
    }
  }
  pair.onEvent = (_side, _connection, event) => {
    if (event.type === 'stream-writable') push()
    if (event.type !== 'stream-readable' && event.type !== 'stream-opened') return
    for (let count = 1; count > 0; received += Math.max(0, count)) count = event.stream.receive?.read(into) ?? 0
  }
  const send = (length: number): void => {
    const target = received + length
    left += length
    push()
    pair.client.endpoint.wake(client)
    pair.run(() => received >= target, 30_000)
    expect(received).toBe(target)
  }
  return { pair, client, server, received: () => received, send }
}

describe('A peer at another address', () => {
  test('is followed to another port, without a new start', () => {
    const { pair, server, send } = connected()
    send(100_000)
    const before = server.paths.active.recovery
    pair.client.address = REBOUND
    send(100_000)
    expect(server.paths.active.remoteAddress).toBe(REBOUND)
    expect(server.paths.active.recovery).toBe(before)
    pair.run(() => server.paths.active.isValidated, 2000)
    expect(server.paths.active.isValidated).toBe(true)
    pair.run(() => false, 5000)
    expect(server.paths.paths.length).toBe(1)
    expect(pair.server.of('path-changed')).toEqual([
      { type: 'path-changed', localAddress: '192.0.2.2:4433', remoteAddress: REBOUND },
    ])
    expect(server.state).toBe('connected')
  })

  test('is followed to another host, with a new start', () => {
    const { pair, server, send } = connected()
    send(100_000)
    const before = server.paths.active.recovery
    pair.client.address = ELSEWHERE
    send(100_000)
    expect(server.paths.active.remoteAddress).toBe(ELSEWHERE)
    expect(server.paths.active.recovery).not.toBe(before)
    pair.run(() => false, 5000)
    expect([server.paths.paths.length, server.paths.active.isValidated]).toEqual([1, true])
    send(100_000)
  })

  //= rfc9000#9-p3-2
  test('is followed even by a server that asked for no migration, since it may not know of the change', () => {
    const { server, pair, send } = connected({ server: { disableActiveMigration: true } })
    pair.client.address = REBOUND
    send(10_000)
    expect(server.paths.active.remoteAddress).toBe(REBOUND)
  })

  //= rfc9000#9.4-p1-1
  test('costs its window one reduction at most, for what was under way; challenges to where it was cost nothing', () => {
    const { pair, server, client } = connected({ network: { delay: 15 }, client: { keepAlive: 25 } })
    const traffic = new Traffic(pair)
    // What goes to an address that the NAT has forgotten is lost.
    pair.client.add('203.0.113.1:1')
    traffic.send(client, 'bidirectional', 10, 4_000_000)
    pair.run(() => traffic.received('client') > 1_000_000)
    pair.client.address = REBOUND
    pair.run(() => server.paths.active.remoteAddress === REBOUND, 1000)
    const before = server.paths.active.recovery.congestionWindow
    pair.run(() => traffic.completed('client') === 1)
    const { recovery } = server.paths.active
    expect(recovery.controller.slowStartThreshold).toBeGreaterThan(before * 0.65)
    expect(server.stats().ptoCount).toBe(0)
  })

  test('may move again and again', () => {
    const { pair, server, send } = connected()
    for (let port = 2000; port < 2020; port++) {
      pair.client.address = `192.0.2.1:${port}`
      send(10_000)
      pair.run(() => false, port % 3 === 0 ? 5000 : 5)
    }
    pair.run(() => false, 5000)
    expect(server.paths.paths.length).toBe(1)
    expect(server.paths.active.remoteAddress).toBe('192.0.2.1:2019')
    expect(server.state).toBe('connected')
  })

  //= rfc9000#9.3.2-p2-1
  test('that somebody only pretends to have, is left again', () => {
    let forge = false
    let copy: Uint8Array | undefined
    const setting = connected({
      tap: (bytes, from) => {
        if (!(forge && from === 'client')) return true
        forge = false
        copy = bytes
        return false
      },
    })
    const { pair, server, send } = setting
    send(50_000)
    forge = true
    send(20_000)
    if (copy === undefined) throw new Error('Nothing was copied')
    // The packet that was held back, and that had the highest number for a moment, comes from somewhere else.
    forge = true
    copy = undefined
    const stream = setting.client.streams.open('unidirectional')
    stream?.send?.write(new Uint8Array(10))
    pair.client.endpoint.wake(setting.client)
    pair.settle()
    if (copy === undefined) throw new Error('Nothing was copied')
    pair.inject(copy, 'server', ELSEWHERE)
    pair.run(() => server.paths.active.remoteAddress === ELSEWHERE, 50)
    expect(server.paths.active.remoteAddress).toBe(ELSEWHERE)
    pair.run(() => server.paths.active.remoteAddress === '192.0.2.1:1000', 5000)
    expect(server.paths.active.remoteAddress).toBe('192.0.2.1:1000')
    send(50_000)
    expect(server.state).toBe('connected')
  })

  //= rfc9000#9.3.3-p4-1
  //= rfc9000#9.3.3-p5-1
  test('that somebody has who forwards packets faster, is left as soon as a genuine packet comes first', () => {
    forSeeds(5, (seed) => {
      let pair: Pair | undefined
      let left = 0
      const setting = connected({
        seed,
        network: { delay: 20 },
        // Copies of the client's packets arrive at once, from the attacker, who hands the answers on.
        tap: (bytes, from, _now, { address }) => {
          if (left === 0 || pair === undefined) return true
          if (from === 'client') {
            left -= 1
            pair.inject(bytes.slice(), 'server', ELSEWHERE)
            return true
          }
          if (address !== ELSEWHERE) return true
          pair.inject(bytes.slice(), 'client', pair.server.address)
          return false
        },
      })
      pair = setting.pair
      const { server, client, send } = setting
      send(50_000)
      left = 30
      send(200_000)
      expect(left).toBe(0)
      expect(pair.server.of('path-changed').some(({ remoteAddress }) => remoteAddress === ELSEWHERE)).toBe(true)
      send(50_000)
      pair.run(() => false, 5000)
      expect(server.paths.active.remoteAddress).toBe('192.0.2.1:1000')
      expect([server.paths.paths.length, client.paths.paths.length]).toEqual([1, 1])
      expect([client.state, server.state]).toEqual(['connected', 'connected'])
    })
  })

  //= rfc9000#9-p6-1
  test('is not believed of a server', () => {
    const { pair, client, send } = connected()
    pair.server.address = '192.0.2.3:4433'
    const dropped = client.stats()
    pair.run(() => false, 100)
    expect(client.paths.paths.length).toBe(1)
    expect(dropped).toBeDefined()
    pair.server.address = '192.0.2.2:4433'
    send(1000)
  })
})

describe('Connection ids', () => {
  test('are issued on both sides, and replaced all at once on demand', () => {
    const { pair, client, server, send } = connected()
    send(1000)
    for (let round = 0; round < 5; round++) {
      expect(server.rotateConnectionIds()).toBe(true)
      expect(client.rotateConnectionIds()).toBe(true)
      pair.server.endpoint.wake(server)
      pair.client.endpoint.wake(client)
      pair.run(() => false, 500)
      send(20_000)
    }
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
  })
})

test('A client whose NAT rebinds before it has heard HANDSHAKE_DONE is found again', () => {
  // What is more than an acknowledgement is lost on its way back, HANDSHAKE_DONE as well; then all that goes to the old port.
  let isLost = false
  let here = '192.0.2.1:1000'
  const pair = new Pair({
    tap: (bytes, from, _now, { address }) => from === 'client' || (address === here && (!isLost || bytes.length < 60)),
  })
  const client = pair.connect()
  pair.run(() => client.state === 'connected')
  isLost = true
  // Everything that the server can read is acknowledged: only Finished is probed for.
  pair.run(() => false, 1000)
  expect([client.isHandshakeConfirmed, client.inspect(pair.now).packets.outstanding]).toEqual([false, 0])
  isLost = false
  here = REBOUND
  pair.client.address = here
  pair.run(() => client.isHandshakeConfirmed, 5000)
  expect(client.isHandshakeConfirmed).toBe(true)
  expect(pair.server.connections.at(-1)?.paths.active.remoteAddress).toBe(REBOUND)
})
