/**
 * Two endpoints of the sans-IO core and the network between them, in virtual time: seeded, synchronous, without a promise.
 * A million packets take seconds.
 */
import { p256 } from '@noble/curves/nist.js'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { type ConnectionOptions, validateConnectionConfig } from '../connection/config.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { StoredSession } from '../connection/stored-session.ts'
import type { TicketTerms } from '../connection/ticket-terms.ts'
import { isPending } from '../crypto/eventually.ts'
import { noble } from '../crypto/noble/provider.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { ARENA_BYTES, Endpoint } from '../endpoint/endpoint.ts'
import type { AcceptParameters, EndpointOptions } from '../endpoint/endpoint-options.ts'
import type { IncomingConnection } from '../endpoint/incoming-connection.ts'
import { createReception, type ListenParameters } from '../endpoint/reception.ts'
import { createClientSession } from '../tls/client-session.ts'
import type { Identity, TlsClientConfig, TlsServerConfig } from '../tls/config.ts'
import { createServerSession } from '../tls/server-session.ts'
import type { PathAddress } from '../transport.ts'
import type { ObserverFactory } from '../wire/observer.ts'
import type { Role } from '../wire/stream-id.ts'
import { VERSION_1 } from '../wire/version.ts'
import { insecureVerifier } from '../x509/certificate-verifier.ts'
import { generateCertificate } from '../x509/generate.ts'
import { Oid } from '../x509/oids.ts'
import { ecPrivateKey, ecPublicKey } from '../x509/private-key.ts'
import { EPOCH } from './clock.ts'
import { PacketNumberLedger } from './ledger.ts'
import type { LinkOptions } from './link-options.ts'
import type { Duplex } from './links.ts'
import { Network } from './network.ts'
import type { Port, PortOptions } from './port.ts'
import { quickCrypto } from './quick-crypto.ts'
import { SeededRandom } from './seeded-random.ts'
import { atSeed } from './seeds.ts'
import { Side, type SideListener } from './side.ts'

/** What a pair is made of. Everything may be left out: two ends that trust one another, 10 ms apart. */
export interface PairOptions {
  /** An integer from 0 to 2^32 - 1, from which all randomness comes. Default 1. */
  readonly seed?: number | undefined
  /** The link between the first ports. Default: 10 ms of delay, and nothing else. */
  readonly link?: LinkOptions | undefined
  /** The way from the server to the client, where it differs from {@link link}. */
  readonly back?: LinkOptions | undefined
  /** What the client's first port is like. */
  readonly clientPort?: Omit<PortOptions, 'node'> | undefined
  /** What the server's first port is like. */
  readonly serverPort?: Omit<PortOptions, 'node'> | undefined
  /** Options of the client's connections. */
  readonly client?: ConnectionOptions | undefined
  /** Options of the server's connections. */
  readonly server?: ConnectionOptions | undefined
  readonly clientTls?: Partial<TlsClientConfig> | undefined
  readonly serverTls?: Partial<TlsServerConfig> | undefined
  readonly listen?: Partial<ListenParameters> | undefined
  /** How the server gives tickets out and takes them back. Default: not at all. */
  readonly tickets?: TicketTerms | undefined
  /** Where the server would rather be reached: addresses of ports of its own (RFC 9000 §9.6). */
  readonly preferredAddress?: AcceptParameters['preferredAddress'] | undefined
  /** Of both endpoints. */
  readonly endpoint?: Partial<EndpointOptions> | undefined
  /** Makes an observer for each connection of either end, such as a qlog writer. */
  readonly observer?: ObserverFactory | undefined
  /**
   * `'real'` (default): the cryptography of `crypto`. `'checksum'`: packets carry a checksum instead of an AEAD tag, keys are
   * worth nothing, and neither costs much: for mass runs.
   */
  readonly protection?: 'real' | 'checksum' | undefined
  /** For `protection: 'real'`; it must answer at once. Default: noble. */
  readonly crypto?: CryptoProvider | undefined
  /** Whether the books of every connection are checked after every step, which makes steps slower. Default `false`. */
  readonly checkInvariants?: boolean | undefined
  /** Whether `network.trace` is kept, or how many datagrams of it. Default `false`. */
  readonly trace?: boolean | number | undefined
  /** Whether {@link Side.events} are kept. Default `true`. */
  readonly recordEvents?: boolean | undefined
}

