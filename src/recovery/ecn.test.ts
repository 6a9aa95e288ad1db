import { describe, expect, test } from 'vitest'
import type { EcnState } from '../wire/observer.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { newReno } from './congestion/new-reno.ts'
import { PathRecovery } from './path-recovery.ts'
import { APP, Scenario, type ScenarioOptions } from './recovery.fixtures.ts'

/** A sender on a carrier with marks, and what it said of them. */
class Marking extends Scenario {
  readonly states: EcnState[]

  constructor(options: ScenarioOptions = {}) {
    const states: EcnState[] = []
    super({ ...options, path: { ecn: true, onEcnState: (_, state) => void states.push(state), ...options.path } })
    this.states = states
  }

  get state(): EcnState | undefined {
    return this.path.ecn?.state
  }

  /** Sends so many packets at `now`, as the path would mark them. */
  burst(count: number, now: number): void {
    const isMarked = this.path.marksPackets(now)
    for (let i = 0; i < count; i++) this.send(now, { isMarked })
  }

  /** A path whose marks pass: packets 0 to 9 have shown it. */
  static capable(): Marking {
    const sender = new Marking()
    sender.burst(10, 0)
    sender.ackWith(50, 0, 10, 10)
    expect(sender.path.marksPackets(50)).toBe(true)
    expect(sender.state).toBe('capable')
    return sender
  }
}

describe('a new path', () => {
  test('of a carrier without marks has none', () => {
    const sender = new Scenario()
    expect(sender.path.ecn).toBeUndefined()
    expect(sender.path.marksPackets(0)).toBe(false)
    sender.send(0)
    sender.ackWith(50, 0, 1, 0, 1)
    expect(sender.path.congestionWindow).toBeGreaterThan(12_000)
  })

  test('is tested with ten marked packets, unknown after them, and capable when they arrive as they were sent', () => {
    const sender = new Marking()
    sender.burst(4, 0)
    expect(sender.state).toBe('testing')
    sender.burst(6, 10)
    expect(sender.path.marksPackets(20)).toBe(false)
    expect(sender.state).toBe('unknown')
    sender.burst(1, 20)
    sender.ackWith(60, 0, 4, 4)
    expect(sender.state).toBe('capable')
    expect(sender.path.marksPackets(60)).toBe(true)
    sender.ackWith(70, 0, 11, 10)
    expect(sender.states).toEqual(['unknown', 'capable'])
  })

  test('goes from the test to capable at once where the test was answered', () => {
    const sender = new Marking()
    sender.burst(2, 0)
    sender.ackWith(50, 0, 2, 2)
    expect(sender.state).toBe('testing')
    sender.burst(8, 50)
    expect(sender.path.marksPackets(60)).toBe(true)
    expect(sender.states).toEqual(['unknown', 'capable'])
  })

  test('is tested for three PTOs at most', () => {
    const sender = new Marking()
    sender.burst(1, 100)
    // RFC 9002 §6.2.2: without a sample the PTO is 333 + 4 × 166.5 ms.
    expect(sender.path.marksPackets(3096)).toBe(true)
    expect(sender.path.marksPackets(3097)).toBe(false)
    expect(sender.state).toBe('unknown')
  })

  test('that answers no marked packet is tried without marks after two PTOs', () => {
    const sender = new Marking()
    sender.burst(1, 0)
    sender.fire()
    expect(sender.path.marksPackets(sender.loss.nextTimeout())).toBe(true)
    const at = sender.fire()
    expect(sender.path.marksPackets(at)).toBe(false)
  })

  test('has failed where all marked packets are lost', () => {
    const sender = new Marking()
    sender.burst(10, 0)
    expect(sender.path.marksPackets(1)).toBe(false)
    sender.burst(2, 1)
    sender.ackWith(51, 10, 12)
    expect(sender.state).toBe('unknown')
    sender.fire()
    expect(sender.state).toBe('failed')
    expect(sender.path.marksPackets(100)).toBe(false)
  })

  test('is not to blame for marked packets that are forgotten with their keys', () => {
    const sender = new Marking()
    sender.path.marksPackets(0)
    for (let i = 0; i < 5; i++) sender.send(0, { isMarked: true, space: PacketSpace.initial })
    sender.burst(5, 0)
    expect(sender.path.marksPackets(1)).toBe(false)
    sender.loss.discardSpace(PacketSpace.initial, 2)
    sender.send(2)
    sender.send(2)
    sender.ackWith(52, 4, 7, 1)
    expect(sender.state).toBe('capable')
  })
})

