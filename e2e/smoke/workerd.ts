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

/** How long it may take to listen, ms. */
const START_LIMIT = 20_000

/** What it has beside its modules. */
export interface WorkerdOptions {
  /** Listens on UDP as well, which is experimental. */
  readonly udp?: boolean
  /** The name of the class of a Durable Object, bound to `ROOM`. */
  readonly durableObject?: string
  /** Texts in the Worker's `env`. */
  readonly bindings?: Readonly<Record<string, string>>
}

/** A workerd at work. */
export interface Workerd {
  /** Where it answers, on loopback. */
  readonly url: string
  /** The port of its UDP socket; 0: it has none. */
  readonly udpPort: number
  stop(): void
}

/** Modules by their names: sources, and the bytes of those that are WebAssembly. */
export type WorkerModules = ReadonlyMap<string, string | Uint8Array>

/** Starts workerd on `modules`; the first is the entry. Rejects with its complaints if it does not start. */
export async function startWorkerd(modules: WorkerModules, options: WorkerdOptions = {}): Promise<Workerd> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-workerd-'))
  for (const [name, source] of modules) writeFileSync(join(folder, name), source)
  writeFileSync(join(folder, 'config.capnp'), configOf([...modules.keys()], options))
  const flags = options.udp === true ? ['--experimental'] : []
  const child = spawn(BINARY, ['serve', 'config.capnp', '--control-fd=3', ...flags], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
  })
  const stop = (): void => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const ports = await portsOf(child, options.udp === true ? 2 : 1)
    return { url: `http://127.0.0.1:${ports.get('http')}/`, udpPort: ports.get('udp') ?? 0, stop }
  } catch (error) {
    stop()
    throw error
  }
}

function configOf(names: readonly string[], { bindings = {}, durableObject, udp }: WorkerdOptions): string {
  const kindOf = (name: string): string => (name.endsWith('.wasm') ? 'wasm' : 'esModule')
  const modules = names.map((name) => `(name = "${name}", ${kindOf(name)} = embed "${name}")`).join(', ')
  const texts = Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`)
  const room = `(name = "ROOM", durableObjectNamespace = "${durableObject}")`
  const all = [...texts, ...(durableObject === undefined ? [] : [room])].join(', ')
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    ${udp === true ? '(name = "udp", address = "127.0.0.1:0", udp = (), service = "main"),' : ''}
  ],
);
const worker :Workerd.Worker = (
  modules = [${modules}],
  compatibilityDate = "2026-07-01",
  ${udp === true ? 'compatibilityFlags = ["experimental"],' : ''}
  bindings = [${all}],
  ${durableObject === undefined ? '' : `durableObjectNamespaces = [(className = "${durableObject}", uniqueKey = "room", enableSql = true)],`}
  ${durableObject === undefined ? '' : 'durableObjectStorage = (inMemory = void),'}
);
`
}

/** The ports of its sockets, by name, when there are `count`. */
function portsOf(child: ChildProcess, count: number): Promise<ReadonlyMap<string, number>> {
  return new Promise((resolve, reject) => {
    let complaints = ''
    const ports = new Map<string, number>()
    const timer = setTimeout(() => reject(new Error(`workerd does not listen: ${complaints}`)), START_LIMIT)
    child.stderr?.on('data', (bytes: Uint8Array) => {
      complaints += bytes.toString()
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`workerd ended with ${code}: ${complaints}`)))
    const control = child.stdio[3] as Readable
    createInterface(control).on('line', (line) => {
      const message: { socket?: unknown; port?: unknown } = JSON.parse(line)
      if (message.port !== undefined) ports.set(String(message.socket), Number(message.port))
      if (ports.size < count) return
      clearTimeout(timer)
      resolve(ports)
    })
  })
}
