/** The section of hosts without UDP. */
import { table } from '../../src/cli/table.ts'
import { ratio, show } from '../statistics.ts'
import { BATCHES, type HostNumbers, type Tunnel } from './measure.ts'

/** The tables. */
export function hostsTable({ tunnels, withinPage, withinWorker }: HostNumbers): string {
  const of = (most: number, key: Exclude<keyof Tunnel, 'datagramsPerMessage'>): number[] =>
    tunnels.filter(({ datagramsPerMessage }) => datagramsPerMessage === most).map((each) => each[key])
  const rows = BATCHES.map((most) => [
    String(most),
    show(of(most, 'carrier')),
    ratio(of(most, 'carrier'), of(1, 'carrier')),
    show(of(most, 'up')),
    ratio(of(most, 'up'), of(1, 'up')),
    show(of(most, 'down')),
    show(of(most, 'gatewayCpu')),
  ])
  const head = [
    'datagrams a message',
    'datagrams alone, Mbit/s',
    'of one',
    'QUIC, page to server',
    'of one',
    'server to page',
    'gateway CPU, µs a datagram',
  ]
  const within = [
    ['two endpoints in one page, Mbit/s', show(withinPage)],
    ['two endpoints in workerd, Mbit/s', show(withinWorker)],
  ]
  return `Chromium, through the gateway to a UDP server on loopback\n${table([head, ...rows])}\n\n${table(within)}`
}
