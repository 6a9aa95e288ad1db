/** The server on an endpoint: connections that clients ask for, to iterate over. */
import { PassingSet } from '../base/passing-set.ts'
import type { ConnectionConfig } from '../connection/config.ts'
import type { EndpointStats } from '../endpoint/endpoint-stats.ts'
import type { IncomingLimits } from '../endpoint/incoming.ts'
import type { IncomingConnection } from '../endpoint/incoming-connection.ts'
import { createReception } from '../endpoint/reception.ts'
import { type ClientCertificatePolicy, checkConfig, checkVerifiers, type ServerPskPolicy } from '../tls/config.ts'
import { createServerSession } from '../tls/server-session.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import { checkAbortable, checkKey, checkObject, checkSignal, checkTransport, checkType } from './checks.ts'
import { type ClientCertificateOptions, clientCertificatePolicy } from './client-certificates.ts'
import { QuicConnection } from './connection.ts'
import { EndpointCore, type EndpointCoreOptions } from './endpoint-core.ts'
import {
  type AcceptOptions,
  decideBy,
  type IncomingDecision,
  QuicIncoming,
  type RetryOption,
  retryPolicyOf,
  turnAway,
} from './incoming.ts'
import { IncomingStreams } from './incoming-streams.ts'
import { checkKeys } from './known-keys.ts'
import { type CommonOptions, connectionConfig, tlsCommon } from './options.ts'
import { type PreferredAddresses, type PreferredAddressOptions, preferredAddressOf } from './preferred-address.ts'
import { type ServerPskOptions, serverPsk } from './psk-options.ts'
import { type ServerCertificates, ServerIdentities } from './server-identity.ts'
import { type AcceptEarlyData, type ServerTickets, serverTickets, type TicketOptions } from './server-tickets.ts'
import { type Abortable, abortable } from './signal.ts'

/** Options of a server. */
export interface ListenOptions extends CommonOptions, Omit<EndpointCoreOptions, 'crypto' | 'environment'> {
  /** Who the server is. May be left out where `psk` stands in for it. */
  readonly certificate?: ServerCertificates | undefined
  /** Keys that clients know too, in place of certificates (RFC 8446 §2.2). */
  readonly psk?: ServerPskOptions | undefined
  /** How sessions are resumed; `false`: not at all, nor where `clientCertificates` are asked for. */
  readonly tickets?: TicketOptions | false | undefined
  /**
   * Whether data is taken that clients send with their first packet (0-RTT). An attacker can send it again, so what it asks for
   * must do no harm the second time; this server accepts it once for each ticket (RFC 8446 §8). Default `false`.
   */
  readonly earlyData?: boolean | undefined
  /** Has a say in each attempt at early data: for servers that share a ticket key, which must share their memory as well. */
  readonly acceptEarlyData?: AcceptEarlyData | undefined
  /** Asks clients for a certificate. Default: it does not. */
  readonly clientCertificates?: ClientCertificateOptions
  /** When clients must prove their address before anything else; default `'never'` (RFC 9000 §8.1.2). */
  readonly retry?: RetryOption
  /** What is taken at most. */
  readonly limits?: Partial<IncomingLimits>
  /** Where clients are to move to once they are connected (RFC 9000 §9.6). */
  readonly preferredAddress?: PreferredAddressOptions
  /** Gives the attempt up while certificates and keys are being prepared. */
  readonly signal?: AbortSignal | undefined
}

/** The keys of {@link ListenOptions} that are not {@link CommonOptions}. */
const LISTEN_KEYS = [
  ...['preferredAddress', 'certificate', 'clientCertificates', 'retry', 'limits', 'resetKey', 'tokenKey'],
  ...['psk', 'tickets', 'earlyData', 'acceptEarlyData', 'connectionIdGenerator', 'signal'],
]

/** How a server is closed. */
export interface ServerCloseOptions extends Abortable {
  /** Let the connections that run go on until they end by themselves. */
  readonly graceful?: boolean
  /** ms after which a graceful close closes them all the same. */
  readonly timeout?: number
}

