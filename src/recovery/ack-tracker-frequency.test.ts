import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { type AckFrame, type AckFrequencyFrame, FrameType } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { AckTracker } from './ack-tracker.ts'
import { APP, numbersOf, TestPacket } from './recovery.fixtures.ts'

/** A tracker that the peer may tell when to acknowledge; its min_ack_delay is 2 ms. */
function offered(): AckTracker {
  return new AckTracker({ space: APP, minAckDelay: 2 })
}

let sequence = 0

function request(options: Partial<AckFrequencyFrame> = {}): AckFrequencyFrame {
  sequence += 1
  return {
    type: FrameType.ackFrequency,
    sequenceNumber: sequence,
    threshold: 1000,
    maxAckDelay: 100_000,
    reorderingThreshold: 0,
    ...options,
  }
}

function asked(options: Partial<AckFrequencyFrame> = {}): AckTracker {
  const tracker = offered()
  tracker.onAckFrequency(request(options))
  return tracker
}

/** Receives the packets one by one and acknowledges whenever that is due; returns after which of them it was. */
function acknowledgedAfter(
  tracker: AckTracker,
  numbers: readonly number[],
  ecn: readonly (0 | 2 | 3)[] = [],
): number[] {
  const after: number[] = []
  for (const [index, number] of numbers.entries()) {
    tracker.onPacketReceived(number, true, ecn[index] ?? 0, 10)
    if (tracker.wantsToSend) {
      after.push(number)
      tracker.writeFrames(new TestPacket(1200, frameSize), 10)
    }
    tracker.checkInvariants()
  }
  return after
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

function codeOf(body: () => void): bigint | undefined {
  try {
    body()
  } catch (error) {
    if (error instanceof TransportError) return error.code
    throw error
  }
  return undefined
}

describe('A peer that asks for fewer acknowledgements', () => {
  //= draft-ietf-quic-ack-frequency#4-p4.4-1
  test('gets one after more ack-eliciting packets than its threshold', () => {
    expect(acknowledgedAfter(asked({ threshold: 4 }), range(0, 15))).toEqual([4, 9, 14])
    expect(acknowledgedAfter(asked({ threshold: 0 }), range(0, 3))).toEqual([0, 1, 2])
  })

  //= draft-ietf-quic-ack-frequency#4-p4.6-1
  test('gets one after its delay at the latest, counted from the first packet that waits', () => {
    const tracker = asked({ maxAckDelay: 40_000 })
    tracker.onPacketReceived(0, true, 0, 100)
    tracker.onPacketReceived(1, true, 0, 130)
    expect(tracker.maxAckDelay).toBe(40)
    expect(tracker.nextTimeout()).toBe(140)
    tracker.onTimeout(139)
    expect(tracker.wantsToSend).toBe(false)
    tracker.onTimeout(140)
    expect(tracker.wantsToSend).toBe(true)
    tracker.writeFrames(new TestPacket(1200, frameSize), 140)
    expect(tracker.nextTimeout()).toBe(NEVER)
  })

  test('is obeyed for packets that wait already', () => {
    const tracker = offered()
    tracker.onPacketReceived(0, true, 0, 100)
    expect(tracker.nextTimeout()).toBe(125)
    tracker.onAckFrequency(request({ maxAckDelay: 5000 }))
    expect(tracker.nextTimeout()).toBe(105)
  })

  //= draft-ietf-quic-ack-frequency#4-p6-1
  test('is not held to what it said before its newest word', () => {
    const tracker = offered()
    tracker.onAckFrequency(request({ sequenceNumber: 7, threshold: 3, maxAckDelay: 30_000 }))
    tracker.onAckFrequency(request({ sequenceNumber: 7, threshold: 9, maxAckDelay: 90_000 }))
    tracker.onAckFrequency(request({ sequenceNumber: 2, threshold: 9, maxAckDelay: 90_000 }))
    expect(tracker.maxAckDelay).toBe(30)
    expect(acknowledgedAfter(tracker, range(0, 8))).toEqual([3, 7])
    tracker.onAckFrequency(request({ sequenceNumber: 8, threshold: 0 }))
    expect(acknowledgedAfter(tracker, [8])).toEqual([8])
  })

  //= draft-ietf-quic-ack-frequency#5-p3-1
  test('gets one for the packet with IMMEDIATE_ACK, and none more for the rest of its burst', () => {
    const tracker = asked()
    tracker.onImmediateAck()
    expect(tracker.wantsToSend).toBe(false)
    tracker.onPacketReceived(0, true, 0, 10)
    tracker.onImmediateAck()
    tracker.onPacketReceived(1, true, 0, 10)
    expect(tracker.wantsToSend).toBe(true)
    const packet = new TestPacket(1200, frameSize)
    tracker.writeFrames(packet, 10)
    expect(numbersOf((packet.frames[0] as AckFrame).ranges)).toEqual([0, 1])
    expect(tracker.wantsToSend).toBe(false)
    expect(acknowledgedAfter(tracker, range(2, 50))).toEqual([])
  })

  test('hears of many gaps before they are too many to tell', () => {
    const tracker = asked()
    const numbers = Array.from({ length: 200 }, (_, i) => 2 * i)
    const named = new Set<number>()
    for (const number of numbers) {
      tracker.onPacketReceived(number, true, 0, 10)
      if (!tracker.wantsToSend) continue
      const packet = new TestPacket(1200, frameSize)
      tracker.writeFrames(packet, 10)
      for (const each of numbersOf((packet.frames[0] as AckFrame).ranges)) named.add(each)
    }
    expect(numbers.filter((number) => !named.has(number)).length).toBeLessThan(16)
  })
})

describe('Packets out of order', () => {
  test('are acknowledged as in the first example of the draft, with a reordering threshold of 3', () => {
    expect(acknowledgedAfter(asked({ reorderingThreshold: 3 }), [0, 1, 3, 4, 5, 8, 9, 10])).toEqual([5, 9, 10])
  })

  test('are acknowledged as in the second example, with a reordering threshold of 5', () => {
    expect(acknowledgedAfter(asked({ reorderingThreshold: 5 }), [0, 1, 3, 5, 6, 7, 8, 9])).toEqual([7, 9])
  })

  //= draft-ietf-quic-ack-frequency#6.2-p5-1
  test('are acknowledged at once where they come so late that they were believed to be lost', () => {
    const tracker = asked({ reorderingThreshold: 3 })
    expect(acknowledgedAfter(tracker, [0, 1, 3, 4, 5])).toEqual([5])
    expect(acknowledgedAfter(tracker, [2])).toEqual([2])
    expect(acknowledgedAfter(tracker, [6, 8, 7])).toEqual([])
  })

  //= draft-ietf-quic-ack-frequency#6.2-p2-1
  test('are not acknowledged at once where the threshold is 0', () => {
    expect(acknowledgedAfter(asked({ reorderingThreshold: 0 }), [0, 1, 9, 4, 5, 8, 30, 31])).toEqual([])
  })

  test('are acknowledged at once, each one, where the threshold is 1', () => {
    expect(acknowledgedAfter(asked({ reorderingThreshold: 1 }), [0, 1, 3, 2, 4, 6])).toEqual([3, 2, 6])
  })
})

describe('CE marks', () => {
  //= draft-ietf-quic-ack-frequency#6.3-p1-1
  test('are told at once where a row of them begins', () => {
    const marks = [2, 3, 3, 3, 2, 2, 3, 2] as const
    expect(acknowledgedAfter(asked(), range(0, 8), marks)).toEqual([1, 6])
    expect(acknowledgedAfter(asked({ threshold: 1 }), range(0, 8), marks)).toEqual([1, 2, 3, 5, 6])
  })
})

describe('A request that must not be', () => {
  //= draft-ietf-quic-ack-frequency#4-p4.6-2
  test('is a PROTOCOL_VIOLATION: less than our min_ack_delay, or 2^14 ms and more', () => {
    for (const maxAckDelay of [0, 1999, 2 ** 14 * 1000, Number.MAX_SAFE_INTEGER]) {
      expect(codeOf(() => offered().onAckFrequency(request({ maxAckDelay })))).toBe(
        TransportErrorCode.PROTOCOL_VIOLATION,
      )
      // An old one is no better.
      const tracker = asked()
      expect(codeOf(() => tracker.onAckFrequency(request({ sequenceNumber: 0, maxAckDelay })))).toBe(
        TransportErrorCode.PROTOCOL_VIOLATION,
      )
    }
    for (const maxAckDelay of [2000, 2 ** 14 * 1000 - 1]) {
      expect(codeOf(() => offered().onAckFrequency(request({ maxAckDelay })))).toBeUndefined()
    }
  })

  test('is a frame of unknown type where nothing was offered', () => {
    const tracker = new AckTracker({ space: APP })
    expect(codeOf(() => tracker.onAckFrequency(request()))).toBe(TransportErrorCode.FRAME_ENCODING_ERROR)
    expect(codeOf(() => tracker.onImmediateAck())).toBe(TransportErrorCode.FRAME_ENCODING_ERROR)
  })
})
