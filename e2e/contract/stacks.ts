/** Which independent stacks have shown a case of `npm run interop`, by `e2e/interop/results.json`. */
import { existsSync, readFileSync } from 'node:fs'
import { PEERS } from '../interop/peers.ts'
import { CASES } from '../interop/plans.ts'

/** A cell of the table of interop: the roles are isoquic's. */
export interface Cell {
  readonly case: string
  readonly role: string
  readonly peer: string
  readonly verdict: string
}

/** The cells that were recorded. */
export function readCells(): readonly Cell[] {
  const path = new URL('../interop/results.json', import.meta.url)
  if (!existsSync(path)) return PEERS.flatMap(declared)
  const { cells } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cells: readonly Cell[] }
  return cells
}

/** Whether there is such a case. */
export function isCase(name: string): boolean {
  return (CASES as readonly string[]).includes(name)
}

/** What a peer is held to where nothing was recorded: every case but those that it cannot do. */
function declared({ name, cannot }: (typeof PEERS)[number]): Cell[] {
  return CASES.flatMap((each) =>
    (['client', 'server'] as const).map((role) => ({
      case: each,
      role,
      peer: name,
      verdict: cannot[role === 'client' ? 'server' : 'client'][each] === undefined ? 'ok' : 'peer can not',
    })),
  )
}

/** The stacks that any of `cases` went well with, and in which of their roles. */
export function stacksOf(cases: readonly string[], cells: readonly Cell[]): string[] {
  const roles = new Map<string, Set<string>>()
  for (const { case: name, peer, role, verdict } of cells) {
    if (verdict !== 'ok' || role === 'both' || !cases.includes(name)) continue
    const known = roles.get(peer) ?? new Set()
    roles.set(peer, known.add(role === 'client' ? 'server' : 'client'))
  }
  return [...roles].map(([peer, known]) => (known.size === 2 ? peer : `${peer} (${[...known].join()})`))
}
