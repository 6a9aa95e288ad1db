/** The loss detector against a slow, obvious model, and between two ends of a network that loses, delays and repeats. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomInteger } from '../base/random.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { AckFrame } from '../wire/frame.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { AckTracker } from './ack-tracker.ts'
import { cubic } from './congestion/cubic.ts'
import { newReno } from './congestion/new-reno.ts'
import {
  APP,
  ackOf,
  fraction,
  Scenario,
  type Sending,
  seeded,
  setOf,
  type TestFrame,
  TestPacket,
} from './recovery.fixtures.ts'

interface ModelPacket {
  readonly number: number
  readonly sentTime: Time
  readonly size: number
  readonly ackEliciting: boolean
  readonly inFlight: boolean
  state: 'outstanding' | 'acked' | 'lost'
  repeated: boolean
}

/** RFC 9002 Appendix A over arrays, with no care for cost. One path. */
class Model {
  readonly spaces: ModelPacket[][] = [[], [], []]
  readonly largestAcked = [-1, -1, -1]
  readonly lossTimes = [NEVER, NEVER, NEVER]
  readonly lostFrames: string[] = []
  readonly ackedFrames: string[] = []
  readonly probes = [0, 0, 0]
  ptoCount = 0
  latest = 0
  smoothed = 333
  variance = 166.5
  min = -1

  all(): ModelPacket[] {
    return this.spaces.flat()
  }

  bytesInFlight(): number {
    return this.all().reduce((sum, p) => sum + (p.state === 'outstanding' && p.inFlight ? p.size : 0), 0)
  }

  lossDelay(): Duration {
    return Math.max((9 / 8) * Math.max(this.latest, this.smoothed), 1)
  }

  lossTime(): Time {
    return Math.min(...this.lossTimes)
  }

  pto(): { time: Time; space: number } {
    let found = { time: NEVER, space: 0 }
    for (const space of [0, 1, 2]) {
      const eliciting = (this.spaces[space] ?? []).filter((p) => p.ackEliciting)
      if (!eliciting.some((p) => p.state === 'outstanding')) continue
      const period = this.smoothed + Math.max(4 * this.variance, 1) + (space === 2 ? 25 : 0)
      const time = Math.max(...eliciting.map((p) => p.sentTime)) + period * 2 ** this.ptoCount
      if (time < found.time) found = { time, space }
    }
    return found
  }

  nextTimeout(): Time {
    const loss = this.lossTime()
    return loss === NEVER ? this.pto().time : loss
  }

  ack(space: number, numbers: ReadonlySet<number>, now: Time): void {
    const packets = this.spaces[space] ?? []
    const fresh = packets.filter((p) => p.state === 'outstanding' && numbers.has(p.number))
    const largest = Math.max(...numbers)
    this.largestAcked[space] = Math.max(this.largestAcked[space] ?? -1, largest)
    if (fresh.length === 0) return
    for (const p of fresh) {
      p.state = 'acked'
      this.ackedFrames.push(`${space}/${p.number}`)
    }
    const newest = fresh.at(-1)
    if (newest?.number === largest && fresh.some((p) => p.ackEliciting)) this.sample(now - newest.sentTime)
    this.detect(space, now)
    this.ptoCount = 0
  }

  sample(rtt: Duration): void {
    this.latest = rtt
    if (this.min < 0) {
      this.min = this.smoothed = rtt
      this.variance = rtt / 2
      return
    }
    this.min = Math.min(this.min, rtt)
    this.variance = (3 * this.variance + Math.abs(this.smoothed - rtt)) / 4
    this.smoothed = (7 * this.smoothed + rtt) / 8
  }

  detect(space: number, now: Time): void {
    const largest = this.largestAcked[space] ?? -1
    this.lossTimes[space] = NEVER
    for (const p of this.spaces[space] ?? []) {
      if (p.state !== 'outstanding' || p.number > largest) continue
      const lossTime = p.sentTime + this.lossDelay()
      if (largest < p.number + 3 && lossTime > now) {
        this.lossTimes[space] = Math.min(this.lossTimes[space] ?? NEVER, lossTime)
        continue
      }
      p.state = 'lost'
      if (!p.repeated) this.lostFrames.push(`${space}/${p.number}`)
    }
  }

