/** Proves: `docs/contract.md` has the rows of the contract, no other, and each names its test and what its log shows. */
import { describe, expect, test } from 'vitest'
import { tableBelow } from '../docs/tables.ts'
import { listFiles, readText } from '../house/tree.ts'
import { MISSING } from './missing.ts'
import { networksOf, type Row } from './row.ts'
import { SECTIONS } from './sections.ts'
import { isCase } from './stacks.ts'

const PAGE = 'docs/contract.md'
const RENEW = 'npm run contract writes the page anew'

function testOf({ also, claim }: Row): string {
  return also === undefined ? claim : `${claim}; also \`${also[0]}\`: ${also[1]}`
}

describe('The page of the contract', () => {
  const files = listFiles()

  test('has the sections of the contract and what is not there yet', () => {
    const titles = [...readText(PAGE).matchAll(/^## (.+)$/gm)].map(([, title]) => title)
    expect(titles, RENEW).toEqual([...SECTIONS.map(({ title }) => title), 'Not yet'])
    expect(tableBelow(PAGE, 'Not yet'), RENEW).toEqual(MISSING.map(({ what, why }) => [what, why]))
  })

  test.each(SECTIONS.map((section) => [section.title, section] as const))(
    '%s: has the rows of its tests',
    (_, section) => {
      const rows = tableBelow(PAGE, section.title)
      expect(
        rows.map(([what, claim]) => [what, claim]),
        RENEW,
      ).toEqual(section.rows.map((row) => [row.what, testOf(row)]))
      for (const [what = '', , evidence = '', over = ''] of rows) {
        expect([what, evidence.length > 10, over.length > 2], RENEW).toEqual([what, true, true])
      }
      expect(files).toContain(section.file)
      expect(files).toContain(section.file.replace(/\.ts$/, '.node.test.ts'))
      expect(readText(section.file.replace(/\.ts$/, '.node.test.ts'))).toContain('proveSection(')
    },
  )

  test('has rows that differ, and none that is proven in one place alone without a reason', () => {
    const rows = SECTIONS.flatMap((section) => section.rows)
    const names = rows.map(({ what, claim }) => `${what} ${claim}`)
    expect(new Set(names).size).toBe(names.length)
    for (const row of rows) {
      // Who breaks the rules does so in the simulator alone.
      const isFree = networksOf(row).length > 1 || networksOf(row)[0] === 'forger'
      expect([row.claim, isFree || row.because !== undefined]).toEqual([row.claim, true])
      expect([row.claim, (row.interop ?? []).filter((name) => !isCase(name))]).toEqual([row.claim, []])
      if (row.also === undefined) continue
      const [file, name] = row.also
      expect(files).toContain(file)
      expect([name, readText(file).includes(name)]).toEqual([name, true])
    }
  })
})
