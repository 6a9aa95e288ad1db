import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import type { Carrier } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, TestRandom } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const PREFERRED = '192.0.2.20:4434'
const PREFERRED_IPV6 = '[2001:db8::20]:4434'

interface Setting {
  readonly pair: Pair
  readonly traffic: Traffic
  readonly preferred: Carrier
  readonly client: Connection
  readonly server: Connection
}

function begun(options: PairOptions = {}): Setting {
  const pair = new Pair({
    crypto: quickCrypto(),
    preferredAddress: { ipv4: PREFERRED, ipv6: PREFERRED_IPV6 },
    ...options,
  })
  const preferred = pair.server.add(PREFERRED)
  const traffic = new Traffic(pair)
  return { pair, traffic, preferred, ...pair.handshake() }
}

describe('The preferred address of a server', () => {
  //= rfc9000#9.6.1-p3-1
  //= rfc9000#9.6.1-p4-1
  //= rfc9000#9.6.2-p1-1
  test('is validated by the client, which then moves there with everything', () => {
    forSeeds(10, (seed) => {
      const setting = begun({ seed, network: { delay: 10, jitter: 5, loss: 0.05 } })
      const { pair, traffic, client, server, preferred } = setting
      expect(client.paths.active.remoteAddress).toBe(pair.server.address)
      traffic.send(client, 'bidirectional', 100_000, 100_000)
      // One validation in so many fails for loss alone; the connection then stays where it is.
      expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
      pair.run(() => false, 5000)
      const isThere = client.paths.active.remoteAddress === PREFERRED
      expect(isThere ? pair.client.of('path-failed') : pair.client.of('path-validated')).toEqual([])
      if (!isThere) return
      expect(server.paths.active.carrier).toBe(preferred)
      expect(client.paths.paths.length).toBe(1)
      expect(pair.client.of('carrier-released')).toEqual([])
    })
  })

  //= rfc9000#9.6.2-p2-1
  //= rfc9000#9.6.2-p3-1
  //= rfc9000#21.5.3-p2-1
  test('sees nothing but probes, of either side, until it is proven', () => {
    const sizes: { from: string; to: string; size: number; at: number }[] = []
    const { pair, traffic, client, server } = begun({
      network: { delay: 50 },
      tap: (bytes, _side, at, { from, address }) => {
        sizes.push({ from, to: address, size: bytes.length, at })
        return true
      },
    })
    traffic.send(server, 'unidirectional', 400_000)
    traffic.send(client, 'unidirectional', 400_000)
    pair.run(() => client.paths.active.remoteAddress === PREFERRED, 1000)
    const moved = pair.now
    pair.run(() => server.paths.active.carrier !== pair.server.carrier, 1000)
    const followed = pair.now
    const early = sizes.filter(({ to, at }) => to === PREFERRED && at < moved)
    expect(early.length).toBeGreaterThan(0)
    expect(early.length).toBeLessThan(5)
    const answers = sizes.filter(({ from, at }) => from === PREFERRED && at < followed)
    expect(answers.length).toBeGreaterThan(0)
    expect(answers.length).toBeLessThan(5)
    for (const { size } of [...early, ...answers]) expect(size).toBe(1200)
    expect(followed).toBeGreaterThan(moved)
    expect(runChecked(pair, () => traffic.completed('client') + traffic.completed('server') === 2)).toBe(true)
  })

  //= rfc9000#9.6.1-p4-2
  test('that does not answer leaves the connection where it is', () => {
    const { pair, traffic, client, server } = begun({
      tap: (_bytes, _side, _now, { address }) => address !== PREFERRED,
    })
    traffic.send(client, 'bidirectional', 50_000, 50_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    pair.run(() => false, 10_000)
    expect(pair.client.of('path-failed')).toMatchObject([{ failure: 'timeout', remoteAddress: PREFERRED }])
    expect([client.paths.active.remoteAddress, client.paths.paths.length]).toEqual([pair.server.address, 1])
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
  })

  test('is left alone by a client that was told so, which has an id more', () => {
    const { pair, client } = begun({ client: { preferredAddressPolicy: 'ignore' } })
    pair.run(() => false, 5000)
    expect(client.paths.active.remoteAddress).toBe(pair.server.address)
    expect(pair.client.of('path-probed')).toEqual([])
    expect(client.peerParameters?.preferredAddress?.ipv4).toBe(PREFERRED)
  })

  test('may be where the client moves to, though the server asked for no migration', () => {
    const { pair, client } = begun({
      server: { disableActiveMigration: true },
      client: { preferredAddressPolicy: 'ignore' },
    })
    pair.run(() => false, 500)
    const second = pair.client.add('192.0.2.99:1')
    expect(() => client.openPath({ carrier: second, purpose: 'move' }, pair.now)).toThrow('disable_active_migration')
    client.openPath({ carrier: second, purpose: 'move', remoteAddress: PREFERRED }, pair.now)
    pair.client.endpoint.wake(client)
    pair.run(() => client.paths.active.carrier === second, 5000)
    expect(client.paths.active.remoteAddress).toBe(PREFERRED)
  })

  //= rfc9000#9.6.3-p1-1
  //= rfc9000#9.6.3-p2-1
  test('is tried from the new address, too, by a client that moves before it got there', () => {
    const setting = begun({ network: { delay: 100 } })
    const { pair, client, traffic, server, preferred } = setting
    // The ids that the server issues arrive with its confirmation.
    const second = pair.client.add('192.0.2.99:1')
    client.openPath({ carrier: second, purpose: 'move' }, pair.now)
    pair.client.endpoint.wake(client)
    expect(pair.client.of('path-failed').length).toBe(0)
    traffic.send(client, 'bidirectional', 20_000, 20_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    pair.run(() => false, 10_000)
    expect(client.paths.active).toMatchObject({ carrier: second, remoteAddress: PREFERRED })
    expect(server.paths.active.carrier).toBe(preferred)
    expect(pair.client.of('path-failed')).toMatchObject([{ failure: 'superseded', remoteAddress: PREFERRED }])
    expect(client.paths.paths.length).toBe(1)
    expect(server.paths.paths.length).toBe(1)
  })

  //= rfc9000#9.6.2-p5-1
  test('is forgotten with the connection', () => {
    const { pair, client } = begun()
    pair.run(() => client.paths.active.remoteAddress === PREFERRED, 3000)
    const other = pair.connect({ config: { preferredAddressPolicy: 'ignore' } })
    pair.run(() => other.isHandshakeConfirmed, 1000)
    pair.run(() => false, 1000)
    expect(other.paths.active.remoteAddress).toBe(pair.server.address)
  })

  //= rfc9000#9.6.3-p3-1
  test('gets no more than three times what came from an address that is not proven', () => {
    const sent = { there: 0, back: 0 }
    const elsewhere = '203.0.113.50:5'
    const setting = begun({
      tap: (bytes, _side, _now, { from, address }) => {
        if (from === PREFERRED && address === elsewhere) sent.back += bytes.length
        // The client's packets to the preferred address come by another NAT; what goes back there is lost.
        return address !== elsewhere
      },
    })
    const { pair, traffic, client, server } = setting
    const second = pair.client.add(elsewhere)
    client.openPath({ carrier: second, purpose: 'move', remoteAddress: PREFERRED }, pair.now)
    pair.client.endpoint.wake(client)
    traffic.send(server, 'unidirectional', 300_000)
    pair.run(() => false, 2000)
    const path = server.paths.paths.find(({ remoteAddress }) => remoteAddress === elsewhere)
    sent.there = path?.bytesReceived ?? 0
    expect(sent.there).toBeGreaterThan(0)
    expect(sent.back).toBeLessThanOrEqual(3 * sent.there)
    expect(path?.isValidated ?? false).toBe(false)
  })

  //= rfc9000#21.5.6-p2-1
  test('on this very machine is nothing that a server elsewhere may send us to', () => {
    for (const ipv4 of ['127.0.0.1:8080', '127.9.9.9:22']) {
      const { pair, client } = begun({ preferredAddress: { ipv4 } })
      pair.run(() => false, 3000)
      expect(client.paths.active.remoteAddress).toBe(pair.server.address)
      expect(pair.client.of('path-probed')).toEqual([])
    }
    const { pair } = begun({ preferredAddress: { ipv6: '[::1]:8080' } })
    expect(pair.client.of('path-probed')).toEqual([])
  })

  //= rfc9000#9.6.3-p5-1
  test('of the family in use is tried, else the other', () => {
    const { pair } = begun()
    pair.settle()
    expect(pair.client.of('path-probed')).toMatchObject([{ remoteAddress: PREFERRED }])
    const other = begun({ preferredAddress: { ipv6: PREFERRED_IPV6 } }).pair
    other.settle()
    expect(other.client.of('path-probed')).toMatchObject([{ remoteAddress: PREFERRED_IPV6 }])
  })

  test('comes with an id that counts: the first NEW_CONNECTION_ID has number 2, and the limit is kept', () => {
    const { pair, client, server } = begun({ client: { preferredAddressPolicy: 'ignore' } })
    pair.run(() => false, 500)
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
    expect(server.rotateConnectionIds()).toBe(true)
    pair.server.endpoint.wake(server)
    pair.run(() => false, 1000)
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
  })

  //= rfc9000#10.3.1-p2-1
  test('comes with a reset token that counts', () => {
    const { pair, client, traffic } = begun()
    pair.run(() => client.paths.active.remoteAddress === PREFERRED, 3000)
    expect(client.paths.active.remoteAddress).toBe(PREFERRED)
    const token = client.peerParameters?.preferredAddress?.statelessResetToken
    if (token === undefined) throw new Error('There is no token')
    traffic.send(client, 'unidirectional', 10)
    const reset = new Uint8Array(40)
    new TestRandom(5).fill(reset)
    reset[0] = 0x40 | ((reset[0] ?? 0) & 0x3f)
    reset.set(token, 24)
    pair.inject(reset, 'client', '192.0.2.66:1')
    pair.run(() => false, 20)
    expect(client.closeReason).toBeUndefined()
    pair.inject(reset, 'client', PREFERRED)
    pair.run(() => client.closeReason !== undefined, 50)
    expect(client.closeReason).toEqual({ kind: 'stateless-reset' })
  })

  //= rfc9000#18.2-p4.38.1-1
  //= rfc9000#18.2-p4.38.1-2
  test('is nothing for a server without connection ids', () => {
    const idGenerator = { length: 0, generate: () => ConnectionId.from(new Uint8Array(0)) }
    const pair = new Pair({
      crypto: quickCrypto(),
      preferredAddress: { ipv4: PREFERRED },
      endpoint: { idGenerator },
    })
    pair.connect()
    expect(() => pair.run(() => false, 1000)).toThrow('A preferred address takes connection ids of a byte or more')
  })
})
