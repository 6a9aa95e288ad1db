/**
 * `node bench/scale.ts`: what a packet costs with many streams and connections open, beside one, and how much memory an idle
 * connection takes at either end.
 *
 *   --quick          fewer connections, one round
 *   --only PART      `streams`, `connections` or `idle`
 *   --rounds N       --packets N       of a measurement
 *   --streams N      --connections N   --idle N
 *   --json           the numbers of every round in place of the tables
 */
import { parseArgs } from 'node:util'
import { FULL_SCALE, measureCost, measureIdle, QUICK_SCALE, type ScaleNumbers } from './scale/measure.ts'
import { scaleTables } from './scale/report.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    packets: { type: 'string' },
    streams: { type: 'string' },
    connections: { type: 'string' },
    idle: { type: 'string' },
  },
})

const PARTS = ['streams', 'connections', 'idle']

if (values.only !== undefined && !PARTS.includes(values.only)) {
  console.error(`--only names ${values.only}; there are ${PARTS.join(', ')}`)
  process.exit(2)
}

const usual = values.quick ? QUICK_SCALE : FULL_SCALE
const plan = {
  rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
  packets: Number(values.packets ?? usual.packets),
}
const takes = (part: string): boolean => values.only === undefined || values.only === part
const numbers: ScaleNumbers = {
  costs: [
    ...(takes('streams') ? await measureCost('streams', Number(values.streams ?? usual.streams), plan) : []),
    ...(takes('connections')
      ? await measureCost('connections', Number(values.connections ?? usual.connections), plan)
      : []),
  ],
  idle: takes('idle') ? await measureIdle(Number(values.idle ?? usual.idle)) : [],
}
console.log(values.json ? JSON.stringify(numbers, undefined, 2) : scaleTables(numbers))
