import { describe, expect, test } from 'vitest'
import { type TransportPair, transportSuite } from '../../transports/conformance.ts'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import { listen, type QuicServer } from '../api/server.ts'
import { noble } from '../crypto/noble/provider.ts'
import { web } from '../crypto/web/provider.ts'
import { qlogTo } from '../qlog/qlog-to.ts'
import type { LinkOptions } from './link-options.ts'
import type { PortOptions } from './port.ts'
import { Simulation, type SimulationOptions } from './simulation.ts'
import type { SimulatedTransport } from './transport.ts'

interface Stage {
  readonly simulation: Simulation
  readonly near: SimulatedTransport
  readonly server: QuicServer
  readonly connection: QuicConnection
}

/** Sends streams back. */
function echo(server: QuicServer): void {
  void (async () => {
    for await (const connection of server) {
      void (async () => {
        for await (const stream of connection.incomingBidirectionalStreams) {
          stream.readable.pipeTo(stream.writable).catch(() => {})
        }
      })().catch(() => {})
    }
  })()
}

/** Runs `body` with a client that is connected to an echo server. */
function staged(
  options: SimulationOptions,
  link: LinkOptions,
  body: (stage: Stage) => Promise<void>,
  log?: string[],
): Promise<void> {
  const simulation = new Simulation(options)
  const [near, far] = simulation.link(link)
  const common = {
    ...simulation.options,
    ...(log !== undefined && { observer: qlogTo(() => (record) => log.push(record)) }),
  }
  return simulation.run(async () => {
    const server = await listen(far, { ...common, alpn: ['echo'], certificate: simulation.certificate })
    echo(server)
    const connection = await connect(near, {
      ...common,
      // Without it a client that only waits does not notice that its NAT has forgotten it.
      keepAlive: 100,
      address: far.localAddress,
      alpn: ['echo'],
      serverCertificateHashes: [simulation.certificate.hash],
    })
    await body({ simulation, near, server, connection })
    await connection.close()
    await server.close()
  })
}

async function echoed(connection: QuicConnection, size: number): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const bytes = new Uint8Array(size).map((_, index) => index * 7)
  // Web Streams alone: browsers read a Blob or a Response in their own time, which is no virtual one.
  const writer = stream.writable.getWriter()
  const writing = writer.write(bytes).then(() => writer.close())
  const heard = new Uint8Array(size)
  let length = 0
  for await (const chunk of stream.readable) {
    heard.set(chunk, length)
    length += chunk.length
  }
  expect(heard).toEqual(bytes)
  await writing
}

describe('the public API in virtual time', () => {
  test('takes as long as the link says, and hardly any real time', async () => {
    await staged({ seed: 1 }, { delay: 200 }, async ({ simulation, connection }) => {
      expect(simulation.now).toBeGreaterThanOrEqual(1400)
      expect(simulation.now).toBeLessThan(1500)
      await simulation.sleep(20_000)
      await echoed(connection, 1000)
    })
  })

  test('moves bytes through loss, reordering and NAT rebindings', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const link = { delay: 20, loss: 0.05, jitter: 10 }
      await staged({ seed }, link, async ({ simulation, near, connection }) => {
        const rebind = simulation.net.every(150, () => void near.port.rebind())
        await echoed(connection, 100_000)
        rebind()
      })
    }
  })

  test('does the same again with the same seed, byte for byte in qlog, and something else with another', async () => {
    const logOf = async (seed: number): Promise<string> => {
      const log: string[] = []
      const link = { delay: 10, loss: 0.1, duplicate: 0.05, jitter: 5 }
      await staged({ seed }, link, ({ connection }) => echoed(connection, 30_000), log)
      return log.join('')
    }
    const first = await logOf(3)
    expect(first.length).toBeGreaterThan(50_000)
    expect(await logOf(3)).toBe(first)
    expect(await logOf(4)).not.toBe(first)
  })

  test('ends a connection whose network is gone by its idle timeout, which nobody waits for', async () => {
    await staged({ seed: 2 }, { delay: 5 }, async ({ simulation, connection }) => {
      simulation.net.partition(['client'], ['server'])
      const before = simulation.now
      await expect(connection.closed).rejects.toMatchObject({ name: 'QuicIdleTimeoutError' })
      expect(simulation.now - before).toBeGreaterThan(29_000)
    })
  })

  test('hears of a carrier that fails', async () => {
    await staged({ seed: 2 }, {}, async ({ near, connection }) => {
      near.fail(new Error('The cable was pulled'))
      await expect(connection.closed).rejects.toThrow('The cable was pulled')
    })
  })

  test('stands still for promises, however long their chain', async () => {
    const simulation = new Simulation({ seed: 1 })
    await simulation.run(async () => {
      for (let times = 0; times < 40; times++) {
        await simulation.sleep(1)
        const before = simulation.now
        void simulation.sleep(1)
        for (let links = 0; links < 500; links++) await undefined
        expect(simulation.now).toBe(before)
      }
    })
  })

  test('stands still while the host works for it: Web Crypto takes no virtual time', async () => {
    const simulation = new Simulation({ seed: 1 })
    const [near, far] = simulation.link({ delay: 10 })
    const crypto = simulation.environment.holding({ ...noble, ...web })
    const common = { environment: simulation.environment, crypto, alpn: ['echo'] }
    await simulation.run(async () => {
      const server = await listen(far, { ...common, certificate: simulation.certificate })
      echo(server)
      const connection = await connect(near, {
        ...common,
        address: far.localAddress,
        serverCertificateHashes: [simulation.certificate.hash],
      })
      expect(simulation.now).toBeLessThan(1030)
      await echoed(connection, 5000)
      await connection.close()
      await server.close()
    })
  })
})

