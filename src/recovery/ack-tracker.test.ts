import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { type AckFrame, FrameType } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { AckTracker } from './ack-tracker.ts'
import { APP, numbersOf, TestPacket } from './recovery.fixtures.ts'

function received(tracker: AckTracker, at: number, ...numbers: readonly number[]): void {
  for (const number of numbers) tracker.onPacketReceived(number, true, 0, at)
  tracker.checkInvariants()
}

/** The ACK frame that the tracker writes now, if any. */
function written(tracker: AckTracker, now: number, room = 1200): AckFrame | undefined {
  const packet = new TestPacket(room, frameSize)
  tracker.writeFrames(packet, now)
  return packet.frames[0] as AckFrame | undefined
}

function numbers(frame: AckFrame | undefined): number[] {
  return frame === undefined ? [] : numbersOf(frame.ranges)
}

describe('when an ACK is due', () => {
  //= rfc9000#13.2.1-p2-1
  test('at once for every ack-eliciting Initial and Handshake packet', () => {
    for (const space of [PacketSpace.initial, PacketSpace.handshake]) {
      const tracker = new AckTracker({ space })
      received(tracker, 10, 0)
      expect(tracker.wantsToSend).toBe(true)
      expect(tracker.nextTimeout()).toBe(NEVER)
    }
  })

  //= rfc9000#13.2.2-p4-1
  test('for 1-RTT after two ack-eliciting packets', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 0)
    expect(tracker.wantsToSend).toBe(false)
    expect(tracker.hasUnacked).toBe(true)
    received(tracker, 12, 1)
    expect(tracker.wantsToSend).toBe(true)
  })

  //= rfc9000#13.2.1-p1-1
  test('for one packet after max_ack_delay, counted from its receipt', () => {
    const tracker = new AckTracker({ space: APP, maxAckDelay: 20 })
    received(tracker, 10, 0)
    expect(tracker.nextTimeout()).toBe(30)
    tracker.onTimeout(29)
    expect(tracker.wantsToSend).toBe(false)
    tracker.onTimeout(30)
    expect(tracker.wantsToSend).toBe(true)
    expect(numbers(written(tracker, 30))).toEqual([0])
    expect(tracker.nextTimeout()).toBe(NEVER)
    expect(tracker.wantsToSend).toBe(false)
  })

  //= rfc9000#13.2.1-p7-1
  test('at once for a packet out of order, below or above', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 0)
    written(tracker, 10)
    received(tracker, 11, 2)
    expect(tracker.wantsToSend).toBe(true)
    written(tracker, 11)
    received(tracker, 12, 1)
    expect(tracker.wantsToSend).toBe(true)
    written(tracker, 12)
    received(tracker, 13, 3)
    expect(tracker.wantsToSend).toBe(false)
  })

  test('not at once where packets that elicit no ACK lie in between', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 0)
    written(tracker, 10)
    tracker.onPacketReceived(1, false, 0, 11)
    received(tracker, 12, 2)
    expect(tracker.wantsToSend).toBe(false)
  })

  //= rfc9000#13.2.1-p9-1
  test('at once for a packet marked CE', () => {
    const tracker = new AckTracker({ space: APP })
    tracker.onPacketReceived(0, true, 3, 10)
    expect(tracker.wantsToSend).toBe(true)
  })

  //= rfc9000#13.2.1-p4-1
  test('never for packets that elicit none, whatever gaps and marks they have', () => {
    for (const space of [PacketSpace.initial, APP]) {
      const tracker = new AckTracker({ space })
      for (const number of [0, 5, 3, 9]) tracker.onPacketReceived(number, false, 3, 10)
      expect(tracker.wantsToSend).toBe(false)
      expect(tracker.hasUnacked).toBe(false)
      expect(tracker.nextTimeout()).toBe(NEVER)
      expect(written(tracker, 100)).toBeUndefined()
    }
  })

  //= rfc9000#13.2.1-p3-1
  test('once for what was received, however often it is asked', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 0, 1, 2, 3, 4)
    expect(numbers(written(tracker, 10))).toEqual([0, 1, 2, 3, 4])
    expect(written(tracker, 10)).toBeUndefined()
    expect(tracker.hasUnacked).toBe(false)
  })

  //= rfc9000#13.2.1-p5-1
  //= rfc9000#13.2-p2-1
  test('a single packet is acknowledged along with other frames', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 7)
    expect(numbers(written(tracker, 11))).toEqual([7])
    expect(tracker.nextTimeout()).toBe(NEVER)
  })
})

