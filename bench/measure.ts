/** One stack measured: its two processes, and what a round of each kind brings. */
import { PeerProcess } from './peer-process.ts'
import type { Counters } from './peers/harness.ts'
import type { Beside, LatencyTimes } from './peers/requests.ts'
import { type Direction, hashOfTransfer } from './peers/transfers.ts'
import type { FunctionTime } from './profile.ts'
import type { PeerProgram } from './programs.ts'

/** What one transfer took. */
export interface Transfer {
  readonly direction: Direction
  readonly bytes: number
  /** That share the bytes, all at once. */
  readonly streams: number
  readonly milliseconds: number
  readonly sender: End
  readonly receiver: End
}

/** What one end of a transfer spent and counted. */
export interface End {
  /** User and system time of its process, µs. */
  readonly cpu: number
  /** What the garbage collector took of it, µs; `undefined` where the runtime does not tell. */
  readonly collector?: number | undefined
  readonly counters: Counters
}

/** What a number of handshakes took. */
export interface Handshakes {
  readonly count: number
  readonly milliseconds: number
  /** Of both processes, µs. */
  readonly cpu: number
}

/** Where the time of one transfer went. */
export interface Profiles {
  readonly transfer: Transfer
  readonly sender: readonly FunctionTime[]
  readonly receiver: readonly FunctionTime[]
}

/** Connections that are being made at the same time. */
const AT_ONCE = 4

/** Of the counters, those that are no sums. */
const LEVELS: ReadonlySet<string> = new Set([
  'payload',
  'mtu',
  'latestRtt',
  'smoothedRtt',
  'rttVariation',
  'minRtt',
  'congestionWindow',
  'slowStartThreshold',
  'bytesInFlight',
  'queuedBytes',
  'streams',
])

/** The processes of one stack. */
export class Subject {
  readonly program: PeerProgram
  readonly #server: PeerProcess
  readonly #client: PeerProcess

  private constructor(program: PeerProgram, server: PeerProcess, client: PeerProcess) {
    this.program = program
    this.#server = server
    this.#client = client
  }

  /** Starts both. @throws Error with what a process complains of */
  static async start(program: PeerProgram, folder: string): Promise<Subject> {
    const { command, options = [] } = program
    const server = new PeerProcess(command, ['server', folder, ...options])
    try {
      const { port } = await server.next<{ port: number }>()
      const client = new PeerProcess(command, ['client', folder, String(port), ...options])
      return new Subject(program, server, client)
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

  /** Moves `bytes` over the connection. @throws Error where not all of them arrive as they were sent */
  transfer(direction: Direction, bytes: number, streams: number = 1): Promise<Transfer> {
    return this.#transfer(direction, bytes, streams, async (move) => move())
  }

  /** The same under the profiler, in both processes; in Node alone. */
  async profile(direction: Direction, bytes: number): Promise<Profiles> {
    const [sender, receiver] = this.#ends(direction)
    const times: FunctionTime[][] = []
    const transfer = await this.#transfer(direction, bytes, 1, async (move) => {
      for (const end of [sender, receiver]) await end.ask({ do: 'profile', on: true })
      const milliseconds = await move()
      for (const end of [sender, receiver]) {
        times.push((await end.ask<{ times: FunctionTime[] }>({ do: 'profile', on: false })).times)
      }
      return milliseconds
    })
    return { transfer, sender: times[0] ?? [], receiver: times[1] ?? [] }
  }

  async #transfer(
    direction: Direction,
    bytes: number,
    streams: number,
    during: (move: () => Promise<number>) => Promise<number>,
  ): Promise<Transfer> {
    const [sender, receiver] = this.#ends(direction)
    const report = async (): Promise<[End, End]> => [
      await sender.ask<End>({ do: 'report' }),
      await receiver.ask<End>({ do: 'report' }),
    ]
    await receiver.ask({ do: 'prepare', bytes })
    const before = await report()
    const milliseconds = await during(
      async () => (await this.#client.ask<{ milliseconds: number }>({ do: direction, bytes, streams })).milliseconds,
    )
    const after = await report()
    const arrived = await receiver.ask<{ bytes: number; hash: string }>({ do: 'hash' })
    await receiver.ask({ do: 'prepare', bytes: 0 })
    if (arrived.bytes !== bytes || arrived.hash !== hashOfTransfer(bytes, streams)) {
      throw new Error(`${arrived.bytes} bytes with SHA-256 ${arrived.hash} arrived in place of ${bytes}`)
    }
    const ends = { sender: difference(before[0], after[0]), receiver: difference(before[1], after[1]) }
    return { direction, bytes, streams, milliseconds, ...ends }
  }

  /** Makes connections and closes them again. */
  async handshakes(count: number): Promise<Handshakes> {
    const both = [this.#server, this.#client]
    const cpu = async (): Promise<number> => {
      const reports = await Promise.all(both.map((process) => process.ask<End>({ do: 'report' })))
      return reports.reduce((sum, end) => sum + end.cpu, 0)
    }
    const before = await cpu()
    const { milliseconds } = await this.#client.ask<{ milliseconds: number }>({
      do: 'handshakes',
      count,
      atOnce: AT_ONCE,
    })
    return { count, milliseconds, cpu: (await cpu()) - before }
  }

  /** Small requests for so many ms, with downloads of `bytes` after each other beside them. */
  latency(beside: Beside, milliseconds: number, bytes: number): Promise<LatencyTimes> {
    const on = this.program.hasOneStream === true ? 'connection' : 'streams'
    return this.#client.ask<LatencyTimes>({ do: 'latency', beside, milliseconds, bytes, on })
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    await this.#server.stop()
  }

  #ends(direction: Direction): [sender: PeerProcess, receiver: PeerProcess] {
    return direction === 'download' ? [this.#server, this.#client] : [this.#client, this.#server]
  }
}

function difference(before: End, after: End): End {
  const counters: Record<string, number> = {}
  for (const [key, value] of Object.entries(after.counters)) {
    counters[key] = LEVELS.has(key) ? value : value - (before.counters[key] ?? 0)
  }
  const { collector: past = 0 } = before
  const collector = after.collector === undefined ? undefined : after.collector - past
  return { cpu: after.cpu - before.cpu, collector, counters }
}

/** Packets with data of a transfer, as its sender counts them or their size tells; `undefined` where it does neither. */
export function packetsOf({ bytes, sender }: Transfer): number | undefined {
  const { packetsSent, payload } = sender.counters
  if (packetsSent !== undefined && packetsSent > 0) return packetsSent
  return payload === undefined ? undefined : Math.ceil(bytes / payload)
}
