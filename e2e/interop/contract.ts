/** What the public quic-interop-runner tells an endpoint through its environment, with the defaults of its containers. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Role = 'client' | 'server'

/** The cases of the runner that are supported, and two of our own (`mlkem`, `datagrams`); an endpoint that is asked for another one exits with {@link UNSUPPORTED}. */
export const TEST_CASES = [
  'handshake',
  'transfer',
  'chacha20',
  'retry',
  'keyupdate',
  'multiconnect',
  'resumption',
  'zerortt',
  'handshakeloss',
  'transferloss',
  'versionnegotiation',
  'v2',
  'mlkem',
  'datagrams',
  'connectionmigration',
] as const

export type TestCase = (typeof TEST_CASES)[number]

/** The runner's case for HTTP/3, and two of our own. */
export const HTTP3_TEST_CASES = ['http3', 'qpack', 'upload'] as const

export type Http3TestCase = (typeof HTTP3_TEST_CASES)[number]

/** The runner's cases for WebTransport, as the two ends are told them, and two of our own. */
export const WEBTRANSPORT_TEST_CASES = [
  'handshake',
  'transfer',
  'transfer-unidirectional-receive',
  'transfer-unidirectional-send',
  'transfer-bidirectional-receive',
  'transfer-bidirectional-send',
  'transfer-datagram-receive',
  'transfer-datagram-send',
  'closes',
  'errors',
] as const

export type WebTransportTestCase = (typeof WEBTRANSPORT_TEST_CASES)[number]

/** The exit code for a case that is not supported. */
export const UNSUPPORTED = 127

/** Everything that an endpoint is told. */
export interface Contract {
  readonly role: Role
  readonly testCase: TestCase | Http3TestCase | WebTransportTestCase
  /** What to download; that of a server, in WebTransport, are paths. */
  readonly requests: readonly URL[]
  /** Server: where to listen; every address by default. */
  readonly host: string | undefined
  readonly port: number
  /** `hq-interop`, as the runner has it, unless `ALPN` says otherwise. */
  readonly alpn: string
  /** Folders. */
  readonly www: string
  readonly downloads: string
  readonly certs: string
  /** Where to append keys in the form of the NSS key log. */
  readonly keyLog: string | undefined
  /** Client: ms without a packet after which it sends one. */
  readonly keepAlive: number | undefined
  /** The application protocols of WebTransport, which is spoken where they are told. */
  readonly protocols: readonly string[] | undefined
  /** WebTransport: a length goes ahead of all that a stream holds. */
  readonly isFramed: boolean
  /** The folder for qlog files. */
  readonly qlogs: string | undefined
}

/** The contract that `environment` holds; `undefined` for a case or role that is not supported. @throws TypeError for a wrong URL */
export function readContract(environment: Readonly<Record<string, string | undefined>>): Contract | undefined {
  const get = (name: string): string | undefined => (environment[name] === '' ? undefined : environment[name])
  const role = get('ROLE')
  const protocols = get('PROTOCOLS')
  const cases = protocols === undefined ? [...TEST_CASES, ...HTTP3_TEST_CASES] : WEBTRANSPORT_TEST_CASES
  const testCase = cases.find((name) => name === get('TESTCASE'))
  if ((role !== 'client' && role !== 'server') || testCase === undefined) return undefined
  const words = (get('REQUESTS') ?? '').split(/\s+/).filter((word) => word !== '')
  return {
    role,
    testCase,
    requests: words.map((word) => new URL(word, 'https://localhost')),
    host: get('HOST'),
    port: Number(get('PORT') ?? 443),
    alpn: get('ALPN') ?? (protocols !== undefined || isHttp3Case(testCase) ? 'h3' : 'hq-interop'),
    www: get('WWW') ?? '/www',
    downloads: get('DOWNLOADS') ?? '/downloads',
    certs: get('CERTS') ?? '/certs',
    keyLog: get('SSLKEYLOGFILE'),
    keepAlive: get('KEEP_ALIVE') === undefined ? undefined : Number(get('KEEP_ALIVE')),
    protocols: protocols?.split(/\s+/).filter((word) => word !== ''),
    isFramed: get('FRAMED') !== undefined,
    qlogs: get('QLOGDIR'),
  }
}

/** Whether `createFetch` and `serve` play it. */
export function isHttp3Case(testCase: string): boolean {
  return HTTP3_TEST_CASES.some((name) => name === testCase)
}

/** The certificates to trust; `undefined` where the runner gives none. */
export function readAuthority(contract: Contract): string | undefined {
  const path = join(contract.certs, 'ca.pem')
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** Tells the runner, or whoever reads standard output, a fact: one line of JSON. */
export function report(event: string, facts: Readonly<Record<string, unknown>> = {}): void {
  console.log(JSON.stringify({ event, ...facts }, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
}
