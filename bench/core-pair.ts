/**
 * Two endpoints of the sans-IO core in one process, without sockets, timers or a network between them: what one polls the other
 * receives at once. Packets are protected as in Node; handshakes cost little, since their keys are worth nothing. For counts and
 * CPU times of the core alone. The clock is virtual, and advances with the bytes that go over the wire.
 */
import { NEVER, type Time } from '../src/base/time.ts'
import { type ConnectionOptions, validateConnectionConfig } from '../src/connection/config.ts'
import type { Connection } from '../src/connection/connection.ts'
import type { ConnectionEvent } from '../src/connection/events.ts'
import { hybridPackets } from '../src/crypto/node/hybrid-packets.ts'
import type { CryptoProvider } from '../src/crypto/provider.ts'
import { ARENA_BYTES, Endpoint } from '../src/endpoint/endpoint.ts'
import { createReception } from '../src/endpoint/reception.ts'
import { EPOCH } from '../src/simulator/clock.ts'
import { pairIdentity } from '../src/simulator/pair.ts'
import { quickKeys } from '../src/simulator/quick-keys.ts'
import { SeededRandom } from '../src/simulator/seeded-random.ts'
import type { Stream } from '../src/streams/stream.ts'
import { createClientSession } from '../src/tls/client-session.ts'
import type { Identity, TlsServerConfig } from '../src/tls/config.ts'
import { createServerSession } from '../src/tls/server-session.ts'
import type { Carrier } from '../src/transport.ts'
import { VERSION_1 } from '../src/wire/version.ts'
import { insecureVerifier } from '../src/x509/certificate-verifier.ts'

/** Bytes per ms of the wire between the ends. */
const RATE = 250_000

/** Bytes of one call of `write` or `read`. */
const CHUNK = 65_536

type TlsParameters = TlsServerConfig['parameters']

/** Both ends of one connection. */
export interface Connected {
  readonly client: Connection
  readonly server: Connection
}

/** What has gone over the wire since the start. */
export interface Traffic {
  datagrams: number
  bytes: number
  /** Runs of datagrams, each of which is one call of a transport that takes batches. */
  flights: number
}

/** One end. */
class End {
  readonly endpoint: Endpoint
  readonly carrier: Carrier
  readonly random: SeededRandom
  readonly sent: Traffic = { datagrams: 0, bytes: 0, flights: 0 }

  constructor(crypto: CryptoProvider, seed: number, localAddress: string, maxDatagramSize: number) {
    this.random = new SeededRandom(seed)
    this.endpoint = new Endpoint({
      engine: crypto.createEngine(ARENA_BYTES),
      random: this.random,
      wallClock: () => EPOCH,
      timerGranularity: 1,
    })
    const properties = {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: false,
    }
    this.carrier = { maxDatagramSize, localAddress, properties }
  }
}

/** How a pair is made. */
export interface CorePairOptions {
  /** Of both ends. */
  readonly connection?: ConnectionOptions
  /** Bytes; by default those of a link of 1,500 bytes. */
  readonly maxDatagramSize?: number
}

/** Two endpoints, of which the client sends to the server. */
export class CorePair {
  readonly client: End
  readonly server: End
  readonly #options: ConnectionOptions
  readonly #crypto: CryptoProvider = { ...hybridPackets, ...quickKeys() }
  readonly #identity: Identity
  readonly #accepted: Connection[] = []
  readonly #zeros = new Uint8Array(CHUNK)
  readonly #into = new Uint8Array(CHUNK)
  #now: Time = 1000
  /** Bytes that the server's application has read. */
  received = 0

