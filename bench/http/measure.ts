/** HTTP in rounds: requests of 1 KB one after the other and many at once, and bodies each way, of each server with its client. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCredentials } from '../credentials.ts'
import { PeerProcess } from '../peer-process.ts'
import { type Direction, hashOfTransfer } from '../peers/transfers.ts'
import type { FunctionTime } from '../profile.ts'
import { installPeers, isInstalled } from '../programs.ts'
import type { HttpCommand, RequestTimes } from './harness.ts'
import { HTTP_PAIRS, type HttpPair, lackOf, neededOf } from './programs.ts'

/** Requests that are in flight together. */
export const AT_ONCE = 100

/** Of a round of the compilers' own, in parts of one that counts. */
const WARM_UP = 0.5

/** What is to be measured. */
export interface HttpPlan {
  readonly rounds: number
  /** Of a body. */
  readonly bytes: number
  /** How many are made one after the other, and how many {@link AT_ONCE} at a time. */
  readonly requests: { readonly alone: number; readonly atOnce: number }
  /** Programs that may take part; all where it is `undefined`. */
  readonly wanted: readonly string[] | undefined
  say(line: string): void
}

/** µs of CPU time that either end spent. */
interface Cpu {
  readonly server: number
  readonly client: number
}

/** What some requests took. */
export interface RequestRound extends RequestTimes {
  readonly count: number
  readonly cpu: Cpu
  /** That the server had, where it tells. */
  readonly connections?: number | undefined
}

/** What a body took. */
export interface BodyRound {
  readonly bytes: number
  readonly milliseconds: number
  readonly cpu: Cpu
}

/** All rounds of one pair. */
export interface HttpResults {
  readonly server: string
  readonly client: string
  readonly alone: RequestRound[]
  readonly atOnce: RequestRound[]
  readonly download: BodyRound[]
  readonly upload: BodyRound[]
}

/** Where the time of isoquic went. */
export interface HttpProfile {
  /** Of what. */
  readonly title: string
  /** `request` or `MB`, and how many. */
  readonly unit: string
  readonly count: number
  readonly cpu: Cpu
  readonly server: readonly FunctionTime[]
  readonly client: readonly FunctionTime[]
}

/** All of it. */
export interface HttpNumbers {
  readonly results: readonly HttpResults[]
  readonly profiles: readonly HttpProfile[]
  /** Who does not take part, and why. */
  readonly missing: readonly string[]
}

/** Measures as `plan` says. A pair that fails is named and leaves. */
export async function measureHttp(plan: HttpPlan): Promise<HttpNumbers> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-bench-'))
  const missing: string[] = []
  const entries = new Map<HttpSubject, HttpResults>()
  const drop = ({ server, client }: HttpPair, reason: unknown): void => {
    const text = reason instanceof Error ? reason.message : String(reason)
    missing.push(`${server.name} with the client ${client.name} does not take part: ${text}`)
    if (server === client && server.key === 'isoquic') process.exitCode = 1
  }
  const each = async (work: (subject: HttpSubject, results: HttpResults) => Promise<void>): Promise<void> => {
    for (const [subject, results] of entries) {
      try {
        await work(subject, results)
      } catch (error) {
        entries.delete(subject)
        drop(subject.pair, error)
        await subject.stop()
      }
    }
  }
  try {
    await writeCredentials(folder)
    for (const pair of HTTP_PAIRS.filter((one) => isWanted(one, plan.wanted))) {
      try {
        entries.set(await start(pair, folder), emptyResults(pair))
      } catch (error) {
        drop(pair, error)
      }
    }
    plan.say('warming up')
    await each((subject) => round(subject, plan, WARM_UP))
    for (let number = 1; number <= plan.rounds; number++) {
      plan.say(`round ${number} of ${plan.rounds}`)
      await each((subject, results) => round(subject, plan, 1, results))
    }
    const profiles: HttpProfile[] = []
    await each(async (subject) => {
      const { server, client } = subject.pair
      if (server !== client || server.key !== 'isoquic') return
      plan.say('a round of isoquic under the profiler')
      profiles.push(...(await profile(subject, plan)))
    })
    return { results: [...entries.values()], profiles, missing }
  } finally {
    for (const subject of entries.keys()) await subject.stop()
    rmSync(folder, { recursive: true })
  }
}

function isWanted({ server, client }: HttpPair, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || (wanted.includes(server.key) && wanted.includes(client.key))
}

function emptyResults({ server, client }: HttpPair): HttpResults {
  return { server: server.name, client: client.name, alone: [], atOnce: [], download: [], upload: [] }
}

async function start(pair: HttpPair, folder: string): Promise<HttpSubject> {
  const needed = neededOf(pair)
  if (needed !== undefined) {
    const complaint = installPeers([needed])
    if (!isInstalled(needed)) throw new Error(complaint ?? 'it is not installed')
  }
  const lack = lackOf(pair)
  if (lack !== undefined) throw new Error(lack)
  return await HttpSubject.start(pair, folder)
}

