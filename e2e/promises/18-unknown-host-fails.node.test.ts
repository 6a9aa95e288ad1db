/** Proves, over UDP and in the simulator: a name that leads nowhere is an error, and nothing is sent anywhere else in its place. */
import { expect, test } from 'vitest'
import { connect, QuicAddressError } from '../../src/index.ts'
import { Simulation } from '../../src/simulator/simulation.ts'
import { udp } from '../../transports/udp.ts'
import { rejection } from './world.fixtures.ts'

test('an unknown host fails', async () => {
  for (const address of ['no-such-host.invalid:4433', '256.1.1.1:4433']) {
    const error = await rejection(connect(await udp(), { address, alpn: ['promise'] }))
    expect(error).toBeInstanceOf(QuicAddressError)
    expect((error as Error).message).toContain(address.slice(0, address.lastIndexOf(':')))
  }

  // What is no address at all is told at once.
  expect(await rejection(connect(await udp(), { address: 'not a host:1', alpn: ['promise'] }))).toBeInstanceOf(
    TypeError,
  )

  const simulation = new Simulation()
  const [near] = simulation.link()
  await simulation.run(async () => {
    const began = simulation.now
    const options = { ...simulation.options, address: 'nobody:4433', alpn: ['promise'] }
    expect(await rejection(connect(near, options))).toBeInstanceOf(QuicAddressError)
    await simulation.sleep(60_000)
    expect([simulation.net.datagrams, simulation.now - began]).toEqual([0, 60_000])
  })
})
