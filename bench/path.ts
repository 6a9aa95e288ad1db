/**
 * `npm run path`: what the hot path costs at either end without sockets: one connection in bulk transfer between two endpoints of
 * the sans-IO core in one process, datagrams of 1,452 bytes, packet protection of the default engine.
 *
 *   --end sender|receiver|both   whose figures are shown
 *   --allocations                bytes allocated a packet, and the ten sites that allocate most
 *   --profile                    the ten dearest functions
 *   --megabytes N                of each round, 100 if left out
 *   --rounds N                   medians of these, 5 if left out
 *   --streams N                  streams that are open beside the one in use, 0 if left out
 *   --json                       the numbers, in place of tables
 */
import { parseArgs } from 'node:util'
import { table } from '../src/cli/table.ts'
import { measurePath, type PathCosts, type Site } from './path-costs.ts'
import type { FunctionTime } from './profile.ts'
import { short, show } from './statistics.ts'

const { values } = parseArgs({
  options: {
    end: { type: 'string', default: 'both' },
    allocations: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    megabytes: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    streams: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
})

if (!['sender', 'receiver', 'both'].includes(values.end)) {
  console.error(`--end must be sender, receiver or both, got ${values.end}`)
  process.exit(2)
}

const ENDS = (['sender', 'receiver'] as const).filter((end) => values.end === end || values.end === 'both')

const costs = measurePath({
  bytes: Number(values.megabytes) * 1_000_000,
  rounds: Number(values.rounds),
  streams: Number(values.streams),
  allocations: values.allocations,
  profile: values.profile,
})

if (values.json) console.log(JSON.stringify(costs, undefined, 2))
else print(costs)

function print({ answers, packets, packetsPerSeal, ...ends }: PathCosts): void {
  const what = values.streams === '0' ? 'one stream' : `one stream beside ${values.streams} open ones`
  console.log(`${values.megabytes} MB on ${what}, ${values.rounds} rounds, Node ${process.version}`)
  console.log(
    `${short(packets)} packets, ${short(packets / answers)} for each that comes back, ${short(packetsPerSeal)} per seal\n`,
  )
  const rows = ENDS.map((end) => {
    const { allocated, cpu, external } = ends[end]
    return [end, show(cpu), ...(allocated === undefined ? [] : [short(allocated), short(external ?? 0)])]
  })
  const head = ['per packet', 'CPU µs', ...(values.allocations ? ['heap bytes', 'bytes outside'] : [])]
  console.log(table([head, ...rows]))
  for (const end of ENDS) {
    const { functions, sites } = ends[end]
    if (functions !== undefined) console.log(`\n${dearest(end, functions)}`)
    if (sites !== undefined) console.log(`\n${largest(end, sites)}`)
  }
}

function dearest(end: string, functions: readonly FunctionTime[]): string {
  const rows = functions.map(({ line, microseconds, name, url }) => [
    `${name} ${line > 0 ? `${url}:${line}` : url}`.trim(),
    short(microseconds),
  ])
  return table([[`the ${end}'s dearest functions`, 'µs/packet'], ...rows])
}

function largest(end: string, sites: readonly Site[]): string {
  const rows = sites.map(({ bytes, name, place }) => [`${name} ${place}`, short(bytes)])
  return table([[`where the ${end} allocates`, 'bytes/packet'], ...rows])
}