  timeout(now: Time): void {
    if (this.lossTime() !== NEVER) {
      for (const space of [0, 1, 2]) if ((this.lossTimes[space] ?? NEVER) <= now) this.detect(space, now)
      return
    }
    const pto = this.pto()
    if (pto.time > now) return
    this.ptoCount += 1
    for (const space of [0, 1, 2]) this.repeat(space, space === pto.space ? 2 : 1)
  }

  repeat(space: number, count: number): void {
    const eliciting = (this.spaces[space] ?? []).filter((p) => p.ackEliciting && p.state === 'outstanding')
    if (eliciting.length === 0) return
    this.probes[space] = Math.max(this.probes[space] ?? 0, count)
    let bytes = 0
    for (const p of eliciting.filter((packet) => !packet.repeated)) {
      p.repeated = true
      this.lostFrames.push(`${space}/${p.number}`)
      bytes += p.size
      if (bytes >= count * 1200) break
    }
  }
}

const SENDINGS: readonly Sending[] = [{}, {}, {}, { size: 300 }, { ackEliciting: false, size: 40 }, { padded: true }]

/** One random life of a sender beside its model. */
function compare(seed: number): void {
  const random = seeded(seed)
  const pick = (bound: number): number => randomInteger(random, bound)
  const sender = new Scenario({ controller: pick(2) === 0 ? newReno : cubic })
  const model = new Model()
  let now = 0
  for (let step = 0; step < 120; step++) {
    if (pick(3) === 0) now += pick(60)
    const choice = pick(10)
    const space = [APP, APP, APP, PacketSpace.initial, PacketSpace.handshake][pick(5)] ?? APP
    if (choice < 6) {
      const sending = { ...SENDINGS[pick(SENDINGS.length)], space }
      const number = sender.send(now, sending)
      const ackEliciting = sending.ackEliciting ?? sending.padded !== true
      model.spaces[space]?.push({
        number,
        sentTime: now,
        size: sending.size ?? 1200,
        ackEliciting,
        inFlight: ackEliciting || sending.padded === true,
        state: 'outstanding',
        repeated: false,
      })
      if (ackEliciting) model.probes[space] = Math.max(0, (model.probes[space] ?? 0) - 1)
    } else if (choice < 9) {
      const known = (model.spaces[space] ?? []).filter((p) => p.state !== 'lost')
      const numbers = new Set(known.filter(() => pick(3) > 0).map((p) => p.number))
      if (numbers.size === 0) continue
      sender.loss.onAckReceived(space, ackOf(setOf(numbers)), 0, now)
      model.ack(space, numbers, now)
    } else {
      const at = sender.loss.nextTimeout()
      if (at === NEVER) continue
      now = Math.max(now, pick(2) === 0 ? at : Math.min(at, now + 5))
      sender.loss.onTimeout(now)
      model.timeout(now)
    }
    sender.loss.checkInvariants()
    expect(sender.loss.nextTimeout()).toBeCloseTo(model.nextTimeout(), 6)
    expect(sender.loss.ptoCount).toBe(model.ptoCount)
    expect(sender.loss.bytesInFlight).toBe(model.bytesInFlight())
    expect([0, 1, 2].map((s) => sender.loss.probes(s as PacketSpace))).toEqual(model.probes)
    expect([0, 1, 2].map((s) => sender.loss.largestAcked(s as PacketSpace))).toEqual(model.largestAcked)
    const told = (frames: TestFrame[]): string[] => frames.map((frame) => `${frame.space}/${frame.packet}`).sort()
    expect(told(sender.ledger.lost)).toEqual([...model.lostFrames].sort())
    expect(told(sender.ledger.acked)).toEqual([...model.ackedFrames].sort())
    expect(sender.path.rtt.smoothed).toBeCloseTo(model.smoothed, 6)
  }
}

test('every figure and every fate agrees with RFC 9002 Appendix A computed over arrays', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => compare(seed)),
    { numRuns: 60 },
  )
})

/** What is on its way between the two ends. */
interface InTransit {
  readonly at: Time
  readonly packet?: { number: number; ackEliciting: boolean }
  readonly ack?: AckFrame
}

