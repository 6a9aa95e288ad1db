/** The section of many streams and connections. */
import { table } from '../../src/cli/table.ts'
import { ratio, short, show } from '../statistics.ts'
import type { IdleMemory, ScaleCost, ScaleNumbers } from './measure.ts'

/** The tables. */
export function scaleTables({ costs, idle }: ScaleNumbers): string {
  return [costTable(costs), idleTable(idle)].filter((text) => text !== '').join('\n\n')
}

/** Of packets. */
export function costTable(costs: readonly ScaleCost[]): string {
  if (costs.length === 0) return ''
  const rows = costs.map(({ dimension, activity, many, ofOne, ofMany }) => [
    `${dimension}, ${activity === 'one' ? 'one of them sends' : 'all send in turn'}`,
    show(ofOne),
    String(many),
    show(ofMany),
    ratio(ofMany, ofOne),
  ])
  return table([['both ends of the core, µs of CPU a packet', 'one open', 'many', 'many open', ''], ...rows])
}

/** Of memory. */
export function idleTable(idle: readonly IdleMemory[]): string {
  if (idle.length === 0) return ''
  const kilobytes = (bytes: number): string => `${short(bytes / 1000)} KB`
  const rows = idle.map(({ role, connections, heap, buffers, resident }) => [
    `${role}, ${connections} connections`,
    ...[heap, buffers, resident].map(kilobytes),
  ])
  return table([['one idle connection', 'heap', 'buffers', 'resident'], ...rows])
}
