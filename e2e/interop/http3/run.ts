/** The tables of HTTP/3 and WebTransport: isoquic as client and as server against each stack, case by case. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Role } from '../contract.ts'
import { buildThose } from '../peers-more.ts'
import type { CellRecord, PeerRecord } from '../results.ts'
import { runHttp3Cell } from './cell.ts'
import { HTTP3_PEERS, type Http3Peer, ISOQUIC, MORE_HTTP3_PEERS } from './peers.ts'
import { ALL_CASES, HTTP3_PLANS, type Http3Case } from './plans.ts'

/** Where it runs. */
export interface Place {
  readonly folder: string
  readonly certs: string
  readonly hasTshark: boolean
  readonly isKept: boolean
}

/** A row of the tables. */
export interface Http3Row {
  readonly peer: Http3Peer
  /** Of isoquic. */
  readonly role: Role
  readonly cells: CellRecord<Http3Case>[]
}

/** A cell that failed. */
export interface Failure {
  readonly name: string
  readonly reason: string
  readonly output: string
}

/** All stacks of the tables, those of `--all` if wanted. */
export function knownHttp3Peers(isAll: boolean): readonly Http3Peer[] {
  return [...HTTP3_PEERS, ISOQUIC, ...(isAll ? MORE_HTTP3_PEERS.map(({ peer }) => peer) : [])]
}

/** Runs `cases` with `peers`, and adds what fails to `failures`. */
export async function runHttp3(
  peers: readonly Http3Peer[],
  cases: readonly Http3Case[],
  place: Place,
  failures: Failure[],
): Promise<readonly Http3Row[]> {
  const built = buildThose(MORE_HTTP3_PEERS, peers)
  const more = MORE_HTTP3_PEERS.map(({ peer }) => peer)
  const rows: Http3Row[] = []
  for (const peer of peers.filter((each) => !more.includes(each) || built.includes(each))) {
    const roles: readonly Role[] = peer === ISOQUIC ? ['client'] : ['client', 'server']
    for (const role of roles) {
      if ((role === 'client' ? peer.server : peer.client) === undefined) continue
      const row: Http3Row = { peer, role, cells: [] }
      rows.push(row)
      for (const name of cases) row.cells.push(await tryCell(row, name, place, failures))
    }
  }
  return rows
}

async function tryCell(
  { peer, role }: Http3Row,
  name: Http3Case,
  place: Place,
  failures: Failure[],
): Promise<CellRecord<Http3Case>> {
  const facts = {
    case: name,
    role: peer === ISOQUIC ? ('both' as const) : role,
    peer: peer.name,
    date: new Date().toISOString().slice(0, 10),
  }
  const cannot = peer.cannot[role === 'client' ? 'server' : 'client'][name]
  if (cannot !== undefined) return { ...facts, verdict: 'peer can not', reason: cannot }
  const title = role === 'client' ? `isoquic -> ${peer.name}, ${name}` : `${peer.name} -> isoquic, ${name}`
  const folder = mkdtempSync(join(place.folder, `${title.replace(/\W+/g, '-')}-`))
  const [client, server] = role === 'client' ? [ISOQUIC, peer] : [peer, ISOQUIC]
  const result = await runHttp3Cell({ ...place, case: name, client, server, folder, plan: HTTP3_PLANS[name] })
  if (!place.isKept) rmSync(folder, { recursive: true, force: true })
  const { failure, note, output } = result
  const seconds = Math.round(result.seconds * 10) / 10
  console.log(`${title}: ${failure ?? note ?? 'ok'} (${seconds.toFixed(1)} s)`)
  if (failure === undefined) return { ...facts, verdict: 'ok', seconds, ...(note !== undefined && { note }) }
  failures.push({ name: title, reason: failure, output })
  return { ...facts, verdict: 'failed', seconds, reason: failure }
}

/** The stacks of rows, with their versions. */
export function peersOf(rows: readonly Http3Row[]): readonly PeerRecord[] {
  return [...new Set(rows.map(({ peer }) => peer))].map((peer) => ({ name: peer.name, version: peer.version() }))
}

/** The cases that `words` name; all, where they name none of any table. */
export function chosenHttp3Cases(words: readonly string[], isAnyNamed: boolean): readonly Http3Case[] {
  const named = ALL_CASES.filter((name) => words.includes(name))
  return named.length > 0 || isAnyNamed ? named : ALL_CASES
}
