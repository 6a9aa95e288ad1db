/** The stage of a row of the contract: two ends of the public API on a network, with the logs of both, and what was read there. */
import type { Duration, Time } from '../../src/base/time.ts'
import {
  type ConnectOptions,
  type ListenOptions,
  listen,
  type QuicConnection,
  QuicEndpoint,
  type QuicServer,
} from '../../src/index.ts'
import { MisbehavingPeer, type PairOptions, type Simulation } from '../../src/simulator.ts'
import type { DatagramTransport } from '../../src/transport.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { ConnectionLog, type Evidence, type LogReader } from './log.ts'
import { type NetworkName, type NetworkOptions, openNetwork, type TestNetwork } from './networks.ts'
import { Tapped, type WireDatagram } from './tapped.ts'

/** Options that say whom a client believes. */
const TRUST: readonly string[] = ['ca', 'spkiPins', 'verify', 'psk']

/** How two ends meet. */
export interface MeetOptions {
  readonly client?: Partial<ConnectOptions>
  readonly server?: Partial<ListenOptions>
}

/** A client's connection and its log. */
export interface Caller {
  readonly client: QuicConnection
  readonly log: ConnectionLog
}

/** A server, the connections that it hands out, and the logs of all that it made, in their order. */
export interface Host {
  readonly server: QuicServer
  readonly logs: readonly ConnectionLog[]
  /** The next connection that can carry streams. */
  next(): Promise<QuicConnection>
}

/** Two ends that know each other. */
export interface Meeting {
  readonly host: Host
  readonly server: QuicServer
  readonly client: QuicConnection
  /** The server's end. */
  readonly peer: QuicConnection
  /** By the end that wrote it. */
  readonly log: Readonly<Record<Role, ConnectionLog>>
}

/** One row on one network. */
export class Scene implements LogReader {
  readonly evidence: Evidence[] = []
  /** Every datagram that was sent, in its order; a lossy network loses some of them. */
  readonly wire: WireDatagram[] = []
  /** The transports of each end, in the order in which they were made. */
  readonly transports: Readonly<Record<Role, Tapped[]>> = { client: [], server: [] }
  readonly #network: TestNetwork
  #endpoint: QuicEndpoint | undefined

  /** @internal By {@link play}. */
  constructor(network: TestNetwork) {
    this.#network = network
  }

  get network(): NetworkName {
    return this.#network.name
  }

  get certificate(): TestNetwork['certificate'] {
    return this.#network.certificate
  }

  /** Unix ms, for certificates. */
  wallClock(): number {
    return this.#network.options.environment?.wallClock() ?? Date.now()
  }

  /** Clock and cryptography of the network, for ends that are made by hand. */
  get options(): TestNetwork['options'] {
    return this.#network.options
  }

  /** The world of a lossy network. */
  get simulation(): Simulation | undefined {
    return this.#network.simulation
  }

  now(): Time {
    return this.#network.now()
  }

  sleep(duration: Duration): Promise<void> {
    return this.#network.sleep(duration)
  }

  note(evidence: Evidence): void {
    this.evidence.push(evidence)
  }

  /** Waits for a datagram on the wire that `isIt` knows, and notes `what` as evidence. @throws Error where there never is one */
  async sees(by: Role, what: string, isIt: (bytes: Uint8Array) => boolean): Promise<Uint8Array> {
    for (let waited = 0; waited < 8000; waited += 5) {
      const found = this.wire.find((datagram) => datagram.from === by && isIt(datagram.bytes))
      if (found !== undefined) {
        this.note({ by, event: `datagram on the wire: ${what}`, data: {} })
        return found.bytes
      }
      await this.sleep(5)
    }
    throw new Error(`The ${by} never sends ${what}`)
  }

  /** Waits until `condition` holds. @throws Error where it never does */
  async until(condition: () => boolean, limit: Duration = 8000): Promise<void> {
    for (let waited = 0; !condition(); waited += 5) {
      if (waited > limit) throw new Error(`It does not come to ${condition}`)
      await this.sleep(5)
    }
  }

