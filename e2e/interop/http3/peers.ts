/** The stacks that isoquic meets in HTTP/3 and WebTransport, and what they cannot do (`PEERS.md` has the evidence). */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CHROMIUM_INSTEAD_OF_STOP_CODE, launchOptions } from '../../support/browsers.ts'
import type { Role } from '../contract.ts'
import { CACHE, here, locked, versionIn } from '../peers.ts'
import type { Built } from '../peers-more.ts'
import type { Launch } from '../processes.ts'
import { type Http3Case, SESSION_CASES } from './plans.ts'

/** What a program is told of its case. */
export interface Http3Assignment {
  readonly case: Http3Case
  readonly testCase: string
  readonly port: number
  /** What it asks for: URLs for a client, paths for a server of WebTransport. */
  readonly requests: readonly string[]
  readonly www: string
  readonly downloads: string
  readonly certs: string
  readonly keyLog: string
  /** The application protocols that it speaks over WebTransport. */
  readonly protocols: readonly string[] | undefined
  /** Lengths go ahead of what streams hold. */
  readonly isFramed: boolean
}

/** One stack. */
export interface Http3Peer {
  readonly name: string
  /** Of the stack, and of what it comes in. */
  version(): string
  /** `undefined`: it is no client. */
  readonly client?: (assignment: Http3Assignment) => Launch
  readonly server?: (assignment: Http3Assignment) => Launch
  /** What cannot be tested, by the role of the peer, and why in a few words. */
  readonly cannot: Readonly<Record<Role, Partial<Record<Http3Case, string>>>>
  /** It sends no end of a stream. */
  readonly isFramed?: true
  /** Roles in which its encoder uses no dynamic table. */
  readonly staticEncoder?: readonly Role[]
  /** It does not tell with which code a stream was reset, nor asks for the end of one that it reads. */
  readonly isMuteOfCodes?: true
  /** What it says at times in place of the code of STOP_SENDING. */
  readonly insteadOfStopCode?: string
  /** It says by itself which protocol a page came over, and that must be `h3`. */
  readonly isBrowser?: true
}

const h3Here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const NO_SESSIONS = Object.fromEntries(SESSION_CASES.map((name) => [name, 'no WebTransport']))

function environment(role: Role, assignment: Http3Assignment): Record<string, string> {
  return {
    ROLE: role,
    TESTCASE: assignment.testCase,
    REQUESTS: assignment.requests.join(' '),
    HOST: '127.0.0.1',
    PORT: String(assignment.port),
    ALPN: 'h3',
    WWW: assignment.www,
    DOWNLOADS: assignment.downloads,
    CERTS: assignment.certs,
    SSLKEYLOGFILE: assignment.keyLog,
    ...(assignment.protocols !== undefined && { PROTOCOLS: assignment.protocols.join(' ') }),
    ...(assignment.isFramed && { FRAMED: '1' }),
  }
}

