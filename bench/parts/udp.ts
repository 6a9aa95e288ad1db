/** What a datagram costs at a UDP socket, without QUIC. */
import type { PartResult, Settings } from '../parts.ts'
import { show } from '../statistics.ts'
import { measureUdp } from '../udp-costs.ts'

/** Measures. */
export async function run({ rounds, quick }: Settings, say: (line: string) => void): Promise<PartResult> {
  say('sockets')
  const numbers = await measureUdp({ rounds, bytes: quick ? 2_000_000 : 8_000_000 })
  const rows = numbers.map(({ size, run: length, isConnected, send, receive, lost }) => [
    size.toLocaleString('en'),
    String(length),
    isConnected ? 'yes' : 'no',
    show(send),
    show(receive),
    String(lost),
  ])
  const head = ['bytes', 'datagrams of a run', 'connected', 'send, µs a datagram', 'receive', 'lost']
  const text =
    'UDP sockets of Node without QUIC: runs of datagrams of one size, as flights are, sent and received on loopback in one thread.'
  const flight = numbers.find((one) => one.size === 1452 && one.run === 40 && one.isConnected)
  const figures = { 'socket send': flight?.send ?? [], 'socket receive': flight?.receive ?? [] }
  return { sections: [{ title: 'A datagram at a socket', text, grids: [[head, ...rows]] }], figures, numbers }
}
