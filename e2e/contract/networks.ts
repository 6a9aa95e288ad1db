/** The networks that the contract is proven over: a lossy one in virtual time, UDP on loopback, and a pipe that carries ECN marks. */

import { type DevCertificate, devCertificate } from '../../src/api/dev.ts'
import type { Duration, Time } from '../../src/base/time.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import type { Environment } from '../../src/environment.ts'
import { type LinkOptions, type SimulatedTransport, Simulation } from '../../src/simulator.ts'
import type { DatagramTransport } from '../../src/transport.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { pipe } from '../../transports/pipe.ts'
import { udp } from '../../transports/udp.ts'

/** By name. `lossy` is virtual time, the others are the host's. */
export type NetworkName = 'lossy' | 'udp' | 'pipe'

/** What a row may want of its networks. */
export interface NetworkOptions {
  /** Of `lossy`. Default 1. */
  readonly seed?: number | undefined
  /** Of `lossy`: in place of 15 % loss and 20 ms each way. */
  readonly link?: LinkOptions | undefined
  /** Whether the transports carry ECN marks: those of `lossy` and `pipe` can. */
  readonly ecn?: boolean | undefined
}

/** A network, and the time that passes on it. */
export interface TestNetwork {
  readonly name: NetworkName
  readonly certificate: DevCertificate
  /** For `connect`, `listen` and `QuicEndpoint`. */
  readonly options: { readonly crypto?: CryptoProvider; readonly environment?: Environment }
  /** Of `lossy`. */
  readonly simulation: Simulation | undefined
  /** A transport of a new address, from which all of the other end can be reached. */
  transport(role: Role): Promise<DatagramTransport>
  now(): Time
  sleep(duration: Duration): Promise<void>
  run(body: () => Promise<void>): Promise<void>
  /** Datagrams lost so far. */
  readonly lost: number
}

/** The network of that name. */
export async function openNetwork(name: NetworkName, options: NetworkOptions): Promise<TestNetwork> {
  if (name === 'lossy') return new LossyNetwork(options)
  return new HostNetwork(name, await hostCertificate(), options)
}

const LOSSY: LinkOptions = { delay: 20, loss: 0.15 }

class LossyNetwork implements TestNetwork {
  readonly name = 'lossy'
  readonly simulation: Simulation
  readonly #link: LinkOptions
  readonly #ecn: boolean
  readonly #transports: Record<Role, SimulatedTransport[]> = { client: [], server: [] }
  lost = 0

  constructor({ seed = 1, link = LOSSY, ecn = false }: NetworkOptions) {
    this.simulation = new Simulation({ seed, trace: true })
    this.#link = link
    this.#ecn = ecn
    // Whatever the seed, something is lost.
    this.simulation.net.drop({ from: 'server', nth: 1 })
  }

  get certificate(): DevCertificate {
    return this.simulation.certificate
  }

  get options(): TestNetwork['options'] {
    return this.simulation.options
  }

  async transport(role: Role): Promise<SimulatedTransport> {
    const made = this.simulation.transport({ node: role, properties: { ecn: this.#ecn } })
    const { client, server } = this.#transports
    this.#transports[role].push(made)
    for (const other of role === 'client' ? server : client) {
      this.simulation.net.connect(made.port, other.port, this.#link)
    }
    return made
  }

  now(): Time {
    return this.simulation.now
  }

  sleep(duration: Duration): Promise<void> {
    return this.simulation.sleep(duration)
  }

  async run(body: () => Promise<void>): Promise<void> {
    await this.simulation.run(body)
    this.lost = this.simulation.net.trace?.entries.filter(({ cause }) => cause !== undefined).length ?? 0
  }
}

let certificate: Promise<DevCertificate> | undefined

function hostCertificate(): Promise<DevCertificate> {
  certificate ??= devCertificate()
  return certificate
}

class HostNetwork implements TestNetwork {
  readonly name: NetworkName
  readonly certificate: DevCertificate
  readonly options: TestNetwork['options'] = {}
  readonly simulation = undefined
  readonly lost = 0
  readonly #ends: Record<Role, DatagramTransport[]> = { client: [], server: [] }
  readonly #opened: DatagramTransport[] = []

  constructor(name: NetworkName, certificate: DevCertificate, { ecn = false }: NetworkOptions) {
    this.name = name
    this.certificate = certificate
    if (name !== 'pipe') return
    const [near, far] = pipe({ addresses: ['192.0.2.1:1000', '192.0.2.2:443'], properties: { ecn } })
    this.#ends.client.push(near)
    this.#ends.server.push(far)
  }

  async transport(role: Role): Promise<DatagramTransport> {
    const made = this.name === 'udp' ? await udp({ host: '127.0.0.1' }) : this.#ends[role].pop()
    if (made === undefined) throw new Error('A pipe has two ends')
    this.#opened.push(made)
    return made
  }

  now(): Time {
    return performance.now()
  }

  sleep(duration: Duration): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, duration))
  }

  async run(body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } finally {
      for (const transport of this.#opened) transport.close()
    }
  }
}
