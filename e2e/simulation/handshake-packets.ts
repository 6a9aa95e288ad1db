/** Chosen packets of a handshake lost, and the transfer behind it; for the loss of each one and of each two. */
import type { Duration } from '../../src/base/time.ts'
import { SeededRandom } from '../../src/simulator.ts'
import { LongHeader } from '../../src/wire/long-header.ts'
import { isLongHeader } from '../../src/wire/short-header.ts'
import type { Controller } from './controllers.ts'
import { Exchange } from './exchange.ts'
import { longChain } from './long-chain.ts'

/** ms; four probe timeouts of a second that double. */
const LIMIT: Duration = 20_000

/** What a handshake without some of its packets took. */
export interface LossyHandshake {
  readonly duration: Duration
  /** Packets that both ends sent until it was confirmed, lost ones included. */
  readonly packets: number
}

/** Kinds of handshakes: short and long chains of certificates, without and with Retry. */
const SETTINGS = 4

/** Whatever share of the packets a seed takes, so many seeds in a row see all of them in every kind of handshake. */
export function shareOf(seed: number, shares: number): { readonly share: number; readonly setting: number } {
  return { share: seed % shares, setting: Math.floor(seed / shares) % SETTINGS }
}

/** Loses the packets with the numbers `lost`, counted from 0 over both ends in the order in which they were sent. */
export function handshakeWithout(
  lost: readonly number[],
  seed: number,
  controller: Controller,
  setting: number,
): LossyHandshake {
  const random = new SeededRandom(seed, 'handshake-loss')
  const link = { delay: 5 + random.integer(80), jitter: random.integer(3), bandwidth: 20_000_000 }
  const certificates = (setting & 1) === 0 ? 1 : 6 + random.integer(6)
  const listen = (setting & 2) !== 0 ? ({ retry: 'always' } as const) : undefined
  const serverTls = longChain(certificates, () => exchange.pair)
  const exchange: Exchange = new Exchange(random, controller, { link, serverTls, listen })
  let sent = 0
  const end = exchange.pair.network.tap(({ bytes }) => {
    const ends = packetEnds(bytes)
    const gone = ends.filter((_, index) => lost.includes(sent + index))
    sent += ends.length
    if (gone.length === 0) return true
    if (gone.length === ends.length) return false
    // What remains of the datagram arrives: the packet's tag is wrong.
    const copy = bytes.slice()
    for (const at of gone) copy[at - 1] = (copy[at - 1] ?? 0) ^ 0xff
    return copy
  })
  const client = exchange.connect()
  end()
  const packets = sent
  exchange.dialogues.ask(client, 1500, 3000)
  return { duration: exchange.finish(LIMIT), packets }
}

/** Where each packet of a datagram ends; what is no packet belongs to the one before. */
function packetEnds(bytes: Uint8Array): number[] {
  const header = new LongHeader()
  header.anyFixedBit = true
  const ends: number[] = []
  let at = 0
  while (at < bytes.length && isLongHeader(bytes[at] ?? 0) && header.parse(bytes, at, bytes.length)) {
    at = header.packetEnd
    ends.push(at)
  }
  // Zeros are padding of the datagram; anything else is a packet with a short header.
  if (at < bytes.length && (bytes[at] ?? 0) !== 0) ends.push(bytes.length)
  return ends
}
