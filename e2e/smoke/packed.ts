/** The package as a user gets it: packed, and installed into a folder of its own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../support/steps.ts'
import { IS_BUILT } from './bundle.ts'

/** What {@link install} made. */
export interface Installed {
  /** The folder of the package's user, with its `node_modules`. */
  readonly consumer: string
  /** The path of what `npm pack` wrote. */
  readonly tarball: string
}

/** Packs the package, which builds it unless that was done, and installs it with its optional peers into a new folder, which the caller removes. */
export function install(): Installed {
  const consumer = mkdtempSync(join(tmpdir(), 'isoquic-smoke-'))
  const scripts = process.env[IS_BUILT] === 'true' ? ['--ignore-scripts'] : []
  npm(ROOT, 'pack', '--pack-destination', consumer, ...scripts)
  const tarball = join(consumer, readdirSync(consumer)[0] ?? '')
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  // The doors that need an optional peer open with it.
  const { devDependencies, peerDependencies } = manifest()
  const peers = Object.keys(peerDependencies).map((name) => `${name}@${devDependencies[name]}`)
  npm(consumer, 'install', '--prefer-offline', tarball, ...peers)
  return { consumer, tarball }
}

/** The names under which users import what the package has: `isoquic`, `isoquic/core`, … */
export function doors(): string[] {
  return Object.entries(manifest().exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([path]) => `isoquic${path.slice(1)}`)
}

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
}

function npm(folder: string, ...args: string[]): void {
  const options = ['--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', [...args, ...options], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
}
