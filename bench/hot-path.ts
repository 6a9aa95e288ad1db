/**
 * The hot path without sockets: two endpoints of the sans-IO core in one process, real packet protection, one bulk transfer
 * from the server to the client in virtual time. What either end spends is metered turn by turn, so that nothing of the other
 * end, nor of the wire between them, is counted.
 */
import process from 'node:process'
import { getHeapStatistics } from 'node:v8'
import type { Time } from '../src/base/time.ts'
import { validateConnectionConfig } from '../src/connection/config.ts'
import type { Connection } from '../src/connection/connection.ts'
import { noble } from '../src/crypto/noble/provider.ts'
import { node } from '../src/crypto/node/provider.ts'
import type { CryptoProvider } from '../src/crypto/provider.ts'
import { ARENA_BYTES, Endpoint } from '../src/endpoint/endpoint.ts'
import { createReception } from '../src/endpoint/reception.ts'
import { EPOCH } from '../src/simulator/clock.ts'
import { pairIdentity } from '../src/simulator/pair.ts'
import { SeededRandom } from '../src/simulator/seeded-random.ts'
import type { Stream } from '../src/streams/stream.ts'
import { createClientSession } from '../src/tls/client-session.ts'
import { createServerSession } from '../src/tls/server-session.ts'
import type { Carrier, PathAddress } from '../src/transport.ts'
import { VERSION_1 } from '../src/wire/version.ts'
import { insecureVerifier } from '../src/x509/certificate-verifier.ts'

/** The packets of the default engine for Node; a handshake that answers at once. */
const CRYPTO: CryptoProvider = {
  suites: node.suites,
  createEngine: (bytes) => node.createEngine(bytes),
  groups: noble.groups,
  verifiers: noble.verifiers,
  createSigner: noble.createSigner,
}

/** Bytes that the application writes at once, and that it reads at once. */
const WRITE = 262_144
const READ = 65_536

/** Flights that leave in one turn, as the driver lets them. */
const MAX_FLIGHTS = 8

/** Datagrams that arrive in one turn of a real event loop. */
const BURST = 32

/** Bytes a virtual millisecond: a wire of 250 MB/s. */
const WIRE_RATE = 250_000

const SENDER = '192.0.2.2:4433'
const RECEIVER = '192.0.2.1:1000'

/** What is metered. */
export type Metering = 'cpu' | 'heap' | 'none'

/** What one end spent. */
export interface Spent {
  /** µs of CPU time of the thread. */
  readonly cpu: number
  /** Bytes allocated on the heap. */
  readonly heap: number
  /** Bytes allocated outside it, for array buffers. */
  readonly external: number
}

/** Adds up what happens between `begin` and `end`. */
class Meter {
  cpu = 0
  heap = 0
  external = 0
  readonly #metering: Metering
  #cpu = 0
  #heap = 0
  #external = 0

  constructor(metering: Metering) {
    this.#metering = metering
  }

