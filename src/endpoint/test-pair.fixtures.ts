/**
 * Two endpoints and the network between them, in virtual time, for tests: seeded, synchronous, without a promise. Delay,
 * loss, duplication, reordering and corruption of each direction are given as numbers.
 */
import { p256 } from '@noble/curves/nist.js'
import { Heap } from '../base/heap.ts'
import type { RandomSource } from '../base/random.ts'
import { NEVER, type Time } from '../base/time.ts'
import { type ConnectionOptions, validateConnectionConfig } from '../connection/config.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { StoredSession } from '../connection/stored-session.ts'
import type { TicketTerms } from '../connection/ticket-terms.ts'
import type { OutgoingDatagram } from '../connection/transmitter.ts'
import { isPending } from '../crypto/eventually.ts'
import { noble } from '../crypto/noble/provider.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { createClientSession } from '../tls/client-session.ts'
import type { Identity, TlsClientConfig, TlsServerConfig } from '../tls/config.ts'
import { createServerSession } from '../tls/server-session.ts'
import type { Carrier, Ecn, PathAddress, TransportProperties } from '../transport.ts'
import type { Observer } from '../wire/observer.ts'
import { VERSION_1 } from '../wire/version.ts'
import { insecureVerifier } from '../x509/certificate-verifier.ts'
import { generateCertificate } from '../x509/generate.ts'
import { Oid } from '../x509/oids.ts'
import { ecPrivateKey, ecPublicKey } from '../x509/private-key.ts'
import { ARENA_BYTES, Endpoint } from './endpoint.ts'
import type { AcceptParameters, EndpointOptions } from './endpoint-options.ts'
import { createReception, type ListenParameters } from './reception.ts'

/** What the network does to datagrams: probabilities from 0 to 1, times in ms. */
export interface Impairment {
  readonly delay?: number
  readonly jitter?: number
  readonly loss?: number
  readonly duplicate?: number
  readonly corrupt?: number
}

/** Where a datagram comes from and goes to. */
export interface Route {
  readonly from: PathAddress
  readonly address: PathAddress
}

/** What a pair is made of. */
export interface PairOptions {
  readonly seed?: number
  readonly network?: Impairment
  readonly crypto?: CryptoProvider
  readonly client?: ConnectionOptions
  readonly server?: ConnectionOptions
  /** How the server resumes sessions. */
  readonly tickets?: TicketTerms
  readonly clientTls?: Partial<TlsClientConfig>
  readonly serverTls?: Partial<TlsServerConfig>
  readonly listen?: Partial<ListenParameters>
  /** Of the server's connections. */
  readonly preferredAddress?: AcceptParameters['preferredAddress']
  readonly endpoint?: Partial<EndpointOptions>
  readonly serverEndpoint?: Partial<EndpointOptions>
  /** In place of those of `endpoint`. */
  readonly clientEndpoint?: Partial<EndpointOptions>
  readonly clientObserver?: Observer
  readonly serverObserver?: Observer
  /** Of both first carriers. */
  readonly carrier?: Partial<Pick<Carrier, 'maxDatagramSize' | 'preferredDatagramSize'>> & {
    readonly properties?: Partial<TransportProperties>
  }
  /** The carriers have ECN marks; this is what the network makes of them. `false`: it loses the datagram. */
  readonly ecn?: (sent: Ecn, from: 'client' | 'server', now: Time) => Ecn | false
  /** Sees each datagram before the network does; `false` loses it, bytes replace it. */
  readonly tap?: (bytes: Uint8Array, from: 'client' | 'server', now: Time, route: Route) => boolean | Uint8Array
}

/** A small, quick, seeded generator (mulberry32); good for tests, for nothing else. */
export class TestRandom implements RandomSource {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  fill(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(this.next() * 256)
  }
}

/** 2026-06-01T00:00:00Z, the wall clock of every pair at its start. */
export const TEST_WALL_CLOCK = 1_780_272_000_000

interface Flying {
  readonly bytes: Uint8Array
  readonly to: 'client' | 'server'
  readonly from: PathAddress
  readonly ecn: Ecn
  /** Where it goes; by default to the receiver's first carrier. */
  readonly address?: PathAddress | undefined
}

