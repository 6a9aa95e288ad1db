/** Proves: in bulk transfers ACK_FREQUENCY saves most acknowledgements, and costs neither time nor certainty. */
import { describe, expect, test } from 'vitest'
import { type AckFrequencyFrame, type Frame, FrameType } from '../wire/frame.ts'
import type { ObservedPacket } from '../wire/observer.ts'
import { PacketType } from '../wire/packet-type.ts'
import type { Role } from '../wire/stream-id.ts'
import { Bulk } from './bulk.ts'
import type { LinkOptions } from './link-options.ts'
import { Pair, type PairOptions } from './pair.ts'

interface Sent {
  readonly role: Role
  readonly packet: ObservedPacket
  readonly frames: readonly Frame[]
  readonly at: number
}

/** A pair that records what is sent. */
function recorded(options: PairOptions): { readonly pair: Pair; readonly sent: Sent[] } {
  const sent: Sent[] = []
  const pair = new Pair({
    protection: 'checksum',
    checkInvariants: true,
    ...options,
    observer: (_, role) => ({
      packetSent: (packet, frames, _padding, at) => void sent.push({ role, packet, frames: [...frames], at }),
    }),
  })
  return { pair, sent }
}

interface Result {
  readonly duration: number
  readonly acks: number
  readonly lost: number
  readonly requests: readonly AckFrequencyFrame[]
  readonly sent: readonly Sent[]
}

function upload(total: number, link: LinkOptions, ackFrequency: boolean, seed = 1): Result {
  const options = { ackFrequency }
  const { pair, sent } = recorded({ seed, link, client: options, server: options })
  const { client, server } = pair.handshake()
  const transfer = new Bulk(pair).send(client, server, total)
  pair.run(() => transfer.isComplete, 300_000)
  expect(transfer.isComplete).toBe(true)
  const { acksReceived, packetsLost } = client.stats()
  const requests = sent
    .flatMap(({ frames }) => frames)
    .filter((frame): frame is AckFrequencyFrame => frame.type === FrameType.ackFrequency)
  return { duration: transfer.duration ?? Infinity, acks: acksReceived, lost: packetsLost, requests, sent }
}

describe('A bulk transfer', () => {
  test('through a bottleneck takes a third of the acknowledgements and the same time', () => {
    const link = { delay: 15, bandwidth: 50_000_000, queue: { bytes: 190_000 } }
    const without = upload(6_000_000, link, false)
    const result = upload(6_000_000, link, true)
    expect(without.requests).toEqual([])
    expect(result.requests.length).toBeGreaterThan(0)
    expect(result.acks).toBeLessThan(without.acks / 3)
    expect(result.duration).toBeLessThan(without.duration * 1.02)
  })

  test('asks for an eighth of the window, at most once a round trip, in 1-RTT packets alone', () => {
    const { requests, sent } = upload(6_000_000, { delay: 15, bandwidth: 50_000_000, loss: 0.001 }, true)
    expect(requests.length).toBeGreaterThan(1)
    for (const { maxAckDelay, reorderingThreshold, threshold } of requests) {
      expect(threshold).toBeGreaterThanOrEqual(1)
      expect(threshold).toBeLessThanOrEqual(64)
      expect(maxAckDelay).toBeGreaterThanOrEqual(1000)
      expect(reorderingThreshold).toBe(3)
    }
    const asking = sent.filter(({ frames }) => frames.some(({ type }) => type === FrameType.ackFrequency))
    for (const { packet } of asking) expect(packet.type).toBe(PacketType.oneRtt)
    for (const [index, { at }] of asking.entries()) {
      const before = asking[index - 1]
      if (before !== undefined) expect(at - before.at).toBeGreaterThanOrEqual(30)
    }
  })

  test('that loses packets finds its losses as it would without, over many seeds', () => {
    const link = { delay: 10, bandwidth: 20_000_000, loss: 0.02, queue: { bytes: 100_000 } }
    const total = { on: 0, off: 0, lostOn: 0, lostOff: 0 }
    for (let seed = 1; seed <= 8; seed++) {
      const off = upload(600_000, link, false, seed)
      const on = upload(600_000, link, true, seed)
      total.on += on.duration
      total.off += off.duration
      total.lostOn += on.lost
      total.lostOff += off.lost
    }
    expect(total.on).toBeLessThan(total.off * 1.15)
    expect(total.lostOn).toBeLessThan(total.lostOff * 1.3)
  })

  test('to a peer that takes no part asks for nothing', () => {
    const { pair, sent } = recorded({ link: { delay: 10, loss: 0.01 }, server: { ackFrequency: false } })
    const { client, server } = pair.handshake()
    expect(client.peerParameters?.minAckDelay).toBeUndefined()
    expect(server.peerParameters?.minAckDelay).toBe(1)
    const transfer = new Bulk(pair).send(client, server, 500_000)
    pair.run(() => transfer.isComplete, 60_000)
    const types = new Set(sent.flatMap(({ frames }) => frames.map(({ type }) => type)))
    expect(types.has(FrameType.ackFrequency) || types.has(FrameType.immediateAck)).toBe(false)
  })
})

describe('IMMEDIATE_ACK', () => {
  const isImmediate = ({ frames }: Sent): boolean => frames.some(({ type }) => type === FrameType.immediateAck)

  test('goes with the last packet of a transfer, whose acknowledgement comes a round trip later', () => {
    const { pair, sent } = recorded({ link: { delay: 20 } })
    const { client, server } = pair.handshake()
    pair.run(() => false, 1000)
    sent.length = 0
    const transfer = new Bulk(pair).send(client, server, 9_000)
    const start = pair.now
    pair.run(() => client.streams.count === 0, 1000)
    expect(transfer.isComplete).toBe(true)
    expect(pair.now - start).toBeLessThan(45)
    const own = sent.filter(({ role, frames }) => role === 'client' && frames.some((f) => f.type === FrameType.stream))
    expect(own.filter(isImmediate)).toEqual([own.at(-1)])
  })

  test('goes with probes of the MTU and with those of a PTO', () => {
    const { pair, sent } = recorded({ link: { delay: 20 } })
    const { client } = pair.handshake()
    pair.run(() => false, 500)
    const probes = sent.filter(({ packet }) => packet.isMtuProbe === true)
    expect(probes.length).toBeGreaterThan(0)
    expect(probes.every(isImmediate)).toBe(true)
    sent.length = 0
    pair.link.down()
    client.streams.open('unidirectional')?.send?.write(new Uint8Array(100))
    pair.client.wake(client)
    pair.run(() => client.stats().ptoCount === 2, 5000)
    const data = sent.filter(({ role }) => role === 'client')
    expect(data.length).toBeGreaterThan(2)
    expect(data[0] && isImmediate(data[0])).toBe(false)
    expect(data.slice(1).every(isImmediate)).toBe(true)
  })

  test('goes with the first packet on a new path', () => {
    const { pair, sent } = recorded({ link: { delay: 20 } })
    const { client, server } = pair.handshake()
    pair.run(() => false, 500)
    pair.client.port.rebind()
    sent.length = 0
    const transfer = new Bulk(pair).send(client, server, 100)
    pair.run(() => transfer.isComplete, 5000)
    pair.run(() => false, 500)
    const onNewPath = sent.filter(
      ({ packet, role }) =>
        role === 'server' && packet.path.id !== 0 && packet.isMtuProbe !== true && packet.isPtoProbe !== true,
    )
    expect(onNewPath[0] && isImmediate(onNewPath[0])).toBe(true)
    expect(onNewPath.filter(isImmediate).length).toBe(1)
  })
})
