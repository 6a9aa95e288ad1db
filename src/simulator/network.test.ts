import { describe, expect, test } from 'vitest'
import { Network, type NetworkOptions } from './network.ts'
import type { Port, PortOptions } from './port.ts'
import type { DropRule } from './scripts.ts'

/** A network whose ports tell what arrives, as `time port: byte from`. */
class World {
  readonly network: Network
  readonly seen: string[] = []

  constructor(options: NetworkOptions = {}) {
    this.network = new Network(options)
  }

  port(node: string, options: Omit<PortOptions, 'node'> = {}): Port {
    const port = this.network.attach({ node, ...options })
    port.sink = {
      onDatagram: (at, bytes, from, _ecn, now) => void this.seen.push(`${now} ${at.node}: ${bytes[0]} ${from}`),
      onDrain: () => undefined,
    }
    return port
  }

  run(): string[] {
    while (this.network.clock.step());
    return this.seen.splice(0)
  }
}

describe('a network', () => {
  test('carries between the ports that are linked, with a delay of its own each way', () => {
    const world = new World()
    const [one, other, third] = [world.port('one'), world.port('other'), world.port('third')]
    world.network.connect(one, other, { delay: 5 }, { delay: 7 })
    one.send(Uint8Array.of(1), other.address, 0)
    other.send(Uint8Array.of(2), one.address, 0)
    one.send(Uint8Array.of(3), third.address, 0)
    one.send(Uint8Array.of(4), '203.0.113.9:9', 0)
    expect(world.run()).toEqual([`5 other: 1 ${one.address}`, `7 one: 2 ${other.address}`])
  })

  test('has two ports share a bottleneck', () => {
    const world = new World()
    const [one, two, server] = [world.port('one'), world.port('two'), world.port('server')]
    world.network.connect([one, two], server, { bandwidth: 8_000_000 }, {})
    one.send(new Uint8Array(1000), server.address, 0)
    two.send(new Uint8Array(1000), server.address, 0)
    server.send(Uint8Array.of(9), two.address, 0)
    expect(world.run()).toEqual([
      `0 two: 9 ${server.address}`,
      `1 server: 0 ${one.address}`,
      `2 server: 0 ${two.address}`,
    ])
  })

  test('leads to the one peer where there are no addresses', () => {
    const world = new World()
    const [one, other] = [world.port('one', { address: '' }), world.port('other', { address: '' })]
    world.network.connect(one, other)
    one.send(Uint8Array.of(1), '', 0)
    expect(world.run()).toEqual(['0 other: 1 '])
  })

  test('a rebound port speaks from another address, and is not found at the old one', () => {
    const world = new World()
    const [one, other] = [world.port('one', { address: '192.0.2.9:7' }), world.port('other')]
    world.network.connect(one, other, { delay: 10 })
    other.send(Uint8Array.of(1), one.address, 0)
    world.network.at(5, () => expect(one.rebind()).toBe('192.0.2.9:8'))
    world.network.at(6, () => {
      one.send(Uint8Array.of(2), other.address, 0)
      other.send(Uint8Array.of(3), '192.0.2.9:7', 0)
      other.send(Uint8Array.of(4), '192.0.2.9:8', 0)
    })
    expect(world.run()).toEqual(['16 other: 2 192.0.2.9:8', `16 one: 4 ${other.address}`])
    expect(one.localAddress).toBe('192.0.2.9:7')
    expect(one.rebind('198.51.100.1:99')).toBe('198.51.100.1:99')
    expect(() => one.rebind(other.address)).toThrow(`The address ${other.address} is taken`)
  })

  test('parts nodes, and joins them again', () => {
    const world = new World()
    const ports = ['a', 'b', 'c'].map((name) => world.port(name))
    const [a, b, c] = ports as [Port, Port, Port]
    world.network.connect([a, b], c)
    world.network.connect(a, b)
    const heal = world.network.partition(['a'], ['b', 'c'])
    const round = (): string[] => {
      for (const from of ports) for (const to of ports) if (from !== to) from.send(Uint8Array.of(0), to.address, 0)
      return world.run().map((line) => line.split(' ')[1] ?? '')
    }
    expect(round().toSorted()).toEqual(['b:', 'c:'])
    heal()
    expect(round()).toHaveLength(6)
  })

  test('a closed port hears nothing, sends nothing, and leaves its address to others', () => {
    const world = new World()
    const [one, other] = [world.port('one'), world.port('other')]
    world.network.connect(one, other, { delay: 1 })
    one.send(Uint8Array.of(1), other.address, 0)
    other.close()
    other.close()
    other.send(Uint8Array.of(2), one.address, 0)
    expect(world.run()).toEqual([])
    expect(world.port('heir', { address: other.address }).address).toBe(other.address)
  })

  test('shows datagrams to taps, which may lose or replace them', () => {
    const world = new World({ trace: true })
    const [one, other] = [world.port('one'), world.port('other')]
    world.network.connect(one, other)
    const end = world.network.tap(({ bytes, from, to }) => {
      expect([from, to]).toEqual(['one', 'other'])
      return bytes[0] === 1 ? false : Uint8Array.of(7)
    })
    one.send(Uint8Array.of(1), other.address, 0)
    one.send(Uint8Array.of(2), other.address, 0)
    end()
    one.send(Uint8Array.of(3), other.address, 0)
    expect(world.run().map((line) => line.split(' ')[2])).toEqual(['7', '3'])
    expect(world.network.trace?.entries.map(({ cause }) => cause)).toEqual(['scripted', undefined, undefined])
  })

  test('finds a host by address, and a node by name', () => {
    const world = new World()
    const server = world.port('server', { address: '[2001:db8::1]:443' })
    expect(world.network.resolve('2001:db8::1', 443)).toEqual([server.address])
    expect(world.network.resolve('server', 443)).toEqual([server.address])
    expect(world.network.resolve('server', 80)).toEqual([])
  })

  test('injects what nobody sent', () => {
    const world = new World()
    const port = world.port('one')
    world.network.inject(Uint8Array.of(5), port, '198.51.100.7:7')
    expect(world.run()).toEqual(['0 one: 5 198.51.100.7:7'])
  })

  test('refuses an address twice, a datagram size below that of QUIC, and a seed that is none', () => {
    const world = new World()
    const { address } = world.port('one')
    expect(() => world.port('other', { address })).toThrow(`The address ${address} is taken`)
    expect(() => world.port('other', { maxDatagramSize: 1199 })).toThrow(
      'maxDatagramSize must be at least 1200, got 1199',
    )
    expect(() => new Network({ seed: -1 })).toThrow(RangeError)
  })
})

