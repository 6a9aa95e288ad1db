/** What a datagram costs at a UDP socket, without QUIC: sent in runs of one size as a flight is, received on loopback in the same thread. */
import { busyTransport, isPossible, LOCAL } from '../transports/busy-peers.fixtures.ts'
import { type UdpTransport, udp } from '../transports/udp.ts'

/** What is measured. */
export interface UdpCostsOptions {
  /** Bytes of each datagram. */
  readonly sizes?: readonly number[]
  /** Datagrams in each run: of one call of `sendBatch`. */
  readonly runs?: readonly number[]
  readonly rounds?: number
  /** Bytes that each case sends in a round. */
  readonly bytes?: number
}

/** One case. */
export interface UdpCosts {
  /** Bytes of each datagram. */
  readonly size: number
  /** Datagrams in each run. */
  readonly run: number
  /** Sent from a connected socket. `false` for all where the system has none beside another. */
  readonly isConnected: boolean
  /** µs a datagram, of each round. */
  readonly send: readonly number[]
  /** µs a datagram, of each round: the sink's callback included, which does nothing. */
  readonly receive: readonly number[]
  /** Of all that were sent. */
  readonly lost: number
}

/** Turns of the event loop without a datagram after which those that are missing are lost. */
const PATIENCE = 50

/** Measures all cases in turn, round by round. */
export async function measureUdp(options: UdpCostsOptions = {}): Promise<readonly UdpCosts[]> {
  const { sizes = [1_452, 8_900, 65_000], runs = [1, 10, 40], rounds = 7, bytes = 8_000_000 } = options
  const receiver = await Receiver.start()
  const [connected, unconnected] = [
    await connectedTo(receiver.address),
    await udp({ host: LOCAL.address, connectedPeers: 0 }),
  ]
  for (const transport of [connected, unconnected]) transport.open(silent)
  try {
    const cases = sizes.flatMap((size) =>
      runs.flatMap((run) => [connected, unconnected].map((transport) => new Case(transport, receiver, size, run))),
    )
    for (const one of cases) await one.round(bytes / 4, false)
    for (let round = 0; round < rounds; round++) for (const one of cases) await one.round(bytes, true)
    return cases.map((one) => one.costs())
  } finally {
    for (const transport of [connected, unconnected, receiver]) transport.close()
  }
}

/** A transport that sends to `address` from a connected socket, if the system has such a thing. */
async function connectedTo(address: string): Promise<UdpTransport> {
  if (!isPossible(LOCAL)) return udp({ host: LOCAL.address })
  const transport = busyTransport()
  transport.send(new Uint8Array(1), address, 0)
  for (let turns = 0; turns < 10; turns++) await turn()
  return transport
}

const silent = { datagram(): void {}, drain(): void {}, closed(): void {} }

/** Counts what arrives. */
class Receiver {
  readonly #transport: UdpTransport
  arrived = 0

  private constructor(transport: UdpTransport) {
    this.#transport = transport
    transport.open({
      ...silent,
      datagram: () => {
        this.arrived += 1
      },
    })
  }

  static async start(): Promise<Receiver> {
    return new Receiver(await udp({ host: LOCAL.address }))
  }

  get address(): string {
    return this.#transport.localAddress
  }

  close(): void {
    this.#transport.close()
  }
}

class Case {
  readonly #transport: UdpTransport
  readonly #receiver: Receiver
  readonly #size: number
  readonly #bytes: Uint8Array
  readonly #send: number[] = []
  readonly #receive: number[] = []
  #lost = 0

  constructor(transport: UdpTransport, receiver: Receiver, size: number, run: number) {
    this.#transport = transport
    this.#receiver = receiver
    this.#size = size
    this.#bytes = new Uint8Array(size * run)
  }

  async round(bytes: number, counts: boolean): Promise<void> {
    const [receiver, flight] = [this.#receiver, this.#bytes]
    const run = flight.length / this.#size
    let [sending, sent] = [0, 0]
    const [before, begin] = [receiver.arrived, performance.now()]
    while (sent * this.#size < bytes) {
      const start = performance.now()
      this.#transport.sendBatch(flight, this.#size, receiver.address, 0)
      sending += performance.now() - start
      sent += run
      await this.#allOf(before + sent)
    }
    const all = performance.now() - begin
    if (!counts) return
    this.#lost += before + sent - receiver.arrived
    this.#send.push((sending * 1000) / sent)
    this.#receive.push(((all - sending) * 1000) / sent)
  }

  /** Waits for the last one, or until no more come. */
  async #allOf(count: number): Promise<void> {
    const receiver = this.#receiver
    for (let patience = PATIENCE, { arrived } = receiver; arrived < count && patience > 0; patience--) {
      await turn()
      if (receiver.arrived > arrived) patience = PATIENCE
      ;({ arrived } = receiver)
    }
  }

  costs(): UdpCosts {
    const run = this.#bytes.length / this.#size
    const isConnected = this.#transport.connectedPeers > 0
    return { size: this.#size, run, isConnected, send: this.#send, receive: this.#receive, lost: this.#lost }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