/** A carrier of a test, whose address and sizes may change. */
export interface TestCarrier extends Carrier {
  localAddress: PathAddress
  maxDatagramSize: number
}

/** One end of a pair. */
export class Side {
  readonly endpoint: Endpoint
  readonly carrier: TestCarrier
  readonly name: 'client' | 'server'
  address: PathAddress
  /** Everything the endpoint told, in order. */
  readonly events: { readonly connection: Connection; readonly event: ConnectionEvent }[] = []
  readonly connections: Connection[] = []
  /** Those beside the first. As soon as there is one, datagrams find the carrier that has the address they are sent to. */
  readonly carriers: Set<Carrier> = new Set()
  /** Those that were taken away. */
  readonly closed: Set<Carrier> = new Set()

  constructor(
    name: 'client' | 'server',
    address: PathAddress,
    endpoint: Endpoint,
    ecn: boolean,
    { properties, ...sizes }: NonNullable<PairOptions['carrier']> = {},
  ) {
    this.name = name
    this.address = address
    this.endpoint = endpoint
    this.carrier = {
      maxDatagramSize: 65_527,
      ...sizes,
      localAddress: address,
      properties: {
        reliable: false,
        ordered: false,
        congestionControlled: false,
        addressValidated: false,
        ecn,
        ...properties,
      },
    }
  }

  /** Adds a carrier with an address of its own. */
  add(
    localAddress: PathAddress,
    properties: Partial<TransportProperties> = {},
    sizes: Partial<Pick<Carrier, 'maxDatagramSize' | 'preferredDatagramSize'>> = {},
  ): TestCarrier {
    const carrier: TestCarrier = {
      maxDatagramSize: 65_527,
      ...sizes,
      localAddress,
      properties: { ...this.carrier.properties, ...properties },
    }
    this.carriers.add(carrier)
    return carrier
  }

  /** Takes a carrier away, the first one too: nothing comes or goes there any more. */
  close(carrier: Carrier, now: Time, cause?: Error): void {
    this.carriers.delete(carrier)
    this.closed.add(carrier)
    this.endpoint.onCarrierClosed(carrier, now, cause)
  }

  /** The address that `carrier` sends from. */
  addressOf(carrier: Carrier): PathAddress {
    return carrier === this.carrier ? this.address : carrier.localAddress
  }

  /** The carrier with that address; `undefined`: there is none any more. */
  carrierAt(address: PathAddress): Carrier | undefined {
    for (const carrier of this.carriers) if (carrier.localAddress === address) return carrier
    if (this.closed.has(this.carrier)) return undefined
    // With one carrier a side is reached wherever it was before, as behind a NAT that forgets nothing.
    return this.carriers.size + this.closed.size === 0 || address === this.address ? this.carrier : undefined
  }

  /** The events of one type, of all connections. */
  of<T extends ConnectionEvent['type']>(type: T): Extract<ConnectionEvent, { type: T }>[] {
    const found: Extract<ConnectionEvent, { type: T }>[] = []
    for (const { event } of this.events)
      if (event.type === type) found.push(event as Extract<ConnectionEvent, { type: T }>)
    return found
  }
}

/** Two endpoints with a network between them. */
export class Pair {
  readonly client: Side
  readonly server: Side
  readonly random: TestRandom
  /** What the network does from now on. */
  network: Impairment
  /** Called after each event; for applications that answer at once. */
  onEvent: (side: Side, connection: Connection, event: ConnectionEvent) => void = () => {}
  /** Called for each incoming connection instead of accepting it. */
  onIncoming: ((incoming: Parameters<Endpoint['accept']>[0]) => void) | undefined = undefined
  now: Time = 1000
  datagrams = 0
  readonly #options: PairOptions
  readonly #flying = new Heap<Flying>()
  readonly #crypto: CryptoProvider
  readonly #identity: Identity
  /** Of the server, for connections from now on. */
  serverConfig: ConnectionOptions | undefined
  tickets: TicketTerms | undefined

