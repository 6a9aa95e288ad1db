/** Timers that are lost without a word, as those of a Worker's request when it has ended. In virtual time. */
import { expect, test } from 'vitest'
import { connect } from '../api/client.ts'
import { QuicIdleTimeoutError } from '../api/errors.ts'
import { listen } from '../api/server.ts'
import type { Environment } from '../environment.ts'
import { Simulation } from '../simulator/simulation.ts'

test('a connection whose timers were lost has others once it is used, and does not hang', () => {
  const simulation = new Simulation({ seed: 3 })
  const [near, far] = simulation.link({ delay: 20 })
  const { certificate, options } = simulation
  const own = simulation.environment
  let request = 1
  const environment: Environment = {
    timerGranularity: 1,
    random: own.random,
    now: () => own.now(),
    wallClock: () => own.wallClock(),
    defer: (task) => own.defer(task),
    setTimer(at, fire) {
      const born = request
      return own.setTimer(at, () => {
        if (born === request) fire()
      })
    },
  }
  return simulation.run(async () => {
    const server = await listen(far, { ...options, alpn: ['demo'], certificate, maxIdleTimeout: 10_000 })
    const connection = await connect(near, {
      ...options,
      environment,
      address: far.localAddress,
      alpn: ['demo'],
      serverCertificateHashes: [certificate.hash],
    })
    await connection.handshakeConfirmed
    far.close()
    const stream = await connection.createUnidirectionalStream()
    stream.tryWrite(new Uint8Array(1))
    // The probe timeout of that byte is the next timer, and nobody will hear of it.
    await new Promise<void>((resolve) => void own.setTimer(own.now() + 1, resolve))
    request = 2
    await new Promise<void>((resolve) => void own.setTimer(own.now() + 2_000, resolve))
    expect(connection.state).toBe('connected')
    await expect(connection.ping()).rejects.toBeInstanceOf(QuicIdleTimeoutError)
    await server.close()
  })
})
