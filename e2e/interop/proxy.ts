/**
 * A UDP proxy between a client and a server on loopback, which may delay, drop and corrupt datagrams as a seed decides, give a
 * client another port or another address as a NAT does, swallow everything for a while, and records what it was given.
 */
import { createSocket, type Socket } from 'node:dgram'
import { Amplification } from './amplification.ts'
import { type Capture, PcapWriter } from './pcap.ts'
import { type Direction, WireFacts } from './wire-facts.ts'

/** What befalls datagrams, in both directions alike. */
export interface Impairment {
  /** The probability that a datagram is dropped. */
  readonly loss: number
  /** The probability that a byte of a datagram is changed; none by default. */
  readonly corruption?: number
  /** Datagrams of one direction that are dropped or changed in a row at most, as the runner's simulator has it. */
  readonly burst: number
  /** ms in one direction. */
  readonly delay: number
  readonly seed: number
  readonly rebinding?: Rebinding
  readonly blackhole?: Blackhole
  /** Which datagrams of a client are dropped, counted from 1. */
  readonly drops?: readonly number[]
}

/** A network that swallows everything for a while. */
export interface Blackhole {
  /** Bytes from the server after each of which it begins. */
  readonly every: number
  readonly times: number
  /** ms. */
  readonly duration: number
}

/** A NAT that forgets: the server sees the client come from elsewhere, and what it sends to where it was is lost. */
export interface Rebinding {
  readonly of: 'port' | 'address'
  /** Bytes from the server after each of which it happens. */
  readonly every: number
  readonly times: number
}

/** A network that loses nothing. */
export const CLEAR: Impairment = { loss: 0, burst: 0, delay: 0, seed: 1 }

const HOST = '127.0.0.1'
const BUFFER_SIZE = 4 << 20

/** The way of one client's address. */
interface Flow {
  /** Where the server sees the client. */
  socket: Socket
  readonly address: string
  readonly port: number
  /** For each direction of each flow, so that what befalls one does not depend on the timing of others. */
  readonly fates: Readonly<Record<Direction, Fate>>
  /** Bytes from the server since the last rebinding or blackhole. */
  received: number
  /** Datagrams of the client. */
  count: number
}

/** What decides about the datagrams of one direction. */
interface Fate {
  readonly random: () => number
  /** Datagrams dropped or changed in a row. */
  inARow: number
}

/** What was done to the datagrams of one direction. */
export interface Deeds {
  corrupted: number
  /** Dropped, blackholes aside. */
  dropped: number
  /** Dropped by blackholes. */
  swallowed: number
}

/** One proxy, for one server. */
export class UdpProxy {
  readonly facts: WireFacts = new WireFacts()
  /** The port that it listens on. */
  readonly port: number
  readonly #socket: Socket
  readonly #serverPort: number
  readonly #impairment: Impairment
  readonly #flows = new Map<string, Flow>()
  #flowCount = 0
  /** What the server sent before it knew its client. */
  readonly amplification: Amplification = new Amplification()
  readonly deeds: Readonly<Record<Direction, Deeds>> = { 'to-server': noDeeds(), 'to-client': noDeeds() }
  /** Datagrams of clients that came before the first of the server was handed to one. */
  askedFirst = 0
  #isAnswered = false
  /** How often everything was swallowed. */
  blackholes = 0
  /** Until when it is, in ms. */
  #darkUntil = 0
  /** How often the server saw a client come from elsewhere. */
  rebindings = 0
  #left: number
  readonly #pcap = new PcapWriter()
  #isClosed = false

