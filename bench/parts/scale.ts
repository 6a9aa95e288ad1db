/** Many streams and connections. */
import type { PartResult, Settings } from '../parts.ts'
import { FULL_SCALE, measureScale, QUICK_SCALE } from '../scale/measure.ts'
import { costGrid, idleGrid } from '../scale/report.ts'

/** Measures. */
export async function run({ rounds, quick }: Settings, say: (line: string) => void): Promise<PartResult> {
  const numbers = await measureScale({ rounds, say, ...(quick ? QUICK_SCALE : FULL_SCALE) })
  const text =
    'What a packet costs in the core with many streams or connections open, beside one, each number of them in a process of its own; and what the memory of an idle connection over UDP holds, after garbage collection: objects of JavaScript, buffers outside of the heap, and all that the kernel counts.'
  const costs = numbers.costs.map(({ dimension, activity, ofOne, ofMany }) => [
    `${dimension} ${activity}`,
    ofMany.map((many, round) => many / (ofOne[round] ?? NaN)),
  ])
  const idle = numbers.idle.flatMap(({ role, heap, connections }) => [
    [`idle ${role}`, [heap]],
    ['idle count', [connections]],
  ])
  const counts = numbers.costs.map(({ dimension, many }) => [`${dimension} count`, [many]])
  return {
    sections: [
      { title: 'Many streams, many connections', text, grids: [costGrid(numbers.costs), idleGrid(numbers.idle)] },
    ],
    figures: Object.fromEntries([...costs, ...counts, ...idle]),
    numbers,
  }
}
