import { expect, test } from 'vitest'
import { librarySources, readText } from './tree.ts'

/** What is quick and protects nothing. */
const WORTHLESS: readonly string[] = ['src/simulator/checksum-engine.ts', 'src/simulator/quick-keys.ts']

const sources = librarySources()

test.each(WORTHLESS)('%s is imported by pair.ts alone', (path) => {
  const importers = sources.filter((file) => file.imports.some(({ target }) => target === path))
  expect(importers.map((file) => file.path)).toEqual(['src/simulator/pair.ts'])
})

test('no entry point names the worthless engines, and no transport meets a pair', () => {
  const manifest = JSON.parse(readText('package.json')) as { exports: Record<string, unknown> }
  expect(JSON.stringify(manifest.exports)).not.toMatch(/checksum-engine|quick-keys/)
  expect(readText('src/simulator.ts')).not.toMatch(/checksum|quickKeys/)
  expect(readText('src/simulator/pair.ts')).not.toMatch(/DatagramTransport/)
})

test('the stack does without its simulator', () => {
  const rooms = /^src\/(?!simulator(\/|\.ts$))/
  const importers = sources.filter(
    (file) => rooms.test(file.path) && file.imports.some(({ target }) => target.startsWith('src/simulator/')),
  )
  expect(importers.map((file) => file.path)).toEqual([])
})
