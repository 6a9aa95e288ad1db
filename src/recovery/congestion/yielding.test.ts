import { describe, expect, test } from 'vitest'
import { checkCongestionController } from '../../simulator/congestion-check.ts'
import { Bottleneck, type BottleneckFlow, type LinkOptions } from '../bottleneck.fixtures.ts'
import { ackSample, MSS, rttOf, sentInfo } from './congestion-suite.fixtures.ts'
import type { CongestionController } from './controller.ts'
import { cubic } from './cubic.ts'
import { yielding } from './yielding.ts'

const ON_TCP = { controller: yielding, path: { isReliable: true, pacing: false } } as const

/** Acknowledges a packet that left with a full window, `rtt` ago. */
function ack(controller: CongestionController, now: number, rtt: number, bytes: number = MSS): void {
  controller.onPacketsAcked(ackSample(now - rtt, bytes), rttOf(rtt), now)
}

test('holds to the contract of controllers', () => {
  for (const seed of [1, 2, 3]) checkCongestionController(yielding, { seed })
})

describe('the window', () => {
  test('grows by what is acknowledged while it is used, and has no threshold', () => {
    const controller = yielding({ maxDatagramSize: MSS })
    expect(controller.congestionWindow).toBe(12_000)
    expect(controller.slowStartThreshold).toBe(Infinity)
    expect(controller.pacingRate).toBeUndefined()
    for (let i = 0; i < 100; i++) ack(controller, 50 + i, 50)
    expect(controller.congestionWindow).toBe(12_000 + 100 * MSS)
    // Back-pressure keeps most of it empty.
    const newest = { ...sentInfo(200), bytesInFlight: 50_000 }
    controller.onPacketsAcked({ ...ackSample(200), newest }, rttOf(50), 250)
    expect(controller.congestionWindow).toBe(12_000 + 100 * MSS)
  })

  test('gives an eighth way for each round trip with losses or marks, and takes back what was none', () => {
    const controller = yielding({ maxDatagramSize: MSS, initialWindow: 80_000 })
    controller.onPacketLost(sentInfo(10), MSS, 100)
    controller.onPacketLost(sentInfo(20), MSS, 100)
    expect(controller.congestionWindow).toBe(70_000)
    controller.onSpuriousLoss()
    expect(controller.congestionWindow).toBe(80_000)
    controller.onEcnCongestion(110, 150)
    controller.onSpuriousLoss()
    expect(controller.congestionWindow).toBe(70_000)
  })

  test('a single late packet is no queue; a round trip of them is', () => {
    const controller = yielding({ maxDatagramSize: MSS, initialWindow: 80_000 })
    let delivered = 0
    const round = (start: number, rtts: readonly number[]): void => {
      const totalDelivered = delivered
      for (const rtt of rtts) {
        delivered += MSS
        const newest = { ...sentInfo(start), totalDelivered }
        controller.onPacketsAcked({ ...ackSample(start), newest, totalDelivered: delivered }, rttOf(rtt), start + rtt)
      }
    }
    round(0, [20, 20, 20])
    round(100, [20, 20, 500])
    const before = controller.congestionWindow
    expect(before).toBe(80_000 + 5 * MSS)
    round(1000, [300, 300, 300])
    round(2000, [20])
    expect(controller.congestionWindow).toBe(Math.floor((before * 7) / 8))
  })

  test('a path that became longer for good is not late for ever', () => {
    const net = new Bottleneck({ rate: 1000, rtt: 20, buffer: 1e9 })
    const flow = net.add(ON_TCP)
    net.run(5000)
    net.link = { ...net.link, rtt: 400 }
    net.run(60_000)
    const before = flow.received
    net.run(70_000)
    expect(flow.received - before).toBeGreaterThan(0.9 * 1000 * 10_000)
  })
})

describe('on a carrier that controls congestion', () => {
  const LINK: LinkOptions = { rate: 1000, rtt: 40, buffer: 1e9 }

  test('the path is full, and what waits in the carrier is bounded', () => {
    const net = new Bottleneck(LINK)
    const flow = net.add(ON_TCP)
    net.run(5000)
    net.queueDelays = net.queued = 0
    const before = flow.received
    net.run(35_000)
    expect(flow.received - before).toBeGreaterThan(0.98 * 1000 * 30_000)
    expect(net.meanQueueDelay).toBeLessThan(150)
  })

  /** What a stall of 2 seconds costs. */
  function stalled(options: Parameters<Bottleneck['add']>[0]): BottleneckFlow {
    const net = new Bottleneck({ ...LINK, stall: { from: 5000, to: 7000 } })
    const flow = net.add(options)
    net.run(15_000)
    return flow
  }

  test('a stall of the carrier below is no loss: nothing is sent twice but probes, and the window stays', () => {
    const flow = stalled(ON_TCP)
    expect(flow.loss.packetsLost).toBe(0)
    expect(flow.probes).toBeLessThanOrEqual(4)
    expect(flow.path.congestionWindow).toBeGreaterThan(40_000)
    // Two of fifteen seconds were stalled, and made up for in part.
    expect(flow.received).toBeGreaterThan(0.95 * 1000 * 13_000)
    // UDP's ways on the same carrier: more probes, sooner.
    expect(stalled({ controller: cubic }).probes).toBeGreaterThan(flow.probes)
  })
})
