import { expect, test } from 'vitest'
import { PacketNumberSkips } from './packet-number-skips.ts'
import { LARGEST, seeded } from './recovery.fixtures.ts'

function skipsAmong(packets: number, window: number, seed = 3): number {
  const skips = new PacketNumberSkips(seeded(seed))
  let count = 0
  for (let i = 0; i < packets; i++) if (skips.shouldSkip(window)) count += 1
  return count
}

test('numbers are left out more often as the window grows', () => {
  const counts = [10, 100, 150, 1000].map((window) => skipsAmong(200_000, window))
  expect(counts[0]).toBeGreaterThan(150)
  expect(counts[0]).toBeLessThan(250)
  expect(counts[2]).toBeGreaterThan(counts[1] ?? 0)
  expect(counts[3]).toBeGreaterThan(700)
  expect(counts[3]).toBeLessThan(860)
})

test('the distances depend on the source alone', () => {
  expect(skipsAmong(50_000, 100, 9)).toBe(skipsAmong(50_000, 100, 9))
  const skips = new PacketNumberSkips(LARGEST)
  let first = 0
  while (!skips.shouldSkip(10)) first += 1
  expect(first).toBe(2047)
})
