import { describe, expect, test } from 'vitest'
import { evaluationEffects } from './evaluation.ts'
import { librarySources } from './tree.ts'

// A program is started by evaluating it.
const library = librarySources().filter((file) => !file.path.startsWith('src/cli/'))

test('importing any module of the library does nothing', () => {
  expect(library.flatMap((file) => evaluationEffects(file.text).map((effect) => `${file.path} ${effect}`))).toEqual([])
})

describe('the rule itself', () => {
  test.each([
    ['calls f', 'const x = f()'],
    ['calls registry.add', 'registry.add(1)'],
    ['makes a Thing', 'export const x = new Thing()'],
    ['loops', 'const t: number[] = []\nfor (;;) {}'],
    ['changes a value', 'let x = 1\nx += 2'],
    ['awaits', 'const x = await y'],
    ['calls make', 'class A { static readonly b = make() }'],
    ['calls f', 'export const x = { y: [1, f(2)] } as const'],
  ])('%s: %s', (effect, source) => {
    expect(evaluationEffects(source)).toContain(effect)
  })

  test.each([
    'export const x = { y: [1, 2n, -3], z: 1 + 2 } as const',
    'export const f = (): number => g()',
    'export class A { #b = make(); static c(): void { d() } }',
    'export const EMPTY = new Uint8Array(0)',
    'const x = Object.freeze({ y: 1 })',
    'export const x = /* @__PURE__ */ make(() => f())',
    "import type { T } from './t.ts'\nexport interface X extends T {}",
  ])('nothing: %s', (source) => {
    expect(evaluationEffects(source)).toEqual([])
  })
})
