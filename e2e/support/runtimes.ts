/** Finds the runtimes the tests want, and installs those that are missing where that is possible. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserName, launchOptions } from './browsers.ts'
import { ROOT } from './steps.ts'

/** The browsers of the suite, the slower one first. */
export const BROWSERS: readonly BrowserName[] = ['firefox', 'chromium']
const PACKAGES: Readonly<Record<BrowserName, string>> = { chromium: 'chromium', firefox: 'firefox-esr' }
const PINNED = 'e2e/runtimes'
/** Its peers are the same versions of the same packages. */
const INTEROP = 'e2e/interop'

/** Installs the browsers that are missing, with apt as root, else with Playwright. Returns those that stay missing. */
export function provideBrowsers(): BrowserName[] {
  const isMissing = (name: BrowserName): boolean => launchOptions(name) === undefined
  const wanted = BROWSERS.filter(isMissing)
  if (wanted.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    show('apt-get', ['update', '-qq'])
    show('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted.map((name) => PACKAGES[name])])
  }
  const still = wanted.filter(isMissing)
  if (still.length > 0) show(process.execPath, ['node_modules/playwright/cli.js', 'install', ...still])
  return still.filter(isMissing)
}

/** The binary of a Node of that major version: the one that runs this, the one that runs npm, or the pinned one. */
export function findNode(major: number): string | undefined {
  const pinned = join(ROOT, PINNED, `node_modules/node-${major}/bin/node`)
  const candidates = [pinned, process.execPath, process.env['npm_node_execpath']]
  return candidates.find((path) => path !== undefined && existsSync(path) && majorOf(path) === major)
}

/** Runtimes that are not Node, by their binaries among the pinned ones. */
const OTHERS: Readonly<Record<OtherRuntime, string>> = {
  Bun: '@oven/bun-linux-x64/bin/bun',
  Deno: '@deno/linux-x64-glibc/deno',
}

/** A runtime that is not Node. */
export type OtherRuntime = 'Bun' | 'Deno'

/** The binary of a pinned runtime. */
export function findOther(name: OtherRuntime): string | undefined {
  const places = [PINNED, INTEROP].map((folder) => join(ROOT, folder, 'node_modules', OTHERS[name]))
  return places.find((path) => existsSync(path))
}

/** Installs the pinned runtimes unless all of Node's `majors`, Bun and Deno are there. Returns the names of those that stay missing. */
export function providePinned(majors: readonly number[]): string[] {
  const missing = (): string[] => [
    ...majors.filter((major) => findNode(major) === undefined).map((major) => `Node ${major}`),
    ...(['Bun', 'Deno'] as const).filter((name) => findOther(name) === undefined),
  ]
  if (missing().length > 0) show('npm', ['ci', '--prefix', PINNED, '--no-audit', '--no-fund', '--no-bin-links'])
  return missing()
}

function majorOf(node: string): number {
  return Number(execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1).split('.')[0])
}

// What an installer has to say matters only where it fails, and then its caller names what is missing.
function show(program: string, args: readonly string[]): void {
  console.log(`${program} ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stderr, error } = spawnSync(program, args, { cwd: ROOT, env, encoding: 'utf8', timeout: 600_000 })
  if (status === 0) return
  const lines = String(error?.message ?? stderr)
    .trim()
    .split('\n')
  console.error(lines.find((line) => /error|unable|failed/i.test(line)) ?? lines.at(-1))
}
