/** The stacks that isoquic meets: how each is started for a case, and what it cannot do (`PEERS.md` quotes it on that). */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Role, TestCase } from './contract.ts'
import type { Case } from './plans.ts'
import type { Launch } from './processes.ts'

/** What a program is told of its case. */
export interface Assignment {
  readonly testCase: TestCase
  readonly port: number
  /** Names of files, in `www` or to be. */
  readonly files: readonly string[]
  readonly www: string
  readonly downloads: string
  readonly certs: string
  readonly keyLog: string
  readonly alpn: string
  /** ms without a packet after which a client sends one. */
  readonly keepAlive?: number | undefined
  /** Says what it does, where it does not by itself. */
  readonly isVerbose: boolean
}

/** One stack. */
export interface Peer {
  readonly name: string
  /** Of the stack, and of what it comes in. */
  version(): string
  readonly alpn: string
  /** One program, or one after the other. */
  client(assignment: Assignment): Launch[]
  server(assignment: Assignment): Launch
  /** What cannot be tested, by the role of the peer, and why in a few words. */
  readonly cannot: Readonly<Record<Role, Partial<Record<Case, string>>>>
  /** `false`: a client that follows a key update and begins none. */
  readonly updatesKeys?: false
  /** Bytes by which it goes beyond the amplification limit as a server; none by default. */
  readonly exceeds?: number
  /** The code of a connection that it ended well, as its output tells; for a peer that reports none. */
  closeCode?(output: string): number | undefined
}

/** A path in this folder. */
export const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Where the stacks that are built here are put. */
export const CACHE: string = here('.cache')

/** The version that a lock file has of a package. */
export function locked(path: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(here(path), 'utf8'))?.[1] ?? 'unknown'
}

/** The version that a package of npm gives itself. */
export function versionIn(path: string): string {
  return String((JSON.parse(readFileSync(here(path), 'utf8')) as { readonly version: unknown }).version)
}

function lsquicVersion(): string {
  return `of Bun ${versionIn('node_modules/bun/package.json')} (BoringSSL)`
}

function quicheVersion(): string {
  return `0.18.0 (BoringSSL), @matrixai/quic ${versionIn('node_modules/@matrixai/quic/package.json')}`
}

function ngtcp2Version(): string {
  const facts = execFileSync('dpkg', ['-s', 'ngtcp2-client'], { encoding: 'utf8' })
  return `${/^Version: (.*)$/m.exec(facts)?.[1]} of Debian (GnuTLS)`
}

/** The environment of the runner's contract. */
function environment(role: Role, assignment: Assignment): Record<string, string> {
  const { port, files } = assignment
  return {
    ROLE: role,
    TESTCASE: assignment.testCase,
    REQUESTS: role === 'client' ? files.map((name) => `https://127.0.0.1:${port}/${name}`).join(' ') : '',
    HOST: '127.0.0.1',
    PORT: String(port),
    ALPN: assignment.alpn,
    WWW: assignment.www,
    DOWNLOADS: assignment.downloads,
    CERTS: assignment.certs,
    SSLKEYLOGFILE: assignment.keyLog,
    ...(assignment.keepAlive !== undefined && { KEEP_ALIVE: String(assignment.keepAlive) }),
  }
}

/** A peer that obeys the runner's contract. */
export function contractual(
  name: string,
  version: () => string,
  command: string,
  args: readonly string[],
  cannot: Peer['cannot'],
): Peer {
  return {
    name,
    version,
    alpn: 'hq-interop',
    client: (assignment) => [{ command, args, env: environment('client', assignment) }],
    server: (assignment) => ({ command, args, env: environment('server', assignment) }),
    cannot,
  }
}

/** isoquic itself. */
export const ISOQUIC: Peer = contractual(
  'isoquic',
  () => `${versionIn('../../package.json')}, Node ${process.versions.node}`,
  process.execPath,
  [here('endpoint.ts')],
  { client: {}, server: {} },
)

const CHACHA20 = '--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305'
const DRAFT = 'version 2 of a draft alone'
const NO_DATAGRAMS = 'no option for datagrams'
const NO_GROUP = 'no such group'
const ONE_VERSION = 'version 1 alone'
/** Datagrams lost in a row, each waited for twice as long as the one before, may take longer than the default of 30 s. */
const PATIENCE: readonly string[] = ['--handshake-timeout=60s', '--timeout=60s']

