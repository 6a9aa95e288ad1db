/** What many streams and connections cost: CPU time of a packet among them, and memory of those that are idle. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeCredentials } from '../credentials.ts'
import { PeerProcess } from '../peer-process.ts'
import type { Activity, Cost, CostCommand, Dimension } from './cost-process.ts'
import type { IdleCommand, Memory } from './idle-process.ts'

/** How much is measured. */
export interface ScalePlan {
  readonly rounds: number
  /** Of one measurement. */
  readonly packets: number
  /** Open beside the one that sends. */
  readonly streams: number
  /** Open beside the one that sends. */
  readonly connections: number
  /** Established and idle, of which the memory is measured. */
  readonly idle: number
  /** Told what happens. */
  readonly say: (line: string) => void
}

/** µs of a packet with one open and with many, of each round. */
export interface ScaleCost {
  readonly dimension: Dimension
  readonly activity: Activity
  readonly many: number
  readonly ofOne: readonly number[]
  readonly ofMany: readonly number[]
}

/** Bytes of one idle connection at one end. */
export interface IdleMemory {
  readonly connections: number
  readonly role: 'client' | 'server'
  readonly heap: number
  readonly buffers: number
  readonly resident: number
}

/** All of it. */
export interface ScaleNumbers {
  readonly costs: readonly ScaleCost[]
  readonly idle: readonly IdleMemory[]
}

/** As the issue of scale asks for them. */
export const FULL_SCALE = { packets: 60_000, streams: 10_000, connections: 5_000, idle: 10_000 } as const

/** The same for a look. */
export const QUICK_SCALE = { packets: 30_000, streams: 10_000, connections: 500, idle: 1_000 } as const

const ACTIVITIES: readonly Activity[] = ['one', 'all']

/** Connections that are there before the memory is measured for the first time: what is made once, compiled code above all, is not theirs. */
const FIRST = 500

/** Measures all of it. @throws Error with what a process complains of */
export async function measureScale(plan: ScalePlan): Promise<ScaleNumbers> {
  plan.say(`${plan.streams} streams`)
  const streams = await measureCost('streams', plan.streams, plan)
  plan.say(`${plan.connections} connections`)
  const connections = await measureCost('connections', plan.connections, plan)
  plan.say(`${plan.idle} idle connections`)
  return { costs: [...streams, ...connections], idle: await measureIdle(plan.idle) }
}

/** The cost of a packet with one open and with `many`, round by round in two processes. */
export async function measureCost(
  dimension: Dimension,
  many: number,
  { rounds, packets }: Pick<ScalePlan, 'rounds' | 'packets'>,
): Promise<ScaleCost[]> {
  const start = (count: number): PeerProcess<CostCommand> =>
    new PeerProcess<CostCommand>([process.execPath, fileOf('cost-process')], [dimension, String(count)])
  const one = start(1)
  const lots = start(many)
  const costs = ACTIVITIES.map((activity) => ({
    dimension,
    activity,
    many,
    ofOne: [] as number[],
    ofMany: [] as number[],
  }))
  try {
    await one.next()
    await lots.next()
    // The first round is for the compilers.
    for (let round = 0; round <= rounds; round++) {
      for (const { activity, ofOne, ofMany } of costs) {
        const ask = { activity, packets }
        const few = perPacket(await one.ask<Cost>(ask))
        const lot = perPacket(await lots.ask<Cost>(ask))
        if (round === 0) continue
        ofOne.push(few)
        ofMany.push(lot)
      }
    }
  } finally {
    await one.stop()
    await lots.stop()
  }
  return costs
}

/** The memory of `count` idle connections, at both ends. */
export async function measureIdle(count: number): Promise<IdleMemory[]> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-idle-'))
  const command = [process.execPath, '--expose-gc', fileOf('idle-process')] as const
  const processes: PeerProcess<IdleCommand>[] = []
  const start = (...role: string[]): PeerProcess<IdleCommand> => {
    const started = new PeerProcess<IdleCommand>(command, role)
    processes.push(started)
    return started
  }
  try {
    await writeCredentials(folder)
    const server = start('server', folder)
    const { port } = await server.next<{ port: number }>()
    const client = start('client', folder, String(port))
    const memories = async (): Promise<Memory[]> => [
      await server.ask<Memory>({ do: 'memory' }),
      await client.ask<Memory>({ do: 'memory' }),
    ]
    await client.ask({ do: 'open', count: FIRST })
    const [serverBefore, clientBefore] = await memories()
    await openInSteps(client, count)
    const [serverAfter, clientAfter] = await memories()
    return [perConnection('server', serverBefore, serverAfter), perConnection('client', clientBefore, clientAfter)]
  } finally {
    for (const each of processes.reverse()) await each.stop()
    rmSync(folder, { recursive: true })
  }
}

/** Not all at once: the patience with a process that does not answer has an end. */
const STEP = 1_000

async function openInSteps(client: PeerProcess<IdleCommand>, count: number): Promise<void> {
  for (let left = count; left > 0; left -= STEP) await client.ask({ do: 'open', count: Math.min(left, STEP) })
}

function perPacket({ cpu, packets }: Cost): number {
  return cpu / packets
}

function perConnection(role: IdleMemory['role'], before: Memory | undefined, after: Memory | undefined): IdleMemory {
  if (before === undefined || after === undefined) throw new Error(`The ${role} told nothing of its memory`)
  const connections = after.connections - before.connections
  const part = (key: keyof Memory): number => (after[key] - before[key]) / connections
  return { connections, role, heap: part('heap'), buffers: part('buffers'), resident: part('resident') }
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(`${name}.ts`, import.meta.url))
}
