import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { MigrationError, type PathRequest } from '../connection/migration.ts'
import type { Carrier } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { FrameType } from '../wire/frame.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const SECOND = '198.51.100.1:2000'
const THIRD = '203.0.113.1:3000'

interface Setting {
  readonly pair: Pair
  readonly traffic: Traffic
  readonly client: Connection
  readonly server: Connection
  open(carrier: Carrier, purpose: PathRequest['purpose'], rest?: Partial<PathRequest>): number
}

function connected(options: PairOptions = {}): Setting {
  const pair = new Pair({ crypto: quickCrypto(), ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  // Ids are issued and acknowledged before anything moves.
  pair.run(() => false, 300)
  const open = (carrier: Carrier, purpose: PathRequest['purpose'], rest: Partial<PathRequest> = {}): number => {
    const id = client.openPath({ carrier, purpose, ...rest }, pair.now)
    pair.client.endpoint.wake(client)
    return id
  }
  return { pair, traffic, client, server, open }
}

function failureOf(call: () => unknown): string | undefined {
  try {
    call()
  } catch (error) {
    if (error instanceof MigrationError) return error.failure
    throw error
  }
  return undefined
}

describe('A client that moves', () => {
  //= rfc9000#9-p4-1
  test('validates the new path first, and then takes everything there', () => {
    const setting = connected()
    const { pair, traffic, client, server } = setting
    traffic.send(client, 'bidirectional', 200_000, 200_000)
    pair.run(() => traffic.received('server') > 50_000)
    const second = pair.client.add(SECOND)
    const id = setting.open(second, 'move')
    expect(client.paths.active.carrier).toBe(pair.client.carrier)
    expect(client.paths.paths.map((path) => client.paths.stateOf(path))).toEqual(['active', 'validating'])
    expect(runChecked(pair, () => pair.client.of('path-validated').length > 0, 1000)).toBe(true)
    expect(pair.client.of('path-validated')).toEqual([
      { type: 'path-validated', path: id, localAddress: SECOND, remoteAddress: pair.server.address },
    ])
    expect(client.paths.active.carrier).toBe(second)
    expect(pair.client.of('path-changed').at(-1)?.localAddress).toBe(SECOND)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(server.paths.active.remoteAddress).toBe(SECOND)
    expect(server.paths.active.isValidated).toBe(true)
    expect(traffic.received('client')).toBe(200_000)
    pair.run(() => false, 10_000)
    expect(client.paths.paths.length).toBe(1)
    expect(server.paths.paths.length).toBe(1)
    expect(pair.client.of('carrier-released')).toEqual([{ type: 'carrier-released', carrier: pair.client.carrier }])
  })

  //= rfc9000#9.4-p2-1
  test('begins anew with congestion, RTT and MTU, with the same algorithm', () => {
    const { pair, traffic, client, open } = connected({ client: { initialWindow: 30_000 } })
    traffic.send(client, 'bidirectional', 300_000)
    pair.run(() => traffic.completed('server') === 1)
    const before = client.paths.active.recovery
    expect(client.paths.active.mtu?.current).toBe(1452)
    open(pair.client.add(SECOND), 'move')
    pair.run(() => pair.client.of('path-validated').length > 0, 1000)
    const after = client.paths.active
    expect(after.recovery).not.toBe(before)
    expect(after.recovery.congestionWindow).toBe(30_000)
    expect(after.recovery.controller.constructor).toBe(before.controller.constructor)
    expect(after.recovery.rtt.smoothed).toBeCloseTo(20, 0)
    expect(after.mtu?.current).toBe(1200)
    expect(pair.client.of('mtu-changed').map(({ mtu }) => mtu)).toEqual([1452, 1200])
    pair.run(() => after.mtu?.current === 1452, 5000)
    expect(pair.client.of('mtu-changed').at(-1)?.mtu).toBe(1452)
  })

  test('keeps congestion state and RTT where only its port is another', () => {
    const { pair, client, server, open } = connected()
    const before = [client.paths.active.recovery, server.paths.active.recovery]
    open(pair.client.add('192.0.2.1:1001'), 'move')
    pair.run(() => server.paths.active.remoteAddress === '192.0.2.1:1001', 1000)
    expect([client.paths.active.recovery, server.paths.active.recovery]).toEqual(before)
    pair.run(() => false, 5000)
    expect(client.paths.active.recovery.bytesInFlight).toBe(0)
    client.checkInvariants()
    server.checkInvariants()
  })

  //= rfc9000#9.5-p3-1
  //= rfc9000#8.2.1-p5-1
  test('uses an id of its own on each path, in datagrams of 1,200 bytes while it only probes', () => {
    const seen: { from: string; size: number; id: string }[] = []
    const setting = connected({
      tap: (bytes, side, _now, { from }) => {
        if (side === 'client' && (bytes[0] ?? 0) < 0x80)
          seen.push({ from, size: bytes.length, id: String(bytes.subarray(1, 9)) })
        return true
      },
    })
    const { pair, open } = setting
    open(pair.client.add(SECOND), 'spare')
    pair.run(() => false, 2000)
    const probes = seen.filter(({ from }) => from === SECOND)
    expect(probes.length).toBeGreaterThan(0)
    for (const { size } of probes) expect(size).toBe(1200)
    const ids = (address: string): Set<string> =>
      new Set(seen.filter(({ from }) => from === address).map(({ id }) => id))
    expect([...ids(SECOND)].filter((id) => ids(pair.client.address).has(id))).toEqual([])
    expect(ids(SECOND).size).toBe(1)
  })

  test('keeps a spare, to which it moves at once', () => {
    const { pair, traffic, client, server, open } = connected()
    const second = pair.client.add(SECOND)
    const id = open(second, 'spare')
    pair.run(() => pair.client.of('path-validated').length > 0, 1000)
    expect(client.paths.active.carrier).toBe(pair.client.carrier)
    pair.run(() => false, 8000)
    const spare = client.paths.get(id)
    if (spare === undefined) throw new Error('The spare is gone')
    expect(client.paths.stateOf(spare)).toBe('spare')
    expect(server.paths.paths.length).toBe(2)
    expect(open(second, 'move')).toBe(id)
    expect(client.paths.active).toBe(spare)
    traffic.send(client, 'bidirectional', 10_000)
    pair.run(() => traffic.completed('server') === 1)
    expect(server.paths.active.remoteAddress).toBe(SECOND)
  })

  //= rfc9000#8.2.4-p2-2
  test('stays where it is if the new path does not answer', () => {
    const { pair, traffic, client, server, open } = connected({
      tap: (_bytes, _from, _now, { from }) => from !== SECOND,
    })
    const begun = pair.now
    const id = open(pair.client.add(SECOND), 'move')
    pair.run(() => pair.client.of('path-failed').length > 0, 20_000)
    expect(pair.client.of('path-failed')).toMatchObject([{ path: id, failure: 'timeout' }])
    expect(pair.now - begun).toBeGreaterThanOrEqual(2997)
    expect(pair.now - begun).toBeLessThan(3200)
    expect(client.paths.paths.length).toBe(1)
    expect(client.paths.active.carrier).toBe(pair.client.carrier)
    traffic.send(client, 'bidirectional', 10_000, 10_000)
    pair.run(() => traffic.completed('client') === 1)
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
    // The id of the path that failed is retired, and replaced.
    pair.run(() => false, 2000)
    expect(pair.client.of('carrier-released').length).toBe(1)
    for (let count = 0; count < 5; count++) {
      open(pair.client.add(`198.51.100.2:${count}`), 'move', { timeout: 100 })
      pair.run(() => false, 1000)
    }
    expect(client.paths.active.carrier.localAddress).toBe('198.51.100.2:4')
  })

  test('waits as long as it is told to', () => {
    const { pair, open } = connected({ tap: (_bytes, _from, now, { from }) => from !== SECOND || now > 9000 })
    open(pair.client.add(SECOND), 'move', { timeout: 30_000 })
    pair.run(() => pair.client.of('path-validated').length > 0, 60_000)
    expect(pair.now).toBeGreaterThan(9000)
    expect(pair.client.of('path-failed')).toEqual([])
  })

  test('takes the newest wish', () => {
    const { pair, client, open } = connected()
    const first = open(pair.client.add(SECOND), 'move')
    const third = pair.client.add(THIRD)
    open(third, 'move')
    pair.run(() => false, 5000)
    expect(pair.client.of('path-failed')).toMatchObject([{ path: first, failure: 'superseded' }])
    expect(client.paths.active.carrier).toBe(third)
  })

  test('may give an attempt up, or a spare', () => {
    const { pair, client, server, open } = connected()
    for (let count = 0; count < 10; count++) {
      const id = open(pair.client.add(`198.51.100.2:${count}`), count % 2 === 0 ? 'spare' : 'move')
      if (count % 2 === 0) pair.run(() => false, 500)
      client.abandonPath(id, pair.now)
      pair.client.endpoint.wake(client)
      pair.run(() => false, 500)
      expect(client.paths.paths.length).toBe(1)
    }
    expect(pair.client.of('path-failed').every(({ failure }) => failure === 'aborted')).toBe(true)
    expect(client.paths.active.carrier).toBe(pair.client.carrier)
    // What the client gave up the server lets go of as well, with the ids.
    expect(server.paths.paths.length).toBe(1)
  })

  //= rfc9000#9.3.3-p4-1
  test('hears what comes late on the path that it left, and answers there when asked', () => {
    const drops: string[] = []
    const answered: string[] = []
    const { pair, traffic, client, server, open } = connected({
      network: { delay: 60 },
      clientObserver: {
        packetDropped: (reason) => void drops.push(reason),
        packetSent: ({ path }, frames) => {
          if (frames.some(({ type }) => type === FrameType.pathResponse)) answered.push(path.carrier.localAddress)
        },
      },
    })
    const home = pair.client.address
    traffic.send(server, 'unidirectional', 400_000)
    pair.run(() => traffic.received('client') > 50_000)
    open(pair.client.add(SECOND), 'move')
    pair.run(() => client.paths.active.carrier.localAddress === SECOND, 1000)
    expect(client.paths.paths.map((path) => client.paths.stateOf(path))).toEqual(['leaving', 'active'])
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(drops).toEqual([])
    expect(new Set(answered)).toEqual(new Set([home, SECOND]))
    expect(server.paths.active.remoteAddress).toBe(SECOND)
  })

  test('tells the server so, though it has nothing to say', () => {
    const frames: number[] = []
    const { pair, client, open } = connected({
      clientObserver: {
        packetSent: ({ path, isMtuProbe }, sent) => {
          if (path.carrier.localAddress === SECOND && isMtuProbe !== true) frames.push(...sent.map(({ type }) => type))
        },
      },
    })
    open(pair.client.add(SECOND), 'move')
    pair.run(() => client.paths.active.carrier.localAddress === SECOND, 1000)
    expect(frames).toContain(FrameType.ping)
  })

  test('lets the peer no longer send to it once it has left', () => {
    const { pair, client, server, open } = connected()
    const first = pair.client.carrier
    open(pair.client.add(SECOND), 'move')
    pair.run(() => pair.client.of('carrier-released').length > 0, 60_000)
    expect(client.paths.onDatagram(server.paths.active.remoteAddress, first, 1200, pair.now)).toBeUndefined()
  })
})

describe('A move is refused', () => {
  //= rfc9000#9-p2-1
  test('before the handshake is confirmed', () => {
    const pair = new Pair({ crypto: quickCrypto() })
    const client = pair.connect()
    const second = pair.client.add(SECOND)
    expect(failureOf(() => client.openPath({ carrier: second, purpose: 'move' }, pair.now))).toBe('not-confirmed')
  })

  //= rfc9000#9-p3-1
  //= rfc9000#18.2-p4.30.1-1
  test('where the server asked for none', () => {
    const { pair, client, open } = connected({ server: { disableActiveMigration: true } })
    for (const purpose of ['move', 'spare'] as const) {
      expect(failureOf(() => open(pair.client.add(SECOND), purpose))).toBe('disabled')
    }
    expect(client.paths.paths.length).toBe(1)
  })

  test('to a server', () => {
    const { pair, server } = connected()
    const second = pair.server.add(SECOND)
    expect(failureOf(() => server.openPath({ carrier: second, purpose: 'move' }, pair.now))).toBe('server')
  })

  test('where the server has left no connection id', () => {
    const { pair, client, open } = connected({ client: { activeConnectionIdLimit: 2 } })
    open(pair.client.add(SECOND), 'spare')
    expect(failureOf(() => open(pair.client.add(THIRD), 'move'))).toBe('no-connection-id')
    pair.run(() => false, 1000)
    expect(client.paths.paths.length).toBe(2)
    expect(failureOf(() => open(pair.client.add(THIRD), 'move'))).toBe('no-connection-id')
  })

  test('where there are paths enough', () => {
    const { pair, open } = connected({ client: { activeConnectionIdLimit: 8 }, server: { activeConnectionIdLimit: 8 } })
    for (let count = 0; count < 3; count++) open(pair.client.add(`198.51.100.2:${count}`), 'spare')
    expect(failureOf(() => open(pair.client.add(THIRD), 'spare'))).toBe('too-many-paths')
  })
})

describe('Without connection ids', () => {
  const idGenerator = { length: 0, generate: () => ConnectionId.from(new Uint8Array(0)) }

  test('of its own, a client moves to where no other connection is', () => {
    const { pair, traffic, client, open } = connected({ clientEndpoint: { idGenerator } })
    const second = pair.client.add(SECOND)
    open(second, 'move')
    expect(runChecked(pair, () => client.paths.active.carrier === second, 3000)).toBe(true)
    traffic.send(client, 'bidirectional', 50_000, 50_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    pair.run(() => false, 5000)
    const other = pair.connect()
    pair.run(() => other.isHandshakeConfirmed, 3000)
    pair.run(() => false, 500)
    const third = pair.client.add(THIRD)
    expect(failureOf(() => other.openPath({ carrier: second, purpose: 'move' }, pair.now))).toBe('address-in-use')
    other.openPath({ carrier: third, purpose: 'move' }, pair.now)
    pair.client.endpoint.wake(other)
    pair.run(() => other.paths.active.carrier === third, 3000)
    expect(other.paths.active.carrier).toBe(third)
    expect([client.state, other.state]).toEqual(['connected', 'connected'])
  })

  //= rfc9000#9.5-p7-1
  test('of the server, it stays', () => {
    const { pair, open } = connected({ endpoint: { idGenerator } })
    expect(failureOf(() => open(pair.client.add(SECOND), 'move'))).toBe('no-connection-id')
  })
})

describe('A carrier that goes', () => {
  test('leaves the connection on a spare path', () => {
    const { pair, traffic, client, server, open } = connected()
    const second = pair.client.add(SECOND)
    open(second, 'spare')
    traffic.send(client, 'bidirectional', 500_000, 500_000)
    pair.run(() => traffic.received('server') > 100_000)
    pair.client.close(pair.client.carrier, pair.now)
    expect(client.paths.active.carrier).toBe(second)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(server.paths.active.remoteAddress).toBe(SECOND)
    expect(client.state).toBe('connected')
  })

  test('while the connection is on its way to another, lets it arrive', () => {
    const { pair, traffic, client, open } = connected()
    const second = pair.client.add(SECOND)
    open(second, 'move')
    pair.client.close(pair.client.carrier, pair.now)
    expect(client.state).toBe('connected')
    traffic.send(client, 'bidirectional', 10_000, 10_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(client.paths.active.carrier).toBe(second)
  })

  test('while the only way out does not answer, ends it', () => {
    const { pair, client, open } = connected({ tap: (_bytes, _side, _now, { from }) => from !== SECOND })
    open(pair.client.add(SECOND), 'move')
    pair.client.close(pair.client.carrier, pair.now)
    pair.run(() => client.state === 'closed', 20_000)
    expect(client.closeReason).toMatchObject({ kind: 'carrier-closed' })
    expect(pair.client.of('path-failed')).toMatchObject([{ failure: 'timeout' }])
  })

  test('and was the only one, ends the connection', () => {
    const { pair, client } = connected()
    pair.client.close(pair.client.carrier, pair.now)
    expect(client.closeReason).toMatchObject({ kind: 'carrier-closed' })
  })

  test('by itself, leaves the connection waiting for another, in the middle of a transfer', () => {
    forSeeds(6, (seed) => {
      const { pair, traffic, client, open } = connected({ seed })
      traffic.send(client, 'bidirectional', 500_000, 500_000)
      pair.run(() => traffic.received('server') > 100_000)
      pair.client.close(pair.client.carrier, pair.now, new Error('the cable was cut'))
      pair.run(() => false, 5000)
      expect(client.state).toBe('connected')
      const second = pair.client.add(SECOND)
      open(second, 'move')
      expect(runChecked(pair, () => traffic.completed('client') === 1, 20_000)).toBe(true)
      expect(client.paths.active.carrier).toBe(second)
    })
  })

  test('by itself, and no other comes within the idle timeout, ends the connection and says why', () => {
    const { pair, traffic, client } = connected()
    traffic.send(client, 'bidirectional', 500_000, 500_000)
    pair.run(() => traffic.received('server') > 100_000)
    const cause = new Error('the cable was cut')
    pair.client.close(pair.client.carrier, pair.now, cause)
    const died = pair.now
    pair.run(() => client.state === 'closed', 120_000)
    expect(client.closeReason).toMatchObject({ kind: 'carrier-closed', cause })
    expect(pair.now - died).toBeGreaterThan(20_000)
    expect(pair.now - died).toBeLessThan(40_000)
  })

  test('by itself, before the handshake is confirmed or where there is no idle timeout, ends the connection', () => {
    const early = new Pair({ crypto: quickCrypto() })
    const client = early.connect()
    early.client.close(early.client.carrier, early.now, new Error('the cable was cut'))
    expect(client.closeReason).toMatchObject({ kind: 'carrier-closed' })
    const endless = connected({ client: { maxIdleTimeout: 0 }, server: { maxIdleTimeout: 0 } })
    endless.pair.client.close(endless.pair.client.carrier, endless.pair.now, new Error('the cable was cut'))
    expect(endless.client.closeReason).toMatchObject({ kind: 'carrier-closed' })
  })

  test('and was a spare, is only told of', () => {
    const { pair, client, open } = connected()
    const second = pair.client.add(SECOND)
    const id = open(second, 'spare')
    pair.run(() => false, 500)
    pair.client.close(second, pair.now)
    pair.settle()
    expect(client.paths.paths.length).toBe(1)
    expect(pair.client.of('path-failed')).toMatchObject([{ path: id, failure: 'carrier-closed' }])
  })

  test('at the server, too, leaves it waiting for a client that has another way', () => {
    const { pair, traffic, client, server, open } = connected()
    const wire = { client: pair.client.add('pipe:1'), server: pair.server.add('pipe:2') }
    open(wire.client, 'spare', { remoteAddress: 'pipe:2' })
    pair.run(() => pair.client.of('path-validated').length > 0, 1000)
    traffic.send(server, 'unidirectional', 100_000)
    pair.server.close(pair.server.carrier, pair.now)
    pair.run(() => false, 500)
    expect(server.state).toBe('connected')
    pair.client.close(pair.client.carrier, pair.now)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    expect([client.paths.active.carrier, server.paths.active.carrier]).toEqual([wire.client, wire.server])
  })
})

describe('From one transport to another', () => {
  const RELIABLE = { reliable: true, ordered: true, addressValidated: true }

  test('a connection moves with everything on it, and back', () => {
    forSeeds(6, (seed) => {
      const { pair, traffic, client, server, open } = connected({ seed, network: { delay: 20, loss: 0.02 } })
      const wire = { client: pair.client.add('', RELIABLE), server: pair.server.add('wire', RELIABLE) }
      traffic.send(client, 'bidirectional', 150_000, 150_000)
      traffic.send(server, 'bidirectional', 150_000, 150_000)
      pair.run(() => traffic.received('server') > 50_000)
      open(wire.client, 'move', { remoteAddress: 'wire', timeout: 20_000 })
      expect(runChecked(pair, () => client.paths.active.carrier === wire.client, 20_000)).toBe(true)
      pair.run(() => traffic.received('server') > 100_000)
      open(pair.client.carrier, 'move', { remoteAddress: pair.server.address, timeout: 20_000 })
      expect(runChecked(pair, () => traffic.completed('client') === 2 && traffic.completed('server') === 2)).toBe(true)
      expect(client.paths.active.carrier).toBe(pair.client.carrier)
      expect(traffic.received('client')).toBe(300_000)
    })
  })

  test('a transfer survives 20 NAT rebindings and a move in the middle, with no byte lost', () => {
    forSeeds(6, (seed) => {
      const { pair, traffic, client, server, open } = connected({
        seed,
        network: { delay: 15, jitter: 10, loss: 0.02, duplicate: 0.01 },
        // Who only listens does not learn that its NAT has forgotten it, but by asking now and then.
        client: { keepAlive: 200 },
      })
      const wire = { client: pair.client.add('', RELIABLE), server: pair.server.add('wire', RELIABLE) }
      const total = 600_000
      traffic.send(client, 'bidirectional', total, total)
      let rebindings = 0
      let isMoved = false
      const step = total / 14
      const done = runChecked(pair, () => {
        const progress = traffic.received('server') + traffic.received('client')
        if (rebindings < 20 && progress > step * (rebindings + 1)) {
          rebindings += 1
          // The NAT forgets the old address, and now and then the client comes from another host.
          pair.client.address = rebindings % 5 === 0 ? `198.51.100.${rebindings}:9` : `192.0.2.1:${2000 + rebindings}`
        }
        if (!isMoved && rebindings === 10) {
          isMoved = true
          open(wire.client, 'spare', { remoteAddress: 'wire', timeout: 30_000 })
        }
        if (isMoved && rebindings === 12 && client.paths.active.carrier !== wire.client) {
          open(wire.client, 'move', { remoteAddress: 'wire', timeout: 30_000 })
        }
        if (rebindings === 14 && client.paths.active.carrier === wire.client) {
          open(pair.client.carrier, 'move', { remoteAddress: pair.server.address, timeout: 30_000 })
        }
        return traffic.completed('client') === 1
      })
      expect(done).toBe(true)
      expect(rebindings).toBe(20)
      expect([traffic.received('server'), traffic.received('client')]).toEqual([total, total])
      expect([client.state, server.state]).toEqual(['connected', 'connected'])
    })
  })
})
