import { describe, expect, test } from 'vitest'
import { type AckFrequencyFrame, type Frame, FrameType } from '../wire/frame.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { AckFrequency } from './ack-frequency.ts'
import type { CongestionController } from './congestion/controller.ts'
import { Scenario, TestPacket } from './recovery.fixtures.ts'

/** A controller whose figures the test sets. */
class FixedWindow implements CongestionController {
  congestionWindow = 240_000
  slowStartThreshold = 120_000
  readonly pacingRate: undefined = undefined
  onPacketSent(): void {}
  onPacketsAcked(): void {}
  onPacketLost(): void {}
  onEcnCongestion(): void {}
  onPersistentCongestion(): void {}
  onSpuriousLoss(): void {}
  onMaxDatagramSize(): void {}
}

/** A sender in congestion avoidance, with an RTT of 40 ms and a window of 240,000 bytes: 200 packets. */
class Asking extends Scenario {
  readonly frequency: AckFrequency
  readonly controller: FixedWindow

  constructor(minAckDelay = 1, enabled = true) {
    const controller = new FixedWindow()
    super({ controller: () => controller })
    this.controller = controller
    this.frequency = new AckFrequency(this.loss, enabled)
    this.frequency.onPeerParameters(minAckDelay, 25)
    this.sample(0, 40)
  }

  /** What is asked for at `now`, written into a packet. */
  ask(now: number): AckFrequencyFrame | undefined {
    this.frequency.update(this.path, now)
    const packet = new TestPacket()
    this.frequency.writeFrames(packet, now)
    return packet.frames[0] as AckFrequencyFrame | undefined
  }
}

describe('What a peer is asked for', () => {
  test('in a bulk transfer is an eighth of the window in packets, a quarter of the RTT, and our reordering threshold', () => {
    expect(new Asking().ask(100)).toEqual({
      type: FrameType.ackFrequency,
      sequenceNumber: 0,
      threshold: 25,
      maxAckDelay: 10_000,
      reorderingThreshold: 3,
    })
  })

  test('is a threshold from 1 to 64', () => {
    for (const [window, threshold] of [
      [2_400, 1],
      [19_200, 2],
      [1_000_000, 64],
    ] as const) {
      const sender = new Asking()
      sender.controller.congestionWindow = window
      sender.controller.slowStartThreshold = window
      expect(sender.ask(100)?.threshold).toBe(threshold)
    }
  })

  test('is no delay below its min_ack_delay', () => {
    expect(new Asking(17.5).ask(100)?.maxAckDelay).toBe(17_500)
    expect(new Asking(25).ask(100)?.maxAckDelay).toBe(25_000)
  })

  test('is nothing where it takes no part, where we take none, in slow start, and without a bulk transfer', () => {
    const silent = new Asking()
    silent.frequency.onPeerParameters(undefined, 25)
    expect(silent.ask(100)).toBeUndefined()
    expect(new Asking(1, false).ask(100)).toBeUndefined()
    const starting = new Asking()
    starting.controller.slowStartThreshold = Infinity
    expect(starting.ask(100)).toBeUndefined()
    const limited = new Asking()
    limited.path.onAppLimited()
    expect(limited.ask(100)).toBeUndefined()
  })

  //= draft-ietf-quic-ack-frequency#4-p4.2-1
  test('changes with the window or the RTT where that matters, at most once a round trip, with rising numbers', () => {
    const sender = new Asking()
    expect(sender.ask(100)?.sequenceNumber).toBe(0)
    sender.controller.congestionWindow = 480_000
    expect(sender.ask(139)).toBeUndefined()
    expect(sender.ask(140)).toMatchObject({ sequenceNumber: 1, threshold: 50 })
    sender.controller.congestionWindow = 500_000
    expect(sender.ask(200)).toBeUndefined()
    sender.controller.congestionWindow = 300_000
    expect(sender.ask(300)).toMatchObject({ sequenceNumber: 2, threshold: 31 })
  })

  test('is every other packet again where the window falls back into slow start', () => {
    const sender = new Asking()
    sender.ask(100)
    sender.controller.congestionWindow = 2400
    sender.path.onAppLimited()
    expect(sender.ask(200)).toMatchObject({ sequenceNumber: 1, threshold: 1 })
  })

  test('is asked for anew, with newer values, where the frame was lost', () => {
    const sender = new Asking()
    const first = sender.ask(100)
    sender.controller.congestionWindow = 250_000
    expect(sender.ask(200)).toBeUndefined()
    if (first !== undefined) sender.frequency.onLost(first, 210)
    expect(sender.ask(220)).toMatchObject({ sequenceNumber: 1, threshold: 26 })
  })

  test('is never asked for in 0-RTT or Initial packets', () => {
    const sender = new Asking()
    sender.frequency.update(sender.path, 100)
    const packet = new TestPacket(1200, () => 1, PacketSpace.initial)
    sender.frequency.writeFrames(packet, 100)
    sender.frequency.writeImmediateAck(packet)
    expect(packet.frames).toEqual([])
    expect(sender.frequency.wantsToSend).toBe(true)
  })
})

