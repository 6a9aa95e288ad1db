import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PassingSet } from './passing-set.ts'

test('a set of passing things agrees with a Set, in order as well', () => {
  const items = Array.from({ length: 6 }, (_, id) => ({ id }))
  const steps = fc.array(fc.record({ adds: fc.boolean(), index: fc.nat(items.length - 1) }), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (taken) => {
      const set = new PassingSet<object>()
      const model = new Set<object>()
      for (const { adds, index } of taken) {
        const item = items[index] ?? {}
        if (adds) {
          set.add(item)
          model.add(item)
        } else expect(set.delete(item)).toBe(model.delete(item))
        expect([set.size, set.has(item)]).toEqual([model.size, model.has(item)])
      }
      expect([...set]).toEqual([...model])
    }),
  )
})

test('items may come and go while others are gone through', () => {
  const [a, b, c] = [{}, {}, {}]
  const set = new PassingSet<object>()
  set.add(a)
  set.add(b)
  const met: object[] = []
  for (const item of set) {
    met.push(item)
    if (item !== a) continue
    set.delete(a)
    set.delete(b)
    set.add(c)
  }
  expect(met).toEqual([a, c])
})
