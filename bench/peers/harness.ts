/**
 * What every peer's process shares: it is a server or a client, told by lines of JSON on stdin what to do, and answers each
 * with one line on stdout. It runs in Node, Deno and Bun.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PerformanceObserver } from 'node:perf_hooks'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type LatencyCommand, type LatencyTimes, requestsUnderLoad } from './requests.ts'
import { answer, type Direction, Sink, transferAll } from './transfers.ts'

/** The name of the protocol for ALPN. */
export const ALPN = 'bench'

/** The server's certificate, signed by `ca`; PEM. */
export interface Credentials {
  readonly certificate: string
  readonly privateKey: string
  readonly ca: string
}

/** What a peer can tell of a connection; all counted since it began. */
export type Counters = Readonly<Record<string, number>>

/** A stream of bytes in both directions, as each stack's own is made to look. */
export interface ByteStream {
  /** The next bytes, valid until the next call; `undefined` at the end. */
  read(): Promise<Uint8Array | undefined>
  /** Fulfils when there is room for more. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends our direction. */
  finish(): Promise<void>
}

/** A client with one connection. */
export interface Client {
  open(): Promise<ByteStream>
  close(): Promise<void>
  counters?(): Promise<Counters> | Counters
}

/** One stack. */
export interface Peer {
  /** Serves on 127.0.0.1 until the process ends; hands each stream to `answer`; returns the port. */
  serve(credentials: Credentials, answer: (stream: ByteStream) => void): Promise<number>
  /** Connects to 127.0.0.1 as `localhost`, and verifies that. */
  connect(port: number, credentials: Credentials): Promise<Client>
  /** Of the server's connection that was made last. */
  serverCounters?(): Promise<Counters> | Counters
}

/** What a process is asked. */
export type Command =
  | { readonly do: 'prepare'; readonly bytes: number }
  | { readonly do: 'connect' }
  | { readonly do: Direction; readonly bytes: number; readonly streams?: number }
  | LatencyCommand
  | { readonly do: 'handshakes'; readonly count: number; readonly atOnce: number }
  | { readonly do: 'report' }
  | { readonly do: 'hash' }
  | { readonly do: 'profile'; readonly on: boolean }
  | { readonly do: 'close' }

/** Lets this process be what its arguments say, {@link readArguments}. */
export async function runPeer(peer: Peer): Promise<void> {
  const { role, credentials, port } = readArguments()
  const sink = new Sink()
  if (role === 'server') tell({ port: await peer.serve(credentials, answerWith(sink)) })
  const worker = new Worker(peer, port, credentials, sink)
  await obeyLines((command: Command) => worker.obey(command))
}

/** What a process is told when it is started. */
export interface Arguments {
  readonly role: string | undefined
  readonly folder: string
  readonly credentials: Credentials
  /** Of the server; not a number for the server itself. */
  readonly port: number
  /** The largest UDP payload to find, bytes; `undefined`: what the stack does by itself. */
  readonly mtu: number | undefined
  /** Whether the kernel is to cut and join datagrams. */
  readonly offload: boolean
}

/** Reads `server FOLDER` or `client FOLDER PORT`, with `--mtu BYTES` and `--offload` anywhere. */
export function readArguments(): Arguments {
  const { positionals, values } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: { mtu: { type: 'string' }, offload: { type: 'boolean', default: false } },
  })
  const [role, folder = '.', port] = positionals
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const credentials = { certificate: read('leaf.pem'), privateKey: read('leaf.key'), ca: read('ca.pem') }
  const mtu = values.mtu === undefined ? undefined : Number(values.mtu)
  return { role, folder, credentials, port: Number(port), mtu, offload: values.offload }
}

/** A line to the orchestrator. */
export function tell(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Obeys the commands on stdin, one after the other; the process ends with them. */
export async function obeyLines<C>(obey: (command: C) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      tell((await obey(JSON.parse(line))) ?? {})
    } catch (error) {
      tell({ error: error instanceof Error ? error.message : String(error) })
    }
  }
  process.exit(0)
}

