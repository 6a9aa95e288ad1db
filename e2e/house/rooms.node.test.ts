import { describe, expect, test } from 'vitest'
import { forbiddenWords, importCycles, ROOMS, wrongImports } from './rooms.ts'
import { librarySources, parseSource, roomOf, type SourceFile } from './tree.ts'

const sources = librarySources()

test('every folder of src is a room of the line', () => {
  const rooms = new Set(sources.map((file) => roomOf(file.path)).filter((room) => room !== undefined && room !== ''))
  expect([...rooms].filter((room) => !ROOMS.includes(room ?? ''))).toEqual([])
})

test('no file imports from a room to its right', () => {
  expect(sources.flatMap(wrongImports)).toEqual([])
})

test('nothing left of api names host, clock, randomness or asynchrony', () => {
  expect(sources.flatMap(forbiddenWords)).toEqual([])
})

test('no imports go in a circle', () => {
  expect(importCycles(sources)).toEqual([])
})

describe('the rules themselves', () => {
  const broken = (path: string, text: string): string[] => {
    const file = parseSource(path, text)
    return [...wrongImports(file), ...forbiddenWords(file)]
  }

  test.each([
    ['an import to the right', 'src/wire/a.ts', "import { x } from '../tls/b.ts'"],
    ['a type import to the right', 'src/wire/a.ts', "import type { X } from '../tls/b.ts'"],
    ['an import over several lines', 'src/wire/a.ts', "import {\n  x,\n  y,\n} from '../tls/b.ts'"],
    ['an import for its effects', 'src/wire/a.ts', "import '../tls/b.ts'"],
    ['a dynamic import to the right', 'src/wire/a.ts', "const x = () => import('../tls/b.ts')"],
    ['an export from the right', 'src/wire/a.ts', "export { x } from '../tls/b.ts'"],
    ['TLS that knows QUIC', 'src/tls/a.ts', "import { x } from '../wire/b.ts'"],
    ['a transport that knows QUIC', 'transports/a.ts', "import { x } from '../src/wire/b.ts'"],
    ['a door used from inside', 'src/api/a.ts', "import { x } from '../index.ts'"],
    ['a contract that knows a room', 'src/transport.ts', "import { x } from './wire/b.ts'"],
    ['a host module in the core', 'src/wire/a.ts', "import { readFileSync } from 'node:fs'"],
    ['a package', 'src/cli/a.ts', "import { x } from 'left-pad'"],
    ['a clock', 'src/wire/a.ts', 'const now = () => Date.now()'],
    ['a timer', 'src/wire/a.ts', 'export function f() { setTimeout(() => {}, 1) }'],
    ['randomness', 'src/wire/a.ts', 'const x = () => Math.random()'],
    ['ambient cryptography', 'src/wire/a.ts', 'const x = (b) => crypto.getRandomValues(b)'],
    ['an async function', 'src/wire/a.ts', 'export async function f() {}'],
    ['a promise', 'src/wire/a.ts', 'export type T = Promise<void>'],
    ['the host process', 'src/wire/a.ts', 'const x = () => process.env'],
  ])('refuse %s', (_, path, text) => {
    expect(broken(path, text)).toHaveLength(1)
  })

  test.each([
    ['its own room and the left', 'src/tls/a.ts', "import { x } from './b.ts'\nimport { y } from '../base/c.ts'"],
    ['a contract', 'src/wire/a.ts', "import type { X } from '../transport.ts'"],
    [
      'the host in its engine',
      'src/crypto/node/a.ts',
      "import { y } from 'node:crypto'\nconst b = () => Buffer.from(y)",
    ],
    ['a method called process', 'src/wire/a.ts', 'class A { #process(x) { this.#process(x) }\n  process(): void {} }'],
    ['words in comments and strings', 'src/wire/a.ts', "// setTimeout, await\nconst x = 'console' /* Date */"],
    ['promises in api', 'src/api/a.ts', 'export async function f(): Promise<void> {}'],
  ])('allow %s', (_, path, text) => {
    expect(broken(path, text)).toEqual([])
  })

  test('find a circle of three, and none of types alone', () => {
    const circle = (last: string): SourceFile[] => [
      parseSource('src/base/a.ts', "import { b } from './b.ts'"),
      parseSource('src/base/b.ts', "import { c } from './c.ts'"),
      parseSource('src/base/c.ts', last),
    ]
    expect(importCycles(circle("import { a } from './a.ts'"))).toEqual([
      ['src/base/a.ts', 'src/base/b.ts', 'src/base/c.ts'],
    ])
    expect(importCycles(circle("import type { A } from './a.ts'"))).toEqual([])
  })
})
