/**
 * A UDP proxy between a client and a server on loopback, which may delay and drop datagrams as a seed decides, give a client
 * another port or another address as a NAT does, and records what it was given.
 */
import { createSocket, type Socket } from 'node:dgram'
import { type Capture, PcapWriter } from './pcap.ts'
import { type Direction, WireFacts } from './wire-facts.ts'

/** What befalls datagrams, in both directions alike. */
export interface Impairment {
  /** The probability that a datagram is dropped. */
  readonly loss: number
  /** Datagrams of one direction that are dropped in a row at most, as the runner's simulator has it. */
  readonly burst: number
  /** ms in one direction. */
  readonly delay: number
  readonly seed: number
  readonly rebinding?: Rebinding
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
  /** Bytes from the server since the last rebinding. */
  received: number
}

/** What decides about the datagrams of one direction. */
interface Fate {
  readonly random: () => number
  /** Datagrams dropped in a row. */
  inARow: number
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
    this.#left = impairment.rebinding?.times ?? 0
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
    const flow: Flow = { socket, address, port, fates, received: 0 }
    this.#flows.set(`${address}:${port}`, flow)
    this.#listen(socket, flow)
    return flow
  }

  #listen(socket: Socket, flow: Flow): void {
    socket.on('error', () => {})
    socket.on('message', (bytes) => {
      if (flow.socket !== socket) return
      this.#witness(bytes, 'to-client', flow.port)
      this.#pass(bytes, 'to-client', flow)
      flow.received += bytes.length
      const { rebinding } = this.#impairment
      if (rebinding === undefined || this.#left === 0 || flow.received < rebinding.every) return
      flow.received = 0
      this.#left -= 1
      void this.#rebind(flow, rebinding)
    })
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
    const { loss, burst, delay } = this.#impairment
    const fate = flow.fates[direction]
    if (loss > 0 && fate.random() < loss && fate.inARow < burst) {
      fate.inARow += 1
      return
    }
    fate.inARow = 0
    if (delay === 0) return this.#send(bytes, direction, flow)
    const copy = Buffer.from(bytes)
    setTimeout(() => this.#send(copy, direction, flow), delay)
  }

  #send(bytes: Buffer, direction: Direction, flow: Flow): void {
    if (this.#isClosed) return
    if (direction === 'to-server') flow.socket.send(bytes, this.#serverPort, HOST)
    else this.#socket.send(bytes, flow.port, flow.address)
  }
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
