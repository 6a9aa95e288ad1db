import { globSync } from 'node:fs'
import { expect, test } from 'vitest'
import { allSteps, PARTS } from './plan.ts'
import { ROOT } from './steps.ts'

test('every test file belongs to one part of what Node runs, the ones that are examples aside', () => {
  const files = globSync('**/*.test.ts', { cwd: ROOT, exclude: ['**/node_modules', 'examples'] })
  const parts = (file: string): number => PARTS.flat().filter((folder) => file.startsWith(folder)).length
  expect(files.length).toBeGreaterThan(300)
  expect(files.filter((file) => parts(file) !== 1)).toEqual([])
})

test('no two steps have one name', () => {
  const names = allSteps().flatMap((group) => group.map(([name]) => name))
  expect(new Set(names).size).toBe(names.length)
})
