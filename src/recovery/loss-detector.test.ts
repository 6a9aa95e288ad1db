import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import type { CongestionController, ControllerFactory } from './congestion/controller.ts'
import { newReno } from './congestion/new-reno.ts'
import { PathRecovery } from './path-recovery.ts'
import { APP, Scenario, seeded } from './recovery.fixtures.ts'

/** A NewReno that writes down what it is told of. */
function spied(calls: string[]): ControllerFactory {
  return (options) => {
    const inner = newReno(options)
    const spy: CongestionController = {
      get congestionWindow() {
        return inner.congestionWindow
      },
      get slowStartThreshold() {
        return inner.slowStartThreshold
      },
      pacingRate: undefined,
      onPacketSent(packet, now) {
        inner.onPacketSent(packet, now)
      },
      onPacketsAcked(acked, rtt, now) {
        calls.push(`acked ${acked.bytes}`)
        inner.onPacketsAcked(acked, rtt, now)
      },
      onPacketLost(packet, total, now) {
        calls.push(`lost ${packet.bytes} of ${total}`)
        inner.onPacketLost(packet, total, now)
      },
      onEcnCongestion(sentTime, now) {
        inner.onEcnCongestion(sentTime, now)
      },
      onPersistentCongestion() {
        calls.push('persistent')
        inner.onPersistentCongestion()
      },
      onSpuriousLoss() {
        calls.push('spurious')
        inner.onSpuriousLoss()
      },
      onMaxDatagramSize(bytes) {
        inner.onMaxDatagramSize(bytes)
      },
    }
    return spy
  }
}

describe('packet threshold', () => {
  //= rfc9002#6.1.1-p1-1
  //= rfc9002#6.1.1-p1-2
  test('a packet is lost once one sent three numbers later is acknowledged, not before', () => {
    const sender = new Scenario()
    sender.sendAt(0, 0, 0, 0, 0)
    sender.ack(10, [2, 3])
    expect(sender.ledger.lost).toEqual([])
    sender.ack(10, [2, 4])
    expect(sender.ledger.lostIn(APP)).toEqual([0])
    sender.ack(10, [2, 5])
    expect(sender.ledger.lostIn(APP)).toEqual([0, 1])
    expect(sender.ledger.ackedIn(APP)).toEqual([2, 3, 4])
    expect(sender.path.bytesInFlight).toBe(0)
  })

  test('packets above the largest acknowledged are never lost', () => {
    const sender = new Scenario()
    sender.sendAt(0, 0, 0, 0)
    sender.ack(10, [0, 1])
    expect(sender.loss.nextTimeout()).not.toBe(NEVER)
    expect(sender.ledger.lost).toEqual([])
  })

  //= rfc9002#7.4-p1-1
  test('losses are told before acknowledgements to the controller, in bytes', () => {
    const calls: string[] = []
    const sender = new Scenario({ controller: spied(calls) })
    sender.send(0, { size: 700 })
    sender.send(0, { ackEliciting: false, size: 40 })
    sender.send(0, { padded: true, size: 300 })
    sender.sendAt(0, 0, 0, 0)
    sender.ack(10, [5, 7])
    // The packet that held nothing but ACK was never in flight.
    expect(calls).toEqual(['lost 700 of 700', 'lost 300 of 1000', 'lost 1200 of 2200', 'acked 2400'])
    expect(sender.path.bytesInFlight).toBe(1200)
    expect(sender.loss.packetsLost).toBe(3)
  })
})

describe('time threshold', () => {
  //= rfc9002#6.1.2-p1-1
  //= rfc9002#6.1.2-p3-1
  //= rfc9002#6.1.2-p6-1
  test('a packet is lost 9/8 of an RTT after it was sent, by a timer', () => {
    const sender = new Scenario()
    sender.sendAt(0, 4)
    sender.ack(84, [1, 2])
    expect(sender.ledger.lost).toEqual([])
    expect(sender.loss.nextTimeout()).toBe(90)
    sender.loss.onTimeout(89)
    expect(sender.ledger.lost).toEqual([])
    sender.loss.onTimeout(90)
    expect(sender.ledger.lostIn(APP)).toEqual([0])
    expect(sender.loss.nextTimeout()).toBe(NEVER)
    sender.loss.checkInvariants()
  })

  test('it follows the larger of newest and smoothed RTT', () => {
    const sender = new Scenario()
    sender.sample(0, 100)
    sender.sendAt(200, 240)
    sender.ack(300, [0, 1], [2, 3])
    // Newest 60, smoothed (7 × 100 + 60) / 8 = 95.
    expect(sender.loss.nextTimeout()).toBe(200 + (95 * 9) / 8)
  })

  //= rfc9002#6.1.2-p1-2
  //= rfc9002#6.1.2-p6-2
  test('it is at least the granularity', () => {
    const sender = new Scenario()
    sender.sendAt(10, 10)
    sender.ack(10, [1, 2])
    expect(sender.loss.nextTimeout()).toBe(11)
  })
})

