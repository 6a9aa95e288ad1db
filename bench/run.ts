/**
 * `npm run bench`: isoquic beside other stacks, in one run: goodput of one connection over UDP on loopback between two
 * processes, handshakes a second, and CPU time; then isoquic's batches and where its time goes; then HTTP/3, beside Caddy, Bun
 * and Node's older HTTP; how fast the simulator is; and hosts without UDP: a page through the gateway, two endpoints in a page
 * and in workerd. It asserts nothing but that all bytes arrive.
 *
 *   --quick         one round of 20 MB in place of five of 200 MB
 *   --rounds N      --megabytes N
 *   --peers A,B     only these: isoquic, matrixai, bun, deno, tls; of HTTP isoquic, bun, caddy, https, http2
 *   --only PART     `stacks`, `http`, `simulator` or `hosts`
 *   --json          the numbers of every round on stdout, in place of tables
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeCredentials } from './credentials.ts'
import { measureHosts } from './hosts/measure.ts'
import { hostsTable } from './hosts/report.ts'
import { measureHttp } from './http/measure.ts'
import { HTTP_KEYS } from './http/programs.ts'
import { httpTables } from './http/report.ts'
import { type Profiles, Subject } from './measure.ts'
import { pieces } from './peers/harness.ts'
import { byCategory } from './profile.ts'
import { installPeers, isInstalled, PROGRAMS } from './programs.ts'
import { batches, comparison, costs, type Results, whereTheTimeGoes } from './report.ts'
import { simulatorSpeed } from './simulator-speed.ts'
import { short } from './statistics.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    megabytes: { type: 'string' },
    peers: { type: 'string' },
    only: { type: 'string' },
  },
})

const wanted = values.peers?.split(',')
const known = new Set([...PROGRAMS.map((program) => program.key), ...HTTP_KEYS])

for (const key of wanted ?? []) {
  if (known.has(key)) continue
  console.error(`--peers names ${key}; there are ${[...known].join(', ')}`)
  process.exit(2)
}

const PARTS = ['stacks', 'http', 'simulator', 'hosts']

if (values.only !== undefined && !PARTS.includes(values.only)) {
  console.error(`--only names ${values.only}; there are ${PARTS.join(', ')}`)
  process.exit(2)
}

const MEGABYTE = 1_000_000
const ROUNDS = Number(values.rounds ?? (values.quick ? 1 : 5))
const BYTES = Number(values.megabytes ?? (values.quick ? 20 : 200)) * MEGABYTE
const HANDSHAKES = values.quick ? 50 : 200
/** Of HTTP, each way. */
const HTTP_BYTES = Math.min(BYTES, 100 * MEGABYTE)
/** Of 1 KB, one after the other and many at once. */
const REQUESTS = values.quick ? { alone: 300, atOnce: 1000 } : { alone: 2000, atOnce: 10_000 }
/** Of a page, which is slower. */
const HOST_BYTES = Math.min(BYTES, 20 * MEGABYTE)
/** Moved each way before the rounds, so that every compiler has had its turn. */
const WARM_UP = 20 * MEGABYTE
/** Nobody is given less, however slow. */
const LEAST_BYTES = 1 * MEGABYTE
const LEAST_HANDSHAKES = 10

const hashes = new Map<number, string>()

/** SHA-256 of a transfer. */
function hashOf(bytes: number): string {
  let found = hashes.get(bytes)
  if (found === undefined) {
    const hash = createHash('sha256')
    for (const piece of pieces(bytes)) hash.update(piece)
    found = hash.digest('hex')
    hashes.set(bytes, found)
  }
  return found
}

// The tables alone go to stdout: what is said on the way belongs to whoever watches.
const say = (line: string): void => console.error(line)
const part = (whole: number, share: number, least: number): number => Math.max(least, Math.round(whole * share))

async function round(subject: Subject, bytes: number, handshakes: number, into?: Results): Promise<void> {
  await subject.connect()
  for (const direction of ['download', 'upload'] as const) {
    const transfer = await subject.transfer(direction, bytes)
    into?.transfers.push(transfer)
  }
  await subject.close()
  const made = await subject.handshakes(handshakes)
  into?.handshakes.push(made)
}

interface Entry {
  readonly subject: Subject
  readonly results: Results
}

/** Runs `work` for each stack that still takes part; one that fails is named and leaves. */
async function each(entries: Set<Entry>, work: (entry: Entry) => Promise<void>): Promise<void> {
  for (const entry of [...entries]) {
    try {
      await work(entry)
    } catch (error) {
      entries.delete(entry)
      drop(entry.subject.program.name, error)
      await entry.subject.stop()
    }
  }
}

const missing: string[] = []

function drop(name: string, reason: unknown): void {
  const text = reason instanceof Error ? reason.message : String(reason)
  missing.push(`${name} does not take part: ${text}`)
  if (name === 'isoquic') process.exitCode = 1
}

async function startAll(folder: string): Promise<Set<Entry>> {
  const programs = PROGRAMS.filter(({ key }) => wanted === undefined || wanted.includes(key))
  const complaint = installPeers(programs)
  const entries = new Set<Entry>()
  for (const program of programs) {
    if (!isInstalled(program)) {
      drop(program.name, complaint ?? 'it is not installed')
      continue
    }
    try {
      const subject = await Subject.start(program, folder, hashOf)
      entries.add({ subject, results: { program, transfers: [], handshakes: [] } })
    } catch (error) {
      drop(program.name, error)
    }
  }
  return entries
}