/** What a connection of a pair begins with, beside the options of the pair. */
export interface PairConnectOptions {
  readonly config?: ConnectionOptions | undefined
  /** Of an earlier NEW_TOKEN event. */
  readonly token?: Uint8Array | undefined
  readonly tls?: Partial<TlsClientConfig> | undefined
  /** Of an earlier session-ticket event. */
  readonly session?: StoredSession | undefined
  /** Whether what is written before the handshake is over goes by 0-RTT, with a `session`. Default `true`. */
  readonly earlyData?: boolean | undefined
  /** The client's port; default: its first. */
  readonly from?: Port | undefined
  /** Default: the address of the server's first port. */
  readonly to?: PathAddress | undefined
}

/** Virtual ms at which every pair begins. */
const START: Time = 1000

/** Bytes of an endpoint's arena: a pair has few connections, and a standing simulation many thousands of pairs. */
const PAIR_ARENA_BYTES = ARENA_BYTES / 4

const DEFAULT_LINK: LinkOptions = { delay: 10 }

/**
 * Two endpoints with a network between them.
 *
 * @example
 * ```ts run
 * import { Pair } from 'isoquic/simulator'
 *
 * const pair = new Pair({ seed: 7, link: { delay: 20, bandwidth: 10_000_000, loss: 0.05 }, protection: 'checksum' })
 * const { client, server } = pair.handshake()
 * pair.network.drop({ from: 'server', type: '1RTT', nth: 3 })
 *
 * const stream = client.streams.open('unidirectional')
 * stream?.send?.write(new Uint8Array(10_000))
 * stream?.send?.finish()
 * pair.client.wake(client)
 * pair.run(() => pair.server.of('stream-readable').length > 0)
 * console.log(server.state, pair.client.of('connected').length) // connected 1
 * ```
 */
export class Pair implements SideListener {
  readonly network: Network
  readonly client: Side
  readonly server: Side
  /** The link between the first ports: `there` leads to the server. */
  readonly link: Duplex
  /** The cryptography of both ends. */
  readonly crypto: CryptoProvider
  /** The server's certificate and its key. */
  readonly identity: Identity
  /** Called after each event; for applications that answer at once. */
  onEvent: (side: Side, connection: Connection, event: ConnectionEvent) => void = () => {}
  /** Called for each incoming connection instead of accepting it. */
  onIncomingConnection: ((incoming: IncomingConnection) => void) | undefined = undefined
  readonly #options: PairOptions
  readonly #observer: { readonly [R in Role]: ObserverFactory | undefined }
  readonly #randoms: { readonly [R in Role]: SeededRandom }
  readonly #ledger: PacketNumberLedger | undefined

