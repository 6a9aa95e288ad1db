/**
 * The whole public API, and the application on it, in virtual time: transports on a simulated network, an environment whose
 * clock is the network's, keys and certificates from the seed. Ten minutes of timeouts take milliseconds, and the same seed
 * does the same again.
 */
import { p256 } from '@noble/curves/nist.js'
import type { DevCertificate } from '../api/dev.ts'
import type { Duration, Time } from '../base/time.ts'
import { NEVER } from '../base/time.ts'
import { isPending } from '../crypto/eventually.ts'
import { noble } from '../crypto/noble/provider.ts'
import type { CryptoProvider, Signer } from '../crypto/provider.ts'
import type { ObserverFactory } from '../wire/observer.ts'
import { generateCertificate } from '../x509/generate.ts'
import { Oid } from '../x509/oids.ts'
import { encodePem } from '../x509/pem.ts'
import { certificateHash } from '../x509/pins.ts'
import { ecPrivateKey, ecPublicKey } from '../x509/private-key.ts'
import { EPOCH } from './clock.ts'
import { VirtualEnvironment } from './environment.ts'
import type { LinkOptions } from './link-options.ts'
import type { Duplex } from './links.ts'
import { Network } from './network.ts'
import type { PortOptions } from './port.ts'
import { guardedQuickCrypto } from './quick-crypto.ts'
import { SeededRandom } from './seeded-random.ts'
import { atSeed, seeds } from './seeds.ts'
import { SimulatedTransport } from './transport.ts'

/** What a simulation is made of. */
export interface SimulationOptions {
  /** An integer from 0 to 2^32 - 1. Default: ISOQUIC_SEED, where the process has it, else 1. */
  readonly seed?: number
  /** Whether `net.trace` is kept, or how many datagrams of it. Default `false`. */
  readonly trace?: boolean | number
  /**
   * `'real'` (default): `options.crypto` is noble. `'checksum'`: packets carry a checksum instead of an AEAD tag, keys are worth
   * nothing, and neither costs much; it works while the simulation runs, and nowhere else.
   */
  readonly protection?: 'real' | 'checksum'
}

/** What `connect` and `listen` are told in a simulation. */
export interface SimulatedOptions {
  readonly environment: VirtualEnvironment
  readonly crypto: CryptoProvider
  /** Where the timeline is kept: has `net.trace` show the frames of the nodes `client` and `server`. */
  readonly observer?: ObserverFactory
}

const ECDSA_SECP256R1_SHA256 = 0x0403

/** Virtual ms at which every simulation begins. */
const START: Time = 1000

/** ms of virtual time after which {@link Simulation.run} gives up. */
const DEFAULT_LIMIT: Duration = 3_600_000

/**
 * A simulated world for applications.
 *
 * @example
 * ```ts run
 * import { connect, listen } from 'isoquic'
 * import { Simulation } from 'isoquic/simulator'
 *
 * const simulation = new Simulation({ seed: 7 })
 * const [near, far] = simulation.link({ delay: 50, loss: 0.1 })
 * const { certificate, options } = simulation
 *
 * await simulation.run(async () => {
 *   const server = await listen(far, { ...options, alpn: ['hello'], certificate })
 *   const connection = await connect(near, {
 *     ...options, address: far.localAddress, alpn: ['hello'], serverCertificateHashes: [certificate.hash],
 *   })
 *   console.log(connection.state, simulation.now >= 1100) // connected true
 *   await connection.close()
 *   await server.close()
 * })
 * ```
 */
export class Simulation {
  /** Nodes, links, taps, scripted losses, partitions; its `trace` is the timeline. */
  readonly net: Network
  /** Clock, timers and randomness of everybody in the simulation. */
  readonly environment: VirtualEnvironment
  /** For `connect` and `listen`, to be spread into theirs: virtual time, and keys that come from the seed. */
  readonly options: SimulatedOptions
  /** Of localhost, 127.0.0.1, ::1 and `server`: valid in virtual time, the same for every seed. */
  readonly certificate: DevCertificate
  /** Hears what the sink of a transport threw, which sinks should not; by default {@link run} fails with it. */
  onError: (error: unknown) => void = (error) => {
    this.#failure ??= { error }
  }
  #failure: { readonly error: unknown } | undefined
  #isRunning = false

