import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { VirtualClock } from './clock.ts'

describe('VirtualClock', () => {
  test('lets things happen in the order of their times, and of their scheduling', () => {
    const clock = new VirtualClock(100)
    const seen: string[] = []
    for (const [at, name] of [
      [130, 'late'],
      [120, 'first'],
      [120, 'second'],
      [50, 'past'],
    ] as const) {
      clock.at(at, (now) => void seen.push(`${name} ${now}`))
    }
    expect(clock.next).toBe(100)
    clock.advance(125)
    expect(seen).toEqual(['past 125', 'first 125', 'second 125'])
    expect(clock.step()).toBe(true)
    expect(seen.at(-1)).toBe('late 130')
    expect([clock.now, clock.next, clock.step()]).toEqual([130, NEVER, false])
  })

  test('never goes back', () => {
    const clock = new VirtualClock(100)
    clock.advance(40)
    expect(clock.now).toBe(100)
  })

  test('what is cancelled does not happen', () => {
    const clock = new VirtualClock()
    const cancel = clock.at(5, () => expect.unreachable())
    cancel()
    cancel()
    clock.advance(10)
    expect(clock.pending).toBe(0)
  })

  test('what happens every so often ends from within, too', () => {
    const clock = new VirtualClock()
    const times: number[] = []
    const end = clock.every(10, (now) => {
      times.push(now)
      if (times.length === 3) end()
    })
    for (let time = 0; time <= 100; time++) clock.advance(time)
    expect(times).toEqual([10, 20, 30])
    expect(() => clock.every(0, () => undefined)).toThrow('interval must be positive and finite, got 0')
  })
})