  begin(): void {
    if (this.#metering === 'cpu') this.#cpu = cpuTime()
    if (this.#metering !== 'heap') return
    const { external_memory: external, used_heap_size: heap } = getHeapStatistics()
    this.#heap = heap
    this.#external = external
  }

  end(): void {
    if (this.#metering === 'cpu') this.cpu += cpuTime() - this.#cpu
    if (this.#metering !== 'heap') return
    const { external_memory: external, used_heap_size: heap } = getHeapStatistics()
    // A collection in the middle makes a turn worthless; the caller makes them rare.
    if (heap < this.#heap) return
    this.heap += heap - this.#heap
    this.external += Math.max(0, external - this.#external)
  }

  /** What has been metered since the last call. */
  take(): Spent {
    const { cpu, external, heap } = this
    this.cpu = this.heap = this.external = 0
    return { cpu, heap, external }
  }
}

/** µs of this thread, where Node tells (23.9 and newer), else of the process. */
function cpuTime(): number {
  const { system, user } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return system + user
}

/** Bytes that reading the heap's statistics costs by itself. */
export function heapMeterCost(): number {
  const meter = new Meter('heap')
  const rounds = 1000
  for (let round = 0; round < rounds; round++) {
    meter.begin()
    meter.end()
  }
  return meter.heap / rounds
}

/** Datagrams on their way in one direction. */
class Wire {
  readonly #bytes = new Uint8Array(16 * 1024 * 1024)
  readonly #ends = new Int32Array(65_536)
  #count = 0
  #used = 0
  /** Each with an array of its own, as a socket hands them out. */
  datagrams: Uint8Array[] = []

  /** Takes a copy of a flight. */
  put(bytes: Uint8Array, segmentSize: number): void {
    this.#bytes.set(bytes, this.#used)
    for (let at = segmentSize; at < bytes.length; at += segmentSize) this.#ends[this.#count++] = this.#used + at
    this.#used += bytes.length
    this.#ends[this.#count++] = this.#used
  }

  /** All that was put becomes `datagrams`. Returns its bytes. */
  arrive(): number {
    let start = 0
    this.datagrams = Array.from(this.#ends.subarray(0, this.#count), (end) => {
      const datagram = this.#bytes.subarray(start, end)
      start = end
      return datagram
    })
    this.#count = 0
    this.#used = 0
    return start
  }
}

/** One end: an endpoint, its connection and the wire that it sends to. */
interface End {
  readonly endpoint: Endpoint
  readonly carrier: Carrier
  readonly out: Wire
  readonly meter: Meter
}

/** A connection in bulk transfer. */
export class HotPath {
  readonly #sender: End
  readonly #receiver: End
  readonly #random = new SeededRandom(1)
  readonly #piece = new Uint8Array(WRITE)
  readonly #into = new Uint8Array(READ)
  readonly #afterTurn: () => void
  #now: Time = 1000
  #sending: Connection | undefined
  #receiving: Connection | undefined
  #stream: Stream | undefined
  #canWrite = true
  #toWrite = 0
  #read = 0

  /**
   * Makes the handshake, `streams` streams, and one more that the bytes will take.
   * @param afterTurn called between the turns, where nothing is metered
   */
  constructor(metering: Metering, streams: number, afterTurn: () => void = () => {}) {
    this.#afterTurn = afterTurn
    this.#random.fill(this.#piece)
    this.#sender = this.#end(SENDER, metering)
    this.#receiver = this.#end(RECEIVER, metering)
    this.#sender.endpoint.listen({ versions: [VERSION_1] }, createReception)
    this.#receiving = this.#connect(streams)
    while (this.#sending?.isHandshakeConfirmed !== true || !this.#receiving.isHandshakeConfirmed) this.#turn()
    for (let opened = 0; opened < streams; opened++) this.#openIdle(this.#sending)
    this.#stream = this.#sending.streams.open('unidirectional')
    while (this.#sending.streams.queuedBytes > 0 || this.#receiving.streams.count < streams) this.#turn()
  }

  /** Packets that the sender has sent, and datagrams that the receiver has answered with. */
  get counts(): { packets: number; answers: number; seals: number } {
    const sent = this.#sending?.stats()
    const answered = this.#receiving?.stats()
    return { packets: sent?.packetsSent ?? 0, answers: answered?.packetsSent ?? 0, seals: sent?.seals ?? 0 }
  }

  /** Bytes of a datagram. */
  get mtu(): number {
    return this.#sending?.paths.active.recovery.maxDatagramSize ?? 0
  }

  /** What either end has spent since the last call. */
  spent(): { sender: Spent; receiver: Spent } {
    return { sender: this.#sender.meter.take(), receiver: this.#receiver.meter.take() }
  }

  /** Moves `bytes` bytes. */
  move(bytes: number): void {
    this.#toWrite = bytes
    const end = this.#read + bytes
    while (this.#read < end) this.#turn()
  }

  #turn(): void {
    const { endpoint: sender, meter: sending, out: there } = this.#sender
    const { endpoint: receiver, meter: receiving, out: back } = this.#receiver
    sending.begin()
    this.sendingTurn(back.datagrams)
    sending.end()
    this.#afterTurn()
    const bytes = there.arrive()
    receiving.begin()
    this.receivingTurn(there.datagrams)
    receiving.end()
    this.#afterTurn()
    const answered = back.arrive()
    if (bytes + answered > 0) this.#now += Math.max(0.05, bytes / WIRE_RATE)
    else this.#now = Math.max(this.#now, Math.min(sender.nextTimeout(), receiver.nextTimeout()))
  }

  /** All that the sending end does in a turn. Its name is looked for in profiles. */
  sendingTurn(datagrams: readonly Uint8Array[]): void {
    const { carrier, endpoint } = this.#sender
    for (const bytes of datagrams) endpoint.receiveDatagram(bytes, RECEIVER, carrier, 0, this.#now)
    this.#write()
    this.#flush(this.#sender)
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      if (event.type === 'incoming') this.#accept(event.incoming)
      else if (event.event.type === 'stream-writable') this.#canWrite = true
    }
  }

  /** All that the receiving end does in a turn. Its name is looked for in profiles. */
  receivingTurn(datagrams: readonly Uint8Array[]): void {
    const { carrier, endpoint } = this.#receiver
    // One number for all: reading the field makes an object each time.
    const now = this.#now
    for (let at = 0; at < datagrams.length; ) {
      for (const end = Math.min(at + BURST, datagrams.length); at < end; at++) {
        endpoint.receiveDatagram(datagrams[at] as Uint8Array, SENDER, carrier, 0, now)
      }
      this.#flush(this.#receiver)
      this.#hear()
    }
    this.#flush(this.#receiver)
  }

  #flush({ endpoint, out }: End): void {
    if (endpoint.nextTimeout() <= this.#now) endpoint.onTimeout(this.#now)
    for (let flights = 0; flights < MAX_FLIGHTS; flights++) {
      const flight = endpoint.pollDatagram(this.#now)
      if (flight === undefined) return
      out.put(flight.bytes, flight.segmentSize)
    }
  }

  #write(): void {
    const send = this.#stream?.send
    if (send === undefined || this.#sending === undefined) return
    while (this.#canWrite && this.#toWrite > 0) {
      const piece = this.#toWrite < WRITE ? this.#piece.subarray(0, this.#toWrite) : this.#piece
      const taken = send.write(piece)
      this.#toWrite -= taken
      if (taken < piece.length) this.#canWrite = false
      this.#sender.endpoint.wake(this.#sending)
    }
  }

  #hear(): void {
    const { endpoint } = this.#receiver
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      if (event.type === 'incoming' || event.event.type !== 'stream-readable') continue
      const { receive } = event.event.stream
      for (let got = receive?.read(this.#into) ?? 0; got > 0; got = receive?.read(this.#into) ?? 0) this.#read += got
      endpoint.wake(event.connection)
    }
  }

  /** A stream that lives on and has nothing more to send. */
  #openIdle(connection: Connection): void {
    const stream = connection.streams.open('unidirectional')
    if (stream?.send === undefined) throw new Error('The receiver does not allow as many streams')
    stream.send.write(this.#piece.subarray(0, 1))
    this.#sender.endpoint.wake(connection)
  }

  #end(localAddress: PathAddress, metering: Metering): End {
    const properties = {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: false,
    }
    const endpoint = new Endpoint({
      engine: CRYPTO.createEngine(ARENA_BYTES),
      random: this.#random,
      wallClock: () => EPOCH,
      timerGranularity: 1,
    })
    return {
      endpoint,
      carrier: { maxDatagramSize: 65_527, localAddress, properties },
      out: new Wire(),
      meter: new Meter(metering),
    }
  }

  #connect(streams: number): Connection {
    const { carrier, endpoint } = this.#receiver
    return endpoint.connect(
      {
        carrier,
        remoteAddress: SENDER,
        config: validateConnectionConfig({ maxIncomingUnidirectionalStreams: streams + 100 }),
        observer: () => undefined,
        createTls: (parameters) =>
          createClientSession({ ...this.#tls(), serverName: 'localhost', verifier: insecureVerifier, parameters }),
      },
      this.#now,
    )
  }

  #accept(incoming: Parameters<Endpoint['accept']>[0]): void {
    this.#sending = this.#sender.endpoint.accept(
      incoming,
      {
        config: validateConnectionConfig(),
        createTls: (parameters) =>
          createServerSession({ ...this.#tls(), selectIdentity: () => pairIdentity(CRYPTO), parameters }),
      },
      this.#now,
    )
  }

  #tls(): Pick<Parameters<typeof createClientSession>[0], 'crypto' | 'suites' | 'random' | 'wallClock' | 'alpn'> {
    return { crypto: CRYPTO, suites: CRYPTO.suites, random: this.#random, wallClock: () => EPOCH, alpn: ['bench'] }
  }
}