  /** @throws RangeError for a seed that is no integer of 32 bits */
  constructor(options: SimulationOptions = {}) {
    const { seed = seeds(1)[0] ?? 1, trace, protection = 'real' } = options
    this.net = new Network({ seed, start: START, trace })
    this.environment = new VirtualEnvironment(this.net.clock, this.net.random.fork('environment'))
    const observer = this.#observer()
    const crypto = protection === 'checksum' ? guardedQuickCrypto(() => this.#isRunning) : noble
    this.options = { environment: this.environment, crypto, ...(observer && { observer }) }
    this.certificate = simulatedCertificate()
  }

  /** Virtual ms. */
  get now(): Time {
    return this.net.now
  }

  get seed(): number {
    return this.net.seed
  }

  /** A transport of the node `options.node`; `net.connect` links it by its `port`. @throws RangeError as `Network.attach` */
  transport(options: PortOptions): SimulatedTransport {
    return new SimulatedTransport(this.net.attach(options), {
      resolve: (host, port) => this.net.resolve(host, port),
      onError: (error) => this.onError(error),
    })
  }

  /**
   * Two transports with a link between them: those of the nodes `client` and `server`.
   * @param back the way back; default: as the way there
   */
  link(there: LinkOptions = {}, back: LinkOptions = there): [SimulatedTransport, SimulatedTransport, Duplex] {
    const near = this.transport({ node: 'client' })
    const far = this.transport({ node: 'server' })
    return [near, far, this.net.connect(near.port, far.port, there, back)]
  }

  /** An observer factory for nodes of other names: describes what `node` sends in `net.trace`, beside what `inner` does. */
  observe(node: string, inner?: ObserverFactory): ObserverFactory | undefined {
    return this.net.trace?.observe(node, inner) ?? inner
  }

  /** Describes the packets of each end for the timeline, if there is one: by its role, which is the name of its node. */
  #observer(): ObserverFactory | undefined {
    const client = this.observe('client')
    const server = this.observe('server')
    if (client === undefined || server === undefined) return undefined
    return (originalDestination, role) => (role === 'client' ? client : server)(originalDestination, role)
  }

  /** Fulfils after so many virtual ms. */
  sleep(duration: Duration): Promise<void> {
    return new Promise((resolve) => void this.net.at(this.now + duration, () => resolve()))
  }

  /**
   * Runs `body` in virtual time until it is settled, and fulfils as it does. Nothing moves outside of it.
   * @param limit virtual ms; more is an error. Default: an hour.
   * @throws (rejects with) Error naming the seed and the time: what `body` rejected with as its `cause`, or that it waits for
   * something that never happens.
   */
  async run<T>(body: () => Promise<T> | T, limit: Duration = DEFAULT_LIMIT): Promise<T> {
    const { clock } = this.net
    const end = this.now + limit
    let isSettled = false
    const settle = (): void => {
      isSettled = true
    }
    this.#isRunning = true
    try {
      const promise = Promise.resolve().then(body)
      promise.then(settle, settle)
      for (await this.environment.rest(); !isSettled; await this.environment.rest()) {
        if (this.#failure !== undefined) throw this.#failure.error
        if (clock.next === NEVER) throw new Error('It waits for something, and nothing is left to happen')
        if (clock.next > end) throw new Error(`It is not done after ${limit} ms`)
        clock.advance(clock.next)
      }
      const value = await promise
      if (this.#failure !== undefined) throw this.#failure.error
      return value
    } catch (error) {
      throw new Error(atSeed(this.seed, error, this.now), { cause: error })
    } finally {
      this.#isRunning = false
    }
  }
}

/** A key and its certificate by its own signature, from fixed bytes: there is nothing in a simulation to protect. */
function simulatedCertificate(): DevCertificate {
  const secret = new Uint8Array(32).fill(7)
  const publicKey = p256.getPublicKey(secret, false)
  const signer: Signer = {
    schemes: [ECDSA_SECP256R1_SHA256],
    sign: (_scheme, message) => p256.sign(message, secret, { format: 'der' }),
  }
  const request = { names: ['localhost', '127.0.0.1', '::1', 'server'], spki: ecPublicKey(publicKey, Oid.p256) }
  const certificateDer = generateCertificate(request, signer, new SeededRandom(7), EPOCH)
  if (isPending(certificateDer)) throw new Error('The signer of a simulation answers at once')
  const privateKeyDer = ecPrivateKey(secret, publicKey, Oid.p256)
  return {
    certificate: encodePem('CERTIFICATE', certificateDer),
    privateKey: encodePem('PRIVATE KEY', privateKeyDer),
    certificateDer,
    privateKeyDer,
    hash: { algorithm: 'sha-256', value: certificateHash(certificateDer) },
  }
}