describe('validation fails', () => {
  //= rfc9000#13.4.2.2-p1-1
  //= rfc9000#13.4.2.2-p3-1
  test('where an acknowledgement of marked packets has no counts, at any time', () => {
    const sender = Marking.capable()
    sender.burst(2, 60)
    sender.ackWith(110, 0, 12)
    expect(sender.state).toBe('failed')
    expect(sender.path.marksPackets(111)).toBe(false)
    expect(sender.states).toEqual(['unknown', 'capable', 'failed'])
  })

  test('where marks are erased on the way: fewer are reported than were acknowledged', () => {
    const sender = Marking.capable()
    sender.burst(3, 60)
    sender.ackWith(110, 0, 13, 12)
    expect(sender.state).toBe('failed')
  })

  test('where CE is erased, or ECT(0) turned into ECT(1)', () => {
    for (const [ect0, ce, ect1] of [
      [10, 0, 3],
      [12, 0, 1],
      [13, 0, 1],
    ] as const) {
      const sender = Marking.capable()
      sender.burst(3, 60)
      sender.ackWith(110, 0, 13, ect0, ce, ect1)
      expect(sender.state).toBe('failed')
    }
  })

  test('where counts go backward, even beside enough of the other kind', () => {
    const sender = Marking.capable()
    sender.burst(2, 60)
    sender.ackWith(110, 0, 12, 11, 1)
    expect(sender.state).toBe('capable')
    sender.burst(1, 120)
    sender.ackWith(170, 0, 13, 13, 0)
    expect(sender.state).toBe('failed')
    const other = Marking.capable()
    other.burst(1, 60)
    other.ackWith(110, 0, 11, 5, 6)
    expect(other.state).toBe('failed')
  })

  test('where more marks are reported than were sent', () => {
    const sender = Marking.capable()
    sender.burst(1, 60)
    sender.ackWith(110, 0, 11, 12)
    expect(sender.state).toBe('failed')
    const congested = Marking.capable()
    congested.burst(1, 60)
    const before = congested.path.congestionWindow
    congested.ackWith(110, 0, 11, 10, 2)
    expect(congested.state).toBe('failed')
    expect(congested.path.congestionWindow).toBeGreaterThanOrEqual(before)
  })

  test('where each of the tested packets is marked CE, after the window gave way', () => {
    const sender = new Marking()
    sender.burst(10, 0)
    sender.ackWith(50, 0, 10, 0, 10)
    expect(sender.path.marksPackets(51)).toBe(false)
    expect(sender.states).toEqual(['unknown', 'failed'])
    expect(sender.path.congestionWindow).toBe(6000)
  })

  test('for good: right counts do not mend it', () => {
    const sender = Marking.capable()
    sender.burst(2, 60)
    sender.ackWith(110, 0, 11)
    sender.ackWith(111, 0, 12, 12)
    expect(sender.state).toBe('failed')
    const window = sender.path.congestionWindow
    sender.burst(1, 120)
    sender.ackWith(170, 0, 13, 12, 5)
    expect(sender.path.congestionWindow).toBeGreaterThanOrEqual(window)
  })
})

describe('validation does not fail', () => {
  //= rfc9000#13.4.2.1-p5-1
  test('by an acknowledgement that does not increase the largest acknowledged number', () => {
    const sender = Marking.capable()
    sender.burst(4, 60)
    sender.ackWith(110, 12, 14, 14)
    expect(sender.state).toBe('capable')
    sender.ackWith(111, 0, 12, 12)
    sender.ackWith(112, 0, 13)
    expect(sender.state).toBe('capable')
    sender.burst(1, 120)
    sender.ackWith(170, 0, 15, 15)
    expect(sender.state).toBe('capable')
  })

  test('where acknowledgements are lost, and more is reported than is newly acknowledged', () => {
    const sender = Marking.capable()
    sender.burst(4, 60)
    sender.ackWith(110, 13, 14, 14)
    expect(sender.state).toBe('capable')
  })

  test('where a frame leaves ranges to the next one, whose packets were counted before', () => {
    const sender = Marking.capable()
    sender.burst(2, 60)
    // The peer has 10 and 11, and room for one range.
    sender.ackWith(110, 11, 12, 12)
    sender.burst(1, 110)
    sender.ackWith(160, 10, 13, 13)
    expect(sender.state).toBe('capable')
  })

  test('for packets that left without marks, whatever is said of them', () => {
    const sender = Marking.capable()
    for (let i = 0; i < 3; i++) sender.send(60)
    sender.ackWith(110, 10, 13)
    expect(sender.state).toBe('capable')
  })
})

