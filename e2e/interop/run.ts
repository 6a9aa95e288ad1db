/**
 * `npm run interop`: isoquic as client and as server against independent stacks, case by case, and one transfer that tshark
 * decodes. Words after `--` choose peers and cases: `npm run interop -- quinn transfer`; `keep` keeps files and captures, `record`
 * the results (`results.ts`), and `--all` adds the stacks that Go, Cargo or Python build (`peers-more.ts`).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { table } from '../../src/cli/table.ts'
import { type CaptureResult, captureTransfer } from './capture.ts'
import { runCell } from './cell.ts'
import { writeCertificates } from './certificates.ts'
import type { Role } from './contract.ts'
import { ALL_CASES } from './http3/plans.ts'
import { chosenHttp3Cases, type Failure, type Http3Row, knownHttp3Peers, peersOf, runHttp3 } from './http3/run.ts'
import { provide } from './install.ts'
import { ISOQUIC, PEERS, type Peer } from './peers.ts'
import { MORE_PEERS, provideMore } from './peers-more.ts'
import { CASES, type Case, PLANS } from './plans.ts'
import { endAll } from './processes.ts'
import { type CellRecord, merge, readResults, writeResults } from './results.ts'

const WORDS: readonly string[] = ['--all', 'capture', 'keep', 'record']

/** A row of the table. */
interface Row {
  readonly peer: Peer
  /** Of isoquic. */
  readonly role: Role
  readonly cells: Map<Case, CellRecord>
}

