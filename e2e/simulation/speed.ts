/**
 * How much faster than real time the simulator is: one bulk transfer over a 10 Mbit/s link that loses one datagram in a thousand
 * and has a queue of one bandwidth-delay product. CPU time is measured, since the clock of a busy machine says little.
 */
import { connect } from '../../src/api/client.ts'
import { listen } from '../../src/api/server.ts'
import type { Duration } from '../../src/base/time.ts'
import { noble } from '../../src/crypto/noble/provider.ts'
import { node } from '../../src/crypto/node/provider.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import { Bulk, type LinkOptions, Pair, type PairOptions, Simulation } from '../../src/simulator.ts'

const LINK: LinkOptions = { delay: 20, bandwidth: 10_000_000, queue: { bytes: 50_000 }, loss: 0.001 }
const SEED = 1

/** How fast one level of the simulator was. */
export interface Speed {
  readonly what: string
  readonly protection: string
  readonly datagrams: number
  /** Bits per second of virtual time. */
  readonly goodput: number
  /** ms */
  readonly cpu: number
  /** Virtual time divided by CPU time. */
  readonly factor: number
}

/** What a measurement moved. */
interface Moved {
  readonly datagrams: number
  readonly bytes: number
}

const KINDS: readonly (readonly [what: string, protection: string, run: (duration: Duration) => Promise<Moved>])[] = [
  ['Pair', 'checksum', (duration) => ofPair({ protection: 'checksum' }, duration)],
  ['Pair', 'real, node:crypto', (duration) => ofPair({ crypto: node }, duration)],
  ['Pair', 'real, noble', (duration) => ofPair({ crypto: noble }, duration)],
  ['public API', 'checksum', (duration) => ofSimulation(undefined, duration)],
  ['public API', 'real, node:crypto', (duration) => ofSimulation(node, duration)],
  ['public API', 'real, noble', (duration) => ofSimulation(noble, duration)],
]

/** Virtual ms before each measurement, so that the compilers have had their turn. */
const WARM_UP: Duration = 60_000

/** Measures each kind of simulation over so many virtual minutes. */
export async function* speeds(minutes: number): AsyncGenerator<Speed> {
  const duration = minutes * 60_000
  for (const [what, protection, run] of KINDS) {
    await run(WARM_UP)
    const before = process.cpuUsage()
    const { bytes, datagrams } = await run(duration)
    const { system, user } = process.cpuUsage(before)
    const cpu = (user + system) / 1000
    yield { what, protection, datagrams, goodput: (bytes * 8000) / duration, cpu, factor: duration / cpu }
  }
}

async function ofPair(options: PairOptions, duration: Duration): Promise<Moved> {
  const pair = new Pair({ seed: SEED, link: LINK, recordEvents: false, ...options })
  const { client, server } = pair.handshake()
  const transfer = new Bulk(pair).send(client, server)
  pair.run(() => false, duration)
  return { datagrams: pair.datagrams, bytes: transfer.received }
}

/** @param crypto `undefined`: checksums */
async function ofSimulation(crypto: CryptoProvider | undefined, duration: Duration): Promise<Moved> {
  const simulation = new Simulation({ seed: SEED, protection: crypto === undefined ? 'checksum' : 'real' })
  const [near, far] = simulation.link(LINK)
  const options = { ...simulation.options, ...(crypto && { crypto }), alpn: ['bulk'] }
  let bytes = 0
  await simulation.run(async () => {
    const server = await listen(far, { ...options, certificate: simulation.certificate })
    const connection = await connect(near, {
      ...options,
      address: far.localAddress,
      serverCertificateHashes: [simulation.certificate.hash],
    })
    const zeros = new Uint8Array(65_536)
    const write = async (): Promise<void> => {
      const writer = (await connection.createUnidirectionalStream()).writable.getWriter()
      for (;;) await writer.write(zeros)
    }
    const read = async (): Promise<void> => {
      for await (const { incomingUnidirectionalStreams } of server) {
        for await (const { readable } of incomingUnidirectionalStreams) {
          for await (const chunk of readable) bytes += chunk.length
        }
      }
    }
    // Both end with the connection, and say so.
    const transfer = Promise.allSettled([write(), read()])
    await simulation.sleep(duration)
    await connection.close()
    await server.close()
    await transfer
  })
  return { datagrams: simulation.net.datagrams, bytes }
}