async function measureAll(entries: Set<Entry>): Promise<void> {
  say('warming up')
  await each(entries, ({ subject }) => {
    const { share } = subject.program
    return round(subject, part(WARM_UP, share, LEAST_BYTES), part(HANDSHAKES / 2, share, LEAST_HANDSHAKES))
  })
  for (let number = 1; number <= ROUNDS; number++) {
    say(`round ${number} of ${ROUNDS}`)
    await each(entries, ({ subject, results }) => {
      const { share } = subject.program
      return round(subject, part(BYTES, share, LEAST_BYTES), part(HANDSHAKES, share, LEAST_HANDSHAKES), results)
    })
  }
}

async function profileIsoquic(entries: Set<Entry>): Promise<Profiles[]> {
  const profiles: Profiles[] = []
  const own = new Set([...entries].filter(({ subject }) => subject.program.key === 'isoquic'))
  if (own.size > 0) say('a round of isoquic under the profiler')
  await each(own, async ({ subject }) => {
    await subject.connect()
    for (const direction of ['download', 'upload'] as const) profiles.push(await subject.profile(direction, BYTES))
    await subject.close()
  })
  return profiles
}

/** Where the numbers come from. */
function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'CPU'
  return `Node ${process.version}, ${cpus().length} × ${model}, load ${loadBefore} before`
}

function printTables(all: readonly Results[], profiles: readonly Profiles[]): void {
  const megabytes = BYTES / MEGABYTE
  console.log(
    `\n${megabytes} MB each way on one connection, ${ROUNDS === 1 ? '1 round' : `${ROUNDS} rounds`}: median (lowest–highest);`,
  )
  console.log(`${machine()}\n`)
  for (const { program, transfers } of all) {
    const given = (transfers[0]?.bytes ?? 0) / MEGABYTE
    if (given < megabytes) console.log(`${program.name} is given ${given} MB\n`)
  }
  console.log(comparison(all))
  console.log(`\n${costs(all)}`)
  const own = all.find(({ program }) => program.key === 'isoquic')
  if (own !== undefined) console.log(`\nisoquic\n${batches(own)}`)
  if (profiles.length > 0) console.log(`\n${whereTheTimeGoes(profiles)}`)
}

function printJson(all: readonly Results[], profiles: readonly Profiles[]): void {
  const stacks = all.map(({ program, transfers, handshakes }) => ({ name: program.name, transfers, handshakes }))
  const times = profiles.map(({ transfer, sender, receiver }) => ({
    transfer,
    sender: { categories: byCategory(sender), functions: sender.slice(0, 50) },
    receiver: { categories: byCategory(receiver), functions: receiver.slice(0, 50) },
  }))
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, load: loadBefore, node: process.version }
  console.log(JSON.stringify({ machine, bytes: BYTES, rounds: ROUNDS, stacks, profiles: times, missing }, undefined, 2))
}

async function runStacks(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-bench-'))
  const entries = new Set<Entry>()
  try {
    await writeCredentials(folder)
    for (const entry of await startAll(folder)) entries.add(entry)
    await measureAll(entries)
    const profiles = await profileIsoquic(entries)
    const all = [...entries].map(({ results }) => results)
    if (values.json) printJson(all, profiles)
    else printTables(all, profiles)
    if (!values.json) for (const line of missing) console.log(`\n${line}`)
  } finally {
    for (const { subject } of entries) await subject.stop()
    rmSync(folder, { recursive: true })
  }
}

async function runHttp(): Promise<void> {
  say('HTTP/3')
  const plan = { rounds: ROUNDS, bytes: HTTP_BYTES, requests: REQUESTS, wanted, hashOf, say }
  const numbers = await measureHttp(plan)
  if (values.json) return console.log(JSON.stringify({ http: numbers }, undefined, 2))
  const rounds = ROUNDS === 1 ? '1 round' : `${ROUNDS} rounds: median (lowest–highest)`
  console.log(`\nHTTP: ${HTTP_BYTES / MEGABYTE} MB each way, ${rounds}; ${machine()}\n`)
  console.log(httpTables(numbers))
}

async function runHosts(): Promise<void> {
  say('hosts without UDP')
  const numbers = await measureHosts(ROUNDS, HOST_BYTES)
  if (values.json) console.log(JSON.stringify({ hosts: numbers ?? 'Chromium is not installed' }, undefined, 2))
  else
    console.log(`\n${numbers === undefined ? 'Chromium is not installed: no hosts without UDP' : hostsTable(numbers)}`)
}

async function runSimulator(): Promise<void> {
  say('the simulator')
  if (!values.json) console.log(`\nthe simulator, ${await simulatorSpeed(values.quick ? 2 : 10)}`)
}

const loadBefore = short(loadavg()[0] ?? 0)
const takes = (part: string): boolean => values.only === undefined || values.only === part
if (takes('stacks')) await runStacks()
if (takes('http')) await runHttp()
if (takes('simulator')) await runSimulator()
if (takes('hosts')) await runHosts()
