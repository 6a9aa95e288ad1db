/** A transport with an endpoint on it: what `connect`, `listen` and `QuicEndpoint` share. */
import { defaultCrypto, systemRoots } from '#crypto'
import type { RandomSource } from '../base/random.ts'
import type { Duration } from '../base/time.ts'
import type { ConnectionConfig } from '../connection/config.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import { andThen, type Eventually, isPending } from '../crypto/eventually.ts'
import type { CryptoProvider, PacketEngine } from '../crypto/provider.ts'
import { ARENA_BYTES, Endpoint } from '../endpoint/endpoint.ts'
import type { ConnectParameters, EndpointOptions } from '../endpoint/endpoint-options.ts'
import type { Environment } from '../environment.ts'
import { checkConfig } from '../tls/config.ts'
import { checkServerName } from '../tls/server-name.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import { checkKey, checkMethods, checkObject, checkSignal, checkType } from './checks.ts'
import type { ClientCertificates } from './client-identity.ts'
import { QuicConnection } from './connection.ts'
import { type ConnectionIdSource, connectionIdGenerator } from './connection-ids.ts'
import { defaultEnvironment } from './default-environment.ts'
import { Driver } from './driver.ts'
import { QuicAddressError, QuicApplicationError, QuicCarrierError, QuicError } from './errors.ts'
import type { Handshake } from './handshake.ts'
import { type CommonOptions, connectionConfig, isCommonOption, tlsCommon } from './options.ts'
import { type PreparedHandshake, prepareHandshake } from './prepared-handshake.ts'
import { type ClientPskOptions, clientPsk } from './psk-options.ts'
import { RECALL_KEYS, Recall, type Recalled, type RecallOptions, trustName } from './recall.ts'
import { type Abortable, abortable } from './signal.ts'
import { parseTarget, type Target } from './target.ts'
import { type TrustOptions, verifierOf } from './trust.ts'

/** Options of an endpoint, which all its connections share. */
export interface EndpointCoreOptions {
  readonly crypto?: CryptoProvider | undefined
  readonly environment?: Environment | undefined
  /** 32 bytes: stateless reset tokens stay valid across a restart with the same key. Default: random. */
  readonly resetKey?: Uint8Array | undefined
  /** 32 bytes: address tokens stay valid across a restart with the same key. Default: random. */
  readonly tokenKey?: Uint8Array | undefined
  /** Makes the connection ids that peers address us with, such as `QuicLbIds` of `isoquic/quic-lb`. Default: 8 random bytes. */
  readonly connectionIdGenerator?: ConnectionIdSource | undefined
}

/** Options of a client's connection. */
export interface ConnectOptions extends CommonOptions, TrustOptions, RecallOptions, Abortable {
  /** `host:port`, IPv6 in brackets. May be left out where the transport leads to one peer. */
  readonly address?: string
  /** The name that the server must prove, and that SNI carries. Default: the host of `address`. */
  readonly serverName?: string
  /** Who we are, where the server asks for a certificate. Default: nobody in particular. */
  readonly certificate?: ClientCertificates
  /** A key that the server knows too, in place of certificates (RFC 8446 §2.2). Where it does not, it must show a certificate. */
  readonly psk?: ClientPskOptions | undefined
}

/** The keys of {@link ConnectOptions} that are not {@link CommonOptions}. */
const CONNECT_KEYS = [
  ...['address', 'serverName', 'certificate', 'psk', 'signal'],
  ...['ca', 'serverCertificateHashes', 'spkiPins', 'verify'],
  ...RECALL_KEYS,
]

/** Whether it is the name of a member of {@link ConnectOptions}. */
export function isConnectOption(name: string): boolean {
  return CONNECT_KEYS.includes(name) || isCommonOption(name)
}

/** What an endpoint works with. A class, and no literal with a getter, for the sake of garbage collection (`connection/restartable-tls.ts`). */
class OptionsOfEndpoint implements EndpointOptions {
  readonly engine: PacketEngine
  readonly random: RandomSource
  readonly resetKey: Uint8Array | undefined
  readonly tokenKey: Uint8Array | undefined
  readonly idGenerator: ConnectionIdGenerator | undefined
  readonly #environment: Environment

