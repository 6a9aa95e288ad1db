/** One cell of the tables of HTTP/3 and WebTransport: a server, a client, a proxy between them, and a judgement. */
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CellResult, isListening, lastWords, START_TIMEOUT } from '../cell.ts'
import { Program } from '../processes.ts'
import { CLEAR, freePort, UdpProxy } from '../proxy.ts'
import { type Http3Facts, readHttp3 } from './facts.ts'
import { judgeHttp3 } from './judge.ts'
import type { Http3Assignment, Http3Peer } from './peers.ts'
import { type Http3Case, type Http3Plan, isSessionCase } from './plans.ts'

/** What is to be tried. */
export interface Http3CellOptions {
  readonly case: Http3Case
  readonly client: Http3Peer
  readonly server: Http3Peer
  /** An empty folder. */
  readonly folder: string
  readonly certs: string
  readonly plan: Http3Plan
  /** Whether tshark may be asked. */
  readonly hasTshark: boolean
  /** Whether the capture is kept in the folder. */
  readonly isKept?: boolean
}

/** What came of it. */
export interface Http3CellResult extends CellResult {
  /** What was seen that is worth a word. */
  readonly note?: string | undefined
}

/** The application protocols of each side: the client's first that the server has as well is `second`. */
const PROTOCOLS = { client: ['first', 'second', 'third'], server: ['third', 'fourth', 'second'] } as const
const AGREED = 'second'

const PAGE = '<!doctype html><title>isoquic</title><link rel="icon" href="data:,"><p>A page over HTTP/3.\n'

/** Runs one cell; leaves no process behind. */
export async function runHttp3Cell(options: Http3CellOptions): Promise<Http3CellResult> {
  const { plan } = options
  const started = performance.now()
  const place = prepare(options)
  const serverPort = await freePort()
  const proxy = await UdpProxy.start(serverPort, plan.impairment ?? CLEAR)
  const { client: clientOf, server: serverOf } = options
  if (clientOf.client === undefined || serverOf.server === undefined) throw new TypeError('There is no such role')
  const base = place.assignment(serverPort)
  const server = new Program(serverOf.server(base.server))
  let client: Program | undefined
  let failure: string | undefined
  let facts: Http3Facts | undefined
  try {
    if (await server.until(() => isListening(serverPort, server), START_TIMEOUT)) {
      client = new Program(clientOf.client(place.assignment(proxy.port).client))
      const code = await client.within(plan.timeout)
      failure = code === 0 ? undefined : code < 0 ? 'The client was not done in time' : `The client ended with ${code}`
      if (failure === undefined) await pauseFor(options, client, server)
    } else failure = 'The server did not start'
  } finally {
    await client?.stop('SIGKILL')
    await server.stop()
    proxy.close()
  }
  const capture = join(options.folder, 'capture.pcap')
  proxy.capture.writeTo(capture)
  failure ??= compare(place, options)
  if (options.hasTshark && failure === undefined) facts = readHttp3(capture, proxy.port, place.keyLog)
  const reports = [...(client?.reports ?? []), ...server.reports]
  const judgement = judgeHttp3(options, { facts, reports, askedFirst: proxy.askedFirst })
  failure ??= judgement.failure
  const said = [...(client === undefined ? [] : [client]), server].map(lastWords)
  return {
    failure,
    note: judgement.note,
    seconds: (performance.now() - started) / 1000,
    output: said.join('\n'),
  }
}

/** ms in which the server must have told what it saw. */
const REPORT_TIMEOUT = 3000

/** What the server has to tell may come after the client's end. */
async function pauseFor(options: Http3CellOptions, client: Program, server: Program): Promise<void> {
  const wanted = options.case === 'wt-closes' ? 'session-closed' : options.case === 'wt-errors' ? 'stream-ended' : ''
  if (wanted === '') return
  const count = (program: Program): number => program.reports.filter(({ event }) => event === wanted).length
  await server.until(() => count(client) + count(server) >= 2, REPORT_TIMEOUT)
}

interface Place {
  readonly names: readonly string[]
  readonly www: string
  readonly downloads: Readonly<Record<'client' | 'server', string>>
  readonly keyLog: string
  /** For a client that is to go to `port`, and a server that is to listen there. */
  assignment(port: number): Readonly<Record<'client' | 'server', Http3Assignment>>
}

function prepare({ case: name, folder, certs, plan, ...peers }: Http3CellOptions): Place {
  const www = join(folder, 'www')
  const downloads = { client: join(folder, 'client'), server: join(folder, 'server') }
  const endpoints = plan.endpoints ?? []
  const [endpoint = ''] = endpoints
  for (const each of [join(www, endpoint), downloads.client, downloads.server]) mkdirSync(each, { recursive: true })
  const names = plan.files.map((size, index) => {
    const path = join(endpoint, `file-${index}`)
    writeFileSync(join(www, path), randomFillSync(new Uint8Array(size)))
    return path
  })
  writeFileSync(join(www, 'index.html'), PAGE)
  const keyLog = join(folder, 'keys.log')
  const isSession = isSessionCase(name)
  const isFramed = peers.client.isFramed === true || peers.server.isFramed === true
  const assignment = (port: number): Record<'client' | 'server', Http3Assignment> => {
    const ofClient = plan.asks === 'client' && names.length > 0 ? names : endpoints
    const shared = { case: name, port, www, certs, keyLog, isFramed }
    const protocols = (role: 'client' | 'server'): readonly string[] | undefined =>
      isSession ? PROTOCOLS[role] : undefined
    return {
      client: {
        ...shared,
        testCase: plan.client,
        requests: ofClient.map((path) => `https://127.0.0.1:${port}/${path}`),
        downloads: downloads.client,
        protocols: protocols('client'),
      },
      server: {
        ...shared,
        testCase: plan.server,
        requests: plan.asks === 'server' ? names : [],
        downloads: downloads.server,
        protocols: protocols('server'),
      },
    }
  }
  return { names, www, downloads, keyLog, assignment }
}

/** Whether all files have come, and are what was sent. */
function compare({ names, www, downloads }: Place, { case: name, plan }: Http3CellOptions): string | undefined {
  const into = plan.asks === 'server' || name === 'upload' ? downloads.server : downloads.client
  for (const path of names) {
    const copy = join(into, path)
    if (!existsSync(copy)) return `${path} did not come`
    if (!readFileSync(copy).equals(readFileSync(join(www, path)))) return `${path} differs from what was sent`
  }
  if (name !== 'wt-handshake') return undefined
  for (const [role, folder] of Object.entries(downloads)) {
    const file = join(folder, 'negotiated_protocol.txt')
    const protocol = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (protocol !== AGREED) return `The ${role} says that the protocol is "${protocol}", not "${AGREED}"`
  }
  return undefined
}
