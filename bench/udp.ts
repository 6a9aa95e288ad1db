/**
 * `node bench/udp.ts`: what a datagram costs at a UDP socket of Node, µs, by size, by length of the run it is sent in, and by
 * whether the socket is connected. Sender and receiver share a thread: the sender's part is the time in `sendBatch`.
 *
 *   --rounds N   medians of these, 7 if left out
 *   --json       the numbers, in place of a table
 */
import { parseArgs } from 'node:util'
import { table } from '../src/cli/table.ts'
import { show } from './statistics.ts'
import { measureUdp } from './udp-costs.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, json: { type: 'boolean', default: false } },
})

const costs = await measureUdp({ rounds: Number(values.rounds) })

if (values.json) console.log(JSON.stringify(costs, undefined, 2))
else {
  const rows = costs.map(({ size, run, isConnected, send, receive, lost }) => {
    return [String(size), String(run), isConnected ? 'yes' : 'no', show(send), show(receive), String(lost)]
  })
  console.log(table([['bytes', 'run', 'connected', 'send', 'receive', 'lost'], ...rows]))
}
