import { expect, test } from 'vitest'
import { RateSampler } from './rate-sample.ts'
import { SentPacket } from './sent-packets.ts'

/** A sampler that a packet of `bytes` has left at time 0 and come back to at `ackedAt`. */
function sampled(bytes: number, ackedAt: number): RateSampler {
  const sampler = new RateSampler(new SentPacket())
  const packet = new SentPacket()
  packet.size = bytes
  sampler.onPacketSent(packet, 0)
  sampler.onPacketAcked(packet, true, ackedAt)
  return sampler
}

test('the rate is what was delivered over the longer of sending and acknowledging it', () => {
  const sampler = sampled(1200, 10)
  sampler.finish(5)
  expect(sampler.deliveryRate).toBe(120)
})

test('an interval below the least RTT, or of no length, yields no rate', () => {
  const short = sampled(1200, 10)
  short.finish(11)
  expect(short.deliveryRate).toBe(0)
  const none = sampled(1200, 0)
  none.finish(0)
  expect(none.deliveryRate).toBe(0)
})

test('packets that left in a slower row than they came back are rated by their leaving', () => {
  const sampler = new RateSampler(new SentPacket())
  const packets = [0, 10, 20, 30].map((now) => {
    const packet = new SentPacket()
    packet.size = 1000
    packet.sentTime = now
    sampler.onPacketSent(packet, now)
    return packet
  })
  for (const packet of packets) sampler.onPacketAcked(packet, true, 31)
  expect(sampler.hasSample).toBe(true)
  sampler.finish(1)
  // All four over the 31 ms since the first left.
  expect(sampler.deliveryRate).toBeCloseTo(4000 / 31, 9)
  sampler.clear()
  expect(sampler.hasSample).toBe(false)
  expect(sampler.bytes).toBe(0)
})
