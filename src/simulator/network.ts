/**
 * A network in virtual time: nodes with any number of ports, links between ports, and what goes wrong on purpose. It knows
 * nothing of QUIC but what can be read without keys; both levels of simulation, `pair.ts` and `simulation.ts`, stand on it.
 */
import type { Duration, Time } from '../base/time.ts'
import { NEVER } from '../base/time.ts'
import type { Ecn, PathAddress } from '../transport.ts'
import { joinAddress, splitAddress } from '../wire/path-address.ts'
import { VirtualClock } from './clock.ts'
import type { LinkOptions } from './link-options.ts'
import { Duplex, Link } from './links.ts'
import { type DropCause, type Parcel, ParcelPool } from './parcel.ts'
import { Port, type PortOptions } from './port.ts'
import { type DropRule, DropScript, packetTypesOf, type SentDatagram } from './scripts.ts'
import { SeededRandom } from './seeded-random.ts'
import { Trace } from './trace.ts'

/** What a network is made of. */
export interface NetworkOptions {
  /** An integer from 0 to 2^32 - 1. Default 1. */
  readonly seed?: number | undefined
  /** Virtual ms at which it begins. Default 0. */
  readonly start?: Time | undefined
  /** Whether the timeline is kept, or how many datagrams of it. Default `false`. */
  readonly trace?: boolean | number | undefined
}

/** Sees every datagram before a link does: `false` loses it, bytes replace it. */
export type Tap = (datagram: SentDatagram) => boolean | Uint8Array

interface Partition {
  readonly one: ReadonlySet<string>
  readonly other: ReadonlySet<string>
}

/** The port of a node that gave no address. */
const DEFAULT_PORT = 4433

/** Nodes, ports, links, and virtual time. */
export class Network {
  readonly clock: VirtualClock
  readonly random: SeededRandom
  /** The timeline; `undefined` where none is kept. */
  readonly trace: Trace | undefined
  /** Datagrams that were sent, lost ones included. */
  datagrams = 0
  readonly #pool = new ParcelPool()
  readonly #ports: Port[] = []
  readonly #byAddress = new Map<PathAddress, Port>()
  readonly #routes = new Map<Port, Map<Port, Link>>()
  readonly #taps = new Set<Tap>()
  readonly #scripts: DropScript[] = []
  readonly #partitions = new Set<Partition>()
  #links = 0

  /** @throws RangeError for a seed that is no integer of 32 bits */
  constructor(options: NetworkOptions = {}) {
    const { seed = 1, start = 0, trace = false } = options
    this.random = new SeededRandom(seed)
    this.clock = new VirtualClock(start)
    this.trace = trace === false ? undefined : new Trace(trace === true ? undefined : trace)
  }

  /** The seed of everything that is drawn here. */
  get seed(): number {
    return this.random.seed
  }

  /** Virtual ms. */
  get now(): Time {
    return this.clock.now
  }

  /** Ports that are open. */
  get ports(): readonly Port[] {
    return this.#ports
  }