describe('The delay that the PTO reckons with', () => {
  //= draft-ietf-quic-ack-frequency#7-p2-1
  test('is the longer of what is in force and what is on its way', () => {
    const sender = new Asking()
    const first = sender.ask(100)
    expect(first?.maxAckDelay).toBe(10_000)
    expect(sender.loss.maxAckDelay).toBe(25)
    if (first !== undefined) sender.frequency.onAcked(first, 140)
    expect(sender.loss.maxAckDelay).toBe(10)
    for (let at = 200; at < 3000; at += 100) sender.sample(at, 99)
    const second = sender.ask(3000)
    expect(second?.maxAckDelay).toBeGreaterThan(20_000)
    expect(sender.loss.maxAckDelay).toBe((second?.maxAckDelay ?? 0) / 1000)
  })

  //= draft-ietf-quic-ack-frequency#7-p3-1
  test('is the longest of several, lost ones too, until a newer one is acknowledged', () => {
    const sender = new Asking(1)
    const frames: AckFrequencyFrame[] = []
    for (let i = 0; i < 30; i++) {
      const frame = sender.ask(1000 + 100 * i)
      if (frame === undefined) continue
      frames.push(frame)
      sender.frequency.onLost(frame, 1050 + 100 * i)
    }
    expect(frames.length).toBe(30)
    expect(sender.loss.maxAckDelay).toBe(25)
    const [first] = frames
    const newest = frames.at(-1)
    if (newest !== undefined) sender.frequency.onAcked(newest, 5000)
    expect(sender.loss.maxAckDelay).toBe(10)
    if (first !== undefined) sender.frequency.onAcked({ ...first, maxAckDelay: 99_000 }, 5001)
    expect(sender.loss.maxAckDelay).toBe(10)
  })
})

describe('IMMEDIATE_ACK', () => {
  test('is written for whoever takes part', () => {
    const written = (sender: Asking): Frame[] => {
      const packet = new TestPacket()
      sender.frequency.writeImmediateAck(packet)
      return packet.frames
    }
    expect(written(new Asking())).toEqual([{ type: FrameType.immediateAck }])
    const silent = new Asking()
    silent.frequency.onPeerParameters(undefined, 25)
    expect(written(silent)).toEqual([])
  })

  test('ends what is more than a word now and then, and everything once the peer was asked to wait', () => {
    const sender = new Asking()
    sender.send(100)
    expect(sender.frequency.wantsEndAcked(sender.path)).toBe(false)
    sender.send(100)
    expect(sender.frequency.wantsEndAcked(sender.path)).toBe(true)
    sender.ack(140, [0, 3])
    expect(sender.frequency.wantsEndAcked(sender.path)).toBe(false)
    sender.ask(200)
    expect(sender.frequency.wantsEndAcked(sender.path)).toBe(true)
  })
})
