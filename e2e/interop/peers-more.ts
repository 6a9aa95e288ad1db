/**
 * The stacks of `npm run interop -- --all`: those that are built here, with Go, Cargo or Python, from what their registries have
 * and lock files pin. Who lacks a toolchain is told so, and goes on without the stack.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { contractual, here, type Peer } from './peers.ts'

/** A stack and how it is built. */
interface Built {
  readonly peer: Peer
  /** A program without which it cannot be built. */
  readonly toolchain: string
  /** One after the other; in the folder of the peer. */
  readonly steps: readonly (readonly [command: string, ...args: string[]])[]
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
}

const CACHE = here('.cache')
const NO_AGREEMENT = 'no version_information'
const NO_GROUP = 'no such group'

/** ms; Cargo compiles BoringSSL. */
const BUILD_TIMEOUT = 3_600_000

/** The version that a lock file has of a package. */
function locked(path: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(here(path), 'utf8'))?.[1] ?? 'unknown'
}

const QUIC_GO: Built = {
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

const AIOQUIC: Built = {
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

const ALL: readonly Built[] = [QUIC_GO, AIOQUIC]

/** All of them, whether they can be built here or not. */
export const MORE_PEERS: readonly Peer[] = ALL.map(({ peer }) => peer)

/** Builds what can be built; says in a line each what cannot. */
export function provideMore(): readonly Peer[] {
  return ALL.filter(isBuilt).map(({ peer }) => peer)
}

function isBuilt({ peer, toolchain, steps, folder, env }: Built): boolean {
  if (spawnSync('which', [toolchain]).status !== 0) {
    console.error(`${peer.name} is left out: there is no ${toolchain} here`)
    return false
  }
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
