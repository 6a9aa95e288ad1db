/**
 * The stacks of `npm run interop -- --all`: those that are built here, with Go, Cargo or Python, from what their registries have
 * and lock files pin. Who lacks a toolchain is told so, and goes on without the stack.
 */
import { spawnSync } from 'node:child_process'
import { installDebian } from './install.ts'
import { CACHE, contractual, here, locked, type Peer } from './peers.ts'

/** A stack and how it is built. */
export interface Built<P> {
  readonly peer: P
  /** A program without which it cannot be built. */
  readonly toolchain: string
  /** Debian's packages that the build wants beside it, by the pattern of a file of theirs. */
  readonly debian?: Readonly<Record<string, string>>
  /** One after the other; in the folder of the peer. */
  readonly steps: readonly (readonly [command: string, ...args: string[]])[]
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
}

const NO_AGREEMENT = 'no version_information'
const NO_GROUP = 'no such group'
const NO_REPEAT = 'does not repeat what was lost at the old address'
const NO_TICKETS = 'session tickets are neither sent nor read'
const ONE_VERSION = 'version 1 alone'

/** ms; Cargo compiles BoringSSL. */
const BUILD_TIMEOUT = 3_600_000

const QUIC_GO: Built<Peer> = {
  peer: {
    ...contractual(
      'quic-go',
      () => `${locked('peers/quic-go/go.mod', /quic-go\/quic-go v(\S+)/)} (crypto/tls)`,
      `${CACHE}/go/quic-go`,
      [],
      {
        client: { versionnegotiation: 'refuses versions that it does not speak', v2: NO_AGREEMENT },
        server: { v2: NO_AGREEMENT },
      },
    ),
    updatesKeys: false,
    exceeds: 1279,
  },
  toolchain: 'go',
  folder: here('peers/quic-go'),
  steps: [['go', 'build', '-mod=readonly', '-trimpath', '-o', `${CACHE}/go/quic-go`, '.']],
}

const AIOQUIC: Built<Peer> = {
  peer: contractual(
    'aioquic',
    () => `${locked('peers/aioquic/requirements.txt', /^aioquic==(\S+)/m)} (cryptography)`,
    `${CACHE}/python/bin/python`,
    [here('peers/aioquic/endpoint.py')],
    { client: { mlkem: NO_GROUP }, server: { mlkem: NO_GROUP } },
  ),
  toolchain: 'python3',
  folder: here('peers/aioquic'),
  steps: [
    ['python3', '-m', 'venv', `${CACHE}/python`],
    [`${CACHE}/python/bin/pip`, 'install', '--quiet', '--no-deps', '-r', 'requirements.txt'],
  ],
}

const RUST: Omit<Built<Peer>, 'peer' | 'steps'> = {
  toolchain: 'cargo',
  debian: { cmake: '/usr/bin/cmake', 'libclang-dev': '/usr/lib/llvm-*/lib/libclang*.so*' },
  folder: here('peers/rust'),
  env: { CARGO_TARGET_DIR: `${CACHE}/rust` },
}

/**
 * Both programs at once, since what they share is built with the features that both ask for; and one job, since it takes half an
 * hour of a core the first time.
 */
const CARGO: Built<Peer>['steps'] = [['nice', 'cargo', 'build', '-j1', '--release', '--locked']]

const S2N: Built<Peer> = {
  ...RUST,
  peer: {
    ...contractual(
      's2n-quic',
      () => `${locked('peers/rust/Cargo.lock', /name = "s2n-quic"\nversion = "([^"]+)"/)} (rustls)`,
      `${CACHE}/rust/release/interop-s2n-quic`,
      [],
      {
        client: {
          versionnegotiation: 'no option for the version',
          v2: ONE_VERSION,
          connectionmigration: 'no word for another socket',
          resumption: NO_TICKETS,
          zerortt: NO_TICKETS,
        },
        server: { v2: ONE_VERSION, resumption: NO_TICKETS, zerortt: NO_TICKETS },
      },
    ),
    updatesKeys: false,
  },
  steps: CARGO,
}

const QUICHE: Built<Peer> = {
  ...RUST,
  peer: {
    ...contractual(
      'quiche-rs',
      () => `${locked('peers/rust/Cargo.lock', /name = "quiche"\nversion = "([^"]+)"/)} (BoringSSL)`,
      `${CACHE}/rust/release/interop-quiche`,
      [],
      { client: { v2: ONE_VERSION }, server: { v2: ONE_VERSION, 'rebind-port': NO_REPEAT, 'rebind-addr': NO_REPEAT } },
    ),
    updatesKeys: false,
    exceeds: 1200,
  },
  steps: CARGO,
}

const ALL: readonly Built<Peer>[] = [QUIC_GO, AIOQUIC, S2N, QUICHE]

/** All of them, whether they can be built here or not. */
export const MORE_PEERS: readonly Peer[] = ALL.map(({ peer }) => peer)

/** Builds what is wanted and can be built; says in a line each what cannot. */
export function provideMore(wanted: readonly Peer[]): readonly Peer[] {
  return buildThose(ALL, wanted)
}

/** The same of any table's stacks. */
export function buildThose<P extends { readonly name: string }>(
  all: readonly Built<P>[],
  wanted: readonly P[],
): readonly P[] {
  return all
    .filter(({ peer }) => wanted.includes(peer))
    .filter(isBuilt)
    .map(({ peer }) => peer)
}

function isBuilt({ peer, toolchain, debian = {}, steps, folder, env }: Built<{ readonly name: string }>): boolean {
  if (spawnSync('which', [toolchain]).status !== 0) {
    console.error(`${peer.name} is left out: there is no ${toolchain} here`)
    return false
  }
  // Without them the build says what it misses.
  installDebian(debian)
  for (const [command, ...args] of steps) {
    console.log([command, ...args].join(' '))
    const { status, stderr, error } = spawnSync(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: BUILD_TIMEOUT,
    })
    if (status === 0) continue
    console.error(`${peer.name} is left out: ${String(error?.message ?? stderr).trim()}`)
    return false
  }
  return true
}
