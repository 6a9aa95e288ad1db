/** What `npm run simulate` has to do, in pieces that any thread can do: plain values go in, and plain values come out. */
import type { Duration } from '../../src/base/time.ts'
import { type Bottleneck, fairnessOf, queueing, utilization } from './bulk-flows.ts'
import { CONTROLLERS, type Controller } from './controllers.ts'
import { PHENOMENA } from './phenomena.ts'
import { publicApi } from './public-api.ts'
import { replayable, replayed } from './replay.ts'

/** Some seeds of one phenomenon under one controller. */
export interface SeedsTask {
  readonly kind: 'seeds'
  readonly phenomenon: string
  readonly controller: string
  readonly seeds: readonly number[]
}

/** One measurement of bulk flows; `controllers` are two for fairness, and one otherwise. */
export interface FlowsTask {
  readonly kind: 'utilization' | 'queueing' | 'fairness'
  readonly controllers: readonly [string, string?]
  readonly bottleneck: Bottleneck
  readonly seed: number
}

export type Task = SeedsTask | FlowsTask

/** A run that ended as it has to, or the words of why it did not. */
export interface Run {
  readonly seed: number
  readonly duration?: Duration
  readonly failure?: string
}

/** What came of a task: the runs of a {@link SeedsTask}, or numbers. */
export type Outcome = readonly Run[] | readonly number[]

/** The name of the simulations of the public API, which are no phenomenon of their own: they are asynchronous. */
export const PUBLIC_API = 'public-api'

/** The names of everything that runs over seeds. */
export const SUBJECTS: readonly string[] = [...PHENOMENA.map(({ name }) => name), PUBLIC_API]

/** Does it. Runs that fail are part of the outcome. @throws RangeError for a name that nothing has */
export async function perform(task: Task): Promise<Outcome> {
  if (task.kind === 'seeds') return await performSeeds(task)
  const [one, other] = task.controllers
  const { seed, bottleneck } = task
  const controller = named('controller', CONTROLLERS, one)
  if (task.kind === 'utilization') return [utilization(seed, controller, bottleneck)]
  if (task.kind === 'fairness') {
    return [fairnessOf(seed, [controller, named('controller', CONTROLLERS, other)], bottleneck)]
  }
  const { median, worst } = queueing(seed, controller, bottleneck)
  return [median, worst]
}

async function performSeeds({ phenomenon, controller, seeds }: SeedsTask): Promise<Run[]> {
  const runs: Run[] = []
  const chosen = named('controller', CONTROLLERS, controller)
  for (const seed of seeds) {
    try {
      runs.push({ seed, duration: await once(phenomenon, seed, chosen) })
    } catch (error) {
      runs.push({ seed, failure: error instanceof Error ? error.message : String(error) })
    }
  }
  return runs
}

async function once(subject: string, seed: number, controller: Controller): Promise<Duration> {
  if (subject !== PUBLIC_API) return replayed(named('phenomenon', PHENOMENA, subject), seed, controller)
  try {
    return await publicApi(seed, controller)
  } catch (error) {
    throw replayable(error, PUBLIC_API, seed, controller)
  }
}

function named<T extends { readonly name: string }>(what: string, all: readonly T[], name: string | undefined): T {
  const found = all.find((each) => each.name === name)
  if (found !== undefined) return found
  throw new RangeError(`There is no ${what} ${name}, only ${all.map((each) => each.name).join(', ')}`)
}