  constructor(options: PairOptions = {}) {
    this.#options = options
    this.serverConfig = options.server
    this.tickets = options.tickets
    this.random = new TestRandom(options.seed ?? 1)
    this.network = options.network ?? {}
    this.#crypto = options.crypto ?? noble
    this.#identity = testIdentity(this.#crypto)
    const ecn = options.ecn !== undefined
    this.client = new Side(
      'client',
      '192.0.2.1:1000',
      this.#createEndpoint(options.clientEndpoint),
      ecn,
      options.carrier,
    )
    this.server = new Side(
      'server',
      '192.0.2.2:4433',
      this.#createEndpoint(options.serverEndpoint),
      ecn,
      options.carrier,
    )
    this.server.endpoint.listen({ versions: [VERSION_1], ...options.listen }, createReception)
  }

  /** Begins a connection from the client; `options` in place of those of the pair. */
  connect(
    options: {
      config?: ConnectionOptions
      token?: Uint8Array
      tls?: Partial<TlsClientConfig>
      session?: StoredSession
      earlyData?: boolean
    } = {},
  ): Connection {
    const { client } = this
    const { session, earlyData = true } = options
    const connection = client.endpoint.connect(
      {
        carrier: client.carrier,
        remoteAddress: this.server.address,
        config: validateConnectionConfig({ ...this.#options.client, ...options.config }),
        token: options.token,
        session,
        observer: () => this.#options.clientObserver,
        createTls: (parameters, _tickets, version) =>
          createClientSession({
            ...this.#tls(),
            serverName: 'localhost',
            verifier: insecureVerifier,
            ...this.#options.clientTls,
            ...(session?.version === version && { resumption: { session: session.tls, earlyData } }),
            ...options.tls,
            parameters,
          }),
      },
      this.now,
    )
    client.connections.push(connection)
    return connection
  }

  /** Connects and runs until both sides have confirmed the handshake. */
  handshake(): { client: Connection; server: Connection } {
    const client = this.connect()
    this.run(() => client.isHandshakeConfirmed || client.state === 'closed')
    const server = this.server.connections.at(-1)
    if (server === undefined || client.state !== 'connected') {
      throw new Error(
        `No handshake: ${JSON.stringify(client.closeReason, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}`,
      )
    }
    return { client, server }
  }

  /** Runs until `done`, or until nothing is left to happen, or for `limit` ms of virtual time. */
  run(done: () => boolean = () => false, limit = 600_000): void {
    const end = this.now + limit
    this.settle()
    while (!done() && this.now <= end) {
      const next = Math.min(
        this.#flying.peek()?.key ?? NEVER,
        this.client.endpoint.nextTimeout(),
        this.server.endpoint.nextTimeout(),
      )
      if (next === NEVER) return
      this.now = Math.max(this.now, Math.min(next, end + 1))
      this.#deliver()
      for (const side of [this.client, this.server]) {
        if (side.endpoint.nextTimeout() <= this.now) side.endpoint.onTimeout(this.now)
      }
      this.settle()
    }
  }

  /** Sends what there is to send and hears what there is to hear, at this moment. */
  settle(): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const side of [this.client, this.server]) if (this.#drain(side)) busy = true
    }
  }

  /** Puts a datagram on its way, as if `from` had sent it. */
  inject(bytes: Uint8Array, to: 'client' | 'server', from: PathAddress, address?: PathAddress): void {
    this.#flying.push(this.now, { bytes, to, from, ecn: 0, address })
  }

