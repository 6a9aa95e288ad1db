/** What a connection does, as the page shows it: numbers for the plots, the last packets, and a qlog. */
import { type Observer, type ObserverFactory, qlogTo } from 'isoquic/qlog'
import { frameName, packetName } from './names.ts'

/** A packet of the list. */
export interface PacketRow {
  /** ms since the recorder began */
  readonly time: number
  readonly direction: 'sent' | 'received' | 'lost'
  readonly type: string
  readonly number: number
  readonly size: number
  readonly frames: string
}

/** A point of every plot. Times in s, sizes in bytes, rates in Mbit/s, RTT in ms. */
export interface Sample {
  readonly time: number
  readonly congestionWindow: number
  readonly bytesInFlight: number
  readonly smoothedRtt: number
  readonly latestRtt: number
  readonly sent: number
  readonly received: number
}

/** ms over which rates are taken. */
const WINDOW = 500

const MAX_ROWS = 200

/** Characters of a qlog, of which the last are kept: enough for minutes. */
const MAX_QLOG = 50_000_000

/** Records one connection. Its {@link observer} is the option of `connect`. */
export class Recorder {
  readonly rows: PacketRow[] = []
  readonly #began = performance.now()
  #qlog: string[] = []
  #qlogSize = 0
  #isQlogFull = false
  #bytesSent = 0
  #bytesReceived = 0
  readonly #counts: { readonly time: number; readonly sent: number; readonly received: number }[] = []
  #metrics = { congestionWindow: 0, bytesInFlight: 0, smoothedRtt: 0, latestRtt: 0 }
  packets = 0
  lost = 0

  /** Option of `connect` and `listen`: sees every packet, twice. */
  get observer(): ObserverFactory {
    const qlog = qlogTo(() => (record) => this.#keep(record))
    return (...call) => tee(this.#watch(), qlog(...call) ?? {})
  }

  /** The next point of the plots; rates are those of the last {@link WINDOW} ms. `undefined` before the first round trip. */
  sample(): Sample | undefined {
    const time = performance.now()
    this.#counts.push({ time, sent: this.#bytesSent, received: this.#bytesReceived })
    while ((this.#counts[1]?.time ?? time) < time - WINDOW) this.#counts.shift()
    const [first] = this.#counts
    if (first === undefined || first.time === time || this.#metrics.latestRtt === 0) return undefined
    const rate = (bytes: number): number => (bytes * 8) / 1000 / (time - first.time)
    return {
      ...this.#metrics,
      time: (time - this.#began) / 1000,
      sent: rate(this.#bytesSent - first.sent),
      received: rate(this.#bytesReceived - first.received),
    }
  }

  /** The log so far, as a file for any qlog tool. */
  qlogFile(): Blob {
    return new Blob(this.#qlog, { type: 'application/qlog+json-seq' })
  }

  #keep(record: string): void {
    if (this.#isQlogFull) return
    this.#qlog.push(record)
    this.#qlogSize += record.length
    this.#isQlogFull = this.#qlogSize > MAX_QLOG
  }

  #watch(): Observer {
    return {
      packetSent: (packet, frames) => {
        this.#bytesSent += packet.size
        this.#add('sent', packetName(packet.type), packet.packetNumber, packet.size, frames)
      },
      packetReceived: (packet, frames) => {
        this.#bytesReceived += packet.size
        this.#add('received', packetName(packet.type), packet.packetNumber, packet.size, frames)
      },
      packetLost: ({ packetNumber, frames }) => {
        this.lost += 1
        this.#add('lost', '', packetNumber, 0, frames)
      },
      metricsUpdated: ({ congestionWindow, bytesInFlight, smoothedRtt, latestRtt }) => {
        this.#metrics = { congestionWindow, bytesInFlight, smoothedRtt, latestRtt }
      },
    }
  }

  #add(
    direction: PacketRow['direction'],
    type: string,
    number: number,
    size: number,
    frames: readonly { readonly type: number }[],
  ): void {
    if (direction !== 'lost') this.packets += 1
    const names = [...new Set(frames.map((frame) => frameName(frame.type)))].join(' ')
    this.rows.push({ time: performance.now() - this.#began, direction, type, number, size, frames: names })
    if (this.rows.length > 2 * MAX_ROWS) this.rows.splice(0, MAX_ROWS)
  }
}

/** One observer for two. */
function tee(first: Observer, second: Observer): Observer {
  const own = Object.keys(first) as (keyof Observer)[]
  return new Proxy(second, {
    get(target, name) {
      const theirs = Reflect.get(target, name)
      const bound = typeof theirs === 'function' ? theirs.bind(target) : undefined
      if (!own.includes(name as keyof Observer)) return bound
      const ours = Reflect.get(first, name) as (...words: unknown[]) => void
      return (...words: unknown[]) => {
        ours(...words)
        bound?.(...words)
      }
    },
  })
}