describe('the frame', () => {
  //= rfc9000#13.2.5-p2-1
  test('reports the delay since the largest number arrived, in units of the exponent', () => {
    const tracker = new AckTracker({ space: APP, ackDelayExponent: 4 })
    received(tracker, 10, 5)
    received(tracker, 12, 4)
    expect(written(tracker, 20)?.ackDelay).toBe((10 * 1000) / 16)
    const initial = new AckTracker({ space: PacketSpace.initial, ackDelayExponent: 4 })
    received(initial, 10, 0)
    expect(written(initial, 18)?.ackDelay).toBe((8 * 1000) / 8)
  })

  //= rfc9000#13.2.5-p3-1
  test('reports a delay beyond max_ack_delay as it is, and none that is negative', () => {
    const tracker = new AckTracker({ space: APP, maxAckDelay: 25 })
    received(tracker, 10, 0)
    expect(written(tracker, 110)?.ackDelay).toBe(12500)
    received(tracker, 200, 1)
    expect(written(tracker, 199)?.ackDelay).toBe(0)
  })

  //= rfc9000#13.2.3-p2-1
  //= rfc9000#13.2.3-p7-1
  test('holds the newest ranges, the largest number in any case', () => {
    const tracker = new AckTracker({ space: APP })
    for (let i = 0; i < 100; i++) received(tracker, i, 2 * i)
    const frame = written(tracker, 100)
    expect(frame?.ranges.size).toBe(32)
    expect(frame?.ranges.max).toBe(199)
    if (frame !== undefined) tracker.onAcked(frame, 110)
    // A late packet alone: the largest still goes with it.
    received(tracker, 120, 1)
    expect(numbers(written(tracker, 121))).toEqual([1, 198])
  })

  test('gives older ranges up where there is no room, and is not written where there is none at all', () => {
    const tracker = new AckTracker({ space: APP })
    for (let i = 0; i < 30; i++) received(tracker, i, 1000 * i)
    expect(written(tracker, 40, 4)).toBeUndefined()
    expect(tracker.wantsToSend).toBe(true)
    const frame = written(tracker, 40, 40)
    expect(frame?.ranges.max).toBe(29001)
    expect(frame?.ranges.size).toBeLessThan(30)
    expect(frame?.ranges.size).toBeGreaterThan(5)
  })

  //= rfc9000#13.4.1-p2-1
  test('reports ECN marks once there were any', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 0, 0, 1)
    expect(tracker.ecnCounts).toBeUndefined()
    expect(written(tracker, 0)?.ecn).toBeUndefined()
    tracker.onPacketReceived(2, true, 2, 1)
    tracker.onPacketReceived(3, true, 2, 1)
    tracker.onPacketReceived(4, true, 1, 1)
    tracker.onPacketReceived(5, false, 3, 1)
    const frame = written(tracker, 1)
    expect(frame?.ecn).toEqual({ ect0: 2, ect1: 1, ce: 1 })
    tracker.onPacketReceived(6, true, 3, 2)
    expect(frame?.ecn).toEqual({ ect0: 2, ect1: 1, ce: 1 })
    expect(written(tracker, 2)?.ecn?.ce).toBe(2)
  })
})

