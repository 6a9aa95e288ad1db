/** The section of hosts without UDP. */
import type { Section } from '../section.ts'
import { ratio, show } from '../statistics.ts'
import { BATCHES, type HostNumbers, type Tunnel } from './measure.ts'

/** The tables. */
export function hostsSection({ tunnels, withinNode, withinPage, withinWorker }: HostNumbers): Section {
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
  const megabytes = (rates: readonly number[]): string => show(rates.map((megabits) => megabits / 8))
  const within = [
    ['two endpoints over the pipe', 'MB/s'],
    ['in Node', megabytes(withinNode)],
    ['in one page of Chromium', megabytes(withinPage)],
    ['in workerd', megabytes(withinWorker)],
  ]
  const text =
    'Two endpoints in one place, joined in memory; and a page of Chromium that reaches a UDP server on loopback through the gateway, by WebSocket.'
  return { title: 'Hosts without UDP', text, grids: [within, [head, ...rows]] }
}
