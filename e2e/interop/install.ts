/** Installs the peers, from npm and apt alone, where they are missing. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Debian's packages, by a file of theirs. */
const PACKAGES: Readonly<Record<string, string>> = {
  'ngtcp2-client': '/usr/bin/gtlsclient',
  'ngtcp2-server': '/usr/sbin/gtlsserver',
  caddy: '/usr/bin/caddy',
  chromium: '/usr/bin/chromium',
  'firefox-esr': '/usr/bin/firefox-esr',
  tshark: '/usr/bin/tshark',
}

/** What there is to work with. */
export interface Provided {
  readonly hasTshark: boolean
}

/** Installs those of Debian's `packages` (with the pattern of a file of theirs) that are missing. Returns what stays missing, named in one line. */
export function installDebian(packages: Readonly<Record<string, string>>): string[] {
  const missing = (): string[] =>
    Object.entries(packages).flatMap(([name, file]) => (globSync(file).length === 0 ? [name] : []))
  const wanted = missing()
  if (wanted.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    run('apt-get', ['update', '-qq'])
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted])
  }
  const absent = missing()
  if (absent.length > 0) console.error(`Not installed, and only root can: apt-get install ${absent.join(' ')}`)
  return absent
}

/** Installs what is missing of `names` and of the peers from npm; what stays missing is named in one line. */
export function provide(names: readonly string[] = Object.keys(PACKAGES)): Provided {
  installDebian(Object.fromEntries(names.map((name) => [name, PACKAGES[name] ?? ''])))
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const installed = `${folder}node_modules/.package-lock.json`
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(`${folder}package-lock.json`).mtimeMs) {
    // Not `npm ci`: some peers name packages for other platforms that were never published, which it takes for a broken lock.
    run('npm', ['install', '--no-save', '--prefix', folder, '--no-audit', '--no-fund'])
  }
  return { hasTshark: existsSync(PACKAGES['tshark'] ?? '') }
}

function run(command: string, args: readonly string[]): void {
  console.log(`${command} ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 900_000 })
  if (status !== 0) console.error(String(error?.message ?? stderr).trim())
}