  /** @throws TypeError, RangeError for wrong options */
  constructor(options: PairOptions = {}) {
    this.#options = options
    const { link = DEFAULT_LINK, recordEvents = true } = options
    this.network = new Network({ seed: options.seed, start: START, trace: options.trace })
    this.crypto = cryptoOf(options)
    this.identity = pairIdentity(this.crypto)
    this.#ledger = options.checkInvariants === true ? new PacketNumberLedger() : undefined
    this.#randoms = { client: this.network.random.fork('client'), server: this.network.random.fork('server') }
    this.#observer = { client: this.#observerOf('client'), server: this.#observerOf('server') }
    this.client = new Side('client', this.#createEndpoint('client'), this)
    this.server = new Side('server', this.#createEndpoint('server'), this)
    this.client.records = this.server.records = recordEvents
    this.addPort('client', { address: '192.0.2.1:1000', ...options.clientPort })
    this.addPort('server', { address: '192.0.2.2:4433', ...options.serverPort })
    this.link = this.network.connect(this.client.port, this.server.port, link, options.back ?? link)
    this.server.endpoint.listen({ versions: [VERSION_1], ...options.listen }, createReception)
  }

  /** Virtual ms. */
  get now(): Time {
    return this.network.now
  }

  /** Datagrams that were sent, lost ones included. */
  get datagrams(): number {
    return this.network.datagrams
  }

  /** The seed of this run. */
  get seed(): number {
    return this.network.seed
  }

  /** One end by its name. */
  side(role: Role): Side {
    return role === 'client' ? this.client : this.server
  }

  /** Another local end of paths; `network.connect` gives it links. @throws RangeError as `Network.attach` does */
  addPort(role: Role, options: Omit<PortOptions, 'node'> = {}): Port {
    const side = this.side(role)
    const port = this.network.attach({ ...options, node: role })
    port.sink = side
    side.ports.push(port)
    return port
  }

  /** Begins a connection from the client. @throws what wrong options make the endpoint throw */
  connect(options: PairConnectOptions = {}): Connection {
    const { client } = this
    const { earlyData = true, session } = options
    const connection = client.endpoint.connect(
      {
        carrier: options.from ?? client.port,
        remoteAddress: options.to ?? this.server.address,
        config: validateConnectionConfig({ ...this.#options.client, ...options.config }),
        token: options.token,
        session,
        observer: this.#observer.client,
        createTls: (parameters, _tickets, version) =>
          createClientSession({
            ...this.#tls('client'),
            serverName: 'localhost',
            verifier: insecureVerifier,
            ...this.#options.clientTls,
            ...(session?.version === version && { resumption: { session: session.tls, earlyData } }),
            ...options.tls,
            parameters,
          }),
      },
      client.clockAt(this.now),
    )
    client.connections.push(connection)
    client.wake()
    return connection
  }

  /** Connects and runs until the client has confirmed the handshake. @throws Error naming the seed where it does not */
  handshake(options: PairConnectOptions = {}): { client: Connection; server: Connection } {
    const client = this.connect(options)
    this.run(() => client.isHandshakeConfirmed || client.state === 'closed')
    const server = this.server.connections.at(-1)
    if (server === undefined || client.state !== 'connected') {
      const reason = JSON.stringify(client.closeReason, (_, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      )
      throw new Error(atSeed(this.seed, `No handshake, the client says ${reason}`))
    }
    return { client, server }
  }

  /**
   * Runs until `done`, or until nothing is left to happen, or for `limit` ms of virtual time. Whether `done` came true.
   * @throws Error naming the seed and the time: what a callback threw, or the books of a connection that do not balance
   */
  run(done: () => boolean = () => false, limit: Duration = 600_000): boolean {
    const end = this.now + limit
    const { clock } = this.network
    try {
      this.settle()
      while (!done()) {
        // What `done` did may have something to send.
        this.#drain()
        const next = Math.min(clock.next, this.client.nextTimeout(), this.server.nextTimeout())
        if (next > end) {
          if (next !== NEVER) clock.advance(end)
          return false
        }
        clock.advance(next)
        this.client.runTimers(clock.now)
        this.server.runTimers(clock.now)
        this.#drain()
        if (this.#ledger !== undefined) this.checkInvariants()
      }
      return true
    } catch (error) {
      throw new Error(atSeed(this.seed, error, this.now), { cause: error })
    }
  }

  /** Sends what there is to send and hears what there is to hear, at this moment. */
  settle(): void {
    // Whatever was called meanwhile, on whichever connection.
    this.client.wake()
    this.server.wake()
    this.#drain()
  }

  #drain(): void {
    const { client, server } = this
    const { now } = this.network.clock
    for (let busy = true; busy; ) {
      busy = client.drain(now)
      if (server.drain(now)) busy = true
    }
  }

  /** Has an end receive a datagram now, as if `from` had sent it; `at` is a port of that end, by default its first. */
  inject(bytes: Uint8Array, to: Role, from: PathAddress, at: Port = this.side(to).port): void {
    this.network.inject(bytes, at, from)
  }

  /**
   * Accepts an incoming connection at the server, with other options than those of the pair where `config` names them.
   * @throws what `Endpoint.accept` throws, and TypeError or RangeError for wrong options
   */
  accept(incoming: IncomingConnection, config: ConnectionOptions = {}): Connection {
    const { server } = this
    const { preferredAddress } = this.#options
    const connection = server.endpoint.accept(
      incoming,
      {
        config: validateConnectionConfig({ ...this.#options.server, ...config }),
        observer: this.#observer.server,
        tickets: this.#options.tickets,
        ...(preferredAddress && { preferredAddress }),
        createTls: (parameters, tickets) =>
          createServerSession({
            ...this.#tls('server'),
            selectIdentity: () => this.identity,
            tickets,
            ...this.#options.serverTls,
            parameters,
          }),
      },
      server.clockAt(this.now),
    )
    server.connections.push(connection)
    server.wake()
    return connection
  }

  /**
   * Checks the books of every connection of both ends.
   * @throws Error where bytes in flight are not the sum of what is outstanding, ranges overlap, credit was exceeded or, with the
   * option `checkInvariants`, a packet number was used twice
   */
  checkInvariants(): void {
    this.#ledger?.checkInvariants()
    for (const connection of this.client.endpoint.connections()) connection.checkInvariants()
    for (const connection of this.server.endpoint.connections()) connection.checkInvariants()
  }

  /** For the ends of the pair. */
  onIncoming(_side: Side, incoming: IncomingConnection): void {
    if (this.onIncomingConnection === undefined) this.accept(incoming)
    else this.onIncomingConnection(incoming)
  }

  /** For the ends of the pair. */
  onConnectionEvent(side: Side, connection: Connection, event: ConnectionEvent): void {
    this.onEvent(side, connection, event)
  }

  #createEndpoint(role: Role): Endpoint {
    const { network } = this
    return new Endpoint({
      engine: this.crypto.createEngine(PAIR_ARENA_BYTES),
      random: this.#randoms[role],
      wallClock: () => network.clock.wallClock,
      timerGranularity: 1,
      ...this.#options.endpoint,
    })
  }

  #observerOf(role: Role): ObserverFactory | undefined {
    const { observer } = this.#options
    const traced = this.network.trace?.observe(role, observer) ?? observer
    return this.#ledger?.observe(traced) ?? traced
  }

  #tls(role: Role): Pick<TlsClientConfig, 'crypto' | 'suites' | 'random' | 'wallClock' | 'alpn'> {
    const { clock } = this.network
    return {
      crypto: this.crypto,
      suites: this.crypto.suites,
      random: this.#randoms[role],
      wallClock: () => clock.wallClock,
      alpn: ['test'],
    }
  }
}

function cryptoOf({ crypto, protection = 'real' }: PairOptions): CryptoProvider {
  if (protection !== 'checksum') return crypto ?? noble
  if (crypto !== undefined) throw new TypeError("crypto has no meaning where protection is 'checksum'")
  return quickCrypto()
}

/** Identities by the provider that signs for them: they are the same for each pair. */
const identities = /* @__PURE__ */ new WeakMap<CryptoProvider, Identity>()

/** The key and the self-signed certificate of every pair's server. @throws Error for a provider that answers later */
export function pairIdentity(crypto: CryptoProvider): Identity {
  const known = identities.get(crypto)
  if (known !== undefined) return known
  const identity = createIdentity(crypto)
  identities.set(crypto, identity)
  return identity
}

function createIdentity(crypto: CryptoProvider): Identity {
  const secret = new Uint8Array(32).fill(7)
  const publicKey = p256.getPublicKey(secret, false)
  const signer = crypto.createSigner(ecPrivateKey(secret, publicKey, Oid.p256))
  if (isPending(signer)) throw new Error('A pair needs a provider that answers at once')
  const request = { names: ['localhost'], spki: ecPublicKey(publicKey, Oid.p256) }
  const certificate = generateCertificate(request, signer, new SeededRandom(7), EPOCH)
  if (isPending(certificate)) throw new Error('A pair needs a signer that answers at once')
  return { chain: [certificate], signer }
}
