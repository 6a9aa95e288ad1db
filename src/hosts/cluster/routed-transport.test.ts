import { describe, expect, test } from 'vitest'
import { QuicLbIds } from '../../endpoint/quic-lb.ts'
import { SeededRandom } from '../../simulator/seeded-random.ts'
import type { Ecn, PathAddress } from '../../transport.ts'
import { HandOver, type HandOverAddress } from './hand-over.ts'
import { RoutedTransport } from './routed-transport.ts'
import { clusterConfig, serverIdOf, WorkerRoutes } from './routes.ts'
import { type MemorySocket, Sockets } from './sockets.fixtures.ts'

const PER_SECOND = 1_000
/** What may be handed over at once. */
const BURST = 100
const CLIENT = '192.0.2.1:4000'

interface Taken {
  readonly bytes: readonly number[]
  readonly from: PathAddress
  readonly ecn: Ecn | undefined
  readonly segmentSize: number | undefined
}

/** One worker, all of it but its endpoint. */
class TestWorker {
  readonly ids: QuicLbIds
  readonly socket: MemorySocket
  readonly loopback: MemorySocket
  readonly handOver: HandOver
  readonly transport: RoutedTransport
  readonly taken: Taken[] = []
  closed = 0

  constructor(id: number, key: Uint8Array, random: SeededRandom, sockets: Sockets, now: () => number) {
    this.ids = new QuicLbIds({ random, config: clusterConfig(key), serverId: serverIdOf(id) })
    this.socket = sockets.bind(`198.51.100.1:443 of ${id}`)
    this.loopback = sockets.bind(`127.0.0.1:${5000 + id}`)
    const secret = new Uint8Array(16)
    random.fill(secret)
    this.handOver = new HandOver({ transport: this.loopback, secret, perSecond: PER_SECOND, now })
    this.transport = new RoutedTransport(this.socket, this.handOver, new WorkerRoutes(key), id)
    this.transport.open({
      datagram: (bytes, from, ecn, segmentSize) => this.taken.push({ bytes: [...bytes], from, ecn, segmentSize }),
      drain: () => {},
      closed: () => {
        this.closed += 1
      },
    })
  }

  /** A datagram with an id of this worker. */
  datagram(length = 40): Uint8Array {
    const bytes = new Uint8Array(length).fill(length)
    bytes.set([0x40, ...this.ids.generate().bytes])
    return bytes
  }
}

/** Four workers that know each other. */
class TestCluster {
  now = 0
  readonly random = new SeededRandom(7)
  readonly sockets = new Sockets()
  readonly workers: readonly [TestWorker, TestWorker, TestWorker, TestWorker]

  constructor() {
    const key = new Uint8Array(16)
    this.random.fill(key)
    const make = (id: number): TestWorker => new TestWorker(id, key, this.random, this.sockets, () => this.now)
    this.workers = [make(0), make(1), make(2), make(3)]
    this.introduce()
  }

  /** Tells each of the others, those left out excepted. */
  introduce(...dead: readonly number[]): void {
    for (const worker of this.workers) {
      const siblings = new Map<number, HandOverAddress>()
      for (const [id, other] of this.workers.entries()) {
        if (other !== worker && !dead.includes(id)) siblings.set(id, other.handOver.address)
      }
      worker.handOver.setSiblings(siblings)
    }
  }
}

function receive(worker: TestWorker, bytes: Uint8Array, ecn: Ecn = 0, segmentSize?: number): void {
  worker.socket.sink?.datagram(bytes, CLIENT, ecn, segmentSize)
}

describe('a datagram', () => {
  test('of the worker itself, and one that leads nowhere, stays where it is', () => {
    const { workers } = new TestCluster()
    const [worker] = workers
    const own = worker.datagram()
    const initial = Uint8Array.of(0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0)
    receive(worker, own)
    receive(worker, initial)
    expect(worker.taken.map(({ bytes }) => bytes)).toEqual([[...own], [...initial]])
    expect(worker.handOver.counts).toEqual({ given: 0, dropped: 0, taken: 0, refused: 0 })
  })

  test('of another worker reaches that one as it came, with its sender and its mark', () => {
    const { workers } = new TestCluster()
    const [near, , far] = workers
    const bytes = far.datagram(1_200)
    receive(near, bytes, 3)
    expect(near.taken).toEqual([])
    expect(far.taken).toEqual([{ bytes: [...bytes], from: CLIENT, ecn: 3, segmentSize: undefined }])
    expect(far.socket.sent).toEqual([])
    expect(near.handOver.counts).toMatchObject({ given: 1, dropped: 0 })
    expect(far.handOver.counts).toMatchObject({ taken: 1, refused: 0 })
  })

  test('is handed over once: whoever gets it keeps it', () => {
    const { workers } = new TestCluster()
    const [near, other, far] = workers
    // As by a worker that has the id of another.
    near.handOver.setSiblings(new Map([[2, other.handOver.address]]))
    receive(near, far.datagram())
    expect(other.taken).toHaveLength(1)
    expect(far.taken).toEqual([])
  })

  test('of a worker that is gone stays, for the reset that its sender is owed', () => {
    const cluster = new TestCluster()
    const [near, , , dead] = cluster.workers
    cluster.introduce(3)
    receive(near, dead.datagram())
    expect(near.taken).toHaveLength(1)
    expect(dead.taken).toEqual([])
  })

  test('in the midst of others leaves them together', () => {
    const { workers } = new TestCluster()
    const [near, far] = workers
    const length = 50
    const order = [near, near, far, near, far, far, near, near]
    const batch = new Uint8Array(length * (order.length - 1) + 30)
    for (const [index, worker] of order.entries()) {
      const last = index === order.length - 1
      batch.set(worker.datagram(last ? 30 : length), index * length)
    }
    receive(near, batch, 2, length)
    const part = (from: number, to: number): number[] => [...batch.subarray(from * length, to * length)]
    expect(near.taken.map(({ bytes, segmentSize }) => ({ bytes, segmentSize }))).toEqual([
      { bytes: part(0, 2), segmentSize: length },
      { bytes: part(3, 4), segmentSize: undefined },
      { bytes: part(6, 8), segmentSize: length },
    ])
    expect(far.taken.map(({ bytes }) => bytes)).toEqual([part(2, 3), part(4, 5), part(5, 6)])
    expect(far.taken.map(({ ecn }) => ecn)).toEqual([2, 2, 2])
  })

  test('that is sent leaves by the own socket', () => {
    const { workers } = new TestCluster()
    const [worker] = workers
    worker.transport.send(Uint8Array.of(1), CLIENT, 1)
    worker.transport.sendBatch(Uint8Array.of(2, 3), 1, CLIENT, 0)
    expect(worker.socket.sent.map(({ bytes, to, ecn }) => [...bytes, to, ecn])).toEqual([
      [1, CLIENT, 1],
      [2, CLIENT, 0],
      [3, CLIENT, 0],
    ])
  })
})

