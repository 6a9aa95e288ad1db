/** Proves: each time that an application gives is the time after which things happen, to the millisecond. */
import { expect, test } from 'vitest'
import { connect, QuicHandshakeTimeoutError, QuicIdleTimeoutError, QuicMigrationError } from '../../src/index.ts'
import { inWorld, rejection } from './world.fixtures.ts'

/** ms; timers fire late by less than the granularity of the clock. */
const GRANULARITY = 2

test('timeouts honour the given time', async () => {
  await inWorld({ client: { maxIdleTimeout: 5000 } }, async ({ client, simulation, clientOptions, far }) => {
    const elapsed = async (act: () => Promise<unknown>): Promise<number> => {
      const began = simulation.now
      await act()
      return simulation.now - began
    }
    const within = (ms: number, wanted: number): void => {
      expect(ms).toBeGreaterThanOrEqual(wanted)
      expect(ms).toBeLessThanOrEqual(wanted + GRANULARITY)
    }

    client.configure({ keepAlive: 100 })
    // A handshake with nobody.
    for (const handshakeTimeout of [123, 700, 4321]) {
      const lonely = simulation.transport({ node: 'hermit' })
      simulation.net.connect(lonely.port, far.port, { loss: 1 })
      const attempt = (): Promise<unknown> => rejection(connect(lonely, { ...clientOptions, handshakeTimeout }))
      const began = simulation.now
      expect(await attempt()).toBeInstanceOf(QuicHandshakeTimeoutError)
      within(simulation.now - began, handshakeTimeout)
      await simulation.sleep(1)
    }

    // A stream's deadline, replaced once.
    const stream = await client.createBidirectionalStream()
    stream.tryWrite(Uint8Array.of(1))
    stream.setDeadline(100)
    stream.setDeadline(1777)
    within(await elapsed(() => rejection(stream.closed)), 1777)

    // A migration to nowhere.
    const nowhere = simulation.transport({ node: 'client' })
    simulation.net.connect(nowhere.port, far.port, { loss: 1 })
    const began = simulation.now
    expect(await rejection(client.migrate(nowhere, { timeout: 555 }))).toBeInstanceOf(QuicMigrationError)
    within(simulation.now - began, 555)

    // A probe of the application's, every 100 ms of silence.
    client.configure({ keepAlive: 250 })
    await simulation.sleep(1000)
    const heard = client.inspect()?.timers.idle
    expect(heard).toBeLessThanOrEqual(250 + GRANULARITY)

    // Silence: the lower of both ends' timeouts after the last that was heard.
    client.configure({ keepAlive: false })
    await client.ping()
    const silence = simulation.now
    simulation.net.partition(['client'], ['server'])
    expect(await rejection(client.closed)).toBeInstanceOf(QuicIdleTimeoutError)
    within(simulation.now - silence, 5000)
  })
})
