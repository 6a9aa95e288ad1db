/** The section of many streams and connections. */
import { table } from '../../src/cli/table.ts'
import type { Grid } from '../section.ts'
import { ratio, short, show } from '../statistics.ts'
import type { IdleMemory, ScaleCost, ScaleNumbers } from './measure.ts'

/** The tables. */
export function scaleTables({ costs, idle }: ScaleNumbers): string {
  return [costGrid(costs), idleGrid(idle)]
    .filter(({ length }) => length > 1)
    .map((grid) => table(grid))
    .join('\n\n')
}

/** Of packets. */
export function costGrid(costs: readonly ScaleCost[]): Grid {
  const rows = costs.map(({ dimension, activity, many, ofOne, ofMany }) => [
    `${dimension}, ${activity === 'one' ? 'one of them sends' : 'all send in turn'}`,
    show(ofOne),
    String(many),
    show(ofMany),
    ratio(ofMany, ofOne),
  ])
  return [['both ends of the core, µs of CPU a packet', 'one open', 'many', 'many open', ''], ...rows]
}

/** Of memory. */
export function idleGrid(idle: readonly IdleMemory[]): Grid {
  const kilobytes = (bytes: number): string => `${short(bytes / 1000)} KB`
  const rows = idle.map(({ role, connections, heap, buffers, resident }) => [
    `${role}, ${connections} connections`,
    ...[heap, buffers, resident].map(kilobytes),
  ])
  return [['one idle connection', 'heap', 'buffers', 'resident'], ...rows]
}