/** A peer that obeys the runner's contract. */
function contractual(
  facts: Pick<Http3Peer, 'name' | 'version' | 'cannot'> & Partial<Http3Peer>,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Http3Peer {
  const launch =
    (role: Role) =>
    (assignment: Http3Assignment): Launch => ({ command, args, env: { ...environment(role, assignment), ...env } })
  return { client: launch('client'), server: launch('server'), ...facts }
}

function debianVersion(name: string): string {
  const facts = execFileSync('dpkg', ['-s', name], { encoding: 'utf8' })
  return `${/^Version: (.*)$/m.exec(facts)?.[1]} of Debian`
}

/** isoquic itself. */
export const ISOQUIC: Http3Peer = contractual(
  {
    name: 'isoquic',
    version: () => `${versionIn('../../package.json')}, Node ${process.versions.node}`,
    cannot: { client: {}, server: {} },
  },
  process.execPath,
  [here('endpoint.ts')],
)

const NO_UPLOAD = 'serves files and takes none'

const CADDY: Http3Peer = {
  name: 'caddy',
  version: () => `${debianVersion('caddy')} (quic-go)`,
  server({ port, www, downloads, certs }) {
    const home = join(downloads, '..', 'caddy')
    mkdirSync(home)
    const config = join(home, 'Caddyfile')
    writeFileSync(
      config,
      [
        '{',
        '  admin off',
        '  auto_https off',
        '  servers {',
        '    protocols h1 h2 h3',
        '  }',
        '}',
        `https://localhost:${port}, https://127.0.0.1:${port} {`,
        '  bind 127.0.0.1',
        `  tls ${join(certs, 'cert.pem')} ${join(certs, 'priv.key')}`,
        `  root * ${www}`,
        '  file_server',
        '}',
        '',
      ].join('\n'),
    )
    return { command: 'caddy', args: ['run', '--config', config], env: { HOME: home } }
  },
  staticEncoder: ['server'],
  cannot: { client: {}, server: { upload: NO_UPLOAD, ...NO_SESSIONS } },
}

/** A path is long, a loss a wait: more than the default of 30 s. */
const PATIENCE: readonly string[] = ['--handshake-timeout=60s', '--timeout=60s']

const NGTCP2: Http3Peer = {
  name: 'ngtcp2',
  version: () => `${debianVersion('ngtcp2-client')}, nghttp3 (GnuTLS)`,
  client: ({ port, requests, downloads, keyLog, testCase }) => ({
    command: 'gtlsclient',
    args: [
      ...['-q', '--exit-on-all-streams-close', '--sni=localhost', ...PATIENCE],
      ...(testCase === 'upload' ? [] : [`--download=${downloads}`]),
      ...['127.0.0.1', String(port), ...requests.map((url) => url.replace('127.0.0.1', 'localhost'))],
    ],
    env: { SSLKEYLOGFILE: `${keyLog}-peer` },
  }),
  server: ({ port, www, certs, keyLog }) => ({
    // Debian puts it where only root looks.
    command: '/usr/sbin/gtlsserver',
    args: [
      '-q',
      ...PATIENCE,
      `--htdocs=${www}`,
      '127.0.0.1',
      String(port),
      join(certs, 'priv.key'),
      join(certs, 'cert.pem'),
    ],
    env: { SSLKEYLOGFILE: `${keyLog}-peer` },
  }),
  cannot: {
    client: { upload: 'sends one file with all requests', ...NO_SESSIONS },
    server: { upload: NO_UPLOAD, ...NO_SESSIONS },
  },
}

const BUN_ALONE: Http3Peer = contractual(
  {
    name: 'bun',
    version: () => `${versionIn('node_modules/bun/package.json')} (lsquic, BoringSSL)`,
    staticEncoder: ['server'],
    cannot: { client: NO_SESSIONS, server: NO_SESSIONS },
  },
  here('node_modules/.bin/bun'),
  [h3Here('peers/bun.mjs')],
)

const BUN: Http3Peer = {
  ...BUN_ALONE,
  client(assignment) {
    const { env, ...launch } = BUN_ALONE.client?.(assignment) ?? { command: '', args: [] }
    // `tls.ca` of `fetch` is not for HTTP/3: "HTTP3Unsupported".
    return { ...launch, env: { ...env, NODE_EXTRA_CA_CERTS: join(assignment.certs, 'ca.pem') } }
  },
}

function browser(name: 'chromium' | 'firefox', debian: string, rest: Partial<Http3Peer> = {}): Http3Peer {
  const {
    client,
    server: _,
    ...peer
  } = contractual(
    {
      name,
      version: () => (launchOptions(name)?.executablePath.startsWith('/usr/bin/') ? debianVersion(debian) : 'unknown'),
      isBrowser: true,
      cannot: { client: {}, server: {} },
      ...rest,
    },
    process.execPath,
    ['--disable-warning=ExperimentalWarning', h3Here('browser.ts')],
    { BROWSER: name },
  )
  return { ...peer, ...(client !== undefined && { client }) }
}

const NO_HTTP3 = Object.fromEntries(
  (['http3', 'multiplexing', 'longrtt', 'loss', 'upload', 'qpack'] as const).map((name) => [
    name,
    'WebTransport alone',
  ]),
)
const NO_PROTOCOLS = 'no option for application protocols'

const NO_UNIDIRECTIONAL = 'hears no unidirectional stream of who has streams of QPACK'
const OF_DENO = {
  ...NO_HTTP3,
  'wt-handshake': NO_PROTOCOLS,
  'wt-unidirectional-receive': NO_UNIDIRECTIONAL,
  'wt-unidirectional-send': NO_UNIDIRECTIONAL,
  'wt-closes': 'closes connections, and no sessions',
  'wt-errors': 'ends no stream with a code',
}

const DENO: Http3Peer = contractual(
  {
    name: 'deno',
    version: () => `${versionIn('node_modules/deno/package.json')} (quinn, rustls)`,
    isFramed: true,
    cannot: { client: OF_DENO, server: OF_DENO },
  },
  here('node_modules/.bin/deno'),
  ['run', '--quiet', '--unstable-net', '--allow-all', h3Here('peers/deno.ts')],
)

/** All of them, in the order of the tables. */
export const HTTP3_PEERS: readonly Http3Peer[] = [
  browser('chromium', 'chromium', { insteadOfStopCode: CHROMIUM_INSTEAD_OF_STOP_CODE }),
  browser('firefox', 'firefox-esr', {
    isMuteOfCodes: true,
    cannot: { client: { 'wt-handshake': NO_PROTOCOLS }, server: {} },
  }),
  CADDY,
  NGTCP2,
  BUN,
  DENO,
]

const GO = h3Here('peers/quic-go')

const QUIC_GO: Built<Http3Peer> = {
  peer: contractual(
    {
      name: 'quic-go',
      version: (): string => {
        const version = (module: string): string =>
          locked(`http3/peers/quic-go/go.mod`, new RegExp(`${module} v(\\S+)`))
        return `${version('quic-go/quic-go')}, webtransport-go ${version('webtransport-go')} (crypto/tls)`
      },
      staticEncoder: ['client', 'server'],
      cannot: { client: {}, server: {} },
    },
    `${CACHE}/go/http3`,
    [],
  ),
  toolchain: 'go',
  folder: GO,
  steps: [['go', 'build', '-mod=readonly', '-trimpath', '-o', `${CACHE}/go/http3`, '.']],
}

const NO_ANSWERS = 'takes answers on streams that it opened for frames of HTTP/3'
const OF_AIOQUIC = {
  'wt-handshake': NO_PROTOCOLS,
  'wt-closes': 'no word for the end of a session',
  'wt-errors': 'no codes of streams',
}

const AIOQUIC: Built<Http3Peer> = {
  peer: contractual(
    {
      name: 'aioquic',
      version: () => `${locked('peers/aioquic/requirements.txt', /^aioquic==(\S+)/m)}, ls-qpack (cryptography)`,
      cannot: {
        client: { ...OF_AIOQUIC, 'wt-bidirectional-receive': NO_ANSWERS },
        server: { ...OF_AIOQUIC, 'wt-bidirectional-send': NO_ANSWERS },
      },
    },
    `${CACHE}/python/bin/python`,
    [h3Here('peers/aioquic/endpoint.py')],
  ),
  toolchain: 'python3',
  folder: here('peers/aioquic'),
  steps: [
    ['python3', '-m', 'venv', `${CACHE}/python`],
    [`${CACHE}/python/bin/pip`, 'install', '--quiet', '--no-deps', '-r', 'requirements.txt'],
  ],
}

/** What `--all` adds. */
export const MORE_HTTP3_PEERS: readonly Built<Http3Peer>[] = [QUIC_GO, AIOQUIC]
