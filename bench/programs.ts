/** The stacks that are compared, how each is started, and where it comes from. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL('..', import.meta.url))

/** How a stack's script is run. */
export interface PeerProgram {
  /** What the command line calls it. */
  readonly key: string
  /** What the tables call it. */
  readonly name: string
  /** Program and arguments in front of the role. */
  readonly command: readonly [string, ...string[]]
  /** The part of the bytes and handshakes of the others that it is given, where it would take minutes for all. */
  readonly share: number
  /** Arguments behind the role. */
  readonly options?: readonly string[]
  /** Whether its handshakes are measured; they are where it is left out. */
  readonly hasHandshakes?: boolean
  /** Whether transfers on a hundred streams at once come to an end; they do where it is left out. */
  readonly hasManyStreams?: boolean
  /** Whether a connection carries one stream only. */
  readonly hasOneStream?: boolean
  /** A file without which it cannot run. */
  readonly needs: string
}

/** Where the other stacks are installed, at the versions of the lock file there. */
const PEERS = 'e2e/interop'

const bin = (name: string): string => join(ROOT, PEERS, 'node_modules/.bin', name)
const script = (name: string): string => join(ROOT, 'bench/peers', `${name}.ts`)

/** All stacks; isoquic comes first. */
export const PROGRAMS: readonly PeerProgram[] = [
  {
    key: 'isoquic',
    name: 'isoquic',
    command: [process.execPath, script('isoquic')],
    share: 1,
    needs: script('isoquic'),
  },
  {
    key: 'matrixai',
    name: '@matrixai/quic (quiche)',
    command: [process.execPath, script('matrixai')],
    share: 0.01,
    hasManyStreams: false,
    needs: join(ROOT, PEERS, 'node_modules/@matrixai/quic/dist/index.js'),
  },
  {
    key: 'bun',
    name: 'Bun node:quic (lsquic)',
    command: [bin('bun'), script('bun')],
    share: 1,
    needs: bin('bun'),
  },
  {
    key: 'deno',
    name: 'Deno QUIC (quinn)',
    command: [bin('deno'), 'run', '--allow-all', '--unstable-net', script('deno')],
    share: 1,
    needs: bin('deno'),
  },
  {
    key: 'tls',
    name: 'Node TLS over TCP',
    command: [process.execPath, script('tls')],
    share: 1,
    hasOneStream: true,
    hasManyStreams: false,
    needs: script('tls'),
  },
]

/** Installs what is missing of the other stacks. Returns what npm said where it failed. */
export function installPeers(programs: readonly PeerProgram[]): string | undefined {
  if (programs.every(({ needs }) => existsSync(needs))) return undefined
  const npm = process.env['npm_execpath']
  const [file, ...args] = npm?.endsWith('js') === true ? [process.execPath, npm] : ['npm']
  const options = ['install', '--no-save', '--prefix', join(ROOT, PEERS), '--no-audit', '--no-fund']
  const { status, error, stderr } = spawnSync(file, [...args, ...options], { encoding: 'utf8', timeout: 300_000 })
  if (status === 0) return undefined
  const lines = (error?.message ?? stderr).trim().split('\n')
  return lines.find((line) => /error/i.test(line)) ?? lines[0] ?? 'npm failed'
}

/** Whether it can be started. */
export function isInstalled({ needs }: PeerProgram): boolean {
  return existsSync(needs)
}
