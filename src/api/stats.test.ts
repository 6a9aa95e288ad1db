import { expect, test } from 'vitest'
import { Pair } from '../endpoint/test-pair.fixtures.ts'
import { connectionStatsOf, type QuicConnectionStats } from './stats.ts'

const queue = { queuedBytes: 0, congestionWindow: 0, bytesInFlight: 0, inRecovery: false, congested: false }

test('The rate at which data can be sent is what congestion control lets through, framing taken off', () => {
  const pair = new Pair({ network: { delay: 50 } })
  const client = pair.connect()
  const stats = (): QuicConnectionStats => connectionStatsOf(client, queue, pair.now)
  expect([stats().estimatedSendRate, stats().atSendCapacity, stats().minRtt]).toEqual([undefined, false, 0])
  pair.run(() => client.isHandshakeConfirmed)
  client.streams.open('unidirectional')?.send?.write(new Uint8Array(200_000))
  pair.client.endpoint.wake(client)
  // What is in flight when data begins to flow still counts as too little.
  pair.run(() => false, 220)
  const { congestionWindow, smoothedRtt } = stats().quic
  const perSecond = (8000 * congestionWindow) / smoothedRtt
  expect(stats().estimatedSendRate).toBeGreaterThan(0.9 * perSecond)
  expect(stats().estimatedSendRate).toBeLessThan(perSecond)
  expect(Number.isInteger(stats().estimatedSendRate)).toBe(true)
  expect(stats().atSendCapacity).toBe(true)
  pair.run(() => false, 5000)
  expect(stats().atSendCapacity).toBe(false)
})

test('Losses that were none are taken off, and show as spurious', () => {
  let hold = false
  const held: Uint8Array[] = []
  const pair = new Pair({
    network: { delay: 20 },
    tap: (bytes, from) => {
      if (!(hold && from === 'client')) return true
      held.push(bytes)
      return false
    },
  })
  const { client } = pair.handshake()
  pair.run(() => false, 1000)
  hold = true
  client.datagrams.send(new Uint8Array(500), undefined, pair.now)
  pair.client.endpoint.wake(client)
  pair.settle()
  hold = false
  for (let count = 0; count < 5; count++) {
    client.datagrams.send(new Uint8Array(500), undefined, pair.now)
    pair.client.endpoint.wake(client)
    pair.settle()
  }
  pair.run(() => client.stats().packetsLost === 1, 1000)
  const lost = connectionStatsOf(client, queue, pair.now)
  expect([lost.packetsLost, lost.bytesLost > 500, lost.quic.spuriousLosses]).toEqual([1, true, 0])
  for (const bytes of held) pair.inject(bytes, 'server', pair.client.address)
  client.datagrams.send(new Uint8Array(500), undefined, pair.now)
  pair.client.endpoint.wake(client)
  pair.run(() => false, 500)
  const found = connectionStatsOf(client, queue, pair.now)
  expect([found.packetsLost, found.bytesLost, found.quic.packetsLost, found.quic.spuriousLosses]).toEqual([0, 0, 1, 1])
})
