import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ALL_CASES } from './http3/plans.ts'
import { knownHttp3Peers } from './http3/run.ts'
import { CASES } from './plans.ts'
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

test('Each stack has a verdict for each case in each role, and a reason where it is not ok', () => {
  const { peers, cells } = readResults()
  for (const { name } of peers) {
    for (const role of ['client', 'server'] as const) {
      for (const each of CASES) {
        const isIt = (cell: CellRecord): boolean => cell.peer === name && cell.case === each
        const cell = cells.find((known) => isIt(known) && (known.role === role || known.role === 'both'))
        expect(cell, `${name}, ${each}, isoquic as ${role}`).toBeDefined()
        if (cell?.verdict !== 'ok') expect(cell?.reason).toBeTruthy()
      }
    }
  }
})

test('Each stack of HTTP/3 has a verdict for each case in each role that it has, and a reason where it is not ok', () => {
  const { peers, cells } = readResults().http3
  expect(peers.map(({ name }) => name).sort()).toEqual(
    knownHttp3Peers(true)
      .map(({ name }) => name)
      .sort(),
  )
  for (const peer of knownHttp3Peers(true)) {
    for (const role of ['client', 'server'] as const) {
      if ((role === 'client' ? peer.server : peer.client) === undefined) continue
      for (const each of ALL_CASES) {
        const cell = cells.find(
          (known) => known.peer === peer.name && known.case === each && (known.role === role || known.role === 'both'),
        )
        expect(cell, `${peer.name}, ${each}, isoquic as ${role}`).toBeDefined()
        if (cell?.verdict !== 'ok') expect(cell?.reason).toBeTruthy()
      }
    }
  }
})

test('A cell that ran again takes the place of the older one, and others stay', () => {
  const known = { peers: [{ name: 'a stack', version: '1' }], cells: [CELL, { ...CELL, role: 'server' as const }] }
  const seen: CellRecord = { ...CELL, verdict: 'ok', date: '2026-01-02' }
  const merged = merge(known, { peers: [{ name: 'a stack', version: '2' }], cells: [seen] }, CASES)
  expect(merged.peers).toEqual([{ name: 'a stack', version: '2' }])
  expect(merged.cells).toContainEqual(seen)
  expect(merged.cells).not.toContainEqual(CELL)
  expect(merged.cells).toHaveLength(2)
  const whole = { ...merged, http3: { peers: [], cells: [] } }
  expect(page(whole)).toContain('a stack as client, `handshake`: failed: It fell')
  expect(page(whole)).not.toContain('a stack as server')
})
