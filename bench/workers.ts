/**
 * Several workers behind one port, beside one: `node bench/workers.ts`. Clients in processes of their own ask for large answers,
 * for connections, and for answers that take the server time; what the cluster costs to start is told for threads and processes.
 *
 *   --workers A,B   how many workers are compared, default 1,2
 *   --seconds N     of each measurement, default 2
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { devCertificate } from '../src/api/dev.ts'
import { table } from '../src/cli/table.ts'
import { type Cluster, serveCluster } from '../src/hosts/cluster/cluster.ts'
import { processes, type StartWorker, threads } from '../src/hosts/cluster/engines.ts'
import { short } from './statistics.ts'
import { type HandOverCost, handOverCost } from './workers/hand-overs.ts'
import type { Tally, Task, Visit } from './workers/visits.ts'

const SERVER = new URL('./workers/server.ts', import.meta.url)
const CLIENTS = new URL('./workers/clients.ts', import.meta.url)

/** Processes of clients, and clients in each. */
const CLIENT_PROCESSES = 2
const CLIENTS_EACH = 4

/** Datagrams that are sent to each worker to see what a hand-over costs. */
const DATAGRAMS = 100_000

/** What is asked. */
const VISITS: Readonly<Record<keyof Rates, Visit>> = {
  download: { bytes: 20_000_000, work: 0, connects: false },
  handshakes: { bytes: 1, work: 0, connects: true },
  work: { bytes: 1_000, work: 8, connects: false },
}

/** What a number of workers did with one kind of request. */
export interface Rate {
  /** Of what is counted, a second. */
  readonly rate: number
  /** µs of the workers' user and system time for each. */
  readonly cpu: number
}

/** Of all kinds. */
export interface Rates {
  /** Bytes. */
  readonly download: Rate
  /** Connections, each with a request and an answer of one byte. */
  readonly handshakes: Rate
  /** Answers that take the server the time to hash 2 MiB. */
  readonly work: Rate
}

/** What a worker costs to have. */
export interface Cost {
  /** ms until it serves. */
  readonly start: number
  /** Bytes of memory that it takes. */
  readonly memory: number
}

/** All that was measured. */
export interface WorkersResult {
  readonly rates: readonly (Rates & { readonly workers: number })[]
  readonly threads: Cost
  readonly processes: Cost
  readonly datagrams: HandOverCost
}

/** Measures with each number of workers, which are threads, for so many ms. */
export async function measureWorkers(counts: readonly number[], duration: number): Promise<WorkersResult> {
  const clients = Array.from({ length: CLIENT_PROCESSES }, () =>
    fork(fileURLToPath(CLIENTS), { serialization: 'advanced' }),
  )
  try {
    const rates: (Rates & { workers: number })[] = []
    for (const workers of counts) rates.push({ workers, ...(await ratesOf(workers, clients, duration)) })
    return {
      rates,
      threads: await costOf(threads(SERVER)),
      processes: await costOf(processes(SERVER)),
      datagrams: await handOverCost(DATAGRAMS),
    }
  } finally {
    for (const client of clients) client.kill()
  }
}

async function ratesOf(workers: number, clients: readonly ChildProcess[], duration: number): Promise<Rates> {
  const certificate = await devCertificate()
  const cluster = await start(threads(SERVER), workers, certificate)
  const { address } = cluster
  const measure = async (what: keyof Rates): Promise<Rate> => {
    const task = { ...VISITS[what], address, pin: certificate.hash.value, clients: CLIENTS_EACH, warmUp: 500, duration }
    const before = process.cpuUsage()
    const tallies = await Promise.all(clients.map((client) => done(client, task)))
    const { system, user } = process.cpuUsage(before)
    const sum = (countOf: (tally: Tally) => number): number => tallies.reduce((all, tally) => all + countOf(tally), 0)
    const unit = what === 'download' ? 'bytes' : 'visits'
    return {
      rate: sum((tally) => tally[unit] / tally.elapsed) * 1000,
      cpu: (user + system) / sum(({ total }) => total[unit]),
    }
  }
  try {
    return {
      download: await measure('download'),
      handshakes: await measure('handshakes'),
      work: await measure('work'),
    }
  } finally {
    await cluster.close()
  }
}

function start(startWorker: StartWorker, workers: number, data: unknown): Promise<Cluster> {
  return serveCluster({ start: startWorker, workers, host: '127.0.0.1', data, startTimeout: 60_000 })
}

async function done(client: ChildProcess, task: Task): Promise<Tally> {
  const answer = once(client, 'message') as Promise<[Tally]>
  client.send(task)
  return (await answer)[0]
}

/** What one more costs: what all share is paid for by the first. */
async function costOf(startWorker: StartWorker): Promise<Cost> {
  const certificate = await devCertificate()
  const first = await start(startWorker, 1, certificate)
  const before = { memory: memory(process.pid), at: performance.now() }
  const second = await start(startWorker, 1, certificate)
  const cost = { start: performance.now() - before.at, memory: memory(process.pid) - before.memory }
  await Promise.all([first.close(), second.close()])
  return cost
}

/** Bytes that a process and its children take, what they share counted once (Linux). */
function memory(pid: number): number {
  const kilobytes = Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1])
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + memory(Number(child)), kilobytes * 1024)
}

function report({ datagrams, processes: inProcesses, rates, threads: inThreads }: WorkersResult): string {
  const head = ['workers', 'download', 'CPU a MB', 'connections', 'CPU each', 'answers with work', 'CPU each']
  const rows = rates.map(({ download, handshakes, work, workers }) => [
    String(workers),
    `${short(download.rate / 1e6)} MB/s`,
    `${short(download.cpu * 1e3)} ms`,
    `${short(handshakes.rate)} /s`,
    `${short(handshakes.cpu / 1e3)} ms`,
    `${short(work.rate)} /s`,
    `${short(work.cpu / 1e3)} ms`,
  ])
  const cost = ({ memory: bytes, start: ms }: Cost): string => `${ms.toFixed(0)} ms and ${short(bytes / 1e6)} MB`
  const { handedOver, kept, plain } = datagrams
  return [
    table([head, ...rows]),
    `one more worker takes ${cost(inThreads)} as a thread, ${cost(inProcesses)} as a process`,
    `a datagram of 1,200 bytes, sent and received: ${short(plain)} µs of CPU, ${short(kept)} by its worker, ${short(handedOver)} by another one`,
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { workers: { type: 'string' }, seconds: { type: 'string' } } })
  const counts = (values.workers ?? '1,2').split(',').map(Number)
  console.log(report(await measureWorkers(counts, Number(values.seconds ?? 2) * 1000)))
}
