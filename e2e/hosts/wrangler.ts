/** `wrangler dev` on a Worker of one module, as a user has it: wrangler bundles it, with the package installed beside it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Program } from '../interop/processes.ts'

const WRANGLER = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js')

/** ms until it must be ready. */
const START_LIMIT = 60_000

/** One at work. */
export interface Wrangler {
  /** `127.0.0.1:port` */
  readonly address: string
  stop(): Promise<void>
}

/**
 * Starts it. Rejects with its output if it does not get ready.
 * @param folder where `isoquic` is installed
 * @param source of the Worker
 * @param configuration beside name, main and date
 */
export async function startWrangler(
  folder: string,
  source: string,
  configuration: Readonly<Record<string, unknown>>,
): Promise<Wrangler> {
  const home = mkdtempSync(join(folder, 'wrangler-'))
  writeFileSync(join(home, 'worker.js'), source)
  const main = { name: 'isoquic-e2e', main: 'worker.js', compatibility_date: '2026-07-01' }
  writeFileSync(join(home, 'wrangler.json'), JSON.stringify({ ...main, ...configuration }))
  const config = ['--config', join(home, 'wrangler.json')]
  const program = new Program({
    command: process.execPath,
    args: [WRANGLER, 'dev', '--local', '--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0', ...config],
    env: { CI: '1', WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
  })
  const stop = async (): Promise<void> => {
    await program.stop()
    rmSync(home, { recursive: true, force: true })
  }
  const ready = /Ready on http:\/\/(127\.0\.0\.1:\d+)/
  if (!(await program.until(() => ready.test(program.output), START_LIMIT))) {
    await stop()
    throw new Error(`wrangler dev is not ready: ${program.output.slice(-2000)}`)
  }
  return { address: ready.exec(program.output)?.[1] ?? '', stop }
}