describe('persistent congestion', () => {
  // A path whose PTO period with max_ack_delay is 2, as in the example: RTT 0.5, variation 0.25, delay 0.5.
  function example(calls: string[]): Scenario {
    const sender = new Scenario({ controller: spied(calls), granularity: 0.001 })
    sender.loss.maxAckDelay = 0.5
    return sender
  }

  //= rfc9002#7.6.1-p6-1
  //= rfc9002#7.6.2-p6-1
  test('the example of RFC 9002 §7.6.3, after an RTT sample: losses over more than three PTO periods', () => {
    const calls: string[] = []
    const sender = example(calls)
    sender.sample(0, 0.5)
    expect(sender.path.rtt.ptoPeriod(0.5, 0.001)).toBe(2)
    sender.sendAt(1, 2, 3, 4, 5, 6, 8, 12)
    calls.length = 0
    sender.ack(12.2, [8, 9])
    expect(sender.ledger.lostIn(APP)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(calls.filter((call) => call === 'persistent')).toHaveLength(1)
    expect(calls.at(-2)).toBe('persistent')
    // The minimum window, grown by the packet that arrived.
    expect(sender.path.congestionWindow).toBe(2 * 1200 + 1200)
    expect(sender.path.rtt.min).toBeCloseTo(0.2, 9)
  })

  test('exactly three periods are not enough', () => {
    for (const [last, isPersistent] of [
      [6.25, false],
      [6.26, true],
    ] as const) {
      const calls: string[] = []
      const sender = example(calls)
      sender.sample(0, 0.5)
      sender.sendAt(1, 2, 3, 4, 5, 6, last, 12)
      // The same RTT again makes the variation smaller: 0.5 + 4 × 0.1875 + 0.5.
      sender.ack(12.5, [8, 9])
      expect(sender.path.rtt.ptoPeriod(0.5, 0.001)).toBe(1.75)
      expect(calls.includes('persistent')).toBe(isPersistent)
    }
  })

  test('a packet in between that arrives ends the run', () => {
    const calls: string[] = []
    const sender = example(calls)
    sender.sample(0, 0.5)
    sender.sendAt(1, 2, 3, 4, 5, 6, 8, 12)
    sender.ack(12.5, [4, 5], [8, 9])
    expect(calls).not.toContain('persistent')
  })

  //= rfc9002#7.6.2-p5-1
  test('a packet in between that arrives in another space ends the run', () => {
    const calls: string[] = []
    const sender = example(calls)
    sender.sample(0, 0.5)
    sender.send(4, { space: PacketSpace.handshake })
    sender.sendAt(1, 2, 3, 4, 5, 6, 8, 12)
    sender.ackIn(PacketSpace.handshake, 4.4, 0, [0, 1])
    sender.ack(12.5, [8, 9])
    expect(calls).not.toContain('persistent')
  })

  //= rfc9002#7.6.2-p3-1
  test('only ack-eliciting packets count', () => {
    const calls: string[] = []
    const sender = example(calls)
    sender.sample(0, 0.5)
    sender.send(1, { padded: true })
    sender.sendAt(4, 5, 6)
    sender.send(11, { padded: true })
    sender.sendAt(12, 12, 12)
    sender.ack(12.5, [7, 9])
    expect(sender.ledger.lostIn(APP)).toContain(5)
    expect(calls).not.toContain('persistent')
  })

  //= rfc9002#7.6.2-p4-1
  test('packets sent before the first sample do not count', () => {
    const calls: string[] = []
    const sender = example(calls)
    sender.sendAt(0, 1, 2, 3, 4, 50)
    sender.ack(50.1, [5, 6])
    expect(sender.ledger.lostIn(APP)).toHaveLength(5)
    expect(calls).not.toContain('persistent')
  })
})

describe('spurious losses', () => {
  //= rfc9000#13.3-p6-1
  test('an acknowledgement after the loss is told to the owner and undoes the reduction', () => {
    const calls: string[] = []
    const sender = new Scenario({ controller: spied(calls) })
    sender.sendAt(0, 0, 0, 0, 0)
    sender.ack(10, [3, 5])
    const reduced = sender.path.congestionWindow
    expect(reduced).toBe(6000)
    expect(sender.path.isInRecovery).toBe(true)
    sender.ack(11, [0, 1], [3, 5])
    expect(sender.path.congestionWindow).toBe(reduced)
    sender.ack(11, [0, 2], [3, 5])
    expect(sender.path.congestionWindow).toBe(12000)
    expect(calls).toContain('spurious')
    expect(sender.path.isInRecovery).toBe(false)
    expect(sender.loss.spuriousLosses).toBe(2)
    expect(sender.path.totalLost).toBe(0)
    expect(sender.ledger.ackedIn(APP)).toEqual([3, 4, 0, 1])
    expect(sender.path.bytesInFlight).toBe(1200)
  })

  test('one true loss of the same event forbids the undo', () => {
    const calls: string[] = []
    const sender = new Scenario({ controller: spied(calls) })
    sender.sendAt(0, 0, 0, 0, 0)
    sender.ack(10, [4, 5])
    sender.ack(11, [1, 2], [4, 5])
    expect(calls).not.toContain('spurious')
    expect(sender.path.congestionWindow).toBe(6000)
  })

  test('a lost packet is remembered for a PTO and no longer', () => {
    for (const [later, spurious] of [
      [30, 3],
      [300, 0],
    ] as const) {
      const sender = new Scenario()
      sender.sendAt(0, 0, 0, 0)
      sender.ack(10, [3, 4])
      sender.fire()
      expect(sender.ledger.lostIn(APP)).toEqual([0, 1, 2])
      sender.send(later - 10)
      sender.ack(later, [3, 5])
      sender.ack(later + 1, [0, 5])
      expect(sender.loss.spuriousLosses).toBe(spurious)
      expect(sender.ledger.ackedIn(APP)).toHaveLength(2 + spurious)
    }
  })
})

describe('acknowledgements of what was never sent', () => {
  //= rfc9000#13.1-p3-1
  test('a number above all that was sent is a PROTOCOL_VIOLATION in each space', () => {
    for (const space of [PacketSpace.initial, PacketSpace.handshake, APP]) {
      const sender = new Scenario()
      sender.send(0, { space })
      expect(() => sender.ackIn(space, 1, 0, [0, 2])).toThrow(
        expect.objectContaining({ code: TransportErrorCode.PROTOCOL_VIOLATION, frameType: 2n }),
      )
      expect(() => sender.ackIn(space, 1, 0, [7, 8])).toThrow(TransportError)
      sender.ackIn(space, 1, 0, [0, 1])
    }
  })

  test('a skipped number is a PROTOCOL_VIOLATION, however the ranges are dealt out', () => {
    const sender = new Scenario({ random: seeded(7), path: { initialWindow: 10_000_000 } })
    const sent: number[] = []
    for (let i = 0; i < 1500; i++) sent.push(sender.send(i))
    const skipped = Array.from({ length: sent.at(-1) ?? 0 }, (_, n) => n).filter((n) => !sent.includes(n))
    expect(skipped.length).toBeGreaterThan(0)
    for (const number of skipped) {
      expect(() => sender.ack(2000, [number, number + 1])).toThrow(TransportError)
      expect(() => sender.ack(2000, [number - 1, number + 2])).toThrow(TransportError)
      sender.ack(2000, [0, skipped[0] ?? 0], [number - 1, number], [number + 1, number + 2])
      // The record of it is gone by now; the number is not forgotten.
      expect(() => sender.ack(2000, [0, number + 1])).toThrow(TransportError)
    }
  })

  test('a packet that is being written cannot be acknowledged', () => {
    const sender = new Scenario()
    sender.send(0)
    const packet = sender.loss.beginPacket(APP, sender.path)
    expect(() => sender.ack(1, [0, 2])).toThrow(TransportError)
    sender.loss.cancelPacket(packet)
    sender.ack(1, [0, 1])
  })

  test('numbers forgotten long ago are ignored', () => {
    const sender = new Scenario()
    for (let i = 0; i < 100; i++) sender.sample(i, 1)
    expect(sender.ack(200, [0, 100])).toBe(false)
    expect(sender.ledger.acked).toHaveLength(100)
  })
})

describe('paths', () => {
  test('what is outstanding on a path that is given up is lost to its owners, not to a controller', () => {
    const calls: string[] = []
    const sender = new Scenario({ controller: spied(calls) })
    const other = new PathRecovery({ id: 1, controller: spied(calls), pacing: false })
    sender.sendAt(0, 1)
    sender.send(2, { path: other })
    sender.loss.onPathRemoved(sender.path, 3)
    expect(sender.ledger.lostIn(APP)).toEqual([0, 1])
    expect(calls).toEqual([])
    expect(sender.loss.bytesInFlight).toBe(1200)
    sender.ack(10, [0, 1], [2, 3])
    expect(sender.ledger.ackedIn(APP)).toEqual([0, 2])
    expect(calls).toEqual(['acked 1200'])
    expect(sender.loss.bytesInFlight).toBe(0)
    expect(sender.loss.spuriousLosses).toBe(0)
  })

  test('losses and acknowledgements go to the controller of the packet’s own path', () => {
    const calls: string[] = []
    const others: string[] = []
    const sender = new Scenario({ controller: spied(calls) })
    const other = new PathRecovery({ id: 1, controller: spied(others), pacing: false })
    sender.send(0)
    sender.send(0, { path: other, size: 1300 })
    sender.sendAt(1, 2)
    sender.send(3, { path: other, size: 1300 })
    sender.ack(10, [3, 5])
    expect(calls).toEqual(['lost 1200 of 1200', 'acked 1200'])
    expect(others).toEqual(['lost 1300 of 1300', 'acked 1300'])
  })
})

test('a packet that is sent twice, or was not begun, is refused', () => {
  const sender = new Scenario()
  const packet = sender.loss.beginPacket(APP, sender.path)
  packet.size = 1200
  packet.ackEliciting = true
  sender.loss.onPacketSent(packet, 0)
  expect(() => sender.loss.onPacketSent(packet, 1)).toThrow('was not begun')
  expect(() => sender.loss.cancelPacket(packet)).toThrow('begun last')
})

describe('memory', () => {
  test('packets that hold nothing but ACK are forgotten beyond a bound, as they may never be acknowledged', () => {
    const sender = new Scenario()
    for (let i = 0; i < 20_000; i++) sender.send(i, { ackEliciting: false, size: 40 })
    expect(sender.loss.outstanding(APP)).toBeLessThanOrEqual(1024)
    expect(sender.loss.packetsLost).toBe(0)
    const last = sender.send(20_000)
    sender.ack(20_050, [0, 1], [last, last + 1])
    expect(sender.ledger.ackedIn(APP)).toEqual([last])
    sender.loss.checkInvariants()
  })

  test('a peer that acknowledges nothing costs a bounded number of records', () => {
    const sender = new Scenario()
    sender.send(0)
    for (let i = 1; i < 40_000; i++) sender.send(i, { ackEliciting: i % 1000 === 0, size: 40 })
    expect(sender.loss.outstanding(APP)).toBeLessThanOrEqual(32_768)
    expect(sender.ledger.lostIn(APP)).toContain(0)
    sender.loss.checkInvariants()
  })
})

test('the highest key generation that an ACK frame acknowledges is known', () => {
  const sender = new Scenario()
  for (const generation of [-1, 0, 1]) {
    const packet = sender.loss.beginPacket(APP, sender.path)
    packet.ackEliciting = true
    packet.size = 100
    packet.keyGeneration = generation
    sender.loss.onPacketSent(packet, 0)
  }
  expect(sender.loss.ackedKeyGeneration).toBe(-1)
  sender.ack(10, [0, 1], [2, 3])
  expect(sender.loss.ackedKeyGeneration).toBe(1)
  // An older ACK frame, late: what it says of generation 1 is no news of it.
  sender.ack(10, [0, 2])
  expect(sender.loss.ackedKeyGeneration).toBe(0)
})
