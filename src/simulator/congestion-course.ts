/**
 * A path for one congestion controller, round trip by round trip: it sends what the window holds, and hears of deliveries,
 * losses and marks in the order and with the totals of real loss detection. There is no pacer, and no byte of data.
 */
import type { Duration, Time } from '../base/time.ts'
import type { AckSample, CongestionController, SentInfo } from '../recovery/congestion/controller.ts'
import { RttEstimator } from '../recovery/rtt.ts'

/** What happens in a round trip. */
export interface CourseRound {
  /** What the application has to send; default: as much as there is room for. */
  readonly packets?: number
  /** The share that is lost, evenly spread. */
  readonly loss?: number
  /** Whether a CE mark is reported. */
  readonly mark?: boolean
}

/** Round-trip delays' worth of packets that the path and its queue hold; what is beyond is lost. */
const DEPTH = 4
/** Packets of one round trip. */
const MOST = 1000

/** The course of one controller; times in ms, sizes in bytes. */
export class CongestionCourse {
  readonly controller: CongestionController
  readonly #datagram: number
  readonly #delay: Duration
  /** Bytes per ms that the path delivers. */
  readonly #rate: number
  readonly #rtt = new RttEstimator()
  #now: Time = 1000
  #delivered = 0
  #lost = 0
  #inFlight = 0
  #carry = 0

  /** @param rate bytes per ms; what is beyond waits, up to four times what the path holds */
  constructor(controller: CongestionController, datagram: number, delay: Duration, rate = 2400) {
    this.controller = controller
    this.#datagram = datagram
    this.#delay = delay
    this.#rate = rate
  }

  /** Nothing happens for so many ms. */
  wait(duration: Duration): void {
    this.#now += duration
  }

  /** Sends a window, and takes in what becomes of it. */
  round({ packets = Infinity, loss = 0, mark = false }: CourseRound = {}): void {
    const sent = this.#send(packets)
    if (sent.length === 0) return
    const held = DEPTH * this.#delay
    const duration = Math.min(Math.max(this.#delay, this.#inFlight / this.#rate), held)
    const capacity = Math.floor((held * this.#rate) / this.#datagram)
    const start = this.#now
    let index = 0
    while (index < sent.length) {
      // One ACK frame for two packets, spread over the round trip after the first delay.
      this.#now = start + this.#delay + ((duration - this.#delay) * (index + 2)) / (sent.length + 1)
      const pair = sent.slice(index, index + 2)
      index += 2
      this.#acknowledge(pair, index > capacity ? 1 : loss, mark && index >= sent.length)
    }
    this.#now = Math.max(this.#now, start + duration)
  }

  /** Sends a window, all of which is lost. */
  loseAll(): void {
    const sent = this.#send(Infinity)
    this.#now += 10 * this.#delay
    for (const packet of sent) this.#lose(packet)
  }

  #send(packets: number): SentInfo[] {
    const sent: SentInfo[] = []
    const { controller } = this
    const appLimited = packets < Infinity
    const room = (): boolean => this.#inFlight + this.#datagram <= controller.congestionWindow
    while (sent.length < Math.min(Math.max(1, packets), MOST) && (room() || sent.length === 0)) {
      this.#inFlight += this.#datagram
      const packet = {
        bytes: this.#datagram,
        sentTime: this.#now,
        appLimited,
        bytesInFlight: this.#inFlight,
        totalDelivered: this.#delivered,
        totalLost: this.#lost,
      }
      sent.push(packet)
      controller.onPacketSent(packet, this.#now)
    }
    return sent
  }

  #acknowledge(packets: readonly SentInfo[], loss: number, mark: boolean): void {
    let newest: SentInfo | undefined
    let bytes = 0
    const lost: SentInfo[] = []
    for (const packet of packets) {
      this.#carry += loss
      if (this.#carry >= 1) {
        this.#carry -= 1
        lost.push(packet)
        continue
      }
      newest = packet
      bytes += packet.bytes
      this.#delivered += packet.bytes
      this.#inFlight -= packet.bytes
    }
    for (const packet of lost) this.#lose(packet)
    if (newest === undefined) return
    this.#rtt.onSample(this.#now - newest.sentTime, 0, true, 25)
    if (mark) this.controller.onEcnCongestion(newest.sentTime, this.#now)
    this.controller.onPacketsAcked(this.#sample(newest, bytes), this.#rtt, this.#now)
  }

  #sample(newest: SentInfo, bytes: number): AckSample {
    return {
      bytes,
      newest,
      deliveryRate: (this.#delivered - newest.totalDelivered) / (this.#now - newest.sentTime),
      appLimited: newest.appLimited,
      bytesInFlight: this.#inFlight,
      totalDelivered: this.#delivered,
      totalLost: this.#lost,
    }
  }

  #lose(packet: SentInfo): void {
    this.#inFlight -= packet.bytes
    this.#lost += packet.bytes
    this.controller.onPacketLost(packet, this.#lost, this.#now)
  }
}
