import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type CellRecord, merge, page, readResults } from './results.ts'

const CELL: CellRecord = {
  case: 'handshake',
  role: 'client',
  peer: 'a stack',
  verdict: 'failed',
  reason: 'It fell',
  date: '2026-01-01',
}

test('The page of interop tells what its JSON tells', () => {
  const written = readFileSync(new URL('../../docs/interop.md', import.meta.url), 'utf8')
  expect(written).toBe(page(readResults()))
})

test('A cell that ran again takes the place of the older one, and others stay', () => {
  const known = { peers: [{ name: 'a stack', version: '1' }], cells: [CELL, { ...CELL, role: 'server' as const }] }
  const seen: CellRecord = { ...CELL, verdict: 'ok', date: '2026-01-02' }
  const merged = merge(known, { peers: [{ name: 'a stack', version: '2' }], cells: [seen] })
  expect(merged.peers).toEqual([{ name: 'a stack', version: '2' }])
  expect(merged.cells).toContainEqual(seen)
  expect(merged.cells).not.toContainEqual(CELL)
  expect(merged.cells).toHaveLength(2)
  expect(page(merged)).toContain('a stack as client, `handshake`: failed: It fell')
  expect(page(merged)).not.toContain('a stack as server')
})
