/** What it costs that a datagram reaches the wrong worker: two of them in one process, on sockets of loopback. */
import { QuicLbIds } from '../../src/endpoint/quic-lb.ts'
import { HandOver } from '../../src/hosts/cluster/hand-over.ts'
import { RoutedTransport } from '../../src/hosts/cluster/routed-transport.ts'
import { clusterConfig, serverIdOf, WorkerRoutes } from '../../src/hosts/cluster/routes.ts'
import { udp } from '../../transports/udp.ts'

/** µs of user and system time for each datagram, its sending included. */
export interface HandOverCost {
  /** Received by a socket without workers. */
  readonly plain: number
  /** Received by its worker. */
  readonly kept: number
  /** Received by another one, and handed over. */
  readonly handedOver: number
}

const DATAGRAM = 1_200
/** Datagrams that are under way at once. */
const BURST = 32

const random = { fill: (bytes: Uint8Array): void => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) }

/** Sends `count` datagrams each way. */
export async function handOverCost(count: number): Promise<HandOverCost> {
  const key = crypto.getRandomValues(new Uint8Array(16))
  const local = { host: '127.0.0.1', connectedPeers: 0 }
  const sender = await udp(local)
  const plain = await udp(local)
  const handOvers: HandOver[] = []
  const worker = async (id: number): Promise<RoutedTransport> => {
    const secret = crypto.getRandomValues(new Uint8Array(16))
    const handOver = new HandOver({ transport: await udp(local), secret, perSecond: 1e9, now: () => performance.now() })
    handOvers.push(handOver)
    return new RoutedTransport(await udp(local), handOver, new WorkerRoutes(key), id)
  }
  const [near, far] = [await worker(0), await worker(1)]
  handOvers[0]?.setSiblings(new Map(handOvers.slice(1).map(({ address }) => [1, address])))
  let arrived = (): void => {}
  const sink = { datagram: () => arrived(), drain: () => {}, closed: () => {} }
  for (const transport of [plain, near, far]) transport.open(sink)
  const datagram = new Uint8Array(DATAGRAM)

  const cost = async (to: string, worker: number): Promise<number> => {
    const ids = new QuicLbIds({ random, config: clusterConfig(key), serverId: serverIdOf(worker) })
    datagram.set([0x40, ...ids.generate().bytes])
    let before = process.cpuUsage()
    // The first part is for the compilers.
    for (let sent = -count / 4; sent < count; sent += BURST) {
      if (sent >= 0 && sent < BURST) before = process.cpuUsage()
      await new Promise<void>((resolve) => {
        let missing = BURST
        arrived = () => {
          missing -= 1
          if (missing === 0) resolve()
        }
        for (let left = BURST; left > 0; left--) sender.send(datagram, to, 0)
      })
    }
    const { system, user } = process.cpuUsage(before)
    return (user + system) / count
  }
  try {
    return {
      plain: await cost(plain.localAddress, 0),
      kept: await cost(near.localAddress, 0),
      handedOver: await cost(near.localAddress, 1),
    }
  } finally {
    for (const transport of [sender, plain, near, far]) transport.close()
  }
}
