import { describe, expect, test } from 'vitest'
import { Bottleneck, type BottleneckFlow, jain, type LinkOptions } from '../../bottleneck.fixtures.ts'
import { seeded } from '../../recovery.fixtures.ts'
import { ackSample, MSS, rttOf, sentInfo } from '../congestion-suite.fixtures.ts'
import { cubic } from '../cubic.ts'
import { bbr } from './bbr.ts'

/** 40 Mbit/s and 40 ms: a bandwidth-delay product of 200,000 bytes, and as much buffer. */
const RATE = 5000
const RTT = 40
const BDP = RATE * RTT
const LINK: LinkOptions = { rate: RATE, rtt: RTT, buffer: BDP }

function flowOn(link: Partial<LinkOptions> = {}): { net: Bottleneck; flow: BottleneckFlow } {
  const net = new Bottleneck({ ...LINK, ...link })
  return { net, flow: net.add({ controller: bbr }) }
}

/** Runs until the pacing rate is `gain` times the link's rate, within 3 %; the time that took. */
function runToGain(net: Bottleneck, flow: BottleneckFlow, gain: number, limit = 10_000): number {
  const start = net.now
  while (net.now < start + limit) {
    net.run(net.now + 1)
    const { pacingRate } = flow.path.controller
    if (Math.abs((pacingRate ?? 0) / (RATE * gain) - 1) < 0.03) return net.now - start
  }
  throw new Error(`No pacing at ${gain} of the rate within ${limit} ms, but at ${flow.path.controller.pacingRate}`)
}

describe('the start', () => {
  test('is the initial window, paced as if the round trip took a millisecond until it is known', () => {
    const controller = bbr({ maxDatagramSize: MSS })
    expect(controller.congestionWindow).toBe(12_000)
    expect(controller.slowStartThreshold).toBe(Infinity)
    expect(controller.pacingRate).toBeCloseTo(4 * Math.LN2 * 12_000, 6)
    controller.onPacketSent({ ...sentInfo(0), bytesInFlight: MSS }, 0)
    controller.onPacketsAcked({ ...ackSample(0), bytesInFlight: 0 }, rttOf(50), 50)
    expect(controller.pacingRate).toBeCloseTo((4 * Math.LN2 * 12_000) / 50, 6)
  })

  test('doubles the rate each round, ends at the plateau, drains what it piled up', () => {
    const { net, flow } = flowOn()
    // 2.77 times the bandwidth, then half of it.
    const toPlateau = runToGain(net, flow, 4 * Math.LN2 * 0.99)
    expect(toPlateau).toBeLessThan(9 * RTT)
    expect(flow.path.controller.slowStartThreshold).toBe(Infinity)
    expect(runToGain(net, flow, 0.5 * 0.99)).toBeLessThan(6 * RTT)
    expect(flow.path.bytesInFlight).toBeGreaterThan(1.2 * BDP)
    expect(flow.path.controller.slowStartThreshold).toBeGreaterThan(0.9 * BDP)
    expect(runToGain(net, flow, 0.99)).toBeLessThan(3 * RTT)
    expect(flow.path.bytesInFlight).toBeLessThan(1.1 * BDP)
  })

  test('ends by losses where the buffer is shallow, long before the plateau would have shown', () => {
    const { net, flow } = flowOn({ buffer: BDP / 20 })
    net.run(3000)
    expect(flow.path.controller.slowStartThreshold).toBeLessThan(Infinity)
    // Three rounds at 2.77 times the rate would have lost about three times the product.
    expect(flow.loss.packetsLost * 1452).toBeLessThan(3 * BDP)
    const before = flow.received
    net.run(13_000)
    expect(flow.received - before).toBeGreaterThan(0.85 * RATE * 10_000)
  })

  test('a few random losses do not end it', () => {
    const { net, flow } = flowOn({ loss: 0.01, seed: 3 })
    net.run(2000)
    const before = flow.received
    net.run(4000)
    expect(flow.received - before).toBeGreaterThan(0.8 * RATE * 2000)
  })
})