  #drain(side: Side): boolean {
    const { endpoint } = side
    let busy = false
    for (let flight = endpoint.pollDatagram(this.now); flight !== undefined; flight = endpoint.pollDatagram(this.now)) {
      busy = true
      for (let at = 0; at < flight.bytes.length; at += flight.segmentSize) {
        this.#send(side, flight.bytes.slice(at, Math.min(at + flight.segmentSize, flight.bytes.length)), flight)
      }
    }
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      busy = true
      if (event.type === 'incoming') {
        if (this.onIncoming !== undefined) this.onIncoming(event.incoming)
        else this.accept(event.incoming)
        continue
      }
      side.events.push(event)
      this.onEvent(side, event.connection, event.event)
      endpoint.wake(event.connection)
    }
    return busy
  }

  /** Accepts an incoming connection at the server. */
  accept(incoming: Parameters<Endpoint['accept']>[0]): Connection {
    const connection = this.server.endpoint.accept(
      incoming,
      {
        config: validateConnectionConfig({
          versions: this.#options.listen?.versions ?? [VERSION_1],
          ...this.serverConfig,
        }),
        tickets: this.tickets,
        ...(this.#options.preferredAddress && { preferredAddress: this.#options.preferredAddress }),
        observer: () => this.#options.serverObserver,
        createTls: (parameters, tickets) =>
          createServerSession({
            ...this.#tls(),
            selectIdentity: () => this.#identity,
            tickets,
            ...this.#options.serverTls,
            parameters,
          }),
      },
      this.now,
    )
    this.server.connections.push(connection)
    return connection
  }

  #send(side: Side, sent: Uint8Array, { ecn: mark, to, via }: OutgoingDatagram): void {
    this.datagrams += 1
    if (side.closed.has(via)) return
    const route = { from: side.addressOf(via), address: to }
    const verdict = this.#options.tap?.(sent, side.name, this.now, route) ?? true
    if (verdict === false) return
    const bytes = verdict === true ? sent : verdict
    const ecn = this.#options.ecn?.(mark, side.name, this.now) ?? mark
    if (ecn === false) return
    const { delay = 10, jitter = 0, loss = 0, duplicate = 0, corrupt = 0 } = this.network
    if (this.random.next() < loss) return
    const copies = this.random.next() < duplicate ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const at = this.now + delay + jitter * this.random.next()
      const body = bytes.slice()
      if (this.random.next() < corrupt) {
        const index = Math.floor(this.random.next() * body.length)
        body[index] = (body[index] ?? 0) ^ (1 << Math.floor(this.random.next() * 8))
      }
      this.#flying.push(at, { bytes: body, to: side.name === 'client' ? 'server' : 'client', ecn, ...route })
    }
  }

  #deliver(): void {
    for (let entry = this.#flying.peek(); entry !== undefined && entry.key <= this.now; entry = this.#flying.peek()) {
      this.#flying.remove(entry)
      const { address, bytes, ecn, to, from } = entry.value
      const side = to === 'client' ? this.client : this.server
      const via = address === undefined ? side.carrier : side.carrierAt(address)
      if (via !== undefined) side.endpoint.receiveDatagram(bytes, from, via, ecn, this.now)
    }
  }

  #createEndpoint(options: Partial<EndpointOptions> = {}): Endpoint {
    return new Endpoint({
      engine: this.#crypto.createEngine(ARENA_BYTES),
      random: this.random,
      wallClock: () => TEST_WALL_CLOCK + this.now,
      timerGranularity: 1,
      ...this.#options.endpoint,
      ...options,
    })
  }

  #tls(): Pick<TlsClientConfig, 'crypto' | 'suites' | 'random' | 'wallClock' | 'alpn'> {
    return {
      crypto: this.#crypto,
      suites: this.#crypto.suites,
      random: this.random,
      wallClock: () => TEST_WALL_CLOCK + this.now,
      alpn: ['test'],
    }
  }
}

/** The key and the self-signed certificate of every pair's server. */
export function testIdentity(crypto: CryptoProvider): Identity {
  const secret = new Uint8Array(32).fill(7)
  const publicKey = p256.getPublicKey(secret, false)
  const signer = crypto.createSigner(ecPrivateKey(secret, publicKey, Oid.p256))
  if (isPending(signer)) throw new Error('The pair needs a provider that answers at once')
  const request = { names: ['localhost'], spki: ecPublicKey(publicKey, Oid.p256) }
  const certificate = generateCertificate(request, signer, new TestRandom(7), TEST_WALL_CLOCK)
  if (isPending(certificate)) throw new Error('The pair needs a signer that answers at once')
  return { chain: [certificate], signer }
}
