/** How long small requests take while a bulk transfer runs beside them, of isoquic and other stacks. */

import type { PartResult, Settings } from '../parts.ts'
import type { LatencyTimes } from '../peers/requests.ts'
import { ratio, show } from '../statistics.ts'
import { Field, inFolder, programsFor } from './stacks.ts'

/** What runs beside the requests, by what the table calls it. */
const LOADS = [
  ['nothing', 'beside nothing'],
  ['same', 'download on the same connection'],
  ['other', 'download on another'],
] as const

type Beside = (typeof LOADS)[number][0]

/** Of the variants of isoquic, those that differ in this. */
const AMONG: ReadonlySet<string> = new Set(['isoquic', 'isoquic-20', 'isoquic-26', 'bun', 'deno', 'matrixai', 'tls'])

/** ms of requests in a round. */
const DURATION = { quick: 500, full: 1500 }

/** Bytes of one of the downloads that follow each other. */
const BYTES = 8_000_000

type Times = Record<Beside, LatencyTimes[]>

/** Measures. */
export async function run({ rounds, quick, peers }: Settings, say: (line: string) => void): Promise<PartResult> {
  const field = new Field()
  const all = new Map<string, Times>()
  return inFolder(async (folder) => {
    try {
      const { programs, missing } = await programsFor(peers, folder, (key) => AMONG.has(key))
      field.missing.push(...missing)
      await field.start(programs, folder)
      // The first round is for the compilers.
      for (let number = 0; number <= rounds; number++) {
        say(number === 0 ? 'warming up' : `round ${number} of ${rounds}`)
        await field.each(async ({ subject }) => {
          const { name, share, hasOneStream } = subject.program
          const times = all.get(name) ?? { nothing: [], same: [], other: [] }
          all.set(name, times)
          await subject.connect()
          for (const [beside] of LOADS) {
            if (beside === 'same' && hasOneStream === true) continue
            const milliseconds = quick ? DURATION.quick : DURATION.full
            const measured = await subject.latency(beside, milliseconds, BYTES * share)
            if (number > 0) times[beside].push(measured)
          }
          await subject.close()
        })
      }
      const left = new Set([...field.entries].map(({ results }) => results.program.name))
      return resultOf(new Map([...all].filter(([name]) => left.has(name))), field.missing)
    } finally {
      await field.stop()
    }
  })
}

function resultOf(all: ReadonlyMap<string, Times>, missing: readonly string[]): PartResult {
  const [base] = all.values()
  const grids = LOADS.map(([beside, title]) => {
    const p50 = (times: Times): number[] => times[beside].map((one) => one.p50)
    const p99 = (times: Times): number[] => times[beside].map((one) => one.p99)
    const rate = (times: Times): number[] => times[beside].map(({ bytes, milliseconds }) => bytes / milliseconds / 1000)
    const rows = [...all].map(([name, times]) => [
      name,
      show(p50(times)),
      base === undefined ? '' : ratio(p50(times), p50(base)),
      show(p99(times)),
      base === undefined ? '' : ratio(p99(times), p99(base)),
      ...(beside === 'nothing' ? [] : [show(rate(times))]),
    ])
    const head = [title, 'p50 ms', '', 'p99 ms', '', ...(beside === 'nothing' ? [] : ['the download, MB/s'])]
    return [head, ...rows]
  })
  const text =
    'Requests and answers of 100 bytes, one after the other, each on a stream of its own; of TLS all on one connection. Beside them downloads follow each other, on the same connection or on another between the same two processes.'
  return {
    sections: [{ title: 'Latency of requests under load', text, grids, notes: missing }],
    numbers: { latency: Object.fromEntries(all), missing },
  }
}
