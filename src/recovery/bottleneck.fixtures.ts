/**
 * Flows through one bottleneck, in virtual time and without a byte of payload: loss detection, congestion control, pacing
 * and the peer's acknowledgements are the real ones, packets are numbers. For what controllers do over minutes.
 */
import { Heap } from '../base/heap.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { AckFrame } from '../wire/frame.ts'
import { AckTracker } from './ack-tracker.ts'
import type { ControllerFactory } from './congestion/controller.ts'
import { LossDetector } from './loss-detector.ts'
import { PathRecovery, type PathRecoveryOptions } from './path-recovery.ts'
import { APP, fraction, seeded, TestPacket } from './recovery.fixtures.ts'

/** The way from sender to receiver; times in ms, sizes in bytes. */
export interface LinkOptions {
  /** bytes per ms; 12,500: 100 Mbit/s */
  readonly rate: number
  /** Round trip without a queue. */
  readonly rtt: Duration
  /** What the queue takes; more is dropped at its tail. */
  readonly buffer: number
  /** The share of packets lost at random, before the queue. */
  readonly loss?: number
  /** Queued bytes from which packets are marked CE; needs a sender that reports marks. */
  readonly markAbove?: number
  readonly seed?: number
  /** One packet in so many of those that leave the queue within this stretch of time comes so much later, and behind others. */
  readonly late?: { readonly from: Time; readonly to: Time; readonly by: Duration; readonly every: number }
  /** A TCP connection below: what would come within this stretch of time comes at its end, in order. */
  readonly stall?: { readonly from: Time; readonly to: Time }
}

/** One sender. */
export interface FlowOptions {
  readonly controller: ControllerFactory
  readonly start?: Time
  /** Bytes of a packet; 1452. */
  readonly size?: number
  readonly path?: Partial<PathRecoveryOptions>
  /** Bytes that the application has at a time; it is given as much again each `every` ms. Default: always enough. */
  readonly supply?: { readonly bytes: number; readonly every: Duration }
}

/** What one flow achieved in a stretch of time. */
export interface Achievement {
  /** bytes per ms that arrived */
  readonly goodput: number
  readonly lost: number
  readonly sent: number
}

type Event = () => void

/** One bottleneck, some flows, a clock. */
export class Bottleneck {
  readonly flows: BottleneckFlow[] = []
  /** May be exchanged while flows run. */
  link: LinkOptions
  now: Time = 0
  readonly #events = new Heap<Event>()
  readonly #random = seeded(1)
  #busyUntil: Time = 0
  /** The integral of the queue's delay over packets, to tell its mean. */
  queueDelays = 0
  queued = 0
  dropped = 0
  maxQueueDelay = 0

  constructor(link: LinkOptions) {
    this.link = link
    this.#random = seeded(link.seed ?? 1)
  }

  add(options: FlowOptions): BottleneckFlow {
    const flow = new BottleneckFlow(this, options, this.flows.length)
    this.flows.push(flow)
    this.at(options.start ?? 0, () => flow.begin())
    return flow
  }

  at(time: Time, event: Event): void {
    this.#events.push(time, event)
  }

  /** Runs to this time. */
  run(until: Time): void {
    for (;;) {
      const entry = this.#events.peek()
      let flow: BottleneckFlow | undefined
      let next = entry?.key ?? NEVER
      for (const each of this.flows) {
        if (each.nextTimeout < next) {
          next = each.nextTimeout
          flow = each
        }
      }
      if (next > until) break
      this.now = Math.max(this.now, next)
      if (flow !== undefined) flow.onTimeout()
      else {
        this.#events.shift()
        entry?.value()
      }
    }
    this.now = until
  }

