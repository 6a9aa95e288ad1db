import { expect, test } from 'vitest'
import { andThen, isPending } from './eventually.ts'

test('what is there already goes on in the same call', () => {
  const steps: number[] = []
  const result = andThen(1, (value) => {
    steps.push(value)
    return value + 1
  })
  expect(result).toBe(2)
  expect(steps).toEqual([1])
  expect(() =>
    andThen(1, () => {
      throw new RangeError('at once')
    }),
  ).toThrow('at once')
})

test('what is under way goes on when it comes', async () => {
  const result = andThen(Promise.resolve(1), (value) => value + 1)
  expect(isPending(result)).toBe(true)
  expect(await result).toBe(2)
})

test('a rejection becomes what fail makes of it, else it passes through', async () => {
  const failing = (): Promise<number> => Promise.reject(new RangeError('later'))
  expect(
    await andThen(
      failing(),
      (value) => value,
      () => 7,
    ),
  ).toBe(7)
  await expect(async () => await andThen(failing(), (value) => value)).rejects.toThrow('later')
})

test('only promises are under way', () => {
  expect([undefined, 0, '', {}, []].map((value) => isPending<unknown>(value))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ])
})
