import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Samples, TimeSeries } from './series.ts'

const figures = fc.array(fc.tuple(fc.nat(100_000), fc.integer({ min: -1000, max: 1000 })), {
  minLength: 1,
  maxLength: 300,
})

test('A series keeps count, least, most and last of all figures, in the order of time', () => {
  fc.assert(
    fc.property(figures, fc.constantFrom(0.01, 1, 1000), (list, unit) => {
      const sorted = list.toSorted(([a], [b]) => a - b)
      const series = new TimeSeries()
      for (const [time, value] of sorted) series.add(time * unit, value)
      const points = series.points()
      const values = sorted.map(([, value]) => value)
      expect(points.reduce((sum, { count }) => sum + count, 0)).toBe(list.length)
      expect(Math.min(...points.map(({ least }) => least))).toBe(Math.min(...values))
      expect(Math.max(...points.map(({ most }) => most))).toBe(Math.max(...values))
      expect(points.at(-1)?.last).toBe(values.at(-1))
      expect(points.map(({ time }) => time)).toEqual(points.map(({ time }) => time).toSorted((a, b) => a - b))
    }),
  )
})

test('A series has at most 2048 points, however long it gets, and its times stay right to the width of a point', () => {
  const series = new TimeSeries()
  for (let index = 0; index < 100_000; index++) series.add(5 + index, index)
  const points = series.points()
  expect(points.length).toBeLessThanOrEqual(2048)
  expect(points.length).toBeGreaterThan(1000)
  for (const { count, least, most, time } of points) {
    expect(most - least).toBe(count - 1)
    expect(Math.abs(time - 5 - least)).toBeLessThanOrEqual(1)
  }
})

test('A figure from before the first counts as of then', () => {
  const series = new TimeSeries()
  series.add(10, 1)
  series.add(3, 2)
  expect(series.points()).toEqual([{ time: 10, count: 2, least: 1, most: 2, last: 2 }])
})

test('Samples know their median, and nearly so when there are many', () => {
  const samples = new Samples()
  expect(samples.median()).toBeUndefined()
  for (const value of [5, 1, 3, 2]) samples.add(value)
  expect([samples.least, samples.median(), samples.most, samples.count]).toEqual([1, 2, 5, 4])
  const many = new Samples()
  for (let index = 0; index < 200_000; index++) many.add((index * 7919) % 200_000)
  expect([many.least, many.most, many.count]).toEqual([0, 199_999, 200_000])
  expect(Math.abs((many.median() ?? 0) - 100_000)).toBeLessThan(2000)
})