const NGTCP2: Peer = {
  name: 'ngtcp2',
  version: ngtcp2Version,
  alpn: 'h3',
  client(assignment) {
    const { testCase, port, files, keyLog, downloads } = assignment
    const options = [
      ...(assignment.isVerbose ? ['--no-quic-dump', '--no-http-dump'] : ['-q']),
      '--exit-on-all-streams-close',
      '--sni=localhost',
      ...PATIENCE,
      `--download=${downloads}`,
      ...(testCase === 'chacha20' ? [CHACHA20] : []),
      ...(testCase === 'keyupdate' ? ['--key-update=1ms'] : []),
      ...(testCase === 'versionnegotiation' ? ['-v', '0x1a2a3a4a'] : []),
      ...(testCase === 'connectionmigration' ? ['--change-local-addr=50ms'] : []),
    ]
    const session = join(downloads, '..', 'session')
    const comesBack = testCase === 'resumption' || testCase === 'zerortt'
    if (comesBack) options.push(`--session-file=${session}`, `--tp-file=${session}-parameters`)
    if (testCase === 'resumption') options.push('--disable-early-data')
    // Its probes fill its window before a server may read them (PEERS.md).
    if (testCase === 'handshakeloss') options.push('--no-pmtud')
    const visit = (names: readonly string[]): Launch => ({
      command: 'gtlsclient',
      args: [...options, '127.0.0.1', String(port), ...names.map((name) => `https://localhost:${port}/${name}`)],
      env: { SSLKEYLOGFILE: `${keyLog}-peer` },
    })
    if (comesBack) return [visit(files.slice(0, 1)), visit(files.slice(1))]
    const isEachAlone = testCase === 'multiconnect' || testCase === 'handshakeloss'
    return isEachAlone ? files.map((name) => visit([name])) : [visit(files)]
  },
  server({ testCase, port, www, certs, keyLog, isVerbose }) {
    const options = [
      ...(isVerbose ? ['--no-quic-dump', '--no-http-dump'] : ['-q']),
      ...PATIENCE,
      `--htdocs=${www}`,
      ...(testCase === 'chacha20' ? [CHACHA20] : []),
      ...(testCase === 'retry' ? ['-V'] : []),
    ]
    return {
      // Debian puts it where only root looks.
      command: '/usr/sbin/gtlsserver',
      args: [...options, '127.0.0.1', String(port), join(certs, 'priv.key'), join(certs, 'cert.pem')],
      env: { SSLKEYLOGFILE: `${keyLog}-peer` },
    }
  },
  cannot: {
    client: { v2: DRAFT, mlkem: NO_GROUP, datagrams: NO_DATAGRAMS },
    server: { v2: DRAFT, mlkem: NO_GROUP, datagrams: NO_DATAGRAMS },
  },
  closeCode(output) {
    const [, code] = /frm rx .*CONNECTION_CLOSE.*error_code=\S*\((0x[0-9a-f]+)\)/.exec(output) ?? []
    return code === undefined ? undefined : Number(code)
  },
}

const QUINN: Peer = {
  ...contractual(
    'quinn',
    // Which quinn is in which Deno: `PEERS.md`.
    (): string => `quinn-proto 0.11.16 (rustls), Deno ${versionIn('node_modules/deno/package.json')}`,
    here('node_modules/.bin/deno'),
    ['run', '--quiet', '--unstable-net', '--allow-all', here('peers/quinn.mjs')],
    {
      client: {
        versionnegotiation: 'no option for the version',
        v2: ONE_VERSION,
        connectionmigration: 'no word for another socket',
      },
      server: { retry: 'no option for Retry', v2: ONE_VERSION },
    },
  ),
  updatesKeys: false,
  exceeds: 1199,
}

const LSQUIC: Peer = {
  ...contractual('lsquic', lsquicVersion, here('node_modules/.bin/bun'), [here('peers/lsquic.mjs')], {
    client: { connectionmigration: 'no word for another socket' },
    server: {
      retry: 'the option for Retry does nothing',
      'rebind-port': 'sends nothing to a new address',
      'rebind-addr': 'sends nothing to a new address',
    },
  }),
  updatesKeys: false,
}

const QUICHE: Peer = {
  ...contractual('quiche', quicheVersion, process.execPath, [here('peers/quiche.mjs')], {
    client: { versionnegotiation: 'no option for the version', v2: ONE_VERSION, mlkem: NO_GROUP },
    server: {
      v2: ONE_VERSION,
      mlkem: NO_GROUP,
      'rebind-port': 'does not repeat what was lost at the old address',
      'rebind-addr': 'does not repeat what was lost at the old address',
    },
  }),
  updatesKeys: false,
  exceeds: 1200,
}

/** All of them, in the order of the table. */
export const PEERS: readonly Peer[] = [NGTCP2, QUINN, LSQUIC, QUICHE]

/** How a launch is shown. */
export function describe(launch: Launch): string {
  return [basename(launch.command), ...launch.args].join(' ')
}
