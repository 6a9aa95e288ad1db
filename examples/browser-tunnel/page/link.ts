/** A network in the page: two transports joined by a link that delays, loses and has a bottleneck, all of which may change at any time. */
import type { DatagramSink, DatagramTransport } from 'isoquic'

/** How the link behaves, in both directions. Read anew for each datagram. */
export interface LinkSettings {
  /** ms one way */
  delay: number
  /** 0 to 1 */
  loss: number
  /** Mbit/s */
  rate: number
}

/** ms of data that wait in front of the bottleneck; what comes then is dropped. */
const QUEUE = 60

interface UnderWay {
  readonly bytes: Uint8Array
  readonly arrival: number
}

/** The two ends of a link. */
export function link(settings: LinkSettings): [DatagramTransport, DatagramTransport] {
  const near = new LinkEnd(settings)
  const far = new LinkEnd(settings)
  near.peer = far
  far.peer = near
  return [near, far]
}

class LinkEnd implements DatagramTransport {
  readonly maxDatagramSize: number = 1500
  readonly localAddress: string = ''
  readonly properties: DatagramTransport['properties'] = {
    reliable: false,
    ordered: false,
    congestionControlled: false,
    addressValidated: false,
    ecn: false,
  }
  peer: LinkEnd | undefined
  readonly #settings: LinkSettings
  readonly #underWay: UnderWay[] = []
  #sink: DatagramSink | undefined
  #freeAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(settings: LinkSettings) {
    this.#settings = settings
  }

  open(sink: DatagramSink): void {
    this.#sink = sink
  }

  send(bytes: Uint8Array): boolean {
    const { delay, loss, rate } = this.#settings
    const now = performance.now()
    const start = Math.max(now, this.#freeAt)
    if (start - now > QUEUE) return true
    this.#freeAt = start + (bytes.length * 8) / (rate * 1000)
    if (Math.random() < loss) return true
    this.#underWay.push({ bytes: bytes.slice(), arrival: this.#freeAt + delay })
    this.#arm(now)
    return true
  }

  /** What the other end sent. */
  receive(bytes: Uint8Array): void {
    this.#sink?.datagram(bytes, '')
  }

  close(): void {
    clearTimeout(this.#timer)
    const sink = this.#sink
    this.#sink = undefined
    queueMicrotask(() => sink?.closed())
  }

  #arm(now: number): void {
    const [first] = this.#underWay
    if (first === undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#deliver(), Math.max(0, first.arrival - now))
  }

  #deliver(): void {
    this.#timer = undefined
    const now = performance.now()
    let count = 0
    for (const { bytes, arrival } of this.#underWay) {
      if (arrival > now) break
      this.peer?.receive(bytes)
      count++
    }
    this.#underWay.splice(0, count)
    this.#arm(now)
  }
}
