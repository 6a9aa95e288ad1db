import { expect, test } from 'vitest'
import { librarySources, readText } from './tree.ts'

/** What is quick and protects nothing. */
const WORTHLESS: readonly string[] = ['src/simulator/checksum-engine.ts', 'src/simulator/quick-keys.ts']

const sources = librarySources()

/** Who makes a provider of it, and who chooses that. */
const PROVIDER = 'src/simulator/quick-crypto.ts'
const CHOOSERS: readonly string[] = ['src/simulator/pair.ts', 'src/simulator/simulation.ts']

function importersOf(path: string): string[] {
  return sources.filter((file) => file.imports.some(({ target }) => target === path)).map((file) => file.path)
}

test.each(WORTHLESS)('%s is imported by quick-crypto.ts alone', (path) => {
  expect(importersOf(path)).toEqual([PROVIDER])
})

test('nobody but a pair and a simulation chooses what protects nothing', () => {
  expect(importersOf(PROVIDER).sort()).toEqual(CHOOSERS)
})

test('no entry point names the worthless engines, and no transport meets a pair', () => {
  const manifest = JSON.parse(readText('package.json')) as { exports: Record<string, unknown> }
  expect(JSON.stringify(manifest.exports)).not.toMatch(/checksum-engine|quick-/)
  expect(readText('src/simulator.ts')).not.toMatch(/checksum|quick/)
  expect(readText('src/simulator/pair.ts')).not.toMatch(/DatagramTransport/)
})

test('the stack does without its simulator', () => {
  const rooms = /^src\/(?!simulator(\/|\.ts$))/
  const importers = sources.filter(
    (file) => rooms.test(file.path) && file.imports.some(({ target }) => target.startsWith('src/simulator/')),
  )
  expect(importers.map((file) => file.path)).toEqual([])
})
