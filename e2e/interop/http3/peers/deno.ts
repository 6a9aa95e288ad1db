/** Deno's WebTransport, as a client and as a server: `deno run --unstable-net --allow-all deno.ts`. */
import { Buffer } from 'node:buffer'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import {
  endpointsIn,
  type Program,
  playClient,
  playServer,
  streamErrorOf,
  type WholeSession,
} from '../session-cases.ts'

/** As much of Deno as is used here. */
interface DenoQuic {
  readonly QuicEndpoint: new (options: {
    hostname: string
    port: number
  }) => {
    readonly addr: { readonly port: number }
    listen(options: Readonly<Record<string, unknown>>): { accept(): Promise<unknown> }
  }
  upgradeWebTransport(connection: unknown): Promise<WholeSession & { readonly url: string }>
}

type WebTransportClass = new (url: string, options: Readonly<Record<string, unknown>>) => WholeSession

const { Deno, WebTransport, WebTransportError } = globalThis as unknown as {
  readonly Deno: DenoQuic
  readonly WebTransport: WebTransportClass
  readonly WebTransportError: unknown
}

const get = (name: string): string => process.env[name] ?? ''
const words = (name: string): string[] =>
  get(name)
    .split(/\s+/)
    .filter((word) => word !== '')
const certificate = (): string => readFileSync(join(get('CERTS'), 'cert.pem'), 'utf8')

function report(event: string, facts: Readonly<Record<string, unknown>> = {}): void {
  console.log(JSON.stringify({ event, ...facts }))
}

function save(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

const program: Program = {
  testCase: get('TESTCASE'),
  files: (endpoint) => ({
    isFramed: get('FRAMED') !== '',
    read: async (name) => new Uint8Array(readFileSync(join(get('WWW'), endpoint, name))),
    save: async (name, bytes) => save(join(get('DOWNLOADS'), endpoint, name), bytes),
  }),
  saveProtocol: async (name) => save(join(get('DOWNLOADS'), 'negotiated_protocol.txt'), Buffer.from(name)),
  report,
  streamError: streamErrorOf(WebTransportError),
}

async function runClient(): Promise<void> {
  const urls = words('REQUESTS').map((word) => new URL(word))
  const hash = createHash('sha256').update(new X509Certificate(certificate()).raw).digest()
  const play = async ([endpoint, names]: [string, string[]]): Promise<void> => {
    const session = new WebTransport(`https://${urls[0]?.host}/${endpoint}`, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: hash }],
      protocols: words('PROTOCOLS'),
    })
    await playClient(program, session, endpoint, names)
  }
  await Promise.all([...endpointsIn(urls.map(({ pathname }) => pathname))].map(play))
  // The end of the connection is sent in the background.
  await new Promise((resolve) => setTimeout(resolve, 100))
}

async function runServer(): Promise<void> {
  const endpoint = new Deno.QuicEndpoint({ hostname: '127.0.0.1', port: Number(get('PORT')) })
  const privateKey = readFileSync(join(get('CERTS'), 'priv.key'), 'utf8')
  const listener = endpoint.listen({ cert: certificate(), key: privateKey, alpnProtocols: ['h3'] })
  report('listening', { address: `127.0.0.1:${endpoint.addr.port}` })
  for (;;) {
    const session = await Deno.upgradeWebTransport(await listener.accept())
    const name = new URL(session.url).pathname.split('/')[1] ?? ''
    playServer(program, session, name, endpointsIn(words('REQUESTS')).get(name) ?? []).catch((error: unknown) =>
      report('session-failed', { error: String(error) }),
    )
  }
}

try {
  await (get('ROLE') === 'client' ? runClient() : runServer())
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
