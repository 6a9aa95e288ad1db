import { describe, expect, test } from 'vitest'
import { controllerFactory } from './congestion/algorithms.ts'
import type { AckSample, ControllerFactory } from './congestion/controller.ts'
import { cubic } from './congestion/cubic.ts'
import { newReno } from './congestion/new-reno.ts'
import { PathRecovery } from './path-recovery.ts'
import { APP, Scenario } from './recovery.fixtures.ts'

/** A NewReno that keeps a copy of each sample. */
function sampled(samples: AckSample[]): ControllerFactory {
  return (options) => {
    const inner = newReno(options)
    const onPacketsAcked = inner.onPacketsAcked.bind(inner)
    inner.onPacketsAcked = (acked, rtt, now) => {
      const { bytes, deliveryRate, appLimited, bytesInFlight, totalDelivered, totalLost, newest } = acked
      samples.push({
        bytes,
        deliveryRate,
        appLimited,
        bytesInFlight,
        totalDelivered,
        totalLost,
        newest: { ...newest, bytes: newest.bytes },
      })
      onPacketsAcked(acked, rtt, now)
    }
    return inner
  }
}

describe('what a controller is told', () => {
  test('the totals as a packet left and as they are after the losses', () => {
    const samples: AckSample[] = []
    const sender = new Scenario({ controller: sampled(samples) })
    sender.sendAt(0, 0, 0, 0, 1)
    sender.ack(50, [3, 5])
    expect(samples).toHaveLength(1)
    expect(samples[0]).toMatchObject({ bytes: 2400, bytesInFlight: 1200, totalDelivered: 2400, totalLost: 2400 })
    expect(samples[0]?.newest).toMatchObject({
      bytes: 1200,
      sentTime: 1,
      bytesInFlight: 6000,
      totalDelivered: 0,
      totalLost: 0,
    })
    sender.send(60)
    sender.ack(110, [5, 6])
    expect(samples[1]?.newest).toMatchObject({
      sentTime: 60,
      bytesInFlight: 2400,
      totalDelivered: 2400,
      totalLost: 2400,
    })
  })

  test('the delivery rate of a steady flow', () => {
    const samples: AckSample[] = []
    const sender = new Scenario({ controller: sampled(samples), path: { initialWindow: 1_000_000 } })
    // A packet each ms, acknowledged 50 ms later: 1,200 bytes per ms.
    for (let t = 0; t < 300; t++) {
      sender.send(t)
      if (t >= 50) sender.ack(t, [t - 50, t - 49])
    }
    const rates = samples.slice(60).map((sample) => sample.deliveryRate)
    for (const rate of rates) expect(rate).toBeCloseTo(1200, 6)
  })
})

describe('lack of data', () => {
  //= rfc9002#7.8-p1-1
  test('keeps the window from growing, in slow start and after', () => {
    for (const controller of [newReno, cubic]) {
      const sender = new Scenario({ controller })
      for (let i = 0; i < 50; i++) {
        sender.send(100 * i)
        sender.path.onAppLimited()
        sender.ack(100 * i + 50, [i, i + 1])
      }
      expect(sender.path.congestionWindow).toBe(12000)
    }
  })

  test('is over when all that left meanwhile is delivered, and what followed it', () => {
    const sender = new Scenario()
    sender.send(0)
    sender.path.onAppLimited()
    expect(sender.path.isAppLimited).toBe(true)
    sender.send(1)
    sender.ack(50, [0, 1])
    expect(sender.path.isAppLimited).toBe(true)
    sender.ack(51, [0, 2])
    expect(sender.path.isAppLimited).toBe(false)
  })

  test('has no effect while the window is full', () => {
    const sender = new Scenario({ path: { initialWindow: 3600 } })
    sender.sendAt(0, 0, 0)
    sender.path.onAppLimited()
    expect(sender.path.isAppLimited).toBe(false)
    sender.ack(50, [0, 3])
    expect(sender.path.congestionWindow).toBe(7200)
  })

  //= rfc9002#7.8-p2-1
  test('waiting for the pacer is not lack of data', () => {
    const sender = new Scenario({ path: { pacing: true, initialWindow: 100_000 } })
    let sent = 0
    while (sender.path.pacer.canSend(1200, 0)) {
      sender.send(0)
      sent += 1
    }
    expect(sent).toBe(10)
    sender.ack(50, [0, sent])
    expect(sender.path.congestionWindow).toBe(100_000 + 12_000)
  })

  test('a window that was full before the ACK grows, though its newest packet followed a lack of data', () => {
    const sender = new Scenario()
    sender.send(10, { size: 100 })
    sender.path.onAppLimited()
    for (let i = 0; i < 9; i++) sender.send(10)
    sender.ack(60, [1, 2])
    expect(sender.path.congestionWindow).toBe(13200)
  })
})