describe('ProbeBW', () => {
  test('goes down, cruises, refills and goes up, every two to three seconds at the latest', () => {
    const { net, flow } = flowOn()
    net.run(1000)
    for (let cycle = 0; cycle < 3; cycle++) {
      const wait = runToGain(net, flow, 1.25 * 0.99)
      expect(wait).toBeLessThan(3000 + 10 * RTT)
      if (cycle > 0) expect(wait).toBeGreaterThan(1500)
      expect(runToGain(net, flow, 0.9 * 0.99)).toBeLessThan(8 * RTT)
      expect(runToGain(net, flow, 0.99)).toBeLessThan(20 * RTT)
    }
  })

  test('keeps the queue short and the path full', () => {
    const { net, flow } = flowOn()
    net.run(2000)
    net.queueDelays = net.queued = 0
    const before = flow.received
    net.run(32_000)
    expect(flow.received - before).toBeGreaterThan(0.95 * RATE * 30_000)
    expect(net.meanQueueDelay).toBeLessThan(RTT / 4)
    expect(net.dropped).toBeLessThan(60)
  })

  test('takes up bandwidth that becomes free, and gives up what is gone', () => {
    const { net, flow } = flowOn()
    net.run(5000)
    net.link = { ...LINK, rate: 2 * RATE, buffer: 2 * BDP }
    net.run(20_000)
    let before = flow.received
    net.run(25_000)
    expect(flow.received - before).toBeGreaterThan(0.9 * 2 * RATE * 5000)
    net.link = { ...LINK, rate: RATE / 2, buffer: BDP / 2 }
    net.run(40_000)
    before = flow.received
    net.queueDelays = net.queued = 0
    net.run(50_000)
    expect(flow.received - before).toBeGreaterThan((0.9 * RATE * 10_000) / 2)
    expect(net.meanQueueDelay).toBeLessThan(RTT)
  })

  test('the waits are drawn from the source it is given, and from nothing else', () => {
    const times = (seed: number | undefined): number => {
      const net = new Bottleneck(LINK)
      const random = seed === undefined ? undefined : seeded(seed)
      const flow = net.add({ controller: (options) => bbr({ ...options, random }) })
      net.run(1000)
      runToGain(net, flow, 1.25 * 0.99)
      return net.now
    }
    expect(times(1)).toBe(times(1))
    expect(times(undefined)).toBe(times(undefined))
    expect(new Set([11, 777, 1001, 31_337, 50_001].map(times)).size).toBeGreaterThan(1)
  })
})

describe('ProbeRTT', () => {
  test('halves what is in flight for 200 ms where the RTT was not seen as low for five seconds', () => {
    const { net, flow } = flowOn()
    net.run(3000)
    // The path becomes longer: the old minimum is not seen any more.
    net.link = { ...LINK, rtt: 1.5 * RTT, buffer: 2 * BDP }
    let shortest = Infinity
    let low = 0
    for (let now = 3000; now < 9000; now += 1) {
      net.run(now)
      shortest = Math.min(shortest, flow.path.congestionWindow)
      if (flow.path.congestionWindow < 0.7 * BDP) low += 1
    }
    expect(shortest).toBeLessThan(0.6 * BDP)
    expect(low).toBeGreaterThan(200)
    expect(low).toBeLessThan(600)
    net.run(20_000)
    const before = flow.received
    net.run(25_000)
    expect(flow.received - before).toBeGreaterThan(0.9 * RATE * 5000)
  })

  test('is not needed by a flow that falls silent now and then', () => {
    const net = new Bottleneck(LINK)
    const flow = net.add({ controller: bbr, supply: { bytes: 5 * BDP, every: 2000 } })
    net.run(6000)
    let shortest = Infinity
    for (let now = 6000; now < 40_000; now += 10) {
      net.run(now)
      shortest = Math.min(shortest, flow.path.congestionWindow)
    }
    expect(shortest).toBeGreaterThan(0.9 * BDP)
  })
})

describe('losses', () => {
  test('one in a hundred at random costs less than a fifth', () => {
    for (const seed of [1, 2, 3]) {
      const { net, flow } = flowOn({ loss: 0.01, seed })
      net.run(5000)
      const before = flow.received
      net.run(35_000)
      expect((flow.received - before) / (RATE * 30_000)).toBeGreaterThan(0.8)
    }
  })

  test('far more than that is congestion: the rate goes down', () => {
    const { net, flow } = flowOn()
    net.run(4000)
    net.link = { ...LINK, loss: 0.3 }
    const before = flow.sent
    net.run(14_000)
    expect((flow.sent - before) * 1452).toBeLessThan(0.75 * RATE * 10_000)
  })

  test('persistent congestion leaves the minimum window, and what it was comes back within some round trips', () => {
    const { net, flow } = flowOn()
    net.run(3000)
    net.link = { ...LINK, loss: 1 }
    net.run(6000)
    net.link = LINK
    let shortest = Infinity
    for (let now = 6000; now < 10_000; now++) {
      net.run(now)
      shortest = Math.min(shortest, flow.path.congestionWindow)
    }
    // BBR.MinPipeCwnd: at the next acknowledgement it is four datagrams again.
    expect(shortest).toBeLessThanOrEqual(4 * 1452)
    const before = flow.received
    net.run(15_000)
    expect(flow.received - before).toBeGreaterThan(0.9 * RATE * 5000)
  })

  test('marks are congestion: Startup ends at the first, and the queue stays below where they begin', () => {
    const { net, flow } = flowOn({ buffer: 4 * BDP, markAbove: BDP / 4 })
    net.run(300)
    expect(flow.path.controller.slowStartThreshold).toBeLessThan(Infinity)
    expect(flow.loss.packetsLost).toBe(0)
    net.run(2000)
    net.queueDelays = net.queued = 0
    const before = flow.received
    net.run(22_000)
    expect(net.meanQueueDelay).toBeLessThan(RTT / 4)
    expect(flow.received - before).toBeGreaterThan(0.85 * RATE * 20_000)
  })
})

