import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { QuicLbIds } from '../../endpoint/quic-lb.ts'
import { SeededRandom } from '../../simulator/seeded-random.ts'
import { clusterConfig, NOWHERE, serverIdOf, WORKER_IDS, WorkerRoutes } from './routes.ts'

const random = new SeededRandom(1)
const KEY = bytesOf(16)
const worker = fc.integer({ min: 0, max: WORKER_IDS - 1 })

function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}

function idsOf(id: number): QuicLbIds {
  return new QuicLbIds({ random, config: clusterConfig(KEY), serverId: serverIdOf(id) })
}

/** A datagram with `id` in its header, between bytes of others. */
function datagram(id: Uint8Array, isLong: boolean): { bytes: Uint8Array; start: number; end: number } {
  const header = isLong ? [0xc3, 0, 0, 0, 1, id.length, ...id, 0] : [0x41, ...id]
  const bytes = Uint8Array.of(7, 7, 7, ...header, ...bytesOf(30), 9, 9)
  return { bytes, start: 3, end: bytes.length - 2 }
}

describe('an id of a cluster', () => {
  test('leads to the worker that made it, in headers of either form, however often it is read', () => {
    fc.assert(
      fc.property(worker, fc.boolean(), (id, isLong) => {
        const routes = new WorkerRoutes(KEY)
        const { bytes, start, end } = datagram(idsOf(id).generate().bytes, isLong)
        for (let times = 0; times < 3; times++) expect(routes.workerAt(bytes, start, end)).toBe(id)
      }),
      { numRuns: 50 },
    )
  })

  test('leads there still when more ids are in use than are remembered', () => {
    const routes = new WorkerRoutes(KEY)
    const made = [0, 1, 2, 0xffff].map((id) => ({ id, ids: idsOf(id) }))
    const datagrams = Array.from({ length: 5_000 }, (_, index) => {
      const { id, ids } = made[index % made.length] ?? { id: NOWHERE, ids: idsOf(0) }
      return { id, ...datagram(ids.generate().bytes, index % 3 === 0) }
    })
    for (let times = 0; times < 2; times++) {
      const wrong = datagrams.filter(({ bytes, start, end, id }) => routes.workerAt(bytes, start, end) !== id)
      expect(wrong).toEqual([])
    }
  })

  test('tells strangers nothing: with another key it leads anywhere', () => {
    const routes = new WorkerRoutes(bytesOf(16))
    const ids = idsOf(3)
    const found = Array.from({ length: 500 }, () => {
      const { bytes, start, end } = datagram(ids.generate().bytes, false)
      return routes.workerAt(bytes, start, end)
    })
    expect(found.filter((id) => id === 3).length).toBeLessThan(3)
    expect(new Set(found).size).toBeGreaterThan(450)
  })
})

describe('what no worker made', () => {
  test('leads to one of four workers once in many thousand times, even in the form of their ids', () => {
    const routes = new WorkerRoutes(KEY)
    let hits = 0
    for (let times = 0; times < 20_000; times++) {
      const id = routes.workerAt(Uint8Array.of(0x40, 7, ...bytesOf(30)), 0, 32)
      if (id >= 0 && id < 4) hits += 1
    }
    expect(hits).toBeLessThan(10)
  })

  test.each([
    ['an id of another length', [0xc0, 0, 0, 0, 1, 9, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0]],
    ['an id that is cut off', [0x40, 7, 1, 2, 3, 4, 5, 6]],
    ['an id that is cut off in a long header', [0xc0, 0, 0, 0, 1, 8, 7, 1, 2, 3, 4, 5, 6]],
    ['another configuration', [0x40, 0x27, 1, 2, 3, 4, 5, 6, 7]],
    ['nothing', []],
  ])('leads nowhere: %s', (_, bytes) => {
    const padded = Uint8Array.of(...bytes, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7)
    expect(new WorkerRoutes(KEY).workerAt(padded, 0, bytes.length)).toBe(NOWHERE)
  })

  test('never throws', () => {
    const routes = new WorkerRoutes(KEY)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const found = routes.workerAt(bytes, 0, bytes.length)
        expect(found).toBeGreaterThanOrEqual(NOWHERE)
        expect(found).toBeLessThan(WORKER_IDS)
      }),
    )
  })
})