async function round(subject: HttpSubject, plan: HttpPlan, share: number, into?: HttpResults): Promise<void> {
  const { requests, bytes } = plan
  await subject.connect()
  const alone = await subject.requests(Math.ceil(requests.alone * share), 1)
  const atOnce = await subject.requests(Math.ceil(requests.atOnce * share), AT_ONCE)
  const download = await subject.transfer('download', Math.ceil(bytes * share))
  const upload = await subject.transfer('upload', Math.ceil(bytes * share))
  await subject.close()
  into?.alone.push(alone)
  into?.atOnce.push(atOnce)
  into?.download.push(download)
  into?.upload.push(upload)
}

async function profile(subject: HttpSubject, { requests, bytes }: HttpPlan): Promise<HttpProfile[]> {
  const megabytes = bytes / 1e6
  await subject.connect()
  const many = await subject.profile(() => subject.requests(requests.atOnce, AT_ONCE))
  const down = await subject.profile(() => subject.transfer('download', bytes))
  const up = await subject.profile(() => subject.transfer('upload', bytes))
  await subject.close()
  return [
    { title: `1 KB, ${AT_ONCE} in flight`, unit: 'request', count: requests.atOnce, ...many },
    { title: 'download', unit: 'MB', count: megabytes, ...down },
    { title: 'upload', unit: 'MB', count: megabytes, ...up },
  ]
}

interface Report {
  readonly cpu: number
  readonly connections?: number | undefined
}

type Profiled = Pick<HttpProfile, 'cpu' | 'server' | 'client'>

/** The processes of one pair. */
class HttpSubject {
  readonly pair: HttpPair
  readonly #server: PeerProcess<HttpCommand>
  readonly #client: PeerProcess<HttpCommand>

  private constructor(pair: HttpPair, server: PeerProcess<HttpCommand>, client: PeerProcess<HttpCommand>) {
    this.pair = pair
    this.#server = server
    this.#client = client
  }

  /** Starts both. @throws Error with what a process complains of */
  static async start(pair: HttpPair, folder: string): Promise<HttpSubject> {
    const server = new PeerProcess<HttpCommand>(pair.server.command, ['server', folder])
    try {
      const { port } = await server.next<{ port: number }>()
      const role = ['client', folder, String(port)]
      const trust = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') }
      return new HttpSubject(pair, server, new PeerProcess<HttpCommand>(pair.client.command, role, trust))
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  async connect(): Promise<void> {
    await this.#client.ask({ do: 'connect' })
  }

  async close(): Promise<void> {
    await this.#client.ask({ do: 'close' })
  }

  /** Makes `count` requests, `atOnce` of them in flight. @throws Error where an answer is not what it should be */
  async requests(count: number, atOnce: number): Promise<RequestRound> {
    const before = await this.#report()
    const times = await this.#client.ask<RequestTimes>({ do: 'requests', count, atOnce })
    const after = await this.#report()
    return { ...times, count, cpu: spent(before, after), connections: after.server.connections }
  }

  /** Moves a body. @throws Error where not all of it arrives as it was sent */
  async transfer(direction: Direction, bytes: number): Promise<BodyRound> {
    const isDownload = direction === 'download'
    const [sender, receiver] = isDownload ? [this.#server, this.#client] : [this.#client, this.#server]
    await sender.ask({ do: 'offer', bytes })
    await receiver.ask({ do: 'prepare', bytes })
    const before = await this.#report()
    const { milliseconds } = await this.#client.ask<{ milliseconds: number }>({ do: direction, bytes })
    const after = await this.#report()
    const arrived = await receiver.ask<{ bytes: number; hash: string }>({ do: 'hash' })
    await receiver.ask({ do: 'prepare', bytes: 0 })
    if (arrived.bytes !== bytes || arrived.hash !== hashOfTransfer(bytes, 1)) {
      throw new Error(`${arrived.bytes} bytes with SHA-256 ${arrived.hash} arrived in place of ${bytes}`)
    }
    return { bytes, milliseconds, cpu: spent(before, after) }
  }

  /** Does `work` under the profiler, in both processes; in Node alone. */
  async profile(work: () => Promise<{ readonly cpu: Cpu }>): Promise<Profiled> {
    for (const end of [this.#server, this.#client]) await end.ask({ do: 'profile', on: true })
    const { cpu } = await work()
    const { times: server } = await this.#server.ask<{ times: FunctionTime[] }>({ do: 'profile', on: false })
    const { times: client } = await this.#client.ask<{ times: FunctionTime[] }>({ do: 'profile', on: false })
    return { cpu, server, client }
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    await this.#server.stop()
  }

  async #report(): Promise<{ server: Report; client: Report }> {
    const server = await this.#server.ask<Report>({ do: 'report' })
    return { server, client: await this.#client.ask<Report>({ do: 'report' }) }
  }
}

type Reports = Readonly<Record<keyof Cpu, Report>>

function spent(before: Reports, after: Reports): Cpu {
  return { server: after.server.cpu - before.server.cpu, client: after.client.cpu - before.client.cpu }
}