  constructor(
    engine: PacketEngine,
    environment: Environment,
    { resetKey, tokenKey }: EndpointCoreOptions,
    idGenerator: ConnectionIdGenerator | undefined,
  ) {
    this.engine = engine
    this.random = environment.random
    this.resetKey = resetKey
    this.tokenKey = tokenKey
    this.idGenerator = idGenerator
    this.#environment = environment
  }

  wallClock(): number {
    return this.#environment.wallClock()
  }

  get timerGranularity(): Duration {
    return this.#environment.timerGranularity
  }
}

/** An endpoint on one transport. */
export class EndpointCore {
  readonly driver: Driver
  readonly crypto: CryptoProvider
  readonly environment: Environment
  readonly transport: DatagramTransport

  readonly engine: PacketEngine

  /** @param createEngine by default one for many connections. */
  constructor(
    transport: DatagramTransport,
    options: EndpointCoreOptions,
    createEngine: (crypto: CryptoProvider) => PacketEngine = (crypto) => crypto.createEngine(ARENA_BYTES),
  ) {
    checkCore(options)
    this.transport = transport
    this.crypto = options.crypto ?? defaultCrypto
    this.environment = options.environment ?? defaultEnvironment()
    const ids = options.connectionIdGenerator
    this.engine = createEngine(this.crypto)
    const idGenerator = ids === undefined ? undefined : connectionIdGenerator(ids)
    const endpoint = new Endpoint(new OptionsOfEndpoint(this.engine, this.environment, options, idGenerator))
    this.driver = new Driver(endpoint, this.environment)
    this.driver.adopt(transport, this)
  }

  /**
   * Begins a connection and returns it at once: its `ready` tells the rest.
   * @param loadHandshake asked for the code of the handshake at once: what is at hand is used in the same call.
   * @throws TypeError, RangeError for wrong options
   */
  connect(options: ConnectOptions, loadHandshake: () => Eventually<Handshake>): QuicConnection {
    const config = connectionConfig(options, CONNECT_KEYS)
    checkSignal(options.signal)
    checkType(options.serverName, 'serverName', 'string')
    const target = targetOf(options, this.transport)
    const recall = new Recall(options, nameOf(options, target))
    const parametersWith = this.#parametersOf(options, config, target)
    const preparing = andThen(prepareHandshake(loadHandshake, options.certificate, this.crypto), (prepared) =>
      andThen(recall.take(options.version, config.versions, config.version), (recalled) => ({
        ...prepared,
        ...recalled,
      })),
    )
    const connection = new QuicConnection({
      driver: this.driver,
      role: 'client',
      version: config.version,
      localAddress: this.transport.localAddress,
      remoteAddress: options.address ?? '',
      config,
      recall,
    })
    this.#begin(connection, options, target, parametersWith, preparing, config.handshakeTimeout)
    return connection
  }