describe('what is forgotten', () => {
  //= rfc9000#13.2.3-p3-1
  test('exactly what an ACK frame said that is known to have arrived', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 0, 1, 2, 5, 6)
    const frame = written(tracker, 10)
    received(tracker, 11, 3, 7)
    if (frame !== undefined) tracker.onAcked(frame, 12)
    // Number 3 came below the largest that the frame named, but after it: it is still to be said.
    expect(numbers(written(tracker, 12))).toEqual([3, 7])
  })

  test('a lost ACK frame is not repeated, but its ranges are', () => {
    const tracker = new AckTracker({ space: APP })
    received(tracker, 10, 0, 1)
    const frame = written(tracker, 10)
    if (frame !== undefined) tracker.onLost(frame, 20)
    expect(tracker.wantsToSend).toBe(false)
    received(tracker, 21, 2, 3)
    expect(numbers(written(tracker, 21))).toEqual([0, 1, 2, 3])
  })

  //= rfc9000#12.3-p11-1
  //= rfc9000#13.2.3-p5-1
  //= rfc9000#13.2.3-p6-1
  test('never that a number was received: below the ranges kept, all count as duplicates', () => {
    const tracker = new AckTracker({ space: APP })
    for (let i = 0; i < 1000; i++) received(tracker, i, 2 * i)
    for (let i = 0; i < 1000; i++) expect(tracker.isDuplicate(2 * i)).toBe(true)
    expect(tracker.isDuplicate(1)).toBe(true)
    expect(tracker.isDuplicate(1997)).toBe(false)
    expect(tracker.largestReceived).toBe(1998)
    const frame = written(tracker, 1000)
    if (frame !== undefined) tracker.onAcked(frame, 1001)
    expect(tracker.isDuplicate(1998)).toBe(true)
    expect(tracker.largestReceived).toBe(1998)
  })

  //= rfc9000#13.2.1-p6-1
  test('after 64 ACK frames without an answer a PING is wanted, once', () => {
    const tracker = new AckTracker({ space: APP })
    for (let i = 0; i < 64; i++) {
      expect(tracker.wantsPing).toBe(false)
      received(tracker, i, i)
      written(tracker, i)
    }
    expect(tracker.wantsPing).toBe(true)
    const packet = new TestPacket()
    tracker.writePing(packet)
    expect(packet.frames.map((frame) => frame.type)).toEqual([FrameType.ping])
    expect(tracker.wantsPing).toBe(false)
  })
})

test('every number received is acknowledged in some frame, unless the cap forgot it, and no other is', () => {
  const step = fc.record({
    skip: fc.nat(3),
    back: fc.nat(4),
    ackEliciting: fc.boolean(),
    write: fc.boolean(),
    fate: fc.constantFrom('acked', 'lost', 'unknown'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const tracker = new AckTracker({ space: APP })
      const [seen, told]: [Set<number>, Set<number>] = [new Set(), new Set()]
      const log = (frame: AckFrame | undefined): void => {
        for (const number of numbers(frame)) told.add(number)
      }
      let next = 0
      let now = 0
      for (const { skip, back, ackEliciting, write, fate } of steps) {
        now += 1
        const number = back > 0 ? Math.max(0, next - back) : next + skip
        next = Math.max(next, number + 1)
        expect(tracker.isDuplicate(number)).toBe(
          seen.has(number) || (tracker.isDuplicate(number) && number < next - 128),
        )
        if (tracker.isDuplicate(number)) continue
        seen.add(number)
        tracker.onPacketReceived(number, ackEliciting, 0, now)
        if (!write) continue
        const frame = written(tracker, now)
        log(frame)
        if (frame !== undefined && fate === 'acked') tracker.onAcked(frame, now)
        else if (frame !== undefined && fate === 'lost') tracker.onLost(frame, now)
        tracker.checkInvariants()
      }
      tracker.onPacketReceived(next, true, 0, now)
      seen.add(next)
      const last = written(tracker, now)
      log(last)
      for (const number of told) expect(seen.has(number)).toBe(true)
      const floor = last?.ranges.min ?? 0
      const unsaid = [...seen].filter((number) => !told.has(number))
      // Only where the number of ranges was at its cap may anything be unsaid, and that lies below them.
      if (unsaid.length > 0) expect(Math.max(...unsaid)).toBeLessThan(floor)
      if ((last?.ranges.size ?? 0) < 32) expect(unsaid).toEqual([])
    }),
  )
})
