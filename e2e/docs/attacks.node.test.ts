/** Proves: each test that `docs/attacks.md` names is there, under that name. */
import { describe, expect, test } from 'vitest'
import { listFiles, readText } from '../house/tree.ts'
import { tableBelow } from './tables.ts'

const PAGE = 'docs/attacks.md'
const TITLES = [...readText(PAGE).matchAll(/^## (.+)$/gm)].map(([, title = '']) => title)
const rows = TITLES.flatMap((title) => tableBelow(PAGE, title))

/** The names of tests, of groups of them and of rules in a source, as they are written there. */
function namesIn(source: string): Set<string> {
  const quoted =
    /(?:\b(?:test|describe)(?:\.[a-z]+(?:\([\s\S]*?\))?)*\(|\bname:)\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g
  const names = new Set<string>()
  for (const [, single, template] of source.matchAll(quoted)) names.add(single ?? template ?? '')
  // The name behind a table of cases: `test.each([ … ])('name'`.
  for (const [, single, template] of source.matchAll(/\)\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g)) {
    names.add(single ?? template ?? '')
  }
  return names
}

describe('Each class of attacks has its test', () => {
  test.each(rows.map(([attack = '', , file = '', name = '']) => [attack, file.replaceAll('`', ''), name] as const))(
    '%s',
    (attack, file, name) => {
      expect(listFiles()).toContain(file)
      expect([attack, namesIn(readText(file)).has(name) ? name : [...namesIn(readText(file))]]).toEqual([attack, name])
    },
  )

  test('which no other class has, and each is said to be bounded by something', () => {
    expect(rows.length).toBeGreaterThan(70)
    expect(new Set(rows.map(([attack]) => attack)).size).toBe(rows.length)
    for (const row of rows) expect([row.length, row.every((cell) => cell.length > 3)]).toEqual([4, true])
  })
})