describe('a reduction that was a mistake', () => {
  test('is undone when what was declared lost arrives after all', () => {
    const rates = (isLate: boolean): number => {
      const { net, flow } = flowOn()
      net.run(1500)
      // Reordering in several round trips, by far more than loss detection bears.
      net.link = isLate ? { ...LINK, late: { from: 1500, to: 1600, by: 15, every: 4 } } : LINK
      net.run(1700)
      expect(flow.loss.packetsLost > net.dropped).toBe(isLate)
      expect(flow.loss.spuriousLosses).toBe(flow.loss.packetsLost - net.dropped)
      return flow.path.controller.pacingRate ?? 0
    }
    expect(rates(true)).toBeGreaterThan(0.97 * rates(false))
  })

  test('leads back into Startup where it had ended that', () => {
    const { net, flow } = flowOn({ rate: 4 * RATE, buffer: 16 * BDP })
    net.run(190)
    net.link = { ...net.link, late: { from: 190, to: 225, by: 60, every: 4 } }
    let ended = false
    for (let now = 190; now < 400; now++) {
      net.run(now)
      const { slowStartThreshold } = flow.path.controller
      if (slowStartThreshold < Infinity) ended = true
      else if (ended) return
    }
    throw new Error(`Startup ended: ${ended}, and did not begin again`)
  })
})

describe('a path that is used now and then', () => {
  test('is taken up at the known rate after a silence: no Startup, no burst', () => {
    const net = new Bottleneck(LINK)
    const flow = net.add({ controller: bbr, supply: { bytes: 8 * BDP, every: 3000 } })
    net.run(3000)
    const dropped = net.dropped
    let highest = 0
    for (let now = 3000; now < 3300; now++) {
      net.run(now)
      highest = Math.max(highest, flow.path.controller.pacingRate ?? 0)
    }
    expect(highest).toBeLessThan(1.3 * RATE)
    expect(net.dropped).toBe(dropped)
  })

  test('samples that lacked data say nothing: the estimate stays', () => {
    const net = new Bottleneck(LINK)
    const flow = net.add({ controller: bbr })
    net.run(3000)
    const rate = flow.path.controller.pacingRate ?? 0
    const idle = net.add({ controller: bbr, supply: { bytes: 2 * 1452, every: 100 } })
    net.run(20_000)
    // The other one never had anything to fill the path with.
    expect(idle.path.controller.slowStartThreshold).toBe(Infinity)
    expect(idle.path.congestionWindow).toBeLessThan(10 * 14_520)
    expect(flow.path.controller.pacingRate ?? 0).toBeGreaterThan(0.7 * rate)
  })
})

describe('in company', () => {
  test('two BBR flows share, and neither BBR nor CUBIC starves the other', () => {
    for (const other of [bbr, cubic]) {
      const net = new Bottleneck({ rate: 2500, rtt: 40, buffer: 100_000 })
      const flows = [net.add({ controller: bbr }), net.add({ controller: other, start: 2000 })]
      net.run(30_000)
      const before = flows.map((flow) => flow.received)
      net.run(60_000)
      const shares = flows.map((flow, index) => flow.received - (before[index] ?? 0))
      expect(jain(shares)).toBeGreaterThan(other === bbr ? 0.95 : 0.8)
    }
  })
})

test('the predecessor hands over its window; pacing waits for the first acknowledgement', () => {
  const controller = bbr({
    maxDatagramSize: MSS,
    inherited: { congestionWindow: 100_000, slowStartThreshold: 50_000 },
  })
  expect(controller.congestionWindow).toBe(100_000)
  expect(controller.pacingRate).toBeUndefined()
  controller.onPacketsAcked(ackSample(0), rttOf(50), 50)
  expect(controller.pacingRate).toBeGreaterThanOrEqual((4 * Math.LN2 * 100_000) / 50)
})
