import { describe, expect, test } from 'vitest'
import type { Ecn } from '../transport.ts'
import type { LinkOptions } from './link-options.ts'
import type { Link } from './links.ts'
import { Network } from './network.ts'
import type { Port } from './port.ts'

interface Arrival {
  readonly bytes: Uint8Array
  readonly ecn: Ecn
  readonly at: number
}

/** Two ports and the link from the first to the second. */
class Wire {
  readonly network: Network
  readonly near: Port
  readonly far: Port
  readonly link: Link
  readonly arrivals: Arrival[] = []
  drains: number[] = []

  constructor(options: LinkOptions, properties: Port['properties'] | object = {}, seed = 1) {
    this.network = new Network({ seed })
    this.near = this.network.attach({ node: 'near', properties })
    this.far = this.network.attach({ node: 'far', properties })
    this.link = this.network.connect(this.near, this.far, options).there
    this.far.sink = {
      onDatagram: (_port, bytes, _from, ecn, at) => void this.arrivals.push({ bytes: bytes.slice(), ecn, at }),
      onDrain: () => undefined,
    }
    this.near.sink = {
      onDatagram: () => undefined,
      onDrain: () => void this.drains.push(this.network.now),
    }
  }

  /** Sends datagrams of `size` bytes, the first two of which are their number. */
  send(count: number, size = 1000, ecn: Ecn = 0): boolean {
    let hasRoom = true
    for (let index = 0; index < count; index++) {
      const bytes = new Uint8Array(size)
      bytes[0] = index >> 8
      bytes[1] = index
      hasRoom = this.near.send(bytes, this.far.address, ecn)
    }
    return hasRoom
  }

  /** The numbers of what has arrived, once everything has. */
  numbers(): number[] {
    while (this.network.clock.step());
    return this.arrivals.map(({ bytes }) => (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0))
  }

