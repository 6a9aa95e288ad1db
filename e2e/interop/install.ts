/** Installs the peers, from npm and apt alone, where they are missing. */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Debian's packages, by a file of theirs. */
const PACKAGES: Readonly<Record<string, string>> = {
  'ngtcp2-client': '/usr/bin/gtlsclient',
  'ngtcp2-server': '/usr/sbin/gtlsserver',
  tshark: '/usr/bin/tshark',
}

/** What there is to work with. */
export interface Provided {
  readonly hasTshark: boolean
}

/** Installs what is missing of `names` and of the peers from npm; what stays missing is named in one line. */
export function provide(names: readonly string[] = Object.keys(PACKAGES)): Provided {
  const isMissing = (name: string): boolean => !existsSync(PACKAGES[name] ?? '')
  const missing = names.filter(isMissing)
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    run('apt-get', ['update', '-qq'])
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing])
  }
  const absent = missing.filter(isMissing)
  if (absent.length > 0) console.error(`Not installed, and only root can: apt-get install ${absent.join(' ')}`)
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const installed = `${folder}node_modules/.package-lock.json`
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(`${folder}package-lock.json`).mtimeMs) {
    // Not `npm ci`: some peers name packages for other platforms that were never published, which it takes for a broken lock.
    run('npm', ['install', '--no-save', '--prefix', folder, '--no-audit', '--no-fund'])
  }
  return { hasTshark: !isMissing('tshark') }
}

function run(command: string, args: readonly string[]): void {
  console.log(`${command} ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 900_000 })
  if (status !== 0) console.error(String(error?.message ?? stderr).trim())
}
