/**
 * `npm run simulate`: every standing simulation over many seeds under every controller, and tables at the end.
 * `--seeds 1000` (default 200), `--only NAME` and `--controller NAME` (several with commas), `--jobs N` threads (default: one for
 * each processor); ISOQUIC_SEED runs one seed alone.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { seeds } from '../../src/simulator.ts'
import { CONTROLLERS, controllerPairs } from './controllers.ts'
import { Crew } from './crew.ts'
import { speeds } from './speed.ts'
import { printTable } from './table.ts'
import { type FlowsTask, type Run, SUBJECTS } from './tasks.ts'

/** Failures of one phenomenon under one controller that are shown in full. */
const SHOWN = 3

/** Seeds of one task. */
const PIECE = 25

/** Seeds over which bulk flows are measured, at most: each takes seconds. */
const MOST_FLOWS = 5

const FAST = { bandwidth: 100_000_000, roundTrip: 50 }
const SLOW = { bandwidth: 20_000_000, roundTrip: 50 }
const DEEP = { bandwidth: 10_000_000, roundTrip: 50, queue: 10 }

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string' },
    controller: { type: 'string' },
  },
})
const count = positive('seeds', values.seeds)
const crew = new Crew(positive('jobs', values.jobs))
const controllers = chosen(
  'controller',
  CONTROLLERS.map(({ name }) => name),
  values.controller,
)
let failures = 0

try {
  await printPhenomena(chosen('phenomenon', SUBJECTS, values.only))
  if (values.only === undefined) await printFlows()
} finally {
  await crew.dismiss()
}
if (values.only === undefined) {
  print(
    'ten virtual minutes of 10 Mbit/s, by CPU time',
    ['what runs', 'protection', 'datagrams', 'faster than real time'],
    await speedRows(),
  )
}
process.exitCode = failures > 0 ? 1 : 0

/** Runs of one phenomenon under one controller. */
interface Case {
  readonly phenomenon: string
  readonly controller: string
  readonly runs: Run[]
}

async function printPhenomena(names: readonly string[]): Promise<void> {
  const cases: Case[] = names.flatMap((phenomenon) =>
    controllers.map((controller) => ({ phenomenon, controller, runs: [] })),
  )
  const all = seeds(count)
  const work: Promise<void>[] = []
  // The first seeds of everything, and then the next ones: what fails, fails early.
  for (let from = 0; from < all.length; from += PIECE) {
    for (const each of cases) work.push(simulate(each, all.slice(from, from + PIECE)))
  }
  let done = 0
  for (const piece of work) {
    await piece
    if (++done % cases.length === 0)
      console.error(`${Math.min(all.length, (done / cases.length) * PIECE)} of ${all.length} seeds`)
  }
  print('', ['phenomenon', 'controller', 'seeds', 'failed', 'median', 'worst', 'worst seed'], cases.map(rowOf))
}

async function simulate({ phenomenon, controller, runs }: Case, some: readonly number[]): Promise<void> {
  for (const run of (await crew.perform({ kind: 'seeds', phenomenon, controller, seeds: some })) as readonly Run[]) {
    runs.push(run)
    if (run.failure === undefined) continue
    failures += 1
    if (runs.filter(({ failure }) => failure !== undefined).length <= SHOWN) console.error(run.failure)
  }
}

function rowOf({ phenomenon, controller, runs }: Case): string[] {
  const passed = runs.flatMap(({ seed, duration }) => (duration === undefined ? [] : [{ seed, duration }]))
  passed.sort((one, other) => one.duration - other.duration || one.seed - other.seed)
  const median = passed[passed.length >> 1]
  const worst = passed.at(-1)
  const numbers = [runs.length, runs.length - passed.length].map(String)
  return [phenomenon, controller, ...numbers, ms(median?.duration), ms(worst?.duration), `${worst?.seed ?? '-'}`]
}

/** What bulk flows make of a bottleneck: goodput, fairness, queues. */
async function printFlows(): Promise<void> {
  const tasks = { fill: controllers.map(fill), bloat: controllers.map(bloat), pairs: controllerPairs().map(pair) }
  print(
    'one flow through 100 Mbit/s, 50 ms, a queue of one bandwidth-delay product',
    ['controller', 'used', 'with 1 % loss'],
    await Promise.all(tasks.fill),
  )
  print(
    'one flow through 10 Mbit/s, 50 ms, a queue of half a second',
    ['controller', 'used', 'median wait in the queue', 'worst'],
    await Promise.all(tasks.bloat),
  )
  print(
    'two flows through 20 Mbit/s, 50 ms, begun 5 s apart',
    ['controllers', "median of Jain's index", 'worst'],
    await Promise.all(tasks.pairs),
  )
}

async function fill(controller: string): Promise<string[]> {
  const lossy = { ...FAST, loss: 0.01 }
  const used = [FAST, lossy].map((bottleneck) => flows('utilization', [controller], bottleneck))
  return [controller, ...(await Promise.all(used)).map(([part]) => percent(part))]
}

async function bloat(controller: string): Promise<string[]> {
  const [used, waits] = await Promise.all([
    flows('utilization', [controller], DEEP),
    flows('queueing', [controller], DEEP),
  ])
  return [controller, percent(used[0]), ms(waits[0]), ms(waits[1])]
}

async function pair([one, other]: ReturnType<typeof controllerPairs>[number]): Promise<string[]> {
  const measured = seeds(Math.min(count, MOST_FLOWS)).map((seed) =>
    flows('fairness', [one.name, other.name], SLOW, seed),
  )
  const indices = (await Promise.all(measured)).flat().sort((before, after) => before - after)
  const [worst = Number.NaN] = indices
  const median = indices[indices.length >> 1] ?? Number.NaN
  return [`${one.name}, ${other.name}`, median.toFixed(3), worst.toFixed(3)]
}

async function flows(
  kind: FlowsTask['kind'],
  names: FlowsTask['controllers'],
  bottleneck: FlowsTask['bottleneck'],
  seed = seeds(1)[0] ?? 1,
): Promise<readonly number[]> {
  return (await crew.perform({ kind, controllers: names, bottleneck, seed })) as readonly number[]
}

async function speedRows(): Promise<string[][]> {
  const rows: string[][] = []
  for await (const { what, protection, datagrams, factor } of speeds(10)) {
    rows.push([what, protection, String(datagrams), `${factor.toFixed(0)} times`])
  }
  return rows
}

function print(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(title === '' ? '' : `\n${title}`)
  printTable(head, rows)
}

function ms(duration: number | undefined): string {
  return duration === undefined ? '-' : `${Math.round(duration).toLocaleString('en')} ms`
}

function percent(part: number | undefined): string {
  return `${((part ?? Number.NaN) * 100).toFixed(1)} %`
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new RangeError(`--${name} must be a positive integer, got ${text}`)
}

function chosen(what: string, all: readonly string[], names: string | undefined): readonly string[] {
  if (names === undefined) return all
  return names.split(',').map((name) => {
    if (all.includes(name)) return name
    throw new RangeError(`There is no ${what} ${name}, only ${all.join(', ')}`)
  })
}
