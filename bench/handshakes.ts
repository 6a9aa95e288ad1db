/**
 * What a connection costs until it is there, and until it is gone: both ends in this process, each connection closed as soon as it is
 * ready. `node bench/handshakes.ts` prints the table; `--over pipe`, `--kinds full,resumed`, `--count 200`, `--rounds 5`,
 * `--profile` (where the time of full handshakes goes).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { connect } from '../src/api/client.ts'
import type { QuicConnection } from '../src/api/connection.ts'
import { QuicEndpoint } from '../src/api/endpoint.ts'
import type { ConnectOptions } from '../src/api/endpoint-core.ts'
import type { ClientStore } from '../src/api/memory.ts'
import { listen, type QuicServer } from '../src/api/server.ts'
import type { DatagramTransport } from '../src/transport.ts'
import { pipe } from '../transports/pipe.ts'
import { udp } from '../transports/udp.ts'
import { writeCredentials } from './credentials.ts'
import { byCategory, isIdle, startProfile } from './profile.ts'
import { show } from './statistics.ts'

/**
 * How a connection begins: with certificates, with a ticket, with a ticket and data in the first packet; keys are agreed on by X25519,
 * `hybrid` is with certificates and X25519MLKEM768.
 */
export type HandshakeKind = 'full' | 'hybrid' | 'resumed' | 'early'

/**
 * How clients and server are joined: `socket`, each client has a UDP socket of its own; `shared`, all clients have one; `pipe`, the
 * same in memory.
 */
export type HandshakeWay = 'socket' | 'shared' | 'pipe'

/** What is measured. */
export interface HandshakeOptions {
  /** Default: all. */
  readonly kinds?: readonly HandshakeKind[]
  /** Default: all. */
  readonly ways?: readonly HandshakeWay[]
  /** Connections that are being made at the same time; default 1 and 8. */
  readonly atOnce?: readonly number[]
  /** Connections of a round; default 300. */
  readonly count?: number
  /** Default 5, and one more to warm up. */
  readonly rounds?: number
}

/** The rounds of one row of the table. */
export interface HandshakeNumbers {
  readonly kind: HandshakeKind
  readonly way: HandshakeWay
  readonly atOnce: number
  /** Connections a second, round by round. */
  readonly perSecond: number[]
  /** µs of CPU, user and system, for both ends of a connection, round by round. */
  readonly cpu: number[]
}

const ALL_KINDS: readonly HandshakeKind[] = ['full', 'hybrid', 'resumed', 'early']
const ALL_WAYS: readonly HandshakeWay[] = ['socket', 'shared', 'pipe']

const ALPN = 'bench'
const REQUEST = new Uint8Array(64)

/** NamedGroup code points (RFC 8446 §4.2.7, draft-ietf-tls-ecdhe-mlkem §5). */
const X25519 = 29
const X25519_MLKEM768 = 4588

/** Measures both ends of connections in this process, the rounds of all rows interleaved. Certificates: ECDSA P-256, one authority. */
export async function measureHandshakes(options: HandshakeOptions = {}): Promise<HandshakeNumbers[]> {
  const { kinds = ALL_KINDS, ways = ALL_WAYS, atOnce = [1, 8], count = 300, rounds = 5 } = options
  const scenes = await Promise.all(ways.map((way) => Scene.open(way)))
  const rows = scenes.flatMap((scene) =>
    kinds.flatMap((kind) =>
      atOnce.map((many) => ({
        scene,
        numbers: { kind, way: scene.way, atOnce: many, perSecond: [], cpu: [] } as HandshakeNumbers,
      })),
    ),
  )
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const { scene, numbers } of rows) {
        const { perSecond, cpu } = await scene.run(numbers.kind, numbers.atOnce, count)
        if (round === 0) continue
        numbers.perSecond.push(perSecond)
        numbers.cpu.push(cpu)
      }
    }
  } finally {
    for (const scene of scenes) await scene.close()
  }
  return rows.map(({ numbers }) => numbers)
}

/** A server, and how its clients reach it. */
class Scene {
  readonly way: HandshakeWay
  readonly #server: QuicServer
  /** Of all clients. */
  readonly #endpoint: QuicEndpoint | undefined
  readonly #trust: Omit<ConnectOptions, 'address'>
  /** Each runner goes on from the connection that it had before. */
  readonly #memories = new Map<number, Memory>()

  private constructor(
    way: HandshakeWay,
    server: QuicServer,
    endpoint: QuicEndpoint | undefined,
    trust: Omit<ConnectOptions, 'address'>,
  ) {
    this.way = way
    this.#server = server
    this.#endpoint = endpoint
    this.#trust = trust
  }