  times(): number[] {
    this.numbers()
    return this.arrivals.map(({ at }) => Math.round(at * 1000) / 1000)
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('a link', () => {
  test('delivers at once, in order, where nothing is said', () => {
    const wire = new Wire({})
    wire.send(3)
    expect(wire.numbers()).toEqual([0, 1, 2])
    expect(wire.times()).toEqual([0, 0, 0])
  })

  test('takes its time: the delay, and that of the bandwidth for each byte', () => {
    // 8 Mbit/s are 1,000 bytes a ms.
    const wire = new Wire({ delay: 20, bandwidth: 8_000_000 })
    wire.send(3)
    wire.network.clock.advance(1.5)
    wire.send(1, 500)
    expect(wire.times()).toEqual([21, 22, 23, 23.5])
    wire.send(1)
    expect(wire.times().at(-1)).toBe((wire.times()[3] as number) + 21)
  })

  test('jitter delays, by less than it may, and overtakes nothing', () => {
    const wire = new Wire({ delay: 10, jitter: 5 })
    for (let index = 0; index < 200; index++) {
      wire.network.at(index, () => void wire.send(1, 1000))
    }
    wire.numbers()
    const late = wire.arrivals.map(({ at }, index) => at - index)
    expect(Math.min(...late)).toBeGreaterThanOrEqual(10)
    expect(Math.max(...late)).toBeLessThan(15)
    expect(new Set(late).size).toBeGreaterThan(50)
    expect(wire.times()).toEqual(wire.times().toSorted((a, b) => a - b))
  })

  test('drops the tail of a full queue, by bytes', () => {
    const wire = new Wire({ bandwidth: 8_000_000, queue: { bytes: 3500 } })
    wire.send(6)
    expect(wire.numbers()).toEqual([0, 1, 2])
    expect(wire.link.stats.drops).toEqual({ 'queue-full': 3 })
    expect(wire.link.stats.maxQueue).toBe(3000)
  })

  test('drops the tail of a full queue, by datagrams', () => {
    const wire = new Wire({ bandwidth: 8_000_000, queue: { packets: 2 } })
    wire.send(4)
    wire.network.clock.advance(1)
    wire.send(2)
    expect(wire.numbers()).toEqual([0, 1, 0])
    expect(wire.link.stats.dropped).toBe(3)
  })

  test('sends what is larger than its queue where nothing waits', () => {
    const wire = new Wire({ bandwidth: 8_000_000, queue: { bytes: 500 } })
    wire.send(2)
    expect(wire.numbers()).toEqual([0])
  })

  test('loses at random as often as it is told, and the same with the same seed', () => {
    const run = (seed: number): number[] => {
      const wire = new Wire({ loss: 0.1 }, {}, seed)
      wire.send(5000, 10)
      return wire.numbers()
    }
    expect(Math.abs(run(1).length - 4500)).toBeLessThan(90)
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })

  test('loses in bursts whose length and number are those of Gilbert and Elliott', () => {
    const wire = new Wire({ burst: { enter: 0.01, leave: 0.25 } })
    wire.send(40_000, 10)
    const got = new Set<number>()
    // The number has 16 bits.
    for (const number of wire.numbers()) got.add(number)
    const lost = range(40_000).filter((number) => !got.has(number))
    const bursts = lost.filter((number) => !lost.includes(number - 1)).length
    // The bad state takes 0.01 / (0.01 + 0.25) of the time, four datagrams at a time.
    expect(Math.abs(lost.length / 40_000 - 0.0385)).toBeLessThan(0.006)
    expect(Math.abs(lost.length / bursts - 4)).toBeLessThan(0.5)
    expect(wire.link.stats.drops).toEqual({ 'burst-loss': lost.length })
  })

  test('holds some back, and others overtake them', () => {
    const wire = new Wire({ delay: 10, reorder: { probability: 0.2, delay: 3 } })
    for (const index of range(100))
      wire.network.at(index, () => {
        const bytes = new Uint8Array(2)
        bytes[1] = index
        wire.near.send(bytes, wire.far.address, 0)
      })
    const numbers = wire.numbers()
    expect(numbers).not.toEqual(range(100))
    expect(numbers.toSorted((a, b) => a - b)).toEqual(range(100))
    for (const { bytes, at } of wire.arrivals) expect([10, 13]).toContain(at - (bytes[1] ?? 0))
    expect(wire.link.stats.reordered).toBe(wire.arrivals.filter(({ bytes, at }) => at - (bytes[1] ?? 0) === 13).length)
  })

  test('doubles and corrupts: one bit, of a copy of its own', () => {
    const wire = new Wire({ duplicate: 1, corrupt: 1 })
    const sent = new Uint8Array(100)
    wire.near.send(sent, wire.far.address, 0)
    wire.numbers()
    expect(sent).toEqual(new Uint8Array(100))
    expect(wire.arrivals).toHaveLength(2)
    for (const { bytes } of wire.arrivals) {
      const bits = bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
      expect(bits).toBe(1)
    }
    expect(wire.link.stats).toMatchObject({ duplicated: 1, corrupted: 1, delivered: 2 })
  })

  test('drops what is longer than its MTU', () => {
    const wire = new Wire({ mtu: 1200 })
    wire.send(1, 1201)
    wire.send(1, 1200)
    expect(wire.numbers()).toEqual([0])
    expect(wire.link.stats.drops).toEqual({ mtu: 1 })
  })

  test('carries ECN marks, and marks with CE what meets a long queue', () => {
    const wire = new Wire({ bandwidth: 8_000_000, ecn: { markAbove: 1500 } }, { ecn: true })
    wire.send(4, 1000, 2)
    wire.send(1, 1000, 0)
    wire.numbers()
    expect(wire.arrivals.map(({ ecn }) => ecn)).toEqual([2, 2, 3, 3, 0])
    expect(wire.link.stats.marked).toBe(2)
  })

  test('clears or changes marks where it is told to, and a carrier without ECN sends none', () => {
    const bleaching = new Wire({ ecn: { rewrite: () => 0 } }, { ecn: true })
    bleaching.send(1, 1000, 2)
    bleaching.numbers()
    const hiding = new Wire({})
    hiding.send(1, 1000, 2)
    hiding.numbers()
    expect([bleaching.arrivals[0]?.ecn, hiding.arrivals[0]?.ecn]).toEqual([0, 0])
  })

  test('dies, and what is under way arrives; lives again', () => {
    const wire = new Wire({ delay: 10 })
    wire.send(1)
    wire.link.down()
    wire.send(1)
    wire.network.clock.advance(5)
    wire.link.up()
    wire.send(1)
    expect(wire.times()).toEqual([10, 15])
    expect(wire.link.stats.drops).toEqual({ 'link-down': 1 })
  })

  test('changes while it works: what is not named stays', () => {
    const wire = new Wire({ delay: 10, mtu: 1500 })
    wire.link.configure({ delay: 30 })
    wire.send(1)
    wire.send(1, 1600)
    expect(wire.times()).toEqual([30])
    wire.link.configure({ mtu: undefined })
    wire.send(1, 1600)
    expect(wire.times()).toHaveLength(2)
  })

  test.each([
    [{ loss: 2 }, 'loss must be a probability from 0 to 1, got 2'],
    [{ delay: -1 }, 'delay must be at least 0 and finite, got -1'],
    [{ bandwidth: 0 }, 'bandwidth must be positive, got 0'],
    [{ queue: { bytes: 0 } }, 'queue.bytes must be positive, got 0'],
    [{ burst: { enter: 0.1, leave: 1.1 } }, 'burst.leave must be a probability from 0 to 1, got 1.1'],
    [{ ecn: { markAbove: -3 } }, 'ecn.markAbove must be at least 0 and finite, got -3'],
    [{ speed: 1 } as LinkOptions, 'Unknown link option speed'],
  ])('refuses %j', (options, message) => {
    expect(() => new Wire(options)).toThrow(message)
  })
})

describe('a reliable carrier', () => {
  const reliable = { reliable: true, ordered: true, congestionControlled: true }

  test('loses nothing: what the link loses comes a round trip later, and all behind it waits', () => {
    const wire = new Wire({ delay: 10, loss: 0.05 }, reliable)
    for (const index of range(300))
      wire.network.at(index, () => {
        wire.near.send(Uint8Array.of(index >> 8, index), wire.far.address, 0)
      })
    expect(wire.numbers()).toEqual(range(300))
    const late = wire.arrivals.map(({ at }, index) => at - index)
    expect([Math.min(...late), Math.max(...late)]).toEqual([10, 30])
  })

  test('pushes back when the queue is full, and drains when it is half empty', () => {
    const wire = new Wire({ bandwidth: 8_000_000, queue: { bytes: 4000 } }, reliable)
    expect(wire.send(3)).toBe(true)
    expect(wire.send(2)).toBe(false)
    expect(wire.send(1)).toBe(false)
    expect(wire.numbers()).toHaveLength(6)
    expect(wire.drains).toHaveLength(1)
    expect(wire.drains[0]).toBeCloseTo(2, 5)
  })

  test('waits while the link is dead, and goes on when it lives again', () => {
    const wire = new Wire({ delay: 10 }, reliable)
    wire.link.down()
    expect(wire.send(2)).toBe(false)
    wire.network.clock.advance(100)
    expect(wire.drains).toEqual([])
    wire.link.up()
    expect(wire.times()).toEqual([110, 110])
    expect(wire.drains).toEqual([100])
  })
})