  /** Another address of that end. */
  async transport(role: Role, host?: string): Promise<Tapped> {
    const made = new Tapped(await this.#network.transport(role, host), role, this.wire)
    this.transports[role].push(made)
    return made
  }

  /** The NAT before the client gives it another port, or another host, by its address on loopback. */
  async rebind(host?: string): Promise<void> {
    await this.#network.rebind(this.first('client'), host)
  }

  /** A peer in the place of `role` that breaks the rules, and the log of its victim. */
  forger(role: Role, options: PairOptions = {}): { readonly peer: MisbehavingPeer; readonly log: ConnectionLog } {
    const log = this.log(role === 'client' ? 'server' : 'client')
    const observer: PairOptions['observer'] = (id, of) => (of === log.role ? log.observer(id, of) : undefined)
    return { peer: new MisbehavingPeer(role, { observer, ...options }), log }
  }

  /** The first transport of that end. @throws Error where there is none yet */
  first(role: Role): Tapped {
    const [transport] = this.transports[role]
    if (transport === undefined) throw new Error(`The ${role} has no transport yet`)
    return transport
  }

  /** A log of one end, to be given to it as its `observer`. */
  log(role: Role): ConnectionLog {
    return new ConnectionLog(role, this)
  }

  /** The endpoint from which {@link dial} calls. */
  async endpoint(): Promise<QuicEndpoint> {
    this.#endpoint ??= new QuicEndpoint(await this.transport('client'), this.#network.options)
    return this.#endpoint
  }

  /** A server that hands out its connections. */
  async serve(options: Partial<ListenOptions> = {}, transport?: DatagramTransport): Promise<Host> {
    const logs: ConnectionLog[] = []
    const server = await this.listen(options, logs, transport)
    const connections = server[Symbol.asyncIterator]()
    const next = async (): Promise<QuicConnection> => {
      const { done, value } = await connections.next()
      if (done === true) throw new Error('The server hands out no more connections')
      return value
    }
    return { server, logs, next }
  }

  /** A loaded machine is slow, not broken. */
  get #patience(): { readonly handshakeTimeout?: number } {
    return this.network === 'udp' ? { handshakeTimeout: 25_000 } : {}
  }

  /** A server that nobody iterates yet. */
  async listen(
    options: Partial<ListenOptions> = {},
    logs: ConnectionLog[] = [],
    transport?: DatagramTransport,
  ): Promise<QuicServer> {
    return listen(transport ?? (await this.transport('server')), {
      ...this.#network.options,
      ...this.#patience,
      alpn: ['contract'],
      certificate: this.certificate,
      observer: (destination, role) => {
        const log = this.log('server')
        logs.push(log)
        return log.observer(destination, role)
      },
      ...options,
    })
  }

  /** A server that decides on nobody: its clients wait in the middle of their handshakes, however fast the network is. */
  async listenInSilence(options: Partial<ListenOptions> = {}): Promise<QuicServer> {
    const server = await this.listen(options)
    void server.incoming[Symbol.asyncIterator]().next()
    return server
  }

  /** Begins a connection to `server`. */
  async dial(server: QuicServer, options: Partial<ConnectOptions> = {}): Promise<Caller> {
    const log = this.log('client')
    const endpoint = await this.endpoint()
    const client = endpoint.connect(server.address, this.clientOptions({ observer: log.observer, ...options }))
    return { client, log }
  }

  /** Of a client that trusts the server of this scene. */
  clientOptions(options: Partial<ConnectOptions> = {}): Omit<ConnectOptions, 'address' | 'crypto' | 'environment'> {
    const isTrusting = TRUST.some((name) => name in options)
    return {
      ...this.#patience,
      alpn: ['contract'],
      ...(!isTrusting && { serverCertificateHashes: [this.certificate.hash] }),
      ...options,
    }
  }

  /** A server and a client whose handshakes are complete. */
  async meet(options: MeetOptions = {}): Promise<Meeting> {
    return this.visit(await this.serve(options.server), options.client)
  }

  /** One more client of `host`, ready. */
  async visit(host: Host, options: Partial<ConnectOptions> = {}): Promise<Meeting> {
    const before = host.logs.length
    const { client, log } = await this.dial(host.server, options)
    await client.ready
    const peer = await host.next()
    const far = host.logs[before]
    if (far === undefined) throw new Error('The server made no log')
    return { host, server: host.server, client, peer, log: { client: log, server: far } }
  }
}

/** Plays a row on a network; the scene tells what was found, and how many datagrams were lost. */
export async function play(
  name: NetworkName,
  options: NetworkOptions,
  proof: (scene: Scene) => Promise<void>,
): Promise<{ readonly scene: Scene; readonly lost: number }> {
  const network = await openNetwork(name, options)
  const scene = new Scene(network)
  await network.run(() => proof(scene))
  const tapped = [...scene.transports.client, ...scene.transports.server]
  return { scene, lost: tapped.reduce((sum, { lost }) => sum + lost, network.lost) }
}
