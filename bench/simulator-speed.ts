/** How fast the simulator is, as a table. */

import { speeds } from '../e2e/simulation/speed.ts'
import { table } from '../src/cli/table.ts'

/** The table of `minutes` virtual minutes. @throws RangeError for minutes that are not positive */
export async function simulatorSpeed(minutes: number): Promise<string> {
  if (!(minutes > 0)) throw new RangeError(`minutes must be positive, got ${minutes}`)
  const rows: string[][] = []
  for await (const { what, protection, datagrams, goodput, cpu, factor } of speeds(minutes)) {
    rows.push([
      what,
      protection,
      `${datagrams}`,
      `${(goodput / 1e6).toFixed(2)} Mbit/s`,
      `${(cpu / 1000).toFixed(1)} s`,
      `${((cpu * 1000) / datagrams).toFixed(1)} µs`,
      `${factor.toFixed(0)} times`,
    ])
  }
  const head = ['what runs', 'protection', 'datagrams', 'goodput', 'CPU', 'CPU a datagram', 'faster than real time']
  return `${minutes} virtual minutes of a 10 Mbit/s link, 40 ms of round trip, 0.1 % loss, one bulk transfer, Node ${process.versions.node}\n${table([head, ...rows])}`
}
