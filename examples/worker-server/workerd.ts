/** Bare workerd on a bundle of the Worker, started and surely ended. */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { conditions } from '../worker-client/wrangler.ts'

/** One at work. */
export interface Workerd {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** `127.0.0.1:port` */
  readonly udpAddress: string
  stop(): Promise<void>
}

/** Starts it on `workerd.capnp` and `worker.js` of `folder`. Rejects with what it printed if it does not start. */
export async function startWorkerd(folder: URL): Promise<Workerd> {
  // The package exports the path of its binary and no types.
  const { default: binary } = createRequire(import.meta.url)('workerd') as { default: string }
  const home = mkdtempSync(join(tmpdir(), 'worker-server-'))
  await build({
    entryPoints: [fileURLToPath(new URL('worker.js', folder))],
    bundle: true,
    format: 'esm',
    // Without `worker`, which stands for bundlers that bring modules of WebAssembly along, as wrangler does.
    conditions: (conditions()['WRANGLER_BUILD_CONDITIONS'] ?? 'workerd').split(',').filter((name) => name !== 'worker'),
    outfile: join(home, 'worker.js'),
    logLevel: 'error',
  })
  copyFileSync(new URL('workerd.capnp', folder), join(home, 'workerd.capnp'))
  // The control descriptor tells the ports.
  const child = spawn(binary, ['serve', 'workerd.capnp', '--experimental', '--control-fd=3'], {
    cwd: home,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // It would wait for idle connections of HTTP.
  const end = (): unknown => child.kill('SIGKILL')
  process.once('exit', end)
  const stop = async (): Promise<void> => {
    end()
    await ended
    process.off('exit', end)
    rmSync(home, { recursive: true, force: true })
  }
  return new Promise((resolve, reject) => {
    let output = ''
    child.stderr?.on('data', (bytes: Uint8Array) => {
      output += bytes.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`workerd ended with ${code}: ${output}`)))
    const ports = new Map<string, number>()
    createInterface(child.stdio[3] as Readable).on('line', (line) => {
      const { socket, port } = JSON.parse(line) as { socket: string; port: number }
      ports.set(socket, port)
      const [http, udp] = [ports.get('http'), ports.get('udp')]
      if (http === undefined || udp === undefined) return
      resolve({ url: `http://127.0.0.1:${http}`, udpAddress: `127.0.0.1:${udp}`, stop })
    })
  })
}
