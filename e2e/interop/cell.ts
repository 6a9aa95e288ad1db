/** One cell of the table: a server, a client, a proxy between them, and a judgement of what came of it. */
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LARGE } from './certificates.ts'
import type { TestCase } from './contract.ts'
import { CLOSE_CODES, type Judgement, judgeWire } from './judge.ts'
import { type Assignment, ISOQUIC, type Peer } from './peers.ts'
import { type Case, type CasePlan, PLANS } from './plans.ts'
import { Program } from './processes.ts'
import { CLEAR, freePort, UdpProxy } from './proxy.ts'

/** What is to be tried. */
export interface CellOptions {
  readonly case: Case
  readonly client: Peer
  readonly server: Peer
  /** An empty folder. */
  readonly folder: string
  readonly certs: string
  /** Sizes and numbers of files, timeouts. Default: as in the table. */
  readonly plan?: CasePlan
  /** Whether tshark may be asked. */
  readonly hasTshark: boolean
  /** Whether the capture is kept in the folder. */
  readonly isKept?: boolean
}

/** What came of it. */
export interface CellResult {
  /** `undefined`: it went well. */
  readonly failure: string | undefined
  readonly seconds: number
  /** The last lines of the output of the server and the last client. */
  readonly output: string
}

/** ms until a server must listen. */
export const START_TIMEOUT = 20_000

/** Lines of output that a failure is shown with. */
const SHOWN_LINES = 20

/** ms in which a peer must have noticed that a connection was closed, and said so. */
const REPORT_TIMEOUT = 3000

/** Runs one cell; leaves no process behind. */
export async function runCell(options: CellOptions): Promise<CellResult> {
  const plan = options.plan ?? PLANS[options.case]
  const started = performance.now()
  const cell = await prepare(options, plan)
  const server = new Program(options.server.server({ ...cell.assignment, testCase: serverCase(options, plan) }))
  const clients: Program[] = []
  let failure: string | undefined
  try {
    failure = await play(cell, options, plan, server, clients)
  } finally {
    for (const client of clients) await client.stop('SIGKILL')
    await server.stop()
    cell.proxy.close()
    if (options.isKept === true) cell.proxy.capture.writeTo(join(options.folder, 'capture.pcap'))
  }
  failure ??= judgeWire(options.case, {
    ...cell,
    hasTshark: options.hasTshark,
    folder: options.folder,
    exceeds: options.server.exceeds ?? 0,
  })
  const said = [...clients.slice(-1), server].map(lastWords)
  return { failure, seconds: (performance.now() - started) / 1000, output: said.join('\n') }
}

/** The runner tells only the client of a key update; a client that cannot begin one needs a server that does. */
function serverCase({ client }: CellOptions, { testCase }: CasePlan): TestCase {
  // The runner tells only the client, too.
  if (testCase === 'connectionmigration') return 'transfer'
  return testCase === 'keyupdate' && client.updatesKeys !== false ? 'transfer' : testCase
}

type Cell = Omit<Judgement, 'hasTshark' | 'folder' | 'exceeds'> & {
  readonly proxy: UdpProxy
  readonly serverPort: number
  readonly assignment: Assignment
}

async function prepare({ folder, client, server, ...options }: CellOptions, plan: CasePlan): Promise<Cell> {
  const www = join(folder, 'www')
  const downloads = join(folder, 'downloads')
  mkdirSync(www)
  mkdirSync(downloads)
  const files = plan.files.map((size, index) => {
    const name = `file-${index}`
    writeFileSync(join(www, name), randomFillSync(new Uint8Array(size)))
    return name
  })
  const serverPort = await freePort()
  const proxy = await UdpProxy.start(serverPort, plan.impairment ?? CLEAR)
  const keyLog = join(folder, 'keys.log')
  const alpn = client.alpn === 'h3' || server.alpn === 'h3' ? 'h3' : 'hq-interop'
  const { testCase, isVerbose = false, keepAlive } = plan
  const certs = plan.hasLargeCertificate === true ? join(options.certs, LARGE) : options.certs
  const assignment = { testCase, keepAlive, port: serverPort, files, www, downloads, certs, keyLog, alpn, isVerbose }
  return { proxy, serverPort, keyLog, assignment }
}