  /**
   * Gives the node `options.node` a port: one local end of paths.
   * @throws RangeError where the address is taken or `maxDatagramSize` is below 1200
   */
  attach(options: PortOptions): Port {
    const address = options.address ?? this.#freshAddress()
    if (address !== '' && this.#byAddress.has(address)) throw new RangeError(`The address ${address} is taken`)
    const port = new Port(this, { ...options, address })
    this.#ports.push(port)
    if (address !== '') this.#byAddress.set(address, port)
    return port
  }

  /**
   * Links ports, both ways. Where an end is a list, its ports share the link: a bottleneck.
   * @param back the way back; default: as the way there
   * @throws TypeError, RangeError for wrong options
   */
  connect(
    one: Port | readonly Port[],
    other: Port | readonly Port[],
    there: LinkOptions = {},
    back: LinkOptions = there,
  ): Duplex {
    const duplex = new Duplex(this.createLink(there), this.createLink(back))
    for (const near of [one].flat()) {
      for (const far of [other].flat()) {
        this.route(near, far, duplex.there)
        this.route(far, near, duplex.back)
      }
    }
    return duplex
  }

  /** A link without ends, for {@link route}. @throws TypeError, RangeError for wrong options */
  createLink(options: LinkOptions = {}): Link {
    const random = this.random.fork(`link ${this.#links++}`)
    return new Link(options, { clock: this.clock, random, pool: this.#pool, receiver: this })
  }

  /** Has what `from` sends to `to` pass `link`, from now on. */
  route(from: Port, to: Port, link: Link): void {
    const routes = this.#routes.get(from) ?? new Map<Port, Link>()
    routes.set(to, link)
    this.#routes.set(from, routes)
  }

  /** The link from one port to another. */
  linkBetween(from: Port, to: Port): Link | undefined {
    return this.#routes.get(from)?.get(to)
  }

  /** Shows each datagram to `tap` before a link takes it. Returns a function that ends it. */
  tap(tap: Tap): () => void {
    this.#taps.add(tap)
    return () => void this.#taps.delete(tap)
  }

  /** Loses the datagrams that `rule` names. @throws RangeError for an `nth` that counts nothing */
  drop(rule: DropRule): DropScript {
    const script = new DropScript(rule)
    this.#scripts.push(script)
    return script
  }

  /** Parts nodes from nodes, by name: nothing passes between them, either way. Returns a function that joins them again. */
  partition(one: readonly string[], other: readonly string[]): () => void {
    const partition = { one: new Set(one), other: new Set(other) }
    this.#partitions.add(partition)
    return () => void this.#partitions.delete(partition)
  }

  /** Calls `task` at a virtual time. Returns a function that prevents it. */
  at(time: Time, task: (now: Time) => void): () => void {
    return this.clock.at(time, task)
  }

  /** Calls `task` every `interval` ms from now on. Returns a function that ends it. @throws RangeError for a wrong interval */
  every(interval: Duration, task: (now: Time) => void): () => void {
    return this.clock.every(interval, task)
  }

  /** The addresses of a host by its IP address, or of a node by its name, with that port. */
  resolve(host: string, port: number): readonly PathAddress[] {
    const address = joinAddress(host, port)
    if (this.#byAddress.has(address)) return [address]
    return this.#ports
      .filter((each) => each.node === host && splitAddress(each.address)?.port === port)
      .map((each) => each.address)
  }

  /** For ports: puts a datagram on its way. Returns the link that is full now, where the carrier pushes back. */
  transmit(port: Port, bytes: Uint8Array, to: PathAddress, ecn: Ecn): Link | undefined {
    const { now } = this.clock
    this.datagrams += 1
    const target = to === '' ? this.#onlyPeer(port) : this.#byAddress.get(to)
    const replaced = this.#scripted(port, target, bytes, to, ecn)
    const content = replaced ?? bytes
    const entry = this.trace?.sent(content, port.node, target?.node ?? to, ecn, now)
    const link = target === undefined ? undefined : this.#routes.get(port)?.get(target)
    let cause: DropCause | undefined
    if (replaced === undefined) cause = 'scripted'
    else if (content.length > port.maxDatagramSize) cause = 'too-large'
    else if (target === undefined || link === undefined) cause = 'unreachable'
    else if (this.#partitions.size > 0 && this.#isParted(port.node, target.node)) cause = 'partition'
    else {
      const parcel = this.#pool.take(content)
      parcel.from = port.address
      parcel.to = to
      parcel.ecn = port.properties.ecn ? ecn : 0
      parcel.isReliable = port.properties.reliable
      parcel.target = target
      parcel.entry = entry
      cause = link.send(parcel)
      if (cause !== undefined) this.#pool.give(parcel)
    }
    if (cause !== undefined && entry !== undefined) this.trace?.dropped(entry, cause)
    return port.isPushingBack && link?.isFull(port.properties.reliable) === true ? link : undefined
  }

  /** Has `to` receive a datagram now, as if `from` had sent it. */
  inject(bytes: Uint8Array, to: Port, from: PathAddress, ecn: Ecn = 0): void {
    const parcel = this.#pool.take(bytes)
    parcel.from = from
    parcel.to = to.address
    parcel.ecn = ecn
    parcel.isReliable = false
    parcel.target = to
    parcel.receiver = this
    parcel.entry = this.trace?.sent(bytes, this.#byAddress.get(from)?.node ?? from, to.node, ecn, this.now)
    this.clock.schedule(this.now, parcel)
  }

  /** For links: a datagram has come through. */
  onParcel(parcel: Parcel, now: Time): void {
    const target = parcel.target as Port
    const { entry, to } = parcel
    const isThere = target.isOpen && (to === '' || to === target.address)
    if (entry !== undefined && isThere) this.trace?.arrived(entry, now)
    else if (entry !== undefined) this.trace?.dropped(entry, 'unreachable')
    if (isThere) target.deliver(parcel.bytes, parcel.from, parcel.ecn, now)
    this.#pool.give(parcel)
  }

  /** For ports: the address under which the world knows `port` is another one from now on. */
  readdress(port: Port, address: PathAddress | undefined): PathAddress {
    const next = address ?? this.#nextPort(port.address)
    if (next !== port.address && this.#byAddress.has(next)) throw new RangeError(`The address ${next} is taken`)
    this.#byAddress.delete(port.address)
    this.#byAddress.set(next, port)
    return next
  }

  /** For ports: `port` is closed. */
  detach(port: Port): void {
    if (this.#byAddress.get(port.address) === port) this.#byAddress.delete(port.address)
    this.#routes.delete(port)
    for (const routes of this.#routes.values()) routes.delete(port)
    const at = this.#ports.indexOf(port)
    if (at >= 0) this.#ports.splice(at, 1)
  }

  /** What taps and scripts make of a datagram; `undefined`: it is lost. */
  #scripted(
    port: Port,
    target: Port | undefined,
    bytes: Uint8Array,
    to: PathAddress,
    ecn: Ecn,
  ): Uint8Array | undefined {
    if (this.#taps.size === 0 && this.#scripts.length === 0) return bytes
    const from = port.node
    let datagram = { bytes, from, to: target?.node ?? to, ecn, now: this.now, types: packetTypesOf(bytes) }
    let isLost = false
    // Each script counts what it sees, whatever the others do.
    for (const script of this.#scripts) if (script.takes(datagram)) isLost = true
    for (const tap of this.#taps) {
      const verdict = tap(datagram)
      if (verdict === false) isLost = true
      else if (verdict !== true) datagram = { ...datagram, bytes: verdict, types: packetTypesOf(verdict) }
    }
    return isLost ? undefined : datagram.bytes
  }

  #isParted(from: string, to: string): boolean {
    for (const { one, other } of this.#partitions) {
      if ((one.has(from) && other.has(to)) || (one.has(to) && other.has(from))) return true
    }
    return false
  }

  #onlyPeer(port: Port): Port | undefined {
    for (const target of this.#routes.get(port)?.keys() ?? []) return target
    return undefined
  }

  /** Of the network for documentation, RFC 5737. */
  #freshAddress(): PathAddress {
    for (let host = 1; host < NEVER; host++) {
      const address = `192.0.${2 + (host >> 8)}.${host & 0xff}:${DEFAULT_PORT}`
      if (!this.#byAddress.has(address)) return address
    }
    return ''
  }

  #nextPort(address: PathAddress): PathAddress {
    const parts = splitAddress(address)
    if (parts === undefined) throw new RangeError(`A port with the address ${address} cannot be rebound`)
    for (let port = (parts.port % 65_535) + 1; ; port = (port % 65_535) + 1) {
      const next = joinAddress(parts.host, port)
      if (!this.#byAddress.has(next)) return next
    }
  }
}
