/** `wrangler dev`, started and surely ended. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One at work. */
export interface Wrangler {
  /** `http://127.0.0.1:port` */
  readonly url: string
  stop(): Promise<void>
}

/** ms until it must be ready. */
const PATIENCE = 60_000

/** ms between asking it to end and ending it. */
const GRACE = 3_000

/** Starts it on `wrangler.jsonc` of `folder`. Rejects with what it printed if it does not get ready. */
export function startWrangler(folder: URL, vars: Readonly<Record<string, string>> = {}): Promise<Wrangler> {
  const home = dirname(createRequire(import.meta.url).resolve('wrangler/package.json'))
  const config = fileURLToPath(new URL('wrangler.jsonc', folder))
  const given = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const local = ['--local', '--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0']
  const child = spawn(
    process.execPath,
    [join(home, 'bin/wrangler.js'), 'dev', '--config', config, ...local, ...given],
    {
      // In a checkout the sources are bundled, as this program runs on them; elsewhere the package.
      env: {
        ...process.env,
        CI: '1',
        WRANGLER_SEND_METRICS: 'false',
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
        ...conditions(),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  )
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // It has started workerd, which is to end as well: the whole group.
  const end = (signal: 'SIGTERM' | 'SIGKILL'): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // It is gone.
    }
  }
  const kill = (): void => end('SIGKILL')
  process.once('exit', kill)
  const stop = async (): Promise<void> => {
    end('SIGTERM')
    const timer = setTimeout(kill, GRACE)
    await ended
    clearTimeout(timer)
    kill()
    process.off('exit', kill)
  }
  return new Promise((resolve, reject) => {
    let output = ''
    const fail = (why: string): void => {
      clearTimeout(timer)
      reject(new Error(`wrangler dev ${why}: ${output}`))
    }
    const timer = setTimeout(() => void stop().then(() => fail('is not ready')), PATIENCE)
    const read = (bytes: Uint8Array): void => {
      output += bytes.toString()
      const url = /Ready on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve({ url, stop })
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', (error) => fail(error.message))
    child.once('close', (code) => fail(`ended with ${code}`))
  })
}

/** The export conditions that lead to the sources of isoquic, where this program runs with them. */
export function conditions(): Readonly<Record<string, string>> {
  const source = 'isoquic-source'
  if (!process.execArgv.some((flag) => flag.includes(source))) return {}
  return { WRANGLER_BUILD_CONDITIONS: `${source},workerd,worker,browser` }
}