  /** Sends a packet through the queue. */
  enqueue(bytes: number, arrive: (isMarked: boolean) => void): void {
    const { rate, rtt, buffer, loss = 0, markAbove = Infinity } = this.link
    if (loss > 0 && fraction(this.#random) < loss) return
    const delay = Math.max(0, this.#busyUntil - this.now)
    if (delay * rate + bytes > buffer + 1) {
      this.dropped += 1
      return
    }
    this.queueDelays += delay
    this.maxQueueDelay = Math.max(this.maxQueueDelay, delay)
    this.queued += 1
    this.#busyUntil = Math.max(this.#busyUntil, this.now) + bytes / rate
    const isMarked = delay * rate > markAbove
    const { late } = this.link
    const isLate =
      late !== undefined && this.#busyUntil >= late.from && this.#busyUntil < late.to && this.queued % late.every === 0
    const arrival = this.#busyUntil + rtt / 2 + (isLate ? late.by : 0)
    this.at(this.#afterStall(arrival), () => arrive(isMarked))
  }

  /** When something arrives that would at `time`. */
  #afterStall(time: Time): Time {
    const { stall } = this.link
    return stall !== undefined && time >= stall.from && time < stall.to ? stall.to : time
  }

  /** Mean queueing delay of the packets since the start, or since `queueDelays` and `queued` were set to 0. */
  get meanQueueDelay(): number {
    return this.queued === 0 ? 0 : this.queueDelays / this.queued
  }
}

/** A sender with its receiver. */
export class BottleneckFlow {
  readonly loss: LossDetector
  readonly path: PathRecovery
  readonly acks: AckTracker = new AckTracker({ space: APP })
  /** bytes that arrived */
  received = 0
  sent = 0
  /** Packets that a PTO had sent. */
  probes = 0
  nextTimeout: Time = NEVER
  readonly #net: Bottleneck
  readonly #size: number
  readonly #options: FlowOptions
  #supply: number
  #hasBegun = false
  #ceReported = 0

  constructor(net: Bottleneck, options: FlowOptions, id: number) {
    this.#net = net
    this.#options = options
    this.#size = options.size ?? 1452
    this.#supply = options.supply?.bytes ?? Infinity
    this.loss = new LossDetector({ role: 'server', random: seeded(23 + id) })
    this.loss.handshakeConfirmed = true
    this.path = new PathRecovery({
      id,
      controller: options.controller,
      maxDatagramSize: this.#size,
      random: seeded(17 + id),
      ...options.path,
    })
  }

  begin(): void {
    this.#hasBegun = true
    this.#feed()
    this.#send()
  }

  onTimeout(): void {
    const { now } = this.#net
    if (this.loss.nextTimeout() <= now) this.loss.onTimeout(now)
    if (this.acks.nextTimeout() <= now) {
      this.acks.onTimeout(now)
      this.#acknowledge()
    }
    this.#send()
  }

  #feed(): void {
    const { supply } = this.#options
    if (supply === undefined) return
    this.#net.at(this.#net.now + supply.every, () => {
      this.#supply = supply.bytes
      this.#feed()
      this.#send()
    })
  }

  /** Sends what window, pacer and supply allow, in flights of 64 as the transmitter does. */
  #send(): void {
    const { now } = this.#net
    const { path, loss } = this
    const size = this.#size
    let pacedUntil: Time = NEVER
    while (this.#hasBegun) {
      const isProbe = loss.probes(APP) > 0
      if (!isProbe && this.#supply < size) {
        path.onAppLimited()
        break
      }
      if (!isProbe && !path.hasWindowFor(size)) break
      if (!isProbe && !path.pacer.canSend(size, now)) {
        pacedUntil = path.pacer.nextTime(size, now)
        break
      }
      if (isProbe) this.probes += 1
      this.#sendPacket(size, now)
    }
    this.nextTimeout = Math.min(loss.nextTimeout(), this.acks.nextTimeout(), pacedUntil)
  }

  #sendPacket(size: number, now: Time): void {
    const packet = this.loss.beginPacket(APP, this.path)
    packet.size = size
    packet.ackEliciting = true
    packet.inFlight = true
    this.loss.onPacketSent(packet, now)
    this.sent += 1
    this.#supply -= size
    const { number } = packet
    this.#net.enqueue(size, (isMarked) => this.#arrive(number, size, isMarked))
  }

  #arrive(number: number, size: number, isMarked: boolean): void {
    this.received += size
    this.acks.onPacketReceived(number, true, isMarked ? 3 : 0, this.#net.now)
    this.#acknowledge()
    this.nextTimeout = Math.min(this.nextTimeout, this.acks.nextTimeout())
  }

  #acknowledge(): void {
    if (!this.acks.wantsToSend) return
    const packet = new TestPacket()
    this.acks.writeFrames(packet, this.#net.now)
    const frame = packet.frames[0] as AckFrame | undefined
    if (frame === undefined) return
    this.#net.at(this.#net.now + this.#net.link.rtt / 2, () => this.#onAck(frame))
  }

  #onAck(frame: AckFrame): void {
    const { now } = this.#net
    const ce = frame.ecn?.ce ?? 0
    this.loss.onAckReceived(APP, frame, (frame.ackDelay * 8) / 1000, now)
    // What nobody acknowledges is never forgotten by the receiver: the sender's ACK of its ACK, for free.
    this.acks.onAcked(frame, now)
    if (ce > this.#ceReported) {
      this.#ceReported = ce
      this.path.controller.onEcnCongestion(now - this.path.rtt.latest, now)
    }
    this.#send()
  }
}

/** Jain's index of fairness: 1 where all have the same. */
export function jain(shares: readonly number[]): number {
  let sum = 0
  let squares = 0
  for (const share of shares) {
    sum += share
    squares += share * share
  }
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares)
}
