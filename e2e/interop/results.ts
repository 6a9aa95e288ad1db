/**
 * What was seen, kept: `results.json` for programs, `docs/interop.md` for people. `npm run interop -- record` puts the cells that it
 * has run in place of the older ones there; the others stay, each with the day on which it was run.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Role } from './contract.ts'
import { CASES, type Case } from './plans.ts'

/** What came of a cell. */
export type Verdict = 'ok' | 'failed' | 'peer can not'

/** One cell of the table. */
export interface CellRecord {
  readonly case: Case
  /** Of isoquic, which is `both` in the cells that it fills alone. */
  readonly role: Role | 'both'
  readonly peer: string
  readonly verdict: Verdict
  /** Why not `ok`. */
  readonly reason?: string
  readonly seconds?: number
  /** The day, in UTC. */
  readonly date: string
}

/** A stack that was met. */
export interface PeerRecord {
  readonly name: string
  readonly version: string
}

/** All that is known. */
export interface Results {
  readonly peers: readonly PeerRecord[]
  readonly cells: readonly CellRecord[]
}

const RESULTS = fileURLToPath(new URL('results.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/interop.md', import.meta.url))

/** What was recorded; nothing at first. @throws SyntaxError where the file is not JSON */
export function readResults(path: string = RESULTS): Results {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Results) : { peers: [], cells: [] }
}

/** Writes both files. */
export function writeResults(results: Results): void {
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`)
  writeFileSync(PAGE, page(results))
}

/** `known` with what a run has seen in place of the same cells of older runs. */
export function merge(known: Results, seen: Results): Results {
  const key = (cell: CellRecord): string => `${cell.peer} ${cell.role} ${cell.case}`
  const cells = new Map([...known.cells, ...seen.cells].map((cell) => [key(cell), cell]))
  const peers = new Map([...known.peers, ...seen.peers].map((peer) => [peer.name, peer]))
  const names = [...peers.keys()]
  const place = (cell: CellRecord): number =>
    (names.indexOf(cell.peer) * 2 + (cell.role === 'server' ? 1 : 0)) * CASES.length + CASES.indexOf(cell.case)
  return {
    peers: [...peers.values()],
    // A case that is no more is forgotten.
    cells: [...cells.values()].filter((cell) => CASES.includes(cell.case)).sort((a, b) => place(a) - place(b)),
  }
}

/** The page for people. */
export function page({ peers, cells }: Results): string {
  const dates = cells.map(({ date }) => date).sort()
  const span = dates[0] === dates.at(-1) ? dates[0] : `${dates[0]} to ${dates.at(-1)}`
  const missing = cells.filter(({ verdict }) => verdict !== 'ok')
  return `${[
    '# Interop',
    '',
    `Made by \`npm run interop -- record\` (with \`--all\` for the stacks that need Go, Rust or Python) from what ran on ${span}; the`,
    'same in JSON: [results.json](../e2e/interop/results.json). What each case asks for, and the evidence for what a peer can not:',
    '[PEERS.md](../e2e/interop/PEERS.md).',
    '',
    ...rows(
      ['stack', 'version'],
      peers.map(({ name, version }) => [name, version]),
    ),
    '',
    ...roleTable('With isoquic as client', 'client', peers, cells),
    ...roleTable('With isoquic as server', 'server', peers, cells),
    '## What is not `ok`',
    '',
    ...(missing.length === 0 ? ['Nothing.'] : missing.map(describeCell)),
  ].join('\n')}\n`
}

function describeCell({ peer, role, case: name, verdict, reason }: CellRecord): string {
  const roleOfPeer = role === 'client' ? 'server' : role === 'server' ? 'client' : 'both'
  return `- ${peer} as ${roleOfPeer}, \`${name}\`: ${verdict}: ${reason ?? ''}`
}

function roleTable(
  title: string,
  role: Role,
  peers: readonly PeerRecord[],
  cells: readonly CellRecord[],
): readonly string[] {
  const names = peers.map(({ name }) => name)
  const isOf = (cell: CellRecord): boolean => cell.role === role || cell.role === 'both'
  const verdict = (peer: string, name: Case): string => {
    const cell = cells.find((each) => each.peer === peer && each.case === name && isOf(each))
    return cell === undefined ? 'not run' : cell.verdict
  }
  return [
    `## ${title}`,
    '',
    ...rows(
      ['case', ...names],
      CASES.filter((name) => cells.some((cell) => cell.case === name)).map((name) => [
        `\`${name}\``,
        ...names.map((peer) => verdict(peer, name)),
      ]),
    ),
    '',
  ]
}

function rows(head: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
}