describe('changes on a live path', () => {
  test('another controller keeps bytes in flight, RTT and the window of the old one at most', () => {
    for (const [from, to] of [
      [newReno, cubic],
      [cubic, newReno],
    ] as const) {
      const sender = new Scenario({ controller: from })
      for (let i = 0; i < 10; i++) sender.send(0)
      sender.ack(50, [0, 5])
      const window = sender.path.congestionWindow
      expect(window).toBe(18000)
      const { smoothed } = sender.path.rtt
      sender.path.setController(sender.path.successor(to))
      expect(sender.path.congestionWindow).toBe(window)
      expect(sender.path.bytesInFlight).toBe(6000)
      expect(sender.path.rtt.smoothed).toBe(smoothed)
      sender.ack(60, [0, 10])
      expect(sender.path.bytesInFlight).toBe(0)
      expect(sender.path.congestionWindow).toBe(24000)
      sender.loss.checkInvariants()
    }
  })

  test('a reduced window stays reduced, with its threshold', () => {
    const sender = new Scenario()
    for (let i = 0; i < 10; i++) sender.send(0)
    sender.ack(50, [9, 10])
    sender.path.setController(sender.path.successor(cubic))
    expect(sender.path.congestionWindow).toBe(6000)
    expect(sender.path.controller.slowStartThreshold).toBe(6000)
    // Losses from before the change turn out spurious: the new controller never saw them.
    sender.ack(51, [0, 10])
    expect(sender.path.congestionWindow).toBeLessThan(12000)
  })

  //= rfc9000#9.4-p2-1
  test('a new path starts with initial values', () => {
    const sender = new Scenario()
    for (let i = 0; i < 10; i++) sender.sample(100 * i, 50)
    const path = new PathRecovery({ id: 1, controller: newReno })
    expect(path.rtt.hasSample).toBe(false)
    expect(path.congestionWindow).toBe(12000)
    expect(path.bytesInFlight).toBe(0)
  })

  test('built-in algorithms go by name, others as they are, unknown names throw', () => {
    expect(controllerFactory('cubic')).toBe(cubic)
    expect(controllerFactory('newreno')).toBe(newReno)
    const own: ControllerFactory = (options) => newReno(options)
    // Looked after, and otherwise as they are.
    const options = { maxDatagramSize: 1200, initialWindow: 7777 }
    expect(controllerFactory(own)(options).congestionWindow).toBe(7777)
    expect(() => controllerFactory('vegas' as 'cubic')).toThrow(TypeError)
  })
})

describe('probes of a path', () => {
  //= rfc9000#9.4-p1-1
  test('are lost without a word to the controller, arm no PTO, and measure no RTT', () => {
    const sender = new Scenario()
    const window = sender.path.congestionWindow
    sender.send(0, { isPathProbe: true })
    sender.send(10, { isPathProbe: true })
    expect(sender.loss.nextTimeout()).toBe(Infinity)
    sender.sendAt(1000, 1001, 1002, 1003)
    sender.ack(1050, [2, 6])
    expect(sender.ledger.lostIn(APP)).toEqual([0, 1])
    expect(sender.path.congestionWindow).toBeGreaterThanOrEqual(window)
    expect(sender.path.isInRecovery).toBe(false)
    expect(sender.path.bytesInFlight).toBe(0)
    // A loss that was none after all is no reason to undo anything.
    sender.ack(1060, [0, 6])
    const { latest } = sender.path.rtt
    const probe = sender.send(1100, { isPathProbe: true })
    sender.ack(1900, [probe, probe + 1])
    expect(sender.path.rtt.latest).toBe(latest)
    sender.sendAt(2000, 2001, 2002, 2003)
    expect(sender.loss.nextTimeout()).toBeLessThan(Infinity)
    sender.ack(2050, [probe + 4, probe + 5])
    expect(sender.path.isInRecovery).toBe(true)
  })
})