  private constructor(socket: Socket, serverPort: number, impairment: Impairment) {
    this.#socket = socket
    this.port = socket.address().port
    this.#serverPort = serverPort
    this.#impairment = impairment
    this.#left = (impairment.rebinding ?? impairment.blackhole)?.times ?? 0
    socket.on('message', (bytes, { address, port }) => this.#onClientDatagram(bytes, address, port))
    socket.on('error', () => {})
  }

  /** Listens on a port that the system chooses. */
  static async start(serverPort: number, impairment: Impairment): Promise<UdpProxy> {
    return new UdpProxy(await bind(), serverPort, impairment)
  }

  /** All datagrams that came in, those that were dropped included. */
  get capture(): Capture {
    return this.#pcap
  }

  close(): void {
    this.#isClosed = true
    this.#socket.close()
    for (const { socket } of this.#flows.values()) socket.close()
    this.#flows.clear()
  }

  #onClientDatagram(bytes: Buffer, address: string, port: number): void {
    this.#witness(bytes, 'to-server', port)
    if (!this.#isAnswered) this.askedFirst += 1
    const key = `${address}:${port}`
    const flow = this.#flows.get(key)
    if (flow !== undefined) return this.#pass(bytes, 'to-server', flow)
    void bind().then((socket) => {
      if (this.#isClosed) return void socket.close()
      const known = this.#flows.get(key)
      if (known !== undefined) socket.close()
      const flowNow = known ?? this.#open(socket, address, port)
      this.#pass(bytes, 'to-server', flowNow)
    })
  }

  #open(socket: Socket, address: string, port: number): Flow {
    const seed = this.#impairment.seed + 2 * this.#flowCount++
    const fates = { 'to-server': fate(seed), 'to-client': fate(seed + 1) }
    const flow: Flow = { socket, address, port, fates, received: 0, count: 0 }
    this.#flows.set(`${address}:${port}`, flow)
    this.#listen(socket, flow)
    return flow
  }

  #listen(socket: Socket, flow: Flow): void {
    socket.on('error', () => {})
    socket.on('message', (bytes) => {
      if (flow.socket !== socket) return
      this.#witness(bytes, 'to-client', flow.port)
      this.amplification.onAnswer(bytes)
      this.#pass(bytes, 'to-client', flow)
      flow.received += bytes.length
      const { rebinding, blackhole } = this.#impairment
      const event = rebinding ?? blackhole
      if (event === undefined || this.#left === 0 || flow.received < event.every) return
      flow.received = 0
      this.#left -= 1
      if (rebinding !== undefined) void this.#rebind(flow, rebinding)
      else this.#darken(event as Blackhole)
    })
  }

  #darken({ duration }: Blackhole): void {
    this.blackholes += 1
    this.#darkUntil = performance.now() + duration
  }

  async #rebind(flow: Flow, rebinding: Rebinding): Promise<void> {
    // Every address of 127.0.0.0/8 is this machine's.
    const socket = await bind(rebinding.of === 'address' ? `127.0.0.${2 + this.rebindings}` : HOST)
    if (this.#isClosed) return void socket.close()
    const old = flow.socket
    flow.socket = socket
    this.rebindings += 1
    this.#listen(socket, flow)
    old.close()
  }

  #witness(bytes: Buffer, direction: Direction, clientPort: number): void {
    this.facts.see(bytes, direction, clientPort)
    if (direction === 'to-server') this.#pcap.add(bytes, clientPort, this.port)
    else this.#pcap.add(bytes, this.port, clientPort)
  }

  #pass(bytes: Buffer, direction: Direction, flow: Flow): void {
    const { delay } = this.#impairment
    const passed = this.#fateOf(bytes, direction, flow)
    if (passed === undefined) return
    if (delay === 0) return this.#send(passed, direction, flow)
    const copy = Buffer.from(passed)
    setTimeout(() => this.#send(copy, direction, flow), delay)
  }

  /** What goes on of a datagram: `undefined` for nothing. */
  #fateOf(bytes: Buffer, direction: Direction, flow: Flow): Buffer | undefined {
    const { loss, corruption = 0, burst, drops } = this.#impairment
    const fate = flow.fates[direction]
    const deeds = this.deeds[direction]
    if (direction === 'to-server' && drops?.includes(++flow.count) === true) {
      deeds.dropped += 1
      return undefined
    }
    const chance = loss + corruption > 0 ? fate.random() : 1
    if (chance >= loss + corruption || fate.inARow >= burst) {
      fate.inARow = 0
      return bytes
    }
    fate.inARow += 1
    if (chance < loss) {
      deeds.dropped += 1
      return undefined
    }
    deeds.corrupted += 1
    return corrupted(bytes, fate.random)
  }

  #send(bytes: Buffer, direction: Direction, flow: Flow): void {
    if (this.#isClosed) return
    // What was under way when it began is gone as well.
    if (performance.now() < this.#darkUntil) {
      this.deeds[direction].swallowed += 1
      return
    }
    if (direction === 'to-server') {
      this.amplification.onDelivered(bytes)
      flow.socket.send(bytes, this.#serverPort, HOST)
    } else {
      this.#isAnswered = true
      this.#socket.send(bytes, flow.port, flow.address)
    }
  }
}

function noDeeds(): Deeds {
  return { corrupted: 0, dropped: 0, swallowed: 0 }
}

/** A copy with one byte that is another one. */
function corrupted(bytes: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(bytes)
  const at = Math.floor(random() * copy.length)
  copy[at] = (copy[at] ?? 0) ^ (1 + Math.floor(random() * 255))
  return copy
}

async function bind(address = HOST): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, address, resolve))
  socket.setRecvBufferSize(BUFFER_SIZE)
  socket.setSendBufferSize(BUFFER_SIZE)
  return socket
}

function fate(seed: number): Fate {
  return { random: mulberry32(seed), inARow: 0 }
}

/** A UDP port that is free now. */
export async function freePort(): Promise<number> {
  const socket = await bind()
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

/** Numbers from 0 to 1, the same ones for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