describe('a scripted drop', () => {
  /** A short header, and an Initial packet of version 1 coalesced with a Handshake packet. */
  const SHORT = Uint8Array.from([0x40, ...new Array(30).fill(1)])
  const long = (first: number, token: readonly number[]): number[] => [
    first,
    0,
    0,
    0,
    1,
    1,
    7,
    1,
    8,
    ...token,
    20,
    ...new Array(20).fill(0),
  ]
  const COALESCED = Uint8Array.from([...long(0xc0, [0]), ...long(0xe0, [])])

  const numbersLost = (rule: DropRule, datagrams: readonly Uint8Array[]): number[] => {
    const network = new Network({ trace: true })
    const [one, other] = [network.attach({ node: 'one' }), network.attach({ node: 'other' })]
    network.connect(one, other)
    const script = network.drop(rule)
    datagrams.forEach((bytes, index) => {
      network.clock.advance(index)
      one.send(bytes, other.address, 0)
    })
    const lost = network.trace?.entries.flatMap(({ cause }, index) => (cause === 'scripted' ? [index] : [])) ?? []
    expect(script.hits).toBe(lost.length)
    return lost
  }

  test.each<[string, DropRule, number[]]>([
    ['all of a type', { type: 'handshake' }, [1, 3]],
    ['the second of a type', { type: 'initial', nth: 2 }, [3]],
    ['several', { type: '1RTT', nth: [1, 3] }, [0, 4]],
    ['the fourth datagram', { nth: 4 }, [3]],
    ['of one node', { from: 'other' }, []],
    ['to one node', { to: 'other', nth: 1 }, [0]],
    ['within a time', { after: 1, before: 3 }, [1, 2]],
    ['as a function says', { when: ({ bytes, types }) => types.length === 2 && bytes.length > 60 }, [1, 3]],
  ])('takes %s', (_, rule, lost) => {
    expect(numbersLost(rule, [SHORT, COALESCED, SHORT, COALESCED, SHORT])).toEqual(lost)
  })

  test('ends when it is cancelled, and refuses to count from nothing', () => {
    const network = new Network()
    const [one, other] = [network.attach({ node: 'one' }), network.attach({ node: 'other' })]
    const link = network.connect(one, other).there
    const script = network.drop({})
    one.send(SHORT, other.address, 0)
    script.cancel()
    one.send(SHORT, other.address, 0)
    expect([script.hits, link.stats.sent]).toEqual([1, 1])
    expect(() => network.drop({ nth: 0 })).toThrow('nth counts from 1, got 0')
  })
})