  /** Resolves the name, if there is one to resolve, and starts the handshake. */
  #begin(
    connection: QuicConnection,
    options: ConnectOptions,
    target: Target,
    parametersWith: ParametersWith,
    preparing: Eventually<Preparation>,
    timeout: number,
  ): void {
    const { signal } = options
    const abort = (): void => {
      if (connection.state === 'connecting') void connection.close({ reason: 'aborted' })
    }
    const start = (remoteAddress: PathAddress, prepared: Preparation): void => {
      if (connection.isAbandoned) return
      if (!this.driver.has(this.transport)) return connection.fail(closedTransport())
      const now = this.driver.now()
      connection.start(this.driver.endpoint.connect({ ...parametersWith(prepared), remoteAddress }, now))
    }
    const fail = (cause: unknown): void =>
      connection.fail(cause instanceof QuicError ? cause : addressError(options.address ?? '', cause))
    if (signal?.aborted === true) {
      return connection.fail(
        new QuicApplicationError('The attempt was aborted', 0n, { side: 'local', cause: signal.reason }),
      )
    }
    if (!this.driver.has(this.transport)) {
      return connection.fail(closedTransport())
    }
    signal?.addEventListener('abort', abort, { once: true })
    connection.ready.finally(() => signal?.removeEventListener('abort', abort)).catch(() => {})
    if (this.transport.resolve === undefined && !isPending(preparing)) return start('', preparing)
    let awaited = 'The name was not resolved'
    const late = (): void => fail(new Error(`${awaited} within ${timeout} ms`))
    const cancel = this.environment.setTimer(this.environment.now() + timeout, late)
    connection.ready.then(cancel, cancel)
    const resolving = this.transport.resolve?.(target.host, target.port) ?? Promise.resolve([''])
    const resolved = resolving.then(([first]) => {
      if (first === undefined) throw new Error('The name has no address')
      awaited = 'The code of the handshake was not loaded'
      return first
    })
    Promise.all([resolved, preparing])
      .then(([address, prepared]) => start(address, prepared))
      .catch(fail)
      .finally(cancel)
  }

  #parametersOf(options: ConnectOptions, config: ConnectionConfig, target: Target): ParametersWith {
    const verifierWith = verifierOf(options, this.crypto, systemRoots)
    const common = tlsCommon(options, this.crypto, this.environment)
    checkConfig(common)
    const serverName = options.serverName ?? (target.host === '' ? undefined : target.host)
    checkServerName(serverName)
    const trust = trustName(options)
    const psk = options.psk && clientPsk(options.psk)
    const { earlyData = false } = options
    return ({ handshake, selectIdentity, session, token, version: begun }) => ({
      carrier: this.transport,
      config: { ...config, version: begun },
      token,
      session: trust === undefined ? undefined : session,
      observer: options.observer,
      createTls: (parameters, _tickets, version) =>
        handshake.createSession({
          ...common,
          serverName,
          verifier: verifierWith(handshake),
          selectIdentity,
          ...psk,
          acceptsTickets: trust !== undefined,
          trust,
          // RFC 9369 §5: a ticket of another version is none.
          resumption:
            session?.version === version && trust !== undefined ? { session: session.tls, earlyData } : undefined,
          parameters,
        }),
    })
  }
}

/** `connection` once it is ready; the signal's reason if that comes first. */
export async function whenReady(connection: QuicConnection, signal: AbortSignal | undefined): Promise<QuicConnection> {
  await abortable(connection.ready, signal)
  return connection
}

/** All but the code of the handshake is there. */
type ParametersWith = (prepared: Preparation) => Omit<ConnectParameters, 'remoteAddress'>

/** Code and identity, and what there is to go on from. */
type Preparation = PreparedHandshake & Recalled

/** By what name the stores of a client know the server. */
function nameOf({ serverName }: ConnectOptions, { host, port }: Target): string {
  return `${serverName ?? host}:${port}`
}

/** @throws TypeError for an address that is none */
function targetOf(options: ConnectOptions, transport: DatagramTransport): Target {
  const { address } = options
  if (address === undefined) {
    if (transport.resolve === undefined) return { host: '', port: 0 }
    throw new TypeError('address must be given: host:port')
  }
  return parseTarget(address)
}

/** @throws TypeError for what an endpoint cannot be made of */
function checkCore(options: EndpointCoreOptions): void {
  if (options === undefined) throw new TypeError('options must be an object, got undefined')
  checkObject(options, 'options')
  const { crypto, environment, resetKey, tokenKey } = options
  if (crypto !== undefined) checkMethods(crypto, 'crypto', ['createEngine'])
  if (environment !== undefined) checkMethods(environment, 'environment', ['now', 'wallClock', 'setTimer'])
  if (resetKey !== undefined) checkKey(resetKey, 16, 'resetKey')
  if (tokenKey !== undefined) checkKey(tokenKey, 32, 'tokenKey')
}

function closedTransport(): QuicCarrierError {
  return new QuicCarrierError('The transport is closed', { side: 'local' })
}

function addressError(address: string, cause: unknown): QuicAddressError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new QuicAddressError(`Cannot connect to ${address}: ${words}`, { side: 'local', cause })
}