describe('a run', () => {
  test('fails with the seed and the time, and what failed as its cause', async () => {
    const simulation = new Simulation({ seed: 99 })
    const cause = new Error('Expected otherwise')
    const run = simulation.run(async () => {
      await simulation.sleep(500)
      throw cause
    })
    await expect(run).rejects.toThrow('With ISOQUIC_SEED=99 at 1500.000 ms: Expected otherwise')
    await expect(run).rejects.toMatchObject({ cause })
  })

  test('says so where it waits for what never happens, and where it takes too long', async () => {
    const simulation = new Simulation({ seed: 5 })
    await expect(simulation.run(() => new Promise(() => {}))).rejects.toThrow('nothing is left to happen')
    const stop = simulation.net.every(1000, () => {})
    await expect(simulation.run(() => new Promise(() => {}), 10_000)).rejects.toThrow('It is not done after 10000 ms')
    stop()
  })

  test('gives what its body gives', async () => {
    expect(await new Simulation({ seed: 1 }).run(() => 5)).toBe(5)
  })
})

test('timers fire on the grid of their granularity', async () => {
  const simulation = new Simulation({ seed: 1 })
  simulation.environment.timerGranularity = 1000
  await simulation.run(
    () => new Promise<void>((resolve) => void simulation.environment.setTimer(1234, () => resolve())),
  )
  expect(simulation.now).toBe(2000)
})

test('nodes are found by name, and nobody else is', async () => {
  const simulation = new Simulation({ seed: 1 })
  const [near, far] = simulation.link()
  expect(await near.resolve('server', 4433)).toEqual([far.localAddress])
  await expect(near.resolve('elsewhere', 4433)).rejects.toThrow(
    'Nobody in the simulation has the address elsewhere:4433',
  )
})

test('the timeline shows frames, where its options are those of the simulation', async () => {
  let timeline = ''
  await staged({ seed: 6, trace: true }, { delay: 10 }, async ({ simulation, connection }) => {
    await echoed(connection, 3000)
    timeline = String(simulation.net.trace)
  })
  expect(timeline).toMatch(
    /client -> server {2}1200 bytes, arrives 1010\.000: initial 0 \[crypto 0\+\d+, padding \d+\]/,
  )
  expect(timeline).toMatch(/server -> client .*: 1RTT \d+ \[.*stream 0 0\+\d+/)
})

test('packets carry checksums where a simulation is told so, and only while it runs', async () => {
  const simulation = new Simulation({ seed: 3, protection: 'checksum' })
  const { certificate, options } = simulation
  const [near, far] = simulation.link({ delay: 10, loss: 0.05, corrupt: 0.02 })
  const outside = { ...options, alpn: ['echo'], certificate }
  await simulation.run(async () => {
    const server = await listen(far, outside)
    echo(server)
    const serverCertificateHashes = [certificate.hash]
    const connection = await connect(near, {
      ...options,
      address: far.localAddress,
      alpn: ['echo'],
      serverCertificateHashes,
    })
    await echoed(connection, 100_000)
    await connection.close()
    await server.close()
  })
  await expect(async () => await listen(simulation.transport({ node: 'other' }), outside)).rejects.toThrow(
    "The cryptography of protection: 'checksum' protects nothing and works in a running simulation alone",
  )
})

test('a run fails with what a sink threw, unless somebody hears it', async () => {
  for (const isHeard of [false, true]) {
    const simulation = new Simulation({ seed: 1 })
    const [near, far] = simulation.link()
    const error = new Error('Thrown by a sink')
    const heard: unknown[] = []
    if (isHeard) simulation.onError = (reason) => void heard.push(reason)
    far.open({
      datagram: () => {
        throw error
      },
      drain: () => undefined,
      closed: () => undefined,
    })
    const run = simulation.run(async () => {
      near.send(new Uint8Array(10), far.localAddress, 0)
      await simulation.sleep(10)
    })
    if (isHeard) await run
    else await expect(run).rejects.toThrow('With ISOQUIC_SEED=1 at 1000.000 ms: Thrown by a sink')
    expect(heard).toEqual(isHeard ? [error] : [])
  }
})

/** The suite that every transport passes, in virtual time. */
function conforming(name: string, options: Omit<PortOptions, 'node'>, link: LinkOptions): void {
  let simulation = new Simulation()
  const makePair = async (): Promise<TransportPair> => {
    const near = simulation.transport({ node: 'client', ...options })
    const far = simulation.transport({ node: 'server', ...options })
    simulation.net.connect(near.port, far.port, link)
    return { near, far, toFar: far.localAddress, toNear: near.localAddress }
  }
  const runner = {
    describe,
    test: (title: string, body: () => Promise<void>) =>
      test(title, () => {
        simulation = new Simulation()
        simulation.onError = () => undefined
        return simulation.run(body)
      }),
  }
  transportSuite(name, makePair, runner)
}

conforming('a simulated transport', {}, { delay: 10, jitter: 3 })
conforming(
  'a simulated transport that loses nothing and pushes back',
  { properties: { reliable: true, ordered: true, congestionControlled: true, addressValidated: true } },
  { delay: 10, loss: 0.1, bandwidth: 50_000_000, queue: { packets: 60 } },
)