  static async open(way: HandshakeWay): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'isoquic-bench-'))
    await writeCredentials(folder)
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
    const certificate = { certificate: read('leaf.pem'), privateKey: read('leaf.key') }
    const ca = read('ca.pem')
    rmSync(folder, { recursive: true })
    const [near, far] = await ends(way)
    const server = await listen(far, { alpn: [ALPN], certificate, earlyData: true })
    void (async () => {
      for await (const connection of server) connection.serve({ stream: () => {} })
    })()
    const endpoint = near === undefined ? undefined : new QuicEndpoint(near)
    return new Scene(way, server, endpoint, { alpn: [ALPN], ca, serverName: 'localhost' })
  }

  /** Makes `count` connections, `atOnce` at the same time. */
  async run(kind: HandshakeKind, atOnce: number, count: number): Promise<{ perSecond: number; cpu: number }> {
    for (let runner = 0; recalls(kind) && runner < atOnce; runner++) await this.#makeSession(runner)
    let begun = 0
    const run = async (runner: number): Promise<void> => {
      while (begun++ < count) await this.#connect(kind, runner)
    }
    const cpu = process.cpuUsage()
    const start = performance.now()
    await Promise.all(Array.from({ length: atOnce }, (_, runner) => run(runner)))
    const milliseconds = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    return { perSecond: (1000 * count) / milliseconds, cpu: (user + system) / count }
  }

  async close(): Promise<void> {
    this.#endpoint?.close()
    await this.#server.close()
  }

  async #connect(kind: HandshakeKind, runner: number): Promise<void> {
    const memory = this.#memories.get(runner)
    const recall = recalls(kind) ? { sessionStore: memory?.store(kind), earlyData: kind === 'early' } : {}
    const groups = [kind === 'hybrid' ? X25519_MLKEM768 : X25519]
    const connection = await this.#begin({ ...this.#trust, ...recall, groups })
    if (kind === 'early') await sendRequest(connection)
    const { resumed, earlyDataAccepted } = await connection.ready
    if (resumed !== recalls(kind) || earlyDataAccepted !== (kind === 'early')) {
      throw new Error(`The connection is not ${kind}: resumed ${resumed}, early data ${earlyDataAccepted}`)
    }
    // Early data is taken once for each ticket; other connections begin with the same ticket again, and end as soon as full ones.
    if (kind === 'early') await memory?.whenKept
    await connection.close()
  }

  async #makeSession(runner: number): Promise<void> {
    const memory = new Memory()
    this.#memories.set(runner, memory)
    const connection = await this.#begin({ ...this.#trust, sessionStore: memory })
    await memory.whenKept
    await connection.close()
  }

  async #begin(options: Omit<ConnectOptions, 'address'>): Promise<QuicConnection> {
    const { address } = this.#server
    if (this.#endpoint !== undefined) return this.#endpoint.connect(address, options)
    return connect(await udp({ host: '127.0.0.1' }), { ...options, address })
  }
}

function recalls(kind: HandshakeKind): boolean {
  return kind === 'resumed' || kind === 'early'
}

async function ends(way: HandshakeWay): Promise<[DatagramTransport | undefined, DatagramTransport]> {
  if (way === 'pipe') return pipe({ addresses: ['192.0.2.1:1000', '192.0.2.2:443'] })
  const far = await udp({ host: '127.0.0.1' })
  return [way === 'shared' ? await udp({ host: '127.0.0.1' }) : undefined, far]
}

async function sendRequest(connection: QuicConnection): Promise<void> {
  const stream = await connection.createUnidirectionalStream()
  stream.tryWrite(REQUEST)
  stream.finish()
}

/** Keeps the newest session of one server. */
class Memory {
  #session: Uint8Array | undefined
  #onKept: () => void = () => {}
  whenKept: Promise<void> = Promise.resolve()

  constructor() {
    this.get()
  }

  get(): Uint8Array | undefined {
    const session = this.#session
    this.#session = undefined
    this.whenKept = new Promise((resolve) => {
      this.#onKept = resolve
    })
    return session
  }

  /** For connections of a kind: those that need no new session leave the one that is kept. */
  store(kind: HandshakeKind): ClientStore {
    return kind === 'early' ? this : { get: () => this.#session, set: () => {} }
  }

  set(_server: string, session: Uint8Array): void {
    this.#session = session
    this.#onKept()
  }
}

/** The numbers as a table: median (lowest–highest). */
export function handshakeTable(numbers: readonly HandshakeNumbers[]): string {
  const head = '| handshake | over | at once | a second | µs CPU, both ends |\n|---|---|---|---|---|'
  const rows = numbers.map(
    ({ kind, way, atOnce, perSecond, cpu }) => `| ${kind} | ${way} | ${atOnce} | ${show(perSecond)} | ${show(cpu)} |`,
  )
  return [head, ...rows].join('\n')
}

/** Where the time of connections goes. */
async function profile(way: HandshakeWay, kind: HandshakeKind, count: number): Promise<void> {
  const scene = await Scene.open(way)
  await scene.run(kind, 4, count)
  const stop = await startProfile()
  await scene.run(kind, 4, count)
  const times = (await stop()).filter((time) => !isIdle(time))
  await scene.close()
  const each = (microseconds: number): string => (microseconds / count).toFixed(1).padStart(8)
  console.log(`µs a connection, ${kind}, ${way}\n`)
  for (const [category, microseconds] of byCategory(times)) console.log(`${each(microseconds)}  ${category}`)
  console.log()
  for (const { url, name, line, microseconds } of times.slice(0, 60)) {
    console.log(`${each(microseconds)}  ${name}  ${url.replace(/^.*\/(src|transports|node_modules)\//, '$1/')}:${line}`)
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      over: { type: 'string' },
      kinds: { type: 'string' },
      'at-once': { type: 'string' },
      count: { type: 'string', default: '300' },
      rounds: { type: 'string', default: '5' },
      profile: { type: 'boolean', default: false },
    },
  })
  const ways = (values.over?.split(',') as HandshakeWay[] | undefined) ?? ALL_WAYS
  const kinds = (values.kinds?.split(',') as HandshakeKind[] | undefined) ?? ALL_KINDS
  const count = Number(values.count)
  if (values.profile) return await profile(ways[0] ?? 'pipe', kinds[0] ?? 'full', count)
  const atOnce = values['at-once']?.split(',').map(Number) ?? [1, 8]
  console.log(handshakeTable(await measureHandshakes({ ways, kinds, atOnce, count, rounds: Number(values.rounds) })))
}

if (import.meta.main) await main()
