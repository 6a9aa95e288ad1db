/**
 * What was seen, kept: `results.json` for programs, `docs/interop.md` for people. `npm run interop -- record` puts the cells that it
 * has run in place of the older ones there; the others stay, each with the day on which it was run.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Role } from './contract.ts'
import { HTTP3_CASES, type Http3Case, SESSION_CASES } from './http3/plans.ts'
import { CASES, type Case } from './plans.ts'

/** What came of a cell. */
export type Verdict = 'ok' | 'failed' | 'peer can not'

/** One cell of the table. */
export interface CellRecord<C extends string = Case> {
  readonly case: C
  /** Of isoquic, which is `both` in the cells that it fills alone. */
  readonly role: Role | 'both'
  readonly peer: string
  readonly verdict: Verdict
  /** Why not `ok`. */
  readonly reason?: string
  /** What was seen. */
  readonly note?: string
  readonly seconds?: number
  /** The day, in UTC. */
  readonly date: string
}

/** A stack that was met. */
export interface PeerRecord {
  readonly name: string
  readonly version: string
}

/** What is known of one table. */
export interface Table<C extends string = Case> {
  readonly peers: readonly PeerRecord[]
  readonly cells: readonly CellRecord<C>[]
}

/** All that is known: of QUIC, and of HTTP/3 and WebTransport. */
export interface Results extends Table {
  readonly http3: Table<Http3Case>
}

const NOTHING: Table<never> = { peers: [], cells: [] }

const RESULTS = fileURLToPath(new URL('results.json', import.meta.url))
const PAGE = fileURLToPath(new URL('../../docs/interop.md', import.meta.url))

/** What was recorded; nothing at first. @throws SyntaxError where the file is not JSON */
export function readResults(path: string = RESULTS): Results {
  const known = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Partial<Results>) : {}
  return { ...NOTHING, http3: NOTHING, ...known }
}

/** Writes both files. */
export function writeResults(results: Results): void {
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`)
  writeFileSync(PAGE, page(results))
}

/** `known` with what a run has seen in place of the same cells of older runs; `cases` in their order. */
export function merge<C extends string>(known: Table<C>, seen: Table<C>, cases: readonly C[]): Table<C> {
  const key = (cell: CellRecord<C>): string => `${cell.peer} ${cell.role} ${cell.case}`
  const cells = new Map([...known.cells, ...seen.cells].map((cell) => [key(cell), cell]))
  const peers = new Map([...known.peers, ...seen.peers].map((peer) => [peer.name, peer]))
  const names = [...peers.keys()]
  const place = (cell: CellRecord<C>): number =>
    (names.indexOf(cell.peer) * 2 + (cell.role === 'server' ? 1 : 0)) * cases.length + cases.indexOf(cell.case)
  return {
    peers: [...peers.values()],
    // A case that is no more is forgotten.
    cells: [...cells.values()].filter((cell) => cases.includes(cell.case)).sort((a, b) => place(a) - place(b)),
  }
}

/** The page for people. */
export function page({ peers, cells, http3 }: Results): string {
  const all = [...cells, ...http3.cells]
  const dates = all.map(({ date }) => date).sort()
  const span = dates[0] === dates.at(-1) ? dates[0] : `${dates[0]} to ${dates.at(-1)}`
  const missing = all.filter(({ verdict }) => verdict !== 'ok')
  const noted = http3.cells.filter(({ note }) => note !== undefined)
  return `${[
    '# Interop',
    '',
    `Made by \`npm run interop -- record\` (with \`--all\` for the stacks that need Go, Rust or Python) from what ran on ${span}; the`,
    'same in JSON: [results.json](../e2e/interop/results.json). What each case asks for, and the evidence for what a peer can not:',
    '[PEERS.md](../e2e/interop/PEERS.md).',
    '',
    ...versions(peers),
    ...roleTable('With isoquic as client', 'client', CASES, { peers, cells }),
    ...roleTable('With isoquic as server', 'server', CASES, { peers, cells }),
    ...(http3.cells.length === 0 ? [] : ['## HTTP/3 and WebTransport', '', ...versions(http3.peers)]),
    ...roleTable('HTTP/3 with isoquic as client', 'client', HTTP3_CASES, http3),
    ...roleTable('HTTP/3 with isoquic as server', 'server', HTTP3_CASES, http3),
    ...(noted.length === 0
      ? []
      : ['What the wire showed of QPACK, as `qpack` counts it:', '', ...noted.map(noteOf), '']),
    ...roleTable('WebTransport with isoquic as client', 'client', SESSION_CASES, http3),
    ...roleTable('WebTransport with isoquic as server', 'server', SESSION_CASES, http3),
    '## What is not `ok`',
    '',
    ...(missing.length === 0 ? ['Nothing.'] : missing.map(describeCell)),
  ].join('\n')}\n`
}

function versions(peers: readonly PeerRecord[]): readonly string[] {
  const lines = peers.map(({ name, version }) => [name, version])
  return [...rows(['stack', 'version'], lines), '']
}

function describeCell({ peer, role, case: name, verdict, reason }: CellRecord<string>): string {
  return `- ${peer} as ${roleOfPeer(role)}, \`${name}\`: ${verdict}: ${reason ?? ''}`
}

function noteOf({ peer, role, note }: CellRecord<string>): string {
  return `- ${peer} as ${roleOfPeer(role)}: ${note ?? ''}`
}

function roleOfPeer(role: Role | 'both'): string {
  return role === 'client' ? 'server' : role === 'server' ? 'client' : 'both'
}

/** The stacks that have such a role, in the cases that were run with any. */
function roleTable<C extends string>(
  title: string,
  role: Role,
  cases: readonly C[],
  { peers, cells }: Table<C>,
): readonly string[] {
  const isOf = (cell: CellRecord<C>): boolean =>
    cases.includes(cell.case) && (cell.role === role || cell.role === 'both')
  const can = cells.filter((cell) => isOf(cell))
  const names = peers.map(({ name }) => name).filter((name) => can.some(({ peer }) => peer === name))
  if (names.length === 0) return []
  const verdict = (peer: string, name: C): string => {
    const cell = can.find((each) => each.peer === peer && each.case === name)
    return cell === undefined ? 'not run' : cell.verdict
  }
  return [
    `## ${title}`,
    '',
    ...rows(
      ['case', ...names],
      cases
        .filter((name) => cells.some((cell) => cell.case === name))
        .map((name) => [`\`${name}\``, ...names.map((peer) => verdict(peer, name))]),
    ),
    '',
  ]
}

function rows(head: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
}
