/** A plain workerd, without Node's names, that serves one set of modules: what a Worker has unless it asks for more. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

// The package exports the path of its binary and no types.
const { default: BINARY } = createRequire(import.meta.url)('workerd') as { default: string }

/** A workerd at work. */
export interface Workerd {
  /** Where it answers, on loopback. */
  readonly url: string
  stop(): void
}

/** Starts workerd on `modules` (name to source); the first is the entry. Rejects with its complaints if it does not start. */
export async function startWorkerd(modules: ReadonlyMap<string, string>): Promise<Workerd> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-workerd-'))
  for (const [name, source] of modules) writeFileSync(join(folder, name), source)
  writeFileSync(join(folder, 'config.capnp'), configOf([...modules.keys()]))
  const child = spawn(BINARY, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
  })
  const stop = (): void => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return { url: `http://127.0.0.1:${await portOf(child)}/`, stop }
  } catch (error) {
    stop()
    throw error
  }
}

function configOf(names: readonly string[]): string {
  const modules = names.map((name) => `(name = "${name}", esModule = embed "${name}")`).join(', ')
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (modules = [${modules}], compatibilityDate = "2026-07-01");
`
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let complaints = ''
    child.stderr?.on('data', (bytes: Uint8Array) => {
      complaints += bytes.toString()
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`workerd ended with ${code}: ${complaints}`)))
    const control = child.stdio[3] as Readable
    createInterface(control).on('line', (line) => {
      const message: unknown = JSON.parse(line)
      if (typeof message === 'object' && message !== null && 'port' in message) resolve(Number(message.port))
    })
  })
}