async function main(words: readonly string[]): Promise<number> {
  const isAll = words.includes('--all')
  const http3Known = knownHttp3Peers(isAll)
  const isCaseNamed = [...CASES, ...ALL_CASES].some((name) => words.includes(name))
  const named = CASES.filter((name) => words.includes(name))
  const cases = isCaseNamed ? named : CASES
  const http3Cases = chosenHttp3Cases(words, isCaseNamed)
  const known = [...PEERS, ISOQUIC, ...(isAll ? MORE_PEERS : [])]
  const peers = known.filter(({ name }) => words.includes(name))
  const http3Peers = http3Known.filter(({ name }) => words.includes(name))
  const isPeerNamed = peers.length + http3Peers.length > 0
  const peerNames = [...known, ...http3Known].map(({ name }) => name)
  const names = [...new Set([...CASES, ...ALL_CASES, ...peerNames]), ...WORDS]
  const unknown = words.find((word) => !names.includes(word))
  if (unknown !== undefined) {
    console.error(`Neither a case nor a peer: ${unknown}; known are ${names.join(', ')}`)
    return 2
  }
  const { hasTshark } = provide()
  const wanted = cases.length === 0 ? [] : isPeerNamed ? peers : known
  const more = provideMore(wanted)
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-interop-'))
  const isKept = words.includes('keep')
  process.once('exit', () => {
    endAll()
    if (isKept) console.log(`Kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const certs = join(folder, 'certs')
  mkdirSync(certs)
  writeCertificates(certs)
  const failures: Failure[] = []
  const rows: Row[] = []
  for (const peer of wanted.filter((each) => !MORE_PEERS.includes(each) || more.includes(each))) {
    for (const role of peer === ISOQUIC ? (['client'] as const) : (['client', 'server'] as const)) {
      const row: Row = { peer, role, cells: new Map() }
      rows.push(row)
      for (const name of cases) {
        row.cells.set(name, await tryCell(row, name, { folder, certs, hasTshark, isKept }, failures))
      }
    }
  }
  const place = { folder, certs, hasTshark, isKept }
  const http3Rows =
    http3Cases.length === 0 ? [] : await runHttp3(isPeerNamed ? http3Peers : http3Known, http3Cases, place, failures)
  show(rowsToShow(rows), cases)
  show(http3Rows, http3Cases)
  if (words.includes('record')) record(rows, http3Rows)
  for (const { name, reason, output } of failures) {
    console.log(`\n${name}: ${reason}\n${output}`)
  }
  const isCaptured = words.includes('capture') || !(isCaseNamed || isPeerNamed)
  const capture = isCaptured ? await tryCapture(folder, certs, hasTshark) : undefined
  if (capture !== undefined) console.log(`\n${capture.line}`)
  const failed = failures.length + (capture?.isFailure === true ? 1 : 0)
  console.log(`\n${failed === 0 ? 'All green' : `${failed} failed`}`)
  return failed === 0 ? 0 : 1
}

async function tryCell(
  { peer, role }: Row,
  name: Case,
  place: { readonly folder: string; readonly certs: string; readonly hasTshark: boolean; readonly isKept: boolean },
  failures: Failure[],
): Promise<CellRecord> {
  const facts = {
    case: name,
    role: peer === ISOQUIC ? ('both' as const) : role,
    peer: peer.name,
    date: new Date().toISOString().slice(0, 10),
  }
  const cannot = reasonNot(peer, role === 'client' ? 'server' : 'client', name)
  if (cannot !== undefined) return { ...facts, verdict: 'peer can not', reason: cannot }
  const title = role === 'client' ? `isoquic -> ${peer.name}, ${name}` : `${peer.name} -> isoquic, ${name}`
  const folder = mkdtempSync(join(place.folder, `${title.replace(/\W+/g, '-')}-`))
  const [client, server] = role === 'client' ? [ISOQUIC, peer] : [peer, ISOQUIC]
  const { certs, hasTshark, isKept } = place
  const result = await runCell({ case: name, client, server, folder, certs, hasTshark, isKept })
  if (!isKept) rmSync(folder, { recursive: true, force: true })
  const { failure, output } = result
  const seconds = Math.round(result.seconds * 10) / 10
  console.log(`${title}: ${failure ?? 'ok'} (${seconds.toFixed(1)} s)`)
  if (failure === undefined) return { ...facts, verdict: 'ok', seconds }
  failures.push({ name: title, reason: failure, output })
  return { ...facts, verdict: 'failed', seconds, reason: failure }
}

/** Why the peer cannot do a case, or what it is told in it. */
function reasonNot(peer: Peer, role: Role, name: Case): string | undefined {
  return peer.cannot[role][name] ?? peer.cannot[role][PLANS[name].testCase]
}

async function tryCapture(folder: string, certs: string, hasTshark: boolean): Promise<CaptureResult> {
  if (!hasTshark) return { line: 'Capture: not possible here: there is no tshark', isFailure: false }
  return await captureTransfer(mkdtempSync(join(folder, 'capture-')), certs)
}

/** A row as it is shown. */
interface Shown {
  readonly peer: { readonly name: string }
  readonly role: Role
  readonly cells: readonly CellRecord<string>[]
}

function rowsToShow(rows: readonly Row[]): readonly Shown[] {
  return rows.map(({ peer, role, cells }) => ({ peer, role, cells: [...cells.values()] }))
}

function show(rows: readonly Shown[], cases: readonly string[]): void {
  if (rows.length === 0) return
  const head = ['peer', 'isoquic is', ...cases]
  const lines = rows.map(({ peer, role, cells }) => [
    peer.name,
    peer.name === ISOQUIC.name ? 'both' : role,
    ...cases.map((name) => inTable(cells.find((cell) => cell.case === name))),
  ])
  console.log(`\n${table([head, ...lines])}`)
  for (const { peer, role, cells } of rows) {
    const roleOfPeer = role === 'client' ? 'server' : 'client'
    for (const { case: name, verdict, reason } of cells) {
      if (verdict === 'peer can not') console.log(`${peer.name} as ${roleOfPeer} can not ${name}: ${reason} (PEERS.md)`)
    }
  }
}

function inTable(cell: CellRecord<string> | undefined): string {
  if (cell?.verdict === 'ok') return `ok ${cell.seconds?.toFixed(1)} s`
  return cell?.verdict === 'failed' ? 'FAILED' : (cell?.verdict ?? '')
}

/** Keeps what was seen, with the versions of whom it was seen with. */
function record(rows: readonly Row[], http3Rows: readonly Http3Row[]): void {
  const known = readResults()
  const peers = new Map(rows.map(({ peer }) => [peer.name, { name: peer.name, version: peer.version() }]))
  const cells = rows.flatMap((row) => [...row.cells.values()])
  const http3Cells = http3Rows.flatMap((row) => row.cells)
  writeResults({
    ...merge(known, { peers: [...peers.values()], cells }, CASES),
    http3: merge(known.http3, { peers: peersOf(http3Rows), cells: http3Cells }, ALL_CASES),
  })
}

process.exit(await main(process.argv.slice(2)))
