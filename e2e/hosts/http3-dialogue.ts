/**
 * What both ends of a cell of HTTP/3 and WebTransport say to each other: `fetch` with `serve`, and the sessions of
 * `e2e/webtransport/dialogue.ts`, each service on a server of its own.
 */
import type { Http3ClientOptions, Http3Fetch, Http3Server, ServeOptions, serve } from '../../src/http3.ts'
import type { DatagramTransport } from '../../src/index.ts'
import type { WebTransport as OwnWebTransport, WebTransportError, WebTransportServer } from '../../src/webtransport.ts'
import { dialogue, type ReasonOf } from '../webtransport/dialogue.ts'
import { type HeardCloses, serveSessions } from '../webtransport/sessions.ts'
import type { Http3Case, Outcomes } from './contract.ts'
import { explain, hex, pattern } from './dialogue.ts'

/** What is served. */
export type Service = 'http3' | 'webtransport'

/** One value for each of the two. */
export type ForServices<T> = Readonly<Record<Service, T>>

/** The doors, of whichever build. */
export interface Http3Doors {
  readonly createFetch: (options: Http3ClientOptions) => Http3Fetch
  readonly serve: typeof serve
  readonly WebTransport: typeof OwnWebTransport
  readonly WebTransportError: typeof WebTransportError
  readonly WebTransportServer: typeof WebTransportServer
}

/** What the client's end is given. */
export interface Http3DialogueParts {
  readonly doors: Http3Doors
  /** SHA-256 of the certificate of both servers. */
  readonly hash: readonly number[]
  readonly ports: ForServices<number>
  /** Makes a carrier to that server. */
  open(service: Service): DatagramTransport | Promise<DatagramTransport>
  /** For the connections of both, such as `crypto`. */
  readonly options?: Pick<Http3ClientOptions, 'crypto'>
}

/** Bytes of the large bodies. */
const LARGE = 5_000_000

/** Bytes of a chunk of them. */
const CHUNK = 65_536

/** ms for each case of the sessions. */
const SESSION_LIMIT = 20_000

/** The cases of the sessions that a column stands for. */
const SESSION_CASES = {
  streams: [
    ...['bidirectional', 'unidirectional', 'streams of the server'],
    ...['reset by the client', 'stop by the client', 'codes of the server'],
  ],
  datagrams: ['datagrams'],
  close: ['close by the server', 'close by the client', 'rejection'],
} as const

/** The client's end: plays everything, and tells what came of each case. A case that fails ends neither the others of its service nor those of the other. */
export async function http3Dialogue(parts: Http3DialogueParts): Promise<Outcomes> {
  const fetches = await fetchDialogue(parts)
  return { ...fetches, ...(await sessionDialogue(parts)) }
}

async function fetchDialogue({ doors, hash, ports, open, options }: Http3DialogueParts): Promise<Outcomes> {
  const fetch = doors.createFetch({ ...options, ...trust(hash), transport: () => open('http3') })
  const origin = `https://localhost:${ports.http3}`
  const plays: Readonly<Record<string, () => Promise<void>>> = {
    async 'small fetch'() {
      const greeting = await fetch(`${origin}/greet`, { method: 'POST', body: 'world' })
      equal(`${greeting.status} ${await greeting.text()}`, '200 Hello world')
      equal((await fetch(`${origin}/nothing`)).status, 404)
    },
    async '5 MB each way'() {
      const ours = await digest(pattern(0, LARGE))
      const response = await fetch(`${origin}/large`, { method: 'POST', body: pieces(LARGE), duplex: 'half' })
      equal(response.headers.get('x-sha256'), ours)
      equal(await digest(new Uint8Array(await response.arrayBuffer())), ours)
    },
  }
  const outcomes: Record<string, string> = {}
  for (const [name, play] of Object.entries(plays)) {
    outcomes[name] = await play().then(() => 'ok', explain)
  }
  await fetch.close().catch(() => {})
  return outcomes
}

async function sessionDialogue({ doors, hash, ports, open, options }: Http3DialogueParts): Promise<Outcomes> {
  const openSession = (path: string): WebTransport => {
    const url = `https://localhost:${ports.webtransport}${path}`
    const transport = (): DatagramTransport | Promise<DatagramTransport> => open('webtransport')
    return new doors.WebTransport(url, { ...options, ...trust(hash), transport }) as unknown as WebTransport
  }
  const abilities = { open: openSession, reasonOf: reasonOf(doors), limit: SESSION_LIMIT }
  const verdicts = await dialogue(abilities, Object.values(SESSION_CASES).flat())
  const outcomes: Partial<Record<Http3Case, string>> = {}
  for (const name of ['streams', 'datagrams', 'close'] as const) {
    const wrong = SESSION_CASES[name].filter((each) => verdicts[each] !== 'ok')
    outcomes[name] = wrong.length === 0 ? 'ok' : wrong.map((each) => `${each}: ${verdicts[each]}`).join(', ')
  }
  return outcomes
}

/** The server's end of `fetch`. */
export function serveFetches(
  { serve }: Pick<Http3Doors, 'serve'>,
  transport: DatagramTransport,
  options: ServeOptions,
): Promise<Http3Server> {
  return serve(transport, options, async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/greet') return new Response(`Hello ${await request.text()}`)
    if (pathname !== '/large') return new Response('There is nothing', { status: 404 })
    const received = await digest(new Uint8Array(await request.arrayBuffer()))
    return new Response(pieces(LARGE), { headers: { 'x-sha256': received } })
  })
}

/** The server's end of sessions. */
export async function serveWebTransport(
  doors: Pick<Http3Doors, 'WebTransportError' | 'WebTransportServer'>,
  transport: DatagramTransport,
  options: ServeOptions,
  heard?: HeardCloses,
): Promise<WebTransportServer> {
  const { certificate, crypto, disableActiveMigration } = options
  const given = { certificate, ...(crypto && { crypto }), ...(disableActiveMigration && { disableActiveMigration }) }
  const server = await doors.WebTransportServer.listen(transport, given)
  void serveSessions(server, reasonOf(doors), heard).catch(() => {})
  return server
}

function reasonOf({ WebTransportError }: Pick<Http3Doors, 'WebTransportError'>): ReasonOf {
  return (streamErrorCode) => new WebTransportError('', { streamErrorCode })
}

function trust(hash: readonly number[]): Pick<Http3ClientOptions, 'serverCertificateHashes'> {
  return { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] }
}

/** The pattern, as a body that streams. */
function pieces(length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const end = Math.min(length, at + CHUNK)
      controller.enqueue(pattern(at, end))
      at = end
      if (at === length) controller.close()
    },
  })
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${String(actual)} instead of ${String(expected)}`)
}
