/**
 * Applications of the public API, in virtual time, on networks and hosts that misbehave: every promise that they wait for is
 * settled at the end, and where nobody ended the connection, every byte has come back.
 */
import { connect } from '../../src/api/client.ts'
import type { QuicConnection } from '../../src/api/connection.ts'
import { QuicError } from '../../src/api/errors.ts'
import { listen, type QuicServer } from '../../src/api/server.ts'
import type { Duration } from '../../src/base/time.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import { type LinkOptions, SeededRandom, Simulation } from '../../src/simulator.ts'
import type { Controller } from './controllers.ts'

/** ms after which every timeout has passed. */
const LONG: Duration = 120_000

/** Promises by name, and which of them still wait. */
class Waiting {
  readonly #waiting = new Map<Promise<unknown>, string>()

  /** Waits for it, whatever comes. Returns it. */
  keep<T>(name: string, promise: Promise<T>): Promise<T> {
    this.#waiting.set(promise, name)
    const settle = (): void => void this.#waiting.delete(promise)
    promise.then(settle, settle)
    return promise
  }

  get names(): string[] {
    return [...this.#waiting.values()]
  }
}

/** What happens while the applications talk; `true`: the connection does not outlive it. */
type Trouble = (simulation: Simulation, parts: Parts) => boolean

interface Parts {
  readonly random: SeededRandom
  readonly connection: QuicConnection
  readonly server: QuicServer
  /** Fulfilled when the server has the connection: its handshake is over. */
  readonly accepted: Promise<void>
  readonly near: ReturnType<Simulation['link']>[0]
  readonly link: ReturnType<Simulation['link']>[2]
}

const TROUBLES: readonly Trouble[] = [
  () => false,
  // Before, an address has to stay what it is (RFC 9000 §9).
  (simulation, { accepted, near, random }) => {
    const delays = [random.integer(500), random.integer(500), random.integer(500)]
    void accepted.then(() => {
      for (const delay of delays) simulation.net.at(simulation.now + delay, () => void near.port.rebind())
    })
    return false
  },
  (simulation, { link, random }) => {
    simulation.net.at(simulation.now + random.integer(200), () => link.down())
    simulation.net.at(simulation.now + 200 + random.integer(3000), () => link.up())
    return false
  },
  (simulation) => {
    simulation.environment.timerGranularity = 1000
    return false
  },
  (simulation, { connection, random }) => {
    simulation.net.at(simulation.now + random.integer(300), () => void connection.close({ closeCode: 7 }))
    return true
  },
  (simulation, { random, server }) => {
    simulation.net.at(simulation.now + random.integer(300), () => void server.close())
    return true
  },
  (simulation, { near, random }) => {
    simulation.net.at(simulation.now + random.integer(300), () => near.fail(new Error('The cable was pulled')))
    return true
  },
  (simulation, { random }) => {
    simulation.net.at(simulation.now + random.integer(300), () => void simulation.net.partition(['client'], ['server']))
    return true
  },
]

/**
 * One run.
 * @param crypto of both ends; where it works in real time, the clock of the simulation stands still until it is done.
 * @returns virtual ms until every echo had come back, or had failed
 * @throws (rejects with) Error naming the seed, for whatever is not as it has to be
 */
export function publicApi(seed: number, controller: Controller, crypto?: CryptoProvider): Promise<Duration> {
  const random = new SeededRandom(seed, 'public-api')
  const simulation = new Simulation({ seed })
  const [near, far, link] = simulation.link(roughLink(random))
  const { environment, options } = simulation
  const common = {
    ...options,
    ...(crypto && { crypto: environment.holding(crypto) }),
    congestionControl: controller.algorithm,
    alpn: ['echo'],
    maxIdleTimeout: 20_000,
    keepAlive: 1000,
  }
  const waiting = new Waiting()
  const begunAt = simulation.now
  return simulation.run(async () => {
    const server = await listen(far, { ...common, certificate: simulation.certificate })
    const accepted = new Promise<void>((resolve) => void serve(server, waiting, resolve))
    const connection = await connect(near, {
      ...common,
      address: far.localAddress,
      serverCertificateHashes: [simulation.certificate.hash],
    })
    waiting.keep('connection.closed', connection.closed).catch(() => {})
    const trouble = TROUBLES[random.integer(TROUBLES.length)]
    const isFatal = trouble?.(simulation, { random, connection, server, accepted, near, link }) ?? false
    const echoes = Array.from({ length: 2 + random.integer(4) }, (_, index) =>
      echoed(connection, waiting, random.fork(`bytes ${index}`)),
    )
    for (const result of await Promise.allSettled(echoes)) {
      if (result.status === 'fulfilled') continue
      if (!isFatal || !(result.reason instanceof QuicError)) throw result.reason
    }
    const duration = simulation.now - begunAt
    const ends = [waiting.keep('connection.close', connection.close()), waiting.keep('server.close', server.close())]
    await Promise.allSettled(ends)
    await simulation.sleep(LONG)
    if (waiting.names.length > 0) throw new Error(`These were never settled: ${waiting.names.join(', ')}`)
    if (connection.state !== 'closed') throw new Error(`The connection is ${connection.state} at the end`)
    return duration
  })
}

function roughLink(random: SeededRandom): LinkOptions {
  return {
    delay: 1 + random.integer(80),
    jitter: random.integer(10),
    loss: random.chance(0.5) ? 0.03 : 0,
    duplicate: random.chance(0.3) ? 0.02 : 0,
    corrupt: random.chance(0.3) ? 0.02 : 0,
    ...(random.chance(0.3) && { reorder: { probability: 0.05, delay: 10 } }),
    ...(random.chance(0.5) && { bandwidth: 5_000_000, queue: { bytes: 40_000 } }),
  }
}

/** Sends every stream back. */
async function serve(server: QuicServer, waiting: Waiting, onAccepted: () => void): Promise<void> {
  for await (const connection of server) {
    onAccepted()
    waiting.keep('connection.closed of the server', connection.closed).catch(() => {})
    const streams = async (): Promise<void> => {
      for await (const { readable, writable } of connection.incomingBidirectionalStreams) {
        waiting.keep('pipeTo', readable.pipeTo(writable)).catch(() => {})
      }
    }
    waiting.keep('incomingBidirectionalStreams', streams()).catch(() => {})
  }
}

/** Sends bytes and compares what comes back; each write and each read is waited for. */
async function echoed(connection: QuicConnection, waiting: Waiting, random: SeededRandom): Promise<void> {
  const stream = await waiting.keep('createBidirectionalStream', connection.createBidirectionalStream())
  const sent = new Uint8Array(1 + random.integer(40_000))
  random.fill(sent)
  const writer = stream.writable.getWriter()
  const writing = async (): Promise<void> => {
    for (let at = 0; at < sent.length; at += 7000) await waiting.keep('write', writer.write(sent.slice(at, at + 7000)))
    await waiting.keep('writer.close', writer.close())
  }
  const reader = stream.readable.getReader()
  const reading = async (): Promise<void> => {
    let length = 0
    for (;;) {
      const { done, value } = await waiting.keep('read', reader.read())
      if (done) break
      for (const byte of value) if (byte !== sent[length++]) throw new Error(`Another byte came back at ${length - 1}`)
    }
    if (length !== sent.length) throw new Error(`${length} bytes came back of ${sent.length}`)
  }
  const [wrote, read] = await Promise.allSettled([writing(), reading()])
  if (wrote.status === 'rejected') throw wrote.reason
  if (read.status === 'rejected') throw read.reason
}