/** Sends `count` packets through a bad network until each is settled; returns what was told and what arrived. */
function transfer(
  seed: number,
  count: number,
): { sender: Scenario; eliciting: number[]; arrived: Set<number>; told: Set<number> } {
  const random = seeded(seed)
  const [lossRate, repeatRate, spread] = [fraction(random) * 0.5, fraction(random) * 0.2, fraction(random) * 200]
  const sender = new Scenario({ random, controller: seed % 2 === 0 ? newReno : cubic })
  const receiver = new AckTracker({ space: APP })
  const transit: InTransit[] = []
  const [eliciting, arrived, told]: [number[], Set<number>, Set<number>] = [[], new Set(), new Set()]
  const launch = (item: Omit<InTransit, 'at'>, now: Time, isSafe: boolean): void => {
    if (!isSafe && fraction(random) < lossRate) return
    transit.push({ ...item, at: now + 20 + fraction(random) * (isSafe ? 0 : spread) })
    if (fraction(random) < repeatRate) transit.push({ ...item, at: now + 20 + fraction(random) * spread })
  }
  let now = 0
  for (let turns = 0; turns < 20_000; turns++) {
    const isOver = eliciting.length >= count
    // A network that has recovered lets the rest be settled.
    const isSafe = turns > 5000
    while (sender.loss.probes(APP) > 0 || (eliciting.length < count && sender.path.hasWindowFor(1200))) {
      const ackEliciting = sender.loss.probes(APP) > 0 || fraction(random) < 0.9
      const number = sender.send(now, { ackEliciting, size: ackEliciting ? 1200 : 50 })
      if (ackEliciting) eliciting.push(number)
      launch({ packet: { number, ackEliciting } }, now, isSafe)
    }
    if (receiver.wantsToSend) {
      const packet = new TestPacket()
      receiver.writeFrames(packet, now)
      const frame = packet.frames[0] as AckFrame
      for (let i = 0; i < frame.ranges.size; i++) {
        for (let n = frame.ranges.startAt(i); n < frame.ranges.endAt(i); n++) told.add(n)
      }
      launch({ ack: frame }, now, isSafe)
      receiver.checkInvariants()
      if (fraction(random) < 0.3) receiver.onAcked(frame, now)
    }
    const arrival = transit.reduce((least, item) => Math.min(least, item.at), NEVER)
    const next = Math.min(arrival, sender.loss.nextTimeout(), receiver.nextTimeout())
    if (next === NEVER && isOver) break
    now = Math.max(now, next)
    for (const item of transit.filter(({ at }) => at <= now)) {
      transit.splice(transit.indexOf(item), 1)
      if (item.ack !== undefined) sender.loss.onAckReceived(APP, item.ack, 0, now)
      else if (item.packet !== undefined && !receiver.isDuplicate(item.packet.number)) {
        arrived.add(item.packet.number)
        receiver.onPacketReceived(item.packet.number, item.packet.ackEliciting, 0, now)
      }
    }
    if (sender.loss.nextTimeout() <= now) sender.loss.onTimeout(now)
    if (receiver.nextTimeout() <= now) receiver.onTimeout(now)
    sender.loss.checkInvariants()
  }
  return { sender, eliciting, arrived, told }
}

test('through a network that loses, delays and repeats, each frame is told acked or lost, and nothing stays in flight', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const { sender, eliciting, arrived } = transfer(seed, 120)
      const { acked, lost } = sender.ledger
      expect(sender.loss.bytesInFlight).toBe(0)
      const fate = new Set([...acked, ...lost].map((frame) => frame.packet))
      expect(eliciting.filter((number) => !fate.has(number))).toEqual([])
      expect(new Set(acked.map((frame) => frame.packet)).size).toBe(acked.length)
      for (const frame of acked) expect(arrived.has(frame.packet)).toBe(true)
    }),
    { numRuns: 15 },
  )
})

test('every packet that arrives in a network like that is acknowledged', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const { eliciting, arrived, told } = transfer(seed, 60)
      for (const number of told) expect(arrived.has(number)).toBe(true)
      const unsaid = [...arrived].filter((number) => !told.has(number))
      // What elicits no acknowledgement is acknowledged with what does; nothing need come after it.
      expect(unsaid.filter((number) => eliciting.includes(number))).toEqual([])
    }),
    { numRuns: 15 },
  )
})
