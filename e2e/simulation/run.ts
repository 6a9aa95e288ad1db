/**
 * `npm run simulate`: every standing simulation over many seeds under every controller, and a table at the end.
 * `--seeds 1000` (default 200), `--only NAME` and `--controller NAME` (several with commas); ISOQUIC_SEED runs one seed alone.
 */
import { parseArgs } from 'node:util'
import { seeds } from '../../src/simulator.ts'
import { CONTROLLERS, type Controller } from './controllers.ts'
import { type Fairness, fairness } from './fairness.ts'
import { PHENOMENA } from './phenomena.ts'
import type { Phenomenon } from './phenomenon.ts'
import { replayed } from './replay.ts'
import { printTable } from './table.ts'

/** Failures of one phenomenon under one controller that are shown in full. */
const SHOWN = 3

/** Seeds over which fairness is measured, at most: each takes half a minute of virtual time. */
const MOST_PAIRS = 20

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    only: { type: 'string' },
    controller: { type: 'string' },
  },
})
const count = Number(values.seeds)
if (!(Number.isInteger(count) && count > 0))
  throw new RangeError(`--seeds must be a positive integer, got ${values.seeds}`)

const rows: string[][] = []
let failures = 0
for (const phenomenon of chosen('phenomenon', PHENOMENA, values.only)) {
  for (const controller of chosen('controller', CONTROLLERS, values.controller))
    rows.push(simulate(phenomenon, controller))
}
console.log()
printTable(['phenomenon', 'controller', 'seeds', 'failed', 'median', 'worst', 'worst seed'], rows)
if (values.only === undefined) {
  console.log()
  printTable(
    ['two through one bottleneck', "median of Jain's index", 'worst'],
    fairness(Math.min(count, MOST_PAIRS)).map(fairnessRow),
  )
}
process.exitCode = failures > 0 ? 1 : 0

function simulate(phenomenon: Phenomenon, controller: Controller): string[] {
  const runs: { seed: number; duration: number }[] = []
  let failed = 0
  const all = seeds(count)
  for (const seed of all) {
    try {
      runs.push({ seed, duration: replayed(phenomenon, seed, controller) })
    } catch (error) {
      failed += 1
      if (failed <= SHOWN) console.error(error instanceof Error ? error.message : error)
    }
  }
  failures += failed
  runs.sort((one, other) => one.duration - other.duration)
  const median = runs[Math.floor(runs.length / 2)]
  const worst = runs.at(-1)
  const row = [
    phenomenon.name,
    controller.name,
    `${all.length}`,
    `${failed}`,
    ms(median),
    ms(worst),
    `${worst?.seed ?? '-'}`,
  ]
  console.log(row.join('  '))
  return row
}

function fairnessRow({ one, other, median, worst }: Fairness): string[] {
  return [`${one.name}, ${other.name}`, median.toFixed(3), worst.toFixed(3)]
}

function ms(run: { readonly duration: number } | undefined): string {
  return run === undefined ? '-' : `${Math.round(run.duration).toLocaleString('en')} ms`
}

function chosen<T extends { readonly name: string }>(what: string, all: readonly T[], names: string | undefined): T[] {
  if (names === undefined) return [...all]
  return names.split(',').map((name) => {
    const found = all.find((each) => each.name === name)
    if (found !== undefined) return found
    throw new RangeError(`There is no ${what} ${name}, only ${all.map((each) => each.name).join(', ')}`)
  })
}