describe('a flood', () => {
  test('of ids that nobody made reaches no other worker, but for a chance in thousands', () => {
    const { random, workers } = new TestCluster()
    const [worker, ...others] = workers
    for (let times = 0; times < 10_000; times++) {
      const bytes = new Uint8Array(30)
      random.fill(bytes)
      bytes.set([0x40, 7])
      receive(worker, bytes)
    }
    expect(worker.taken.length).toBeGreaterThan(9_990)
    expect(others.reduce((sum, { taken }) => sum + taken.length, 0)).toBeLessThan(10)
  })

  test('of the id of one worker reaches it within the bound, and takes nothing from the others', () => {
    const cluster = new TestCluster()
    const [near, victim, other] = cluster.workers
    const bytes = victim.datagram()
    for (let times = 0; times < 10 * BURST; times++) receive(near, bytes)
    expect(victim.taken).toHaveLength(BURST)
    expect(near.handOver.counts).toMatchObject({ given: BURST, dropped: 9 * BURST })
    receive(near, other.datagram())
    expect(other.taken).toHaveLength(1)
    cluster.now += 50
    for (let times = 0; times < 10 * BURST; times++) receive(near, bytes)
    expect(victim.taken).toHaveLength(BURST + 50)
  })

  test('is lost while the kernel has no room, and nothing is written over what waits there', () => {
    const { workers } = new TestCluster()
    const [near, far] = workers
    near.loopback.isFull = true
    receive(near, far.datagram())
    receive(near, far.datagram())
    expect(near.loopback.sent).toHaveLength(1)
    near.loopback.isFull = false
    near.loopback.sink?.drain()
    receive(near, far.datagram())
    expect(near.loopback.sent).toHaveLength(2)
    expect(near.handOver.counts).toMatchObject({ given: 2, dropped: 1 })
  })
})

describe('a hand-over', () => {
  test('without the secret is refused, whatever it is', () => {
    const cluster = new TestCluster()
    const [near, far] = cluster.workers
    receive(near, far.datagram())
    const [frame] = near.loopback.sent
    const stranger = cluster.sockets.bind('127.0.0.1:9999')
    const honest = frame?.bytes ?? new Uint8Array(0)
    for (let length = 0; length < honest.length; length++) {
      if (length < 16) stranger.send(honest.subarray(0, length), far.loopback.localAddress, 0)
      const damaged = honest.slice()
      damaged[length] = (damaged[length] ?? 0) ^ 0x80
      if (length < 18) stranger.send(damaged, far.loopback.localAddress, 0)
    }
    // Cut off behind the secret, in the midst of the address.
    for (const length of [16, 17, 18, 20]) stranger.send(honest.subarray(0, length), far.loopback.localAddress, 0)
    expect(far.taken).toHaveLength(1)
    expect(far.handOver.counts).toMatchObject({ taken: 1, refused: 16 + 18 + 4 })
  })

  test('keeps addresses apart that come in turn', () => {
    const { workers } = new TestCluster()
    const [near, far] = workers
    const froms = ['[2001:db8::1]:443', '192.0.2.9:1', '[2001:db8::1]:443', '192.0.2.9:2', '192.0.2.9:2']
    for (const from of froms) near.socket.sink?.datagram(far.datagram(), from)
    expect(far.taken.map(({ from }) => from)).toEqual(froms)
  })

  test('that is longer than a datagram can be is lost', () => {
    const { workers } = new TestCluster()
    const [near, far] = workers
    receive(near, far.datagram(65_507))
    expect(far.taken).toEqual([])
    expect(near.handOver.counts).toMatchObject({ given: 0, dropped: 1 })
  })
})

test('A transport that is closed closes both of its sockets, and tells so once', () => {
  const { workers } = new TestCluster()
  const [near, far] = workers
  const late = far.datagram()
  far.transport.close()
  expect(far.socket.isClosed && far.loopback.isClosed).toBe(true)
  expect(far.closed).toBe(1)
  receive(near, late)
  expect(far.taken).toEqual([])
})
