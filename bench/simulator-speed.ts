/** How fast the simulator is, in rounds of all its kinds. */
import { type Speed, speeds } from '../e2e/simulation/speed.ts'
import type { Grid } from './section.ts'
import { show } from './statistics.ts'

/** The speeds of each round. */
export type SimulatorNumbers = readonly (readonly Speed[])[]

/** Measures `minutes` virtual minutes of each kind in each round. @throws RangeError for minutes that are not positive */
export async function simulatorSpeeds(
  minutes: number,
  rounds: number,
  say: (line: string) => void,
): Promise<SimulatorNumbers> {
  if (!(minutes > 0)) throw new RangeError(`minutes must be positive, got ${minutes}`)
  const all: Speed[][] = []
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`)
    const found: Speed[] = []
    for await (const speed of speeds(minutes)) found.push(speed)
    all.push(found)
  }
  return all
}

/** The table: median (lowest–highest). */
export function simulatorGrid(rounds: SimulatorNumbers): Grid {
  const kinds = rounds[0] ?? []
  const rows = kinds.map(({ what, protection, datagrams, goodput }, kind) => {
    const of = (value: (speed: Speed) => number): string =>
      show(rounds.flatMap((speeds) => speeds.slice(kind, kind + 1)).map(value))
    return [
      what,
      protection,
      String(datagrams),
      `${(goodput / 1e6).toFixed(2)} Mbit/s`,
      of((speed) => (speed.cpu * 1000) / speed.datagrams),
      of(({ factor }) => factor),
    ]
  })
  const head = [
    'what runs',
    'protection',
    'datagrams',
    'goodput',
    'µs of CPU a datagram',
    'times faster than real time',
  ]
  return [head, ...rows]
}