/** The reason why it failed, if it did. */
async function play(
  cell: Cell,
  options: CellOptions,
  plan: CasePlan,
  server: Program,
  clients: Program[],
): Promise<string | undefined> {
  const { assignment, proxy, serverPort } = cell
  if (!(await server.until(() => isListening(serverPort, server), START_TIMEOUT))) return 'The server did not start'
  const end = performance.now() + plan.timeout
  for (const launch of options.client.client({ ...assignment, port: proxy.port })) {
    const client = new Program(launch)
    clients.push(client)
    const code = await client.within(Math.max(0, end - performance.now()))
    if (performance.now() >= end) return `The client was not done after ${plan.timeout / 1000} s`
    // A client that was told a version that nobody speaks may well call its end an error.
    if (code !== 0 && options.case !== 'versionnegotiation') return `The client ended with ${code}`
  }
  if (options.case === 'versionnegotiation') return undefined
  for (const name of assignment.files) {
    const copy = join(assignment.downloads, name)
    if (!existsSync(copy)) return `${name} was not downloaded`
    if (!readFileSync(copy).equals(readFileSync(join(assignment.www, name))))
      return `${name} differs from what was served`
  }
  if (options.case === 'resumption' || options.case === 'zerortt')
    return await judgeSession(options.case, clients, server)
  if (options.case === 'close') return await judgeClose(options.server, server)
  return options.case === 'keyupdate' ? await judgeUpdate(options, clients, server) : undefined
}

/** Whether isoquic, be it client or server, says that the second connection went on from the first, and took its early data. */
async function judgeSession(name: Case, clients: readonly Program[], server: Program): Promise<string | undefined> {
  const says = (fact: 'resumed' | 'earlyDataAccepted') => (): boolean =>
    [...clients, server].some(({ reports }) =>
      reports.some((each) => each.event === 'connected' && each[fact] === true),
    )
  if (!(await server.until(says('resumed'), REPORT_TIMEOUT))) return 'The session was not resumed'
  if (name === 'resumption' || says('earlyDataAccepted')()) return undefined
  return 'The early data was not accepted'
}

/** Whether isoquic says that it updated its keys, where it had to begin. The wire says more, to those who can read it. */
async function judgeUpdate(
  { client }: CellOptions,
  clients: readonly Program[],
  server: Program,
): Promise<string | undefined> {
  const isOurs = client === ISOQUIC || client.updatesKeys === false
  const isUpdated = (): boolean =>
    [...clients, server].some(({ reports }) => reports.some(({ event }) => event === 'keys-updated'))
  return !isOurs || (await server.until(isUpdated, REPORT_TIMEOUT)) ? undefined : 'The keys were not updated'
}

/** Whether the server has heard the client's goodbye. */
async function judgeClose(peer: Peer, server: Program): Promise<string | undefined> {
  const closeCode = (): unknown =>
    peer.closeCode?.(server.output) ?? server.reports.find(({ event }) => event === 'closed')?.['code']
  await server.until(() => closeCode() !== undefined, REPORT_TIMEOUT)
  const code = closeCode()
  return CLOSE_CODES.includes(code) ? undefined : `The server heard a close with the code ${String(code)}`
}

/** The end of what a program said. */
export function lastWords({ name, output }: Program): string {
  return [`--- ${name}`, ...output.trimEnd().split('\n').slice(-SHOWN_LINES)].join('\n')
}

/** Linux tells who is bound to which port; elsewhere the server's own word must do. */
export function isListening(port: number, server: Program): boolean {
  if (server.reports.some(({ event }) => event === 'listening')) return true
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  return ['/proc/net/udp', '/proc/net/udp6'].some(
    (path) => existsSync(path) && readFileSync(path, 'utf8').includes(wanted),
  )
}
