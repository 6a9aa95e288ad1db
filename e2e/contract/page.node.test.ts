/** Proves: `docs/contract.md` has the rows of the contract, no other, and each names its test and what its log shows. */
import { describe, expect, test } from 'vitest'
import { names, tableBelow } from '../docs/tables.ts'
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

/** Tables of `docs/options.md` that are about connections, not about a transport. */
const OPTIONS = [
  ...['Connection', 'Datagrams', 'Both roles', 'Client', 'Server', 'Client certificates'],
  ...['Sessions and early data', 'Paths', 'Limits'],
]

/** Where the classes of the public API are. */
const CLASSES = ['connection', 'stream', 'datagrams', 'server', 'endpoint', 'incoming', 'send-group']

/** The public members of the classes in a source: those without `#`, and without `@internal` in their documentation. */
function membersIn(source: string): string[] {
  const body = source
    .split(/^(?=export class )/m)
    .slice(1)
    .map((part) => part.slice(0, part.search(/^\}/m)))
    .join('')
  const member = /^ {2}(?:(?:readonly|async|get|set) )?([a-z]\w*)(?=[(:]| =)/gm
  const found: string[] = []
  for (const match of body.matchAll(member)) {
    const above = body.slice(0, match.index).trimEnd()
    const comment = above.endsWith('*/') ? above.slice(above.lastIndexOf('/**')) : ''
    if (match[1] !== undefined && match[1] !== 'constructor' && !comment.includes('@internal')) found.push(match[1])
  }
  return found
}

describe('The page of the contract', () => {
  const files = listFiles()

  test('has the sections of the contract and what is not there yet', () => {
    const titles = [...readText(PAGE).matchAll(/^## (.+)$/gm)].map(([, title]) => title)
    expect(titles, RENEW).toEqual([...SECTIONS.map(({ title }) => title), 'Not yet'])
    if (MISSING.length === 0) expect(readText(PAGE), RENEW).toMatch(/## Not yet\n\nNothing\./)
    else expect(tableBelow(PAGE, 'Not yet'), RENEW).toEqual(MISSING.map(({ what, why }) => [what, why]))
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

  const words = SECTIONS.flatMap(({ rows }) => rows.map(({ what, claim }) => `${what} ${claim}`)).join('\n')
  const unnamed = (all: readonly string[]): string[] => all.filter((name) => !new RegExp(`\\b${name}\\b`).test(words))

  test.each(OPTIONS)('names every option of %s', (title) => {
    expect(unnamed(names(tableBelow('docs/options.md', title)))).toEqual([])
  })

  test.each(CLASSES)('names every public member of the classes in src/api/%s.ts', (name) => {
    const members = membersIn(readText(`src/api/${name}.ts`))
    expect(members.length).toBeGreaterThan(0)
    expect(unnamed(members)).toEqual([])
  })
})
