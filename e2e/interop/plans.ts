/** The cases of the table: files, networks, time. The sizes are those of the public runner. */
import { TEST_CASES, type TestCase } from './contract.ts'
import type { Impairment } from './proxy.ts'

/** The runner's cases, those that it tells neither end of, and one for the end of a connection. */
export type Case =
  | TestCase
  | 'close'
  | 'rebind-port'
  | 'rebind-addr'
  | 'blackhole'
  | 'longrtt'
  | 'amplificationlimit'
  | 'handshakecorruption'
  | 'transfercorruption'

/** In the order of the table. */
export const CASES: readonly Case[] = [
  'handshake',
  'transfer',
  'close',
  ...TEST_CASES.slice(2),
  'rebind-port',
  'rebind-addr',
  'blackhole',
  'longrtt',
  'amplificationlimit',
  'handshakecorruption',
  'transfercorruption',
]

/** How a case is played. */
export interface CasePlan {
  /** What both ends are told. */
  readonly testCase: TestCase
  /** The sizes of the files, bytes. */
  readonly files: readonly number[]
  readonly impairment?: Impairment
  /** ms for all of it. */
  readonly timeout: number
  readonly isVerbose?: boolean
  /** ms: who only receives has nothing to say, and so tells no server of its new address (`PEERS.md`). */
  readonly keepAlive?: number
  /** Whether the server's certificate is larger than what it may send before it knows its client. */
  readonly hasLargeCertificate?: true
}

const KB = 1024
const MB = KB * KB

/** ms: a slow machine is slow, not broken. */
const TIMEOUT = 60_000

const repeated = (count: number, size: number): number[] => Array.from({ length: count }, () => size)

/** The plans of the table. */
export const PLANS: Readonly<Record<Case, CasePlan>> = {
  handshake: { testCase: 'handshake', files: [KB], timeout: TIMEOUT },
  transfer: { testCase: 'transfer', files: [2 * MB, 3 * MB, 5 * MB], timeout: TIMEOUT },
  close: { testCase: 'handshake', files: [KB], timeout: TIMEOUT, isVerbose: true },
  chacha20: { testCase: 'chacha20', files: [3 * MB], timeout: TIMEOUT },
  retry: { testCase: 'retry', files: [10 * KB], timeout: TIMEOUT },
  keyupdate: { testCase: 'keyupdate', files: [3 * MB], timeout: TIMEOUT },
  multiconnect: { testCase: 'multiconnect', files: repeated(10, KB), timeout: TIMEOUT },
  resumption: { testCase: 'resumption', files: [5 * KB, 10 * KB], timeout: TIMEOUT },
  zerortt: { testCase: 'zerortt', files: repeated(20, 32), timeout: TIMEOUT },
  handshakeloss: {
    testCase: 'handshakeloss',
    files: repeated(10, KB),
    impairment: { loss: 0.3, burst: 3, delay: 15, seed: 9001 },
    timeout: 240_000,
  },
  transferloss: {
    testCase: 'transferloss',
    files: [2 * MB],
    impairment: { loss: 0.02, burst: 3, delay: 15, seed: 9002 },
    timeout: 120_000,
  },
  connectionmigration: {
    testCase: 'connectionmigration',
    files: [2 * MB],
    impairment: { loss: 0, burst: 0, delay: 15, seed: 9003 },
    timeout: TIMEOUT,
  },
  'rebind-port': {
    testCase: 'transfer',
    files: [10 * MB],
    impairment: { loss: 0, burst: 0, delay: 15, seed: 9004, rebinding: { of: 'port', every: 2 * MB, times: 4 } },
    timeout: TIMEOUT,
    keepAlive: 25,
  },
  'rebind-addr': {
    testCase: 'transfer',
    files: [10 * MB],
    impairment: { loss: 0, burst: 0, delay: 15, seed: 9005, rebinding: { of: 'address', every: 2 * MB, times: 4 } },
    timeout: TIMEOUT,
    keepAlive: 25,
  },
  blackhole: {
    testCase: 'transfer',
    files: [5 * MB],
    impairment: { loss: 0, burst: 0, delay: 15, seed: 9006, blackhole: { every: 2 * MB, times: 2, duration: 2000 } },
    timeout: TIMEOUT,
  },
  longrtt: {
    testCase: 'handshake',
    files: [KB],
    impairment: { loss: 0, burst: 0, delay: 750, seed: 9007 },
    timeout: TIMEOUT,
  },
  amplificationlimit: {
    testCase: 'transfer',
    files: [5 * KB],
    // The runner drops two more, for which ngtcp2, where it was answered late at first, takes longer than a minute.
    impairment: { loss: 0, burst: 0, delay: 15, seed: 9008, drops: [2, 3, 4, 5] },
    timeout: TIMEOUT,
    hasLargeCertificate: true,
  },
  handshakecorruption: {
    testCase: 'multiconnect',
    files: repeated(10, KB),
    impairment: { loss: 0, corruption: 0.3, burst: 3, delay: 15, seed: 9009 },
    timeout: 240_000,
  },
  transfercorruption: {
    testCase: 'transfer',
    files: [2 * MB],
    impairment: { loss: 0, corruption: 0.02, burst: 3, delay: 15, seed: 9010 },
    timeout: 120_000,
  },
  versionnegotiation: { testCase: 'versionnegotiation', files: [KB], timeout: TIMEOUT },
  v2: { testCase: 'v2', files: [KB], timeout: TIMEOUT },
  datagrams: {
    testCase: 'datagrams',
    files: repeated(20, 500),
    impairment: { loss: 0.05, burst: 3, delay: 15, seed: 9011 },
    timeout: TIMEOUT,
  },
  mlkem: { testCase: 'mlkem', files: [KB], timeout: TIMEOUT },
}
