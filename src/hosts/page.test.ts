/** A page and its host's timers: hidden, throttled to one a minute, or asleep. In virtual time. */
import { expect, test } from 'vitest'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import { QuicIdleTimeoutError } from '../api/errors.ts'
import { listen, type QuicServer } from '../api/server.ts'
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { Environment } from '../environment.ts'
import { Simulation } from '../simulator/simulation.ts'

/** A page that can be hidden and put to sleep. */
class Page implements Environment {
  readonly random: RandomSource
  isHidden = false
  /** Timers wait until then. */
  asleepUntil: Time = 0
  readonly #simulation: Simulation

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    this.random = simulation.environment.random
  }

  get timerGranularity(): Duration {
    return this.isHidden ? 1_000 : 4
  }

  now(): Time {
    return this.#simulation.now
  }

  wallClock(): number {
    return this.#simulation.environment.wallClock()
  }

  setTimer(at: Time, fire: () => void): () => void {
    let cancel = (): void => {}
    const tryToFire = (): void => {
      if (this.now() >= this.asleepUntil) return fire()
      cancel = this.#simulation.environment.setTimer(this.asleepUntil, tryToFire)
    }
    // Chrome's intensive throttling: once a minute.
    const grid = this.isHidden ? 60_000 : 1
    cancel = this.#simulation.environment.setTimer(Math.ceil(at / grid) * grid, tryToFire)
    return () => cancel()
  }

  defer(task: () => void): void {
    this.#simulation.environment.defer(task)
  }
}

interface Stage {
  readonly simulation: Simulation
  readonly page: Page
  readonly server: QuicServer
  readonly connection: QuicConnection
  readonly peer: QuicConnection
}

function staged(keepAlive: number | false, body: (stage: Stage) => Promise<void>, idle = 30_000): Promise<void> {
  const simulation = new Simulation({ seed: 5 })
  const [near, far] = simulation.link({ delay: 20 })
  const page = new Page(simulation)
  const { certificate, options } = simulation
  return simulation.run(async () => {
    const server = await listen(far, { ...options, alpn: ['page'], certificate, keepAlive, maxIdleTimeout: idle })
    const connection = await connect(near, {
      ...options,
      environment: page,
      address: far.localAddress,
      alpn: ['page'],
      serverCertificateHashes: [certificate.hash],
      maxIdleTimeout: idle,
    })
    await connection.handshakeConfirmed
    const [peer] = server.connections
    if (peer === undefined) throw new Error('The server has no connection')
    await body({ simulation, page, server, connection, peer })
    await connection.close()
    await server.close()
  })
}

const after = (simulation: Simulation, ms: Duration): Promise<void> =>
  new Promise((resolve) => void simulation.environment.setTimer(simulation.now + ms, resolve))

test('a page in the background keeps its connection when the peer keeps it alive', () =>
  staged(10_000, async ({ simulation, page, connection }) => {
    page.isHidden = true
    await after(simulation, 30 * 60_000)
    expect(connection.state).toBe('connected')
    page.isHidden = false
    expect(await connection.ping()).toBeLessThan(200)
  }))

test('a hidden page acknowledges on receipt: the peer repeats nothing', () =>
  staged(false, async ({ simulation, page, peer }) => {
    page.isHidden = true
    const stream = await peer.createUnidirectionalStream()
    stream.tryWrite(new Uint8Array(1))
    await after(simulation, 1_000)
    const before = (await peer.getStats()).quic
    for (let turn = 0; turn < 60; turn++) {
      stream.tryWrite(new Uint8Array(1))
      await after(simulation, 10_000)
    }
    const { packetsLost, packetsSent } = (await peer.getStats()).quic
    expect([packetsSent - before.packetsSent, packetsLost - before.packetsLost]).toEqual([60, 0])
  }))

test('a page that slept past its idle timeout asks the peer before it gives it up', () =>
  staged(
    false,
    async ({ simulation, page, connection }) => {
      // The peer was told of two minutes, and waits for so long.
      connection.configure({ maxIdleTimeout: 20_000 })
      page.asleepUntil = simulation.now + 60_000
      await after(simulation, 61_000)
      expect(connection.state).toBe('connected')
    },
    120_000,
  ))

test('a page that slept past the end of its peer hears of it soon', () =>
  staged(false, async ({ simulation, page, connection, peer }) => {
    page.asleepUntil = simulation.now + 300_000
    await after(simulation, 299_000)
    expect([connection.state, peer.state]).toEqual(['connected', 'closed'])
    await after(simulation, 2_000)
    expect(connection.state).not.toBe('connected')
    await expect(connection.closed).rejects.toThrow(Error)
    await expect(peer.closed).rejects.toBeInstanceOf(QuicIdleTimeoutError)
  }))