describe('CE', () => {
  //= rfc9000#19.3-p1-1
  //= rfc9002#7.3.1-p3-1
  test('reduces the window, once a round trip', () => {
    const sender = Marking.capable()
    const window = sender.path.congestionWindow
    sender.burst(5, 60)
    sender.ackWith(110, 0, 11, 10, 1)
    expect(sender.path.congestionWindow).toBe(window / 2)
    expect(sender.path.isInRecovery).toBe(true)
    sender.ackWith(111, 0, 15, 10, 5)
    expect(sender.path.congestionWindow).toBe(window / 2)
    sender.burst(2, 120)
    sender.ackWith(170, 0, 16, 10, 6)
    expect(sender.path.congestionWindow).toBe(window / 4)
  })

  test('the same count again is no news', () => {
    const sender = Marking.capable()
    sender.burst(1, 60)
    sender.ackWith(110, 0, 11, 10, 1)
    const window = sender.path.congestionWindow
    sender.burst(1, 120)
    sender.ackWith(170, 0, 12, 11, 1)
    expect(sender.path.congestionWindow).toBeGreaterThanOrEqual(window)
    expect(sender.path.isInRecovery).toBe(false)
  })

  test('with losses of the same round trip is one event, which is not undone when they were none', () => {
    const sender = Marking.capable()
    const window = sender.path.congestionWindow
    sender.burst(6, 60)
    sender.ackWith(110, 13, 16, 12, 1)
    expect(sender.path.congestionWindow).toBe(window / 2)
    sender.ackWith(112, 10, 16, 15, 1)
    expect(sender.loss.spuriousLosses).toBe(3)
    expect(sender.path.congestionWindow).toBe(window / 2)
  })

  test('after losses of the same round trip keeps their event from being undone', () => {
    const sender = Marking.capable()
    const window = sender.path.congestionWindow
    sender.burst(6, 60)
    sender.ackWith(110, 13, 15, 12)
    expect(sender.path.congestionWindow).toBe(window / 2)
    sender.ackWith(111, 13, 16, 12, 1)
    expect(sender.path.congestionWindow).toBe(window / 2)
    sender.ackWith(112, 10, 16, 15, 1)
    expect(sender.loss.spuriousLosses).toBe(3)
    expect(sender.path.congestionWindow).toBe(window / 2)
  })
})

describe('two paths', () => {
  test('are validated each for itself: one that erases marks leaves the other alone', () => {
    const sender = Marking.capable()
    const other = new PathRecovery({ id: 1, controller: newReno, pacing: false, ecn: true })
    for (let i = 0; i < 3; i++) sender.send(60, { path: other, isMarked: true })
    sender.ackWith(110, 0, 13, 10)
    expect(other.ecn?.state).toBe('failed')
    expect(sender.state).toBe('capable')
    // What the failed path carries meanwhile counts for nothing.
    sender.send(120, { path: other, isMarked: true })
    sender.burst(2, 120)
    sender.ackWith(170, 0, 16, 12)
    expect(sender.state).toBe('capable')
  })

  test('CE is the congestion of the path whose packets were acknowledged with it', () => {
    const sender = Marking.capable()
    const other = new PathRecovery({ id: 1, controller: newReno, pacing: false, ecn: true })
    const window = sender.path.congestionWindow
    sender.send(60, { path: other, isMarked: true })
    sender.ackWith(110, 0, 11, 10, 1)
    expect(sender.path.congestionWindow).toBe(window)
    expect(other.congestionWindow).toBe(6000)
  })

  test('a path that is renewed is tested anew, and packets of before do not speak for it', () => {
    const sender = Marking.capable()
    sender.burst(2, 60)
    sender.path.renewEcn(70)
    expect(sender.states.at(-1)).toBe('testing')
    sender.burst(1, 70)
    sender.ackWith(110, 0, 12, 12)
    expect(sender.path.marksPackets(111)).toBe(true)
    expect(sender.state).toBe('testing')
    sender.burst(9, 111)
    sender.ackWith(161, 0, 22, 22)
    sender.path.marksPackets(161)
    expect(sender.state).toBe('capable')
  })
})

test('each space has counts of its own', () => {
  const sender = new Marking()
  sender.path.marksPackets(0)
  for (const space of [PacketSpace.initial, PacketSpace.handshake, APP]) sender.send(0, { isMarked: true, space })
  const { loss } = sender
  sender.burst(8, 1)
  sender.ackWith(50, 0, 9, 9)
  sender.path.marksPackets(51)
  expect(sender.state).toBe('capable')
  sender.send(60, { isMarked: true, space: PacketSpace.handshake })
  expect(loss.outstanding(PacketSpace.handshake)).toBe(2)
  sender.ackIn(PacketSpace.handshake, 110, 0, [0, 2])
  expect(sender.state).toBe('failed')
})
