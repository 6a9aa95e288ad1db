/** What the hot path costs at either end, measured in processes of their own. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FunctionTime } from './profile.ts'

/** What is measured. */
export interface PathPlan {
  /** Of each round. */
  readonly bytes: number
  readonly rounds: number
  /** Streams that are open beside the one in use. */
  readonly streams: number
  /** Whether allocations are measured too, in a process of their own. */
  readonly allocations: boolean
  /** Whether functions are measured too, in a process of their own. */
  readonly profile: boolean
}

/** Where memory is allocated. */
export interface Site {
  readonly name: string
  /** File and line. */
  readonly place: string
  /** A packet. */
  readonly bytes: number
}

/** What a packet costs at one end. */
export interface EndCosts {
  /** µs of CPU time a packet, of each round. */
  readonly cpu: readonly number[]
  /** Bytes allocated on the heap a packet. */
  readonly allocated?: number
  /** Bytes allocated outside the heap a packet, for array buffers. */
  readonly external?: number
  /** The ten sites that allocate most. */
  readonly sites?: readonly Site[]
  /** The ten dearest functions, µs a packet. */
  readonly functions?: readonly FunctionTime[]
}

/** What a packet of bulk data costs. */
export interface PathCosts {
  /** Packets that the sender sent in a round. */
  readonly packets: number
  /** Packets that the receiver sent in a round. */
  readonly answers: number
  readonly packetsPerSeal: number
  readonly sender: EndCosts
  readonly receiver: EndCosts
}

/** Young objects are to die uncounted: so large a nursery, in MB, is collected between turns alone. */
const NURSERY = 64

const PROGRAM = fileURLToPath(new URL('./path-process.ts', import.meta.url))

/** Measures the hot path. Takes a few seconds. @throws Error with what a process complains of */
export function measurePath(plan: PathPlan): PathCosts {
  const base = measure('cpu', plan)
  const parts = [base]
  if (plan.allocations) parts.push(measure('heap', plan, ['--expose-gc', `--max-semi-space-size=${NURSERY}`]))
  if (plan.profile) parts.push(measure('profile', plan))
  const sender = Object.assign({}, ...parts.map((part) => part.sender)) as EndCosts
  const receiver = Object.assign({}, ...parts.map((part) => part.receiver)) as EndCosts
  return { ...base, sender, receiver }
}

/** What a process is asked for. */
export type PathPart = 'cpu' | 'heap' | 'profile'

/** What a process answers: the figures of its part. */
export type PartialCosts = Omit<PathCosts, 'sender' | 'receiver'> & {
  readonly sender: Partial<EndCosts>
  readonly receiver: Partial<EndCosts>
}

function measure(part: PathPart, plan: PathPlan, flags: readonly string[] = []): PartialCosts {
  const { error, status, stderr, stdout } = spawnSync(
    process.execPath,
    [...flags, PROGRAM, part, JSON.stringify(plan)],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  if (status !== 0) throw new Error(`The hot path was not measured: ${error?.message ?? stderr}`)
  return JSON.parse(stdout) as PartialCosts
}