/** Adds up how long the garbage collector has stopped this process. */
class CollectorClock {
  readonly #observer: PerformanceObserver
  #milliseconds = 0

  private constructor() {
    this.#observer = new PerformanceObserver((list) => this.#add(list.getEntries()))
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  /** `undefined` in a runtime that tells nothing of it. */
  static start(): CollectorClock | undefined {
    return 'Bun' in globalThis || 'Deno' in globalThis ? undefined : new CollectorClock()
  }

  get microseconds(): number {
    this.#add(this.#observer.takeRecords())
    return this.#milliseconds * 1000
  }

  #add(entries: readonly { readonly duration: number }[]): void {
    for (const { duration } of entries) this.#milliseconds += duration
  }
}

function answerWith(sink: Sink): (stream: ByteStream) => void {
  return (stream) => void answer(stream, sink).catch((error: unknown) => console.error('Error while answering:', error))
}

class Worker {
  readonly #peer: Peer
  readonly #port: number
  readonly #credentials: Credentials
  readonly #sink: Sink
  readonly #collector = CollectorClock.start()
  #client: Client | undefined
  #endProfile: (() => Promise<unknown>) | undefined

  constructor(peer: Peer, port: number, credentials: Credentials, sink: Sink) {
    this.#peer = peer
    this.#port = port
    this.#credentials = credentials
    this.#sink = sink
  }

  async obey(command: Command): Promise<unknown> {
    switch (command.do) {
      case 'prepare':
        this.#sink.prepare(command.bytes)
        return
      case 'connect':
        this.#client = await this.#connect()
        return
      case 'download':
      case 'upload':
        return { milliseconds: await this.#transfer(command.do, command.bytes, command.streams ?? 1) }
      case 'latency':
        return this.#latency(command)
      case 'handshakes':
        return { milliseconds: await this.#handshakes(command.count, command.atOnce) }
      case 'report':
        return this.#report()
      case 'hash':
        return { bytes: this.#sink.length, hash: this.#sink.hash() }
      case 'profile':
        return this.#profile(command.on)
      case 'close':
        await this.#client?.close()
        this.#client = undefined
        return
    }
  }

  #connect(): Promise<Client> {
    return this.#peer.connect(this.#port, this.#credentials)
  }

  async #transfer(kind: Direction, size: number, streams: number): Promise<number> {
    const client = this.#connected()
    const start = performance.now()
    await transferAll(kind, client, size, streams, this.#sink)
    return performance.now() - start
  }

  async #latency(command: LatencyCommand): Promise<LatencyTimes> {
    const other = command.beside === 'other' ? await this.#connect() : undefined
    try {
      return await requestsUnderLoad(command, this.#connected(), other ?? this.#connected())
    } finally {
      await other?.close()
    }
  }

  #connected(): Client {
    if (this.#client === undefined) throw new Error('Not connected')
    return this.#client
  }

  async #handshakes(count: number, atOnce: number): Promise<number> {
    let begun = 0
    const runner = async (): Promise<void> => {
      while (begun++ < count) {
        const client = await this.#connect()
        await client.close()
      }
    }
    const start = performance.now()
    await Promise.all(Array.from({ length: atOnce }, runner))
    return performance.now() - start
  }

  async #report(): Promise<{ cpu: number; collector: number | undefined; counters: Counters }> {
    const { user, system } = process.cpuUsage()
    const counters = (await (this.#client?.counters?.() ?? this.#peer.serverCounters?.())) ?? {}
    return { cpu: user + system, collector: this.#collector?.microseconds, counters }
  }

  async #profile(on: boolean): Promise<unknown> {
    if (!on) return { times: await this.#endProfile?.() }
    const { startProfile } = await import('../profile.ts')
    this.#endProfile = await startProfile()
    return
  }
}
