/**
 * `node bench/simulator.ts [minutes]`: how much faster than real time the simulator is. Ten virtual minutes of one bulk transfer
 * over a 10 Mbit/s link that loses one datagram in a thousand and has a queue of one bandwidth-delay product: with the checksum
 * engine, and with real protection by noble and by node:crypto. On a busy machine the CPU time says more than the clock.
 */
import { table } from '../src/cli/table.ts'
import { noble } from '../src/crypto/noble/provider.ts'
import { node } from '../src/crypto/node/provider.ts'
import { Bulk, type LinkOptions, Pair, type PairOptions } from '../src/simulator.ts'

const LINK: LinkOptions = { delay: 20, bandwidth: 10_000_000, queue: { bytes: 50_000 }, loss: 0.001 }
const SEED = 1

const KINDS: readonly (readonly [name: string, options: PairOptions])[] = [
  ['checksum', { protection: 'checksum' }],
  ['real, node:crypto', { crypto: node }],
  ['real, noble', { crypto: noble }],
]

const minutes = Number(process.argv[2] ?? 10)
if (!(minutes > 0)) throw new RangeError(`minutes must be positive, got ${process.argv[2]}`)

const rows: string[][] = []
for (const [name, options] of KINDS) rows.push([name, ...simulate(options, minutes * 60_000)])
console.log(
  `${minutes} virtual minutes of a 10 Mbit/s link, 40 ms of round trip, 0.1 % loss, one bulk transfer, Node ${process.versions.node}`,
)
console.log(
  table([
    ['protection', 'datagrams', 'goodput', 'CPU', 'factor by CPU', 'clock', 'factor by clock', 'CPU a datagram'],
    ...rows,
  ]),
)

function simulate(options: PairOptions, duration: number): string[] {
  const pair = new Pair({ seed: SEED, link: LINK, recordEvents: false, ...options })
  const { client, server } = pair.handshake()
  const transfer = new Bulk(pair).send(client, server)
  const startedAt = performance.now()
  const before = process.cpuUsage()
  pair.run(() => false, duration)
  const { user, system } = process.cpuUsage(before)
  const cpu = (user + system) / 1000
  const clock = performance.now() - startedAt
  return [
    String(pair.datagrams),
    `${((transfer.received * 8) / duration / 1000).toFixed(2)} Mbit/s`,
    `${(cpu / 1000).toFixed(1)} s`,
    (duration / cpu).toFixed(0),
    `${(clock / 1000).toFixed(1)} s`,
    (duration / clock).toFixed(0),
    `${((cpu * 1000) / pair.datagrams).toFixed(1)} µs`,
  ]
}
