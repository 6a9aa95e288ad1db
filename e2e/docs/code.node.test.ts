/** Every block of TypeScript in the documentation compiles, and those marked `ts run` do what they say. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allSnippets, promisedOutput, type Snippet, snippetsOf } from './snippets.ts'
import { Workspace } from './workspace.ts'

const snippets = allSnippets()
const workspace = new Workspace()
const files = new Map<Snippet, string>(snippets.map((snippet) => [snippet, workspace.add(snippet.code)]))
const wrong = workspace.add("import { conect } from 'isoquic'\nvoid conect")
let faults: ReadonlyMap<string, readonly string[]>

beforeAll(async () => {
  faults = await workspace.compile()
})
afterAll(() => workspace.remove())

const fileOf = (snippet: Snippet): string => files.get(snippet) ?? ''

test('the documentation has code, of each kind and from each place', () => {
  for (const place of ['README.md', 'src/api/', 'transports/']) {
    expect(snippets.some((snippet) => snippet.place.startsWith(place))).toBe(true)
  }
  expect(snippets.filter(({ runs }) => runs).length).toBeGreaterThan(3)
})

test('a name that is not there would be noticed', () => {
  expect(faults.get(wrong)?.join()).toContain("no exported member named 'conect'")
})

test.each(snippets)('$place compiles', (snippet) => {
  expect(faults.get(fileOf(snippet)) ?? []).toEqual([])
})

describe('what is marked as a program', () => {
  test.concurrent.each(snippets.filter(({ runs }) => runs))('$place runs', async (snippet) => {
    const { exitCode, stdout, stderr } = await workspace.run(fileOf(snippet))
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout.split('\n').slice(0, -1)).toEqual(promisedOutput(snippet.code))
  })
})

describe('finding code', () => {
  test('blocks of Markdown are found with their line and whether they run', () => {
    const text = 'words\n```ts run\nconst a = 1\n```\n```sh\nls\n```\n```ts\nb()\n```\n'
    expect(snippetsOf('a.md', text)).toEqual([
      { place: 'a.md:3', code: 'const a = 1\n', runs: true },
      { place: 'a.md:9', code: 'b()\n', runs: false },
    ])
  })

  test('examples in comments lose the stars', () => {
    const text = '/**\n * Words.\n * @example\n * ```ts\n * if (a) {\n *   b()\n * }\n *\n * ```\n */\n'
    expect(snippetsOf('a.ts', text)).toEqual([{ place: 'a.ts:5', code: 'if (a) {\n  b()\n}\n\n', runs: false }])
  })

  test('what a block prints stands behind its lines', () => {
    expect(promisedOutput("console.log(f(1)) // one\n  console.log('a')\nx() // two\n")).toEqual(['one'])
  })
})
