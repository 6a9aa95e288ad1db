import { describe, expect, test } from 'vitest'
import type { DatagramSink, Ecn, PathAddress } from '../src/transport.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { type PipeOptions, pipe } from './pipe.ts'

const runner = { describe, test }

async function pairOf(options: PipeOptions): Promise<TransportPair> {
  const [near, far] = pipe(options)
  return { near, far, toFar: far.localAddress, toNear: near.localAddress }
}

transportSuite('a pipe', () => pairOf({}), runner)
transportSuite('a pipe with addresses', () => pairOf({ addresses: ['[::1]:1', '192.0.2.1:443'] }), runner)
transportSuite(
  'a pipe that promises everything',
  () => {
    const properties = { reliable: true, ordered: true, congestionControlled: true, addressValidated: true, ecn: true }
    return pairOf({ properties, maxDatagramSize: 65_535, queueLength: 60 })
  },
  runner,
)

/** Tasks that run when the test says so. */
class Tasks {
  #tasks: (() => void)[] = []
  readonly defer = (task: () => void): void => {
    this.#tasks.push(task)
  }

  /** Runs what is waiting now. */
  turn(): void {
    const tasks = this.#tasks
    this.#tasks = []
    for (const task of tasks) task()
  }
}

/** What a sink heard, as text. */
class Journal implements DatagramSink {
  readonly lines: string[] = []

  datagram(bytes: Uint8Array, from: PathAddress, ecn?: Ecn, segmentSize?: number): void {
    this.lines.push(`${[...bytes]} from ${from} ecn ${ecn} segments ${segmentSize}`)
  }

  drain(): void {
    this.lines.push('drain')
  }

  closed(error?: Error): void {
    this.lines.push(`closed ${error?.message}`)
  }
}

function openPipe(options: PipeOptions = {}): {
  tasks: Tasks
  near: Journal
  far: Journal
  ends: ReturnType<typeof pipe>
} {
  const tasks = new Tasks()
  const ends = pipe({ defer: tasks.defer, addresses: ['a:1', 'b:2'], ...options })
  const [near, far] = [new Journal(), new Journal()]
  ends[0].open(near)
  ends[1].open(far)
  return { tasks, near, far, ends }
}

describe('delivery', () => {
  test('takes a turn; what is sent in answer takes the next', () => {
    const { tasks, far, ends } = openPipe()
    ends[0].send(Uint8Array.of(1), 'b:2', 0)
    ends[0].send(Uint8Array.of(2), '', 0)
    expect(far.lines).toEqual([])
    tasks.turn()
    expect(far.lines).toEqual(['1 from a:1 ecn 0 segments undefined', '2 from a:1 ecn 0 segments undefined'])
  })

  test('marks are carried where that is promised', () => {
    const { tasks, far, ends } = openPipe({ properties: { ecn: true } })
    ends[0].send(Uint8Array.of(1), 'b:2', 3)
    ends[0].sendBatch?.(Uint8Array.of(1, 2, 3), 2, 'b:2', 2)
    tasks.turn()
    expect(far.lines).toEqual(['1 from a:1 ecn 3 segments undefined', '1,2,3 from a:1 ecn 2 segments 2'])
    const plain = openPipe()
    plain.ends[0].send(Uint8Array.of(1), 'b:2', 3)
    plain.tasks.turn()
    expect(plain.far.lines).toEqual(['1 from a:1 ecn 0 segments undefined'])
  })

  test('to another address nothing is delivered, and after a rebinding the old one is another', () => {
    const { tasks, near, far, ends } = openPipe()
    ends[0].send(Uint8Array.of(1), 'c:3', 0)
    ends[0].rebind('a:9')
    ends[1].send(Uint8Array.of(2), 'a:1', 0)
    ends[0].send(Uint8Array.of(3), 'b:2', 0)
    ends[1].send(Uint8Array.of(4), 'a:9', 0)
    tasks.turn()
    expect(far.lines).toEqual(['3 from a:9 ecn 0 segments undefined'])
    expect(near.lines).toEqual(['4 from b:2 ecn 0 segments undefined'])
    expect(ends[0].localAddress).toBe('a:9')
  })

  test('what a sink throws is told, and counts as delivered', () => {
    const told: unknown[] = []
    const tasks = new Tasks()
    const [near, far] = pipe({ defer: tasks.defer, onError: (error) => told.push(error) })
    const failure = new Error('On purpose')
    far.open({
      datagram() {
        throw failure
      },
      drain() {},
      closed() {},
    })
    near.send(Uint8Array.of(1), '', 0)
    tasks.turn()
    tasks.turn()
    expect(told).toEqual([failure])
  })
})

describe('room', () => {
  test('false with the last one that fits, loss beyond, one drain', () => {
    const { tasks, near, far, ends } = openPipe({ queueLength: 2 })
    expect(ends[0].send(Uint8Array.of(1), '', 0)).toBe(true)
    expect(ends[0].send(Uint8Array.of(2), '', 0)).toBe(false)
    expect(ends[0].send(Uint8Array.of(3), '', 0)).toBe(false)
    tasks.turn()
    expect(far.lines).toHaveLength(2)
    expect(near.lines).toEqual(['drain'])
    expect(ends[0].send(Uint8Array.of(4), '', 0)).toBe(true)
  })

  test('what waits for the other end to be opened is bounded', () => {
    const tasks = new Tasks()
    const [near, far] = pipe({ defer: tasks.defer, queueLength: 3 })
    for (let i = 0; i < 10; i++) near.send(Uint8Array.of(i), '', 0)
    tasks.turn()
    const journal = new Journal()
    far.open(journal)
    tasks.turn()
    expect(journal.lines).toHaveLength(3)
  })

  test.each([{ maxDatagramSize: 1199 }, { queueLength: 0 }, { maxDatagramSize: Number.NaN }])(
    '%j is refused',
    (options) => {
      expect(() => pipe(options)).toThrow(RangeError)
    },
  )
})

describe('closing', () => {
  test('delivers what was sent, then tells both ends, the other one why', () => {
    const { tasks, near, far, ends } = openPipe()
    ends[0].send(Uint8Array.of(1), '', 0)
    ends[0].close()
    for (let i = 0; i < 3; i++) tasks.turn()
    expect(far.lines).toEqual(['1 from a:1 ecn 0 segments undefined', 'closed The other end of the pipe was closed'])
    expect(near.lines).toEqual(['closed undefined'])
  })
})

describe('A pipe whose ends have addresses', () => {
  test('dials the other end by its address, and nobody else', async () => {
    const [near, far] = pipe({ addresses: ['192.0.2.1:1000', '[2001:db8::2]:443'] })
    await expect(near.resolve?.('2001:db8::2', 443)).resolves.toEqual(['[2001:db8::2]:443'])
    await expect(far.resolve?.('192.0.2.1', 1000)).resolves.toEqual(['192.0.2.1:1000'])
    await expect(near.resolve?.('192.0.2.9', 443)).rejects.toThrow('Nobody has the address 192.0.2.9:443')
  })

  test('has nothing to resolve without addresses', () => {
    const [near] = pipe()
    expect(near.resolve).toBeUndefined()
  })
})
