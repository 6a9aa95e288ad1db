/** The cases of the tables of HTTP/3 and WebTransport: files, networks, time. The sizes are those of the public runner. */
import type { Http3TestCase, WebTransportTestCase } from '../contract.ts'
import type { Impairment } from '../proxy.ts'

/** The cases of HTTP/3, in the order of their table. */
export const HTTP3_CASES = ['http3', 'multiplexing', 'longrtt', 'loss', 'upload', 'qpack'] as const

/** The cases of WebTransport, in the order of their table. */
export const SESSION_CASES = [
  'wt-handshake',
  'wt-unidirectional-receive',
  'wt-unidirectional-send',
  'wt-bidirectional-receive',
  'wt-bidirectional-send',
  'wt-datagram-receive',
  'wt-datagram-send',
  'wt-closes',
  'wt-errors',
] as const

/** One of either. */
export type Http3Case = (typeof HTTP3_CASES)[number] | (typeof SESSION_CASES)[number]

/** All of them. */
export const ALL_CASES: readonly Http3Case[] = [...HTTP3_CASES, ...SESSION_CASES]

/** How a case is played. */
export interface Http3Plan {
  /** What the two ends are told. */
  readonly client: Http3TestCase | WebTransportTestCase
  readonly server: Http3TestCase | WebTransportTestCase
  /** Of the files that are asked for; bytes. */
  readonly files: readonly number[]
  /** Who asks. */
  readonly asks: 'client' | 'server'
  /** The endpoints of sessions. */
  readonly endpoints?: readonly string[]
  readonly impairment?: Impairment
  /** ms for all of it. */
  readonly timeout: number
}

const KB = 1024
const MB = KB * KB

/** ms: a slow machine is slow, not broken. */
const TIMEOUT = 60_000

/** The name of the endpoint where there is one. */
const ENDPOINT = 'session'

const repeated = (count: number, size: number): number[] => Array.from({ length: count }, () => size)

function http3(files: readonly number[], rest: Partial<Http3Plan> = {}): Http3Plan {
  return { client: 'http3', server: 'http3', files, asks: 'client', timeout: TIMEOUT, ...rest }
}

function session(testCase: WebTransportTestCase, rest: Partial<Http3Plan> = {}): Http3Plan {
  return {
    client: testCase,
    server: testCase,
    files: [],
    asks: 'client',
    endpoints: [ENDPOINT],
    timeout: TIMEOUT,
    ...rest,
  }
}

function transfer(kind: 'unidirectional' | 'bidirectional' | 'datagram', asks: 'client' | 'server'): Http3Plan {
  const testCase = `transfer-${kind}-${asks === 'client' ? 'receive' : 'send'}` as const
  const files =
    kind === 'datagram'
      ? Array.from({ length: 200 }, (_, index) => 600 + 2 * index)
      : [100 * KB, 500 * KB, 250 * KB, MB, 2 * MB]
  return session(testCase, { [asks === 'client' ? 'server' : 'client']: 'transfer', files, asks })
}

/** The plans of the tables. */
export const HTTP3_PLANS: Readonly<Record<Http3Case, Http3Plan>> = {
  http3: http3([5 * KB, 10 * KB, 500 * KB]),
  // The runner has 1,999 files over HTTP/0.9 here.
  multiplexing: http3(repeated(1999, 32), { timeout: 120_000 }),
  longrtt: http3([KB], { impairment: { loss: 0, burst: 0, delay: 750, seed: 9114 } }),
  loss: http3([5 * KB, 10 * KB, 500 * KB, 2 * MB], {
    impairment: { loss: 0.02, burst: 3, delay: 15, seed: 9204 },
    timeout: 120_000,
  }),
  upload: http3([5 * KB, 10 * KB, 2 * MB], { client: 'upload', server: 'upload' }),
  qpack: http3(repeated(30, KB), { client: 'qpack', server: 'qpack' }),
  'wt-handshake': session('handshake'),
  'wt-unidirectional-receive': transfer('unidirectional', 'client'),
  'wt-unidirectional-send': transfer('unidirectional', 'server'),
  'wt-bidirectional-receive': transfer('bidirectional', 'client'),
  'wt-bidirectional-send': transfer('bidirectional', 'server'),
  'wt-datagram-receive': transfer('datagram', 'client'),
  'wt-datagram-send': transfer('datagram', 'server'),
  'wt-closes': session('closes', { endpoints: ['by-client', 'by-server'] }),
  'wt-errors': session('errors'),
}

/** Whether it is a case of WebTransport. */
export function isSessionCase(name: Http3Case): boolean {
  return SESSION_CASES.some((each) => each === name)
}
