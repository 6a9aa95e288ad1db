import { describe, expect, test } from 'vitest'
import { Limits } from './limits.ts'

describe('one client', () => {
  test('has only so many flows open', () => {
    const limits = new Limits({ openFlows: 2, flowsPerSecond: 100 })
    const first = limits.admit('192.0.2.1', undefined, 0)
    expect(limits.admit('192.0.2.1', undefined, 0)).toBeDefined()
    expect(limits.admit('192.0.2.1', undefined, 0)).toBeUndefined()
    expect(limits.admit('192.0.2.2', undefined, 0)).toBeDefined()
    first?.release()
    first?.release()
    expect(limits.admit('192.0.2.1', undefined, 0)).toBeDefined()
    expect(limits.admit('192.0.2.1', undefined, 0)).toBeUndefined()
  })

  test('opens only so many a second', () => {
    const limits = new Limits({ openFlows: 1000, flowsPerSecond: 2 })
    const opened = (now: number): number => {
      let count = 0
      while (limits.admit('192.0.2.1', undefined, now) !== undefined) count += 1
      return count
    }
    expect(opened(0)).toBe(8)
    expect(opened(1000)).toBe(2)
    expect(opened(60_000)).toBe(8)
  })

  test('sends and is sent only so many bytes a second', () => {
    const limits = new Limits({ bytesPerSecond: 3000 })
    const share = limits.admit('192.0.2.1', undefined, 0)
    expect([1, 2, 3].map(() => share?.takeUp(1200, 0))).toEqual([true, true, false])
    expect([1, 2, 3].map(() => share?.takeDown(1200, 0))).toEqual([true, true, false])
    expect(share?.takeUp(1200, 1000)).toBe(true)
  })
})

test('a token counts wherever its clients are', () => {
  const limits = new Limits({ openFlows: 1 })
  expect(limits.admit('192.0.2.1', 'alice', 0)).toBeDefined()
  expect(limits.admit('192.0.2.2', 'alice', 0)).toBeUndefined()
  expect(limits.admit('192.0.2.2', 'bob', 0)).toBeDefined()
})

test('all together have a limit as well', () => {
  const limits = new Limits({ openFlows: 1, total: 3, flowsPerSecond: 100 })
  const admitted = Array.from({ length: 10 }, (_, index) => limits.admit(`192.0.2.${index}`, undefined, 0))
  expect(admitted.filter((share) => share !== undefined)).toHaveLength(3)
})

test('a flood of clients leaves no more behind than a bound', () => {
  const limits = new Limits({ flowsPerSecond: 1e6, openFlows: 1e6 })
  const held = limits.admit('192.0.2.1', undefined, 0)
  for (let index = 0; index < 30_000; index++) limits.admit(`client ${index}`, undefined, index)?.release()
  expect(limits.size).toBeLessThanOrEqual(10_000)
  expect(held).toBeDefined()
})

test('a limit that is not positive is refused', () => {
  expect(() => new Limits({ openFlows: 0 })).toThrow('openFlows must be positive, got 0')
})
