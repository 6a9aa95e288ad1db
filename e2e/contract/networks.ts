/** The networks that the contract is proven over: a lossy one in virtual time, UDP on loopback, a pipe, and a peer that breaks the rules. */

import { type DevCertificate, devCertificate } from '../../src/api/dev.ts'
import type { Duration, Time } from '../../src/base/time.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import type { Environment } from '../../src/environment.ts'
import { type LinkOptions, type SimulatedTransport, Simulation } from '../../src/simulator.ts'
import type { DatagramTransport, TransportProperties } from '../../src/transport.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { pipe } from '../../transports/pipe.ts'
import { udp } from '../../transports/udp.ts'
import type { Tapped } from './tapped.ts'

/** By name. `lossy` is virtual time, `udp` and `pipe` are the host's; `forger` has no network but that of its peer. */
export type NetworkName = 'lossy' | 'udp' | 'pipe' | 'forger'

/** What a row may want of its networks. */
export interface NetworkOptions {
  /** Of `lossy`. Default 1. */
  readonly seed?: number | undefined
  /** Of `lossy`: in place of 15 % loss and 20 ms each way. */
  readonly link?: LinkOptions | undefined
  /** What the transports of `lossy` and `pipe` say of themselves. */
  readonly properties?: Partial<TransportProperties> | undefined
}

/** A network, and the time that passes on it. */
export interface TestNetwork {
  readonly name: NetworkName
  readonly certificate: DevCertificate
  /** For `connect`, `listen` and `QuicEndpoint`. */
  readonly options: { readonly crypto?: CryptoProvider; readonly environment?: Environment }
  /** Of `lossy`. */
  readonly simulation: Simulation | undefined
  /**
   * A transport of a new address, from which all of the other end can be reached.
   * @param host of `udp`; default: 127.0.0.1
   */
  transport(role: Role, host?: string): Promise<DatagramTransport>
  /** The NAT before that transport gives it another port, or another host. */
  rebind(transport: Tapped, host?: string): Promise<void>
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
  readonly #properties: Partial<TransportProperties>
  readonly #transports: Record<Role, SimulatedTransport[]> = { client: [], server: [] }
  lost = 0

  constructor({ seed = 1, link = LOSSY, properties = {} }: NetworkOptions) {
    this.simulation = new Simulation({ seed, trace: true })
    this.#link = link
    this.#properties = properties
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
    const made = this.simulation.transport({ node: role, properties: this.#properties })
    const { client, server } = this.#transports
    this.#transports[role].push(made)
    for (const other of role === 'client' ? server : client) {
      this.simulation.net.connect(made.port, other.port, this.#link)
    }
    return made
  }

  async rebind(transport: Tapped, host?: string): Promise<void> {
    const { port } = transport.inner as SimulatedTransport
    port.rebind(host === undefined ? undefined : `192.0.2.200:${/\d+$/.exec(port.address)?.[0]}`)
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

  constructor(name: NetworkName, certificate: DevCertificate, { properties = {} }: NetworkOptions) {
    this.name = name
    this.certificate = certificate
    if (name !== 'pipe') return
    const [near, far] = pipe({ addresses: ['192.0.2.1:1000', '192.0.2.2:443'], properties })
    this.#ends.client.push(near)
    this.#ends.server.push(far)
  }

  async transport(role: Role, host = '127.0.0.1'): Promise<DatagramTransport> {
    const made = this.name === 'udp' ? await udp({ host }) : this.#ends[role].pop()
    if (made === undefined) throw new Error('A pipe has two ends')
    this.#opened.push(made)
    return made
  }

  async rebind(transport: Tapped, host?: string): Promise<void> {
    transport.replace(await this.transport('client', host))
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
