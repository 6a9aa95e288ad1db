/** What a packet costs in the core alone, without sockets: CPU time and allocations of either end. */

import type { PartResult, Settings } from '../parts.ts'
import { measurePath } from '../path-costs.ts'
import { short, show } from '../statistics.ts'

/** Measures. */
export async function run({ rounds, quick }: Settings, say: (line: string) => void): Promise<PartResult> {
  say('the hot path without sockets')
  const bytes = quick ? 50_000_000 : 200_000_000
  const costs = measurePath({ bytes, rounds, streams: 0, allocations: true, profile: false })
  const { packets, answers, packetsPerSeal, sender, receiver } = costs
  const ends = { sender, receiver }
  const rows = Object.entries(ends).map(([name, { cpu, allocated, external }]) => [
    name,
    show(cpu),
    allocated === undefined ? '–' : short(allocated),
    external === undefined ? '–' : short(external),
  ])
  const text = `Two endpoints of the sans-IO core in one process, packet protection included, nothing of sockets: bulk transfer on one stream, datagrams of 1,452 bytes. ${short(packetsPerSeal)} packets a seal, ${short(packets / answers)} packets for each datagram that comes back.`
  const grid = [['per packet', 'CPU µs', 'bytes on the heap', 'bytes of buffers'], ...rows]
  const figures = Object.fromEntries(
    Object.entries(ends).flatMap(([name, { cpu, allocated, external }]) => [
      [`${name} allocations`, allocated === undefined ? [] : [allocated + (external ?? 0)]],
      [`${name} core`, cpu],
    ]),
  )
  return { sections: [{ title: 'A packet in the core', text, grids: [grid] }], figures, numbers: costs }
}
