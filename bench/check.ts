/**
 * `node bench/check.ts`, a step of `npm test`: that nothing has become slower. It compares counts and ratios of one run with the
 * bounds of `check/bounds.ts`, never a time. What is out of bounds is measured again, twice at most: another program may have been
 * in the way.
 */
import { closingLine } from '../e2e/support/closing-line.ts'
import { table } from '../src/cli/table.ts'
import { BOUNDS, type Bound, type Measure } from './check/bounds.ts'
import { MEASUREMENTS, type Measured } from './check/measure.ts'
import { short } from './statistics.ts'

const ATTEMPTS = 3

const keysOf = (measured: Measured): Measure[] => Object.keys(measured) as Measure[]

function isWithin({ atMost = Infinity, atLeast = -Infinity }: Bound, value: number | undefined): boolean {
  return value !== undefined && value <= atMost && value >= atLeast
}

const found = new Map<Measure, number>()
for (const measure of MEASUREMENTS) {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const measured = await measure()
    const keys = keysOf(measured)
    for (const key of keys) if (!isWithin(BOUNDS[key], found.get(key))) found.set(key, measured[key] ?? NaN)
    if (keys.every((key) => isWithin(BOUNDS[key], found.get(key)))) break
  }
}

const rows = Object.entries(BOUNDS).map(([key, bound]) => {
  const value = found.get(key as Measure)
  const { name, atMost, atLeast } = bound
  const limit = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`
  return { cells: [name, short(value ?? NaN), limit], isWithin: isWithin(bound, value) }
})
console.log(table(rows.map(({ cells, isWithin }) => [...cells, isWithin ? '' : 'FAILED'])))
const failed = rows.filter(({ isWithin }) => !isWithin).length
console.log(closingLine({ passed: rows.length - failed, failed, skipped: 0 }))
process.exitCode = failed > 0 ? 1 : 0