  constructor({ connection = {}, maxDatagramSize = 1452 }: CorePairOptions = {}) {
    this.#options = connection
    this.#identity = pairIdentity(this.#crypto)
    this.client = new End(this.#crypto, 1, '192.0.2.1:1000', maxDatagramSize)
    this.server = new End(this.#crypto, 2, '192.0.2.2:443', maxDatagramSize)
    const limits = { maxConnections: Infinity, maxConnectionsPerAddress: Infinity }
    this.server.endpoint.listen({ versions: [VERSION_1], limits }, createReception)
  }

  /** Packets that the sender has sent: in the transfers here each fills a datagram. */
  get packets(): number {
    return this.client.sent.datagrams
  }

  /** Makes a connection, handshake and discovery of the MTU included. @throws Error where there is none */
  connect(): Connected {
    const { endpoint, carrier } = this.client
    const parameters = {
      carrier,
      remoteAddress: this.server.carrier.localAddress,
      config: validateConnectionConfig(this.#options),
      createTls: (parameters: TlsParameters) =>
        createClientSession({
          ...this.#tls(this.client),
          serverName: 'localhost',
          verifier: insecureVerifier,
          parameters,
        }),
    }
    const client = endpoint.connect(parameters, this.#now)
    this.#settle()
    const server = this.#accepted.at(-1)
    if (server === undefined || !client.isHandshakeConfirmed) throw new Error(`No handshake, but ${client.state}`)
    return { client, server }
  }

  /** Lets `bytes` go from the client's end of `stream` to the server's application. The stream stays open. */
  transfer(connection: Connection, stream: Stream, bytes: number): void {
    const { send } = stream
    if (send === undefined) throw new TypeError('Nothing can be sent on this stream')
    const goal = this.received + bytes
    for (let left = bytes; left > 0; ) {
      const taken = send.write(left < CHUNK ? this.#zeros.subarray(0, left) : this.#zeros)
      left -= taken
      this.client.endpoint.wake(connection)
      if (left > 0 && taken === 0) this.#turn()
    }
    while (this.received < goal) this.#turn()
  }

  /** What is under way arrives, and is answered. */
  settle(): void {
    this.#settle()
  }

  /** Each end sends what it has; where neither has anything, time passes. */
  #turn(): void {
    if (this.#exchange()) return
    const next = Math.min(this.client.endpoint.nextTimeout(), this.server.endpoint.nextTimeout())
    if (next === NEVER) throw new Error('Nothing is left to happen')
    this.#now = Math.max(this.#now, next)
    for (const { endpoint } of [this.client, this.server]) {
      if (endpoint.nextTimeout() <= this.#now) endpoint.onTimeout(this.#now)
    }
  }

  /** Until nothing happens for as long as probes, delayed ACKs and searches for the MTU may take. */
  #settle(): void {
    for (const end = this.#now + 50; ; ) {
      while (this.#exchange());
      const next = Math.min(this.client.endpoint.nextTimeout(), this.server.endpoint.nextTimeout())
      if (next > end) return
      this.#turn()
    }
  }

  /** A flight of each end. Whether anything happened. */
  #exchange(): boolean {
    const isSending = this.#flush(this.client, this.server)
    return this.#flush(this.server, this.client) || isSending
  }

  /** One flight and what was told meanwhile. Whether there was any. */
  #flush(from: End, to: End): boolean {
    const isBusy = this.#flight(from, to)
    let hasEvents = false
    for (const end of [from, to]) {
      for (let event = end.endpoint.pollEvent(); event !== undefined; event = end.endpoint.pollEvent()) {
        hasEvents = true
        if (event.type === 'incoming') this.#accept(event.incoming)
        else this.#onEvent(end, event.connection, event.event)
      }
    }
    return isBusy || hasEvents
  }

  #flight(from: End, to: End): boolean {
    const flight = from.endpoint.pollDatagram(this.#now)
    if (flight === undefined) return false
    const { bytes, segmentSize } = flight
    from.sent.flights += 1
    from.sent.bytes += bytes.length
    for (let at = 0; at < bytes.length; at += segmentSize) {
      from.sent.datagrams += 1
      const datagram = bytes.subarray(at, Math.min(at + segmentSize, bytes.length))
      if (datagram.length > to.carrier.maxDatagramSize) continue
      to.endpoint.receiveDatagram(datagram, from.carrier.localAddress, to.carrier, 0, this.#now)
    }
    this.#now += bytes.length / RATE
    return true
  }

  #accept(incoming: Parameters<Endpoint['accept']>[0]): void {
    const parameters = {
      config: validateConnectionConfig(this.#options),
      createTls: (parameters: TlsParameters) =>
        createServerSession({ ...this.#tls(this.server), selectIdentity: () => this.#identity, parameters }),
    }
    this.#accepted.push(this.server.endpoint.accept(incoming, parameters, this.#now))
  }

  #onEvent(end: End, connection: Connection, event: ConnectionEvent): void {
    if (end !== this.server || event.type !== 'stream-readable') return
    for (;;) {
      const count = event.stream.receive?.read(this.#into) ?? 0
      if (count <= 0) break
      this.received += count
    }
    end.endpoint.wake(connection)
  }

  #tls({ random }: End): Pick<TlsServerConfig, 'crypto' | 'suites' | 'random' | 'wallClock' | 'alpn'> {
    const crypto = this.#crypto
    return { crypto, suites: crypto.suites, random, wallClock: () => EPOCH, alpn: ['bench'] }
  }
}