/** A server: an async iterable of connections, each as soon as it can carry streams. */
export class QuicServer implements AsyncIterable<QuicConnection> {
  readonly #core: EndpointCore
  readonly #options: ListenOptions
  readonly #config: ConnectionConfig
  readonly #ownsTransport: boolean
  readonly #onConnection: ((connection: QuicConnection) => void) | undefined
  readonly #identities: ServerIdentities
  readonly #clientCertificates: ClientCertificatePolicy | undefined
  readonly #ready = new IncomingStreams<QuicConnection>((connection) => void connection.close())
  readonly #asking = new IncomingStreams<QuicIncoming>((incoming) => incoming.turnAway())
  readonly #connections = new PassingSet<QuicConnection>()
  readonly #forget = (connection: QuicConnection): void => void this.#connections.delete(connection)
  #mode: 'connections' | 'incoming' | undefined
  /** Ends the wait for the decision on an incoming connection. */
  readonly #deadlines = new Map<IncomingConnection, () => void>()
  #closed = false
  readonly #host = {
    accept: (incoming: IncomingConnection, options: AcceptOptions | undefined): QuicConnection =>
      this.#accept(incoming, options),
    decide: (incoming: IncomingConnection, decision: Exclude<IncomingDecision, 'accept'>): void =>
      this.#decide(incoming, decision),
  }
  readonly #tickets: ServerTickets | undefined
  readonly #psk: ServerPskPolicy | undefined
  readonly #preferred: PreferredAddresses | undefined
  /** Beside the first one. */
  readonly #transports = new Set<DatagramTransport>()

  /** @internal Made by `listen`. */
  constructor(
    core: EndpointCore,
    options: ListenOptions,
    identities: ServerIdentities,
    config: ConnectionConfig,
    ownsTransport: boolean,
    onConnection: ((connection: QuicConnection) => void) | undefined,
  ) {
    this.#onConnection = onConnection
    this.#preferred = preferredAddressOf(options.preferredAddress)
    this.#core = core
    this.#ownsTransport = ownsTransport
    this.#options = options
    this.#identities = identities
    this.#config = config
    this.#tickets = serverTickets(options, core.environment)
    this.#psk = options.psk && serverPsk(options.psk)
    const { clientCertificates, limits, retry } = options
    checkObject(limits, 'limits')
    this.#clientCertificates = clientCertificates && clientCertificatePolicy(clientCertificates, core.crypto)
    core.driver.endpoint.listen(
      { versions: config.versions, greaseQuicBit: config.greaseQuicBit, limits, retry: retryPolicyOf(retry) },
      createReception,
    )
    core.driver.onIncoming = (incoming) => this.#onIncoming(incoming)
    core.driver.onClosed = (transport) => this.#onTransportClosed(transport)
    if (options.preferredAddress !== undefined) this.addTransport(options.preferredAddress.transport)
  }

  /**
   * Serves on another transport as well, which belongs to the server from now on: clients connect there, or move there with
   * the connections that they have.
   * @throws where the transport has a receiver already, or is closed
   */
  addTransport(transport: DatagramTransport): void {
    checkTransport(transport)
    this.#core.driver.adopt(transport, this)
    this.#transports.add(transport)
  }

  /** `host:port` of the transport. */
  get address(): PathAddress {
    return this.#core.transport.localAddress
  }

  /** The connections that have not ended at this moment, those that shake hands included. */
  get connections(): ReadonlySet<QuicConnection> {
    return new Set(this.#connections)
  }

  /** Connections that are ready. One of the two iterations, this or {@link incoming}; the other then throws. */
  [Symbol.asyncIterator](): AsyncIterator<QuicConnection> {
    this.#choose('connections')
    return this.#ready.readable[Symbol.asyncIterator]()
  }

  /** Connections to be decided on, before anything is spent on them. */
  get incoming(): AsyncIterable<QuicIncoming> {
    this.#choose('incoming')
    return this.#asking.readable
  }

  /**
   * Shows other certificates in the handshakes from now on; connections that run are not touched. Fulfils when they are in use; of
   * several calls at once the last counts.
   *
   * @throws (rejects with) `TypeError`, `CertificateError` for what cannot be used; the signal's reason. The old ones then stay.
   * @example
   * ```ts
   * import { listen } from 'isoquic'
   * import { devCertificate } from 'isoquic/dev'
   * import { udp } from 'isoquic/transports/udp'
   *
   * const server = await listen(await udp(), { alpn: ['echo'], certificate: await devCertificate() })
   * await server.setCertificates(await devCertificate())
   * ```
   */
  async setCertificates(certificates: ServerCertificates, options: Abortable = {}): Promise<void> {
    checkAbortable(options)
    const { signal } = options
    signal?.throwIfAborted()
    await abortable(Promise.resolve(this.#identities.set(certificates, signal)), signal)
  }

  /**
   * Seals session tickets with another key from now on, of at least 32 bytes; those of the key before are still taken, older
   * ones are not. @throws RangeError for a shorter key; TypeError where there are no tickets
   */
  rotateTicketKey(key: Uint8Array): void {
    checkKey(key, 32)
    if (this.#tickets === undefined) throw new TypeError('The server gives out no tickets')
    this.#tickets.rotate(key)
  }

  /** Numbers of this moment, of all that happens on the transports of the server. */
  stats(): EndpointStats {
    return this.#core.driver.endpoint.stats()
  }

  /**
   * Makes stateless reset tokens from another key from now on; connections from before can still be reset, with the key that is
   * replaced (RFC 9000 §10.3.2). After a restart, the server is made with the old key and then given the new one.
   * @throws RangeError below 16 bytes
   */
  rotateResetKey(key: Uint8Array): void {
    checkKey(key, 16)
    this.#core.driver.endpoint.rotateResetKey(key)
  }

  /** Seals address tokens with another key from now on; those of the key that is replaced are still taken. @throws RangeError below 32 bytes */
  rotateTokenKey(key: Uint8Array): void {
    checkKey(key, 32)
    this.#core.driver.endpoint.rotateTokenKey(key)
  }

  #accept(incoming: IncomingConnection, given?: AcceptOptions): QuicConnection {
    const { driver, environment, crypto } = this.#core
    const options = given === undefined ? this.#options : { ...this.#options, ...acceptOptions(given) }
    const config = given === undefined ? this.#config : connectionConfig(options, LISTEN_KEYS)
    const common = tlsCommon(options, crypto, environment)
    if (given !== undefined) checkConfig(common)
    this.#onDecision(incoming)
    const core = driver.endpoint.accept(
      incoming,
      {
        config,
        ...(this.#preferred && { preferredAddress: this.#preferred }),
        observer: options.observer,
        tickets: this.#tickets?.termsFor(incoming.facts.remoteAddress),
        createTls: (parameters, tickets) =>
          createServerSession({
            ...common,
            selectIdentity: (hello) => this.#identities.select(hello),
            clientCertificates: this.#clientCertificates,
            tickets,
            psk: this.#psk,
            parameters,
          }),
      },
      driver.now(),
    )
    const connection = new QuicConnection({
      driver,
      role: 'server',
      version: incoming.facts.version,
      localAddress: this.address,
      remoteAddress: incoming.facts.remoteAddress,
      config,
      onGone: this.#forget,
    })
    this.#connections.add(connection)
    connection.start(core)
    this.#onConnection?.(connection)
    return connection
  }

  #onDecision(incoming: IncomingConnection): void {
    this.#deadlines.get(incoming)?.()
    this.#deadlines.delete(incoming)
  }

  #decide(incoming: IncomingConnection, decision: Exclude<IncomingDecision, 'accept'>): void {
    const { driver } = this.#core
    turnAway(driver.endpoint, incoming, decision)
    this.#onDecision(incoming)
    driver.schedule()
  }

  /**
   * Takes no more connections and closes those that run, or waits for them (`graceful`); then closes the transport, unless
   * the server shares it with others on a `QuicEndpoint`.
   * Repeated calls are harmless; one that is not graceful ends the wait of one that is. A `signal` ends the wait alone; aborted
   * beforehand, nothing is done.
   * @throws (rejects with) TypeError, RangeError for wrong options
   */
  async close(options: ServerCloseOptions = {}): Promise<void> {
    checkCloseOptions(options)
    options.signal?.throwIfAborted()
    await abortable(this.#close(options), options.signal)
  }

  async #close(options: ServerCloseOptions): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      this.#core.driver.endpoint.stopListening()
      this.#core.driver.schedule()
      this.#forgetDeadlines()
      this.#ready.close()
      this.#asking.close()
    }
    if (options.graceful === true) await this.#whenIdle(options.timeout)
    await Promise.all([...this.#connections].map((connection) => connection.close()))
    for (const transport of this.#transports) this.#core.driver.release(transport, this)
    if (!this.#ownsTransport) return
    // Refusals of those who waited leave before the transport does.
    await new Promise<void>((resolve) => this.#core.driver.afterFlush(resolve))
    this.#core.transport.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #choose(mode: 'connections' | 'incoming'): void {
    if (this.#mode !== undefined && this.#mode !== mode) {
      throw new TypeError(`The server is iterated by its ${this.#mode} already: choose one of the two`)
    }
    this.#mode = mode
  }

  #onIncoming(incoming: IncomingConnection): void {
    const { retry } = this.#options
    if (typeof retry === 'function') {
      const decision = decideBy(retry, incoming, this.#core.driver.endpoint)
      if (decision !== 'accept') return this.#decide(incoming, decision)
    }
    // Nobody has said how connections are to be taken: as most do, all of them.
    if (this.#mode === 'incoming') {
      const { environment } = this.#core
      const late = environment.now() + this.#config.handshakeTimeout
      this.#deadlines.set(
        incoming,
        environment.setTimer(late, () => this.#refuseLate(incoming)),
      )
      return this.#asking.push(new QuicIncoming(incoming, this.#host))
    }
    let connection: QuicConnection
    try {
      connection = this.#accept(incoming)
    } catch {
      // Something that the application gave, such as an observer, threw: that costs this connection, and no other.
      return
    }
    // Who takes them all at the outset does not iterate.
    if (this.#onConnection !== undefined) return
    connection.usable.then(
      () => this.#ready.push(connection),
      () => {},
    )
  }

  /** With the last transport nobody can come any more: the iterations end. The connections that ran tell why by their `closed`. */
  #onTransportClosed(transport: DatagramTransport): void {
    this.#transports.delete(transport)
    if (this.#core.driver.has(this.#core.transport) || this.#transports.size > 0) return
    this.#forgetDeadlines()
    this.#ready.close()
    this.#asking.close()
  }

  #forgetDeadlines(): void {
    for (const cancel of this.#deadlines.values()) cancel()
    this.#deadlines.clear()
  }

  #refuseLate(incoming: IncomingConnection): void {
    this.#deadlines.delete(incoming)
    if (incoming.isDecided) return
    this.#decide(incoming, 'refuse')
  }

  async #whenIdle(timeout: number | undefined): Promise<void> {
    const all = Promise.all([...this.#connections].map((connection) => connection.gone)).then(() => {})
    if (timeout === undefined) return all
    const { environment } = this.#core
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = environment.setTimer(environment.now() + timeout, resolve)
    })
    await Promise.race([all, late])
    cancel()
  }
}

/** @throws TypeError for a key that is not for one connection alone */
function acceptOptions(given: AcceptOptions): AcceptOptions {
  for (const key of Object.keys(given)) {
    if (LISTEN_KEYS.includes(key) || key === 'crypto' || key === 'environment') {
      throw new TypeError(`${key} is an option of the server, not of one connection`)
    }
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function checkCloseOptions(options: ServerCloseOptions): void {
  checkKeys(options, ['graceful', 'timeout', 'signal'])
  const { graceful, signal, timeout } = options
  checkType(graceful, 'graceful', 'boolean')
  checkSignal(signal)
  if (timeout === undefined) return
  if (typeof timeout !== 'number') throw new TypeError(`timeout must be a number, got ${String(timeout)}`)
  if (!(timeout >= 0)) throw new RangeError(`timeout must be at least 0, got ${timeout}`)
}

/**
 * Serves on `transport`, which belongs to the server from now on.
 *
 * @throws (rejects with) `TypeError`, `RangeError` for wrong options; `CertificateError` for a certificate that is none.
 * @example
 * ```ts
 * import { listen } from 'isoquic'
 * import { devCertificate } from 'isoquic/dev'
 * import { udp } from 'isoquic/transports/udp'
 *
 * const server = await listen(await udp({ port: 4433 }), { alpn: ['echo'], certificate: await devCertificate() })
 * ```
 */
export async function listen(transport: DatagramTransport, options: ListenOptions): Promise<QuicServer> {
  checkTransport(transport)
  try {
    return await listenOn(new EndpointCore(transport, options), options, true)
  } catch (error) {
    transport.close()
    options?.preferredAddress?.transport?.close?.()
    throw error
  }
}

/**
 * Serves on an endpoint that may have clients' connections too.
 * @param onConnection is given each connection before its first event, and the iteration none.
 */
export async function listenOn(
  core: EndpointCore,
  options: ListenOptions,
  ownsTransport = false,
  onConnection?: (connection: QuicConnection) => void,
): Promise<QuicServer> {
  const config = connectionConfig(options, LISTEN_KEYS)
  const common = tlsCommon(options, core.crypto, core.environment)
  checkConfig(common)
  if (options.clientCertificates !== undefined) checkVerifiers(common)
  const identities = new ServerIdentities(core.crypto)
  const { certificate, psk, signal } = options
  checkSignal(signal)
  signal?.throwIfAborted()
  if (certificate !== undefined) await abortable(Promise.resolve(identities.set(certificate)), signal)
  else if (psk === undefined) throw new TypeError('certificate must be given, or psk in its place')
  return new QuicServer(core, options, identities, config, ownsTransport, onConnection)
}
