/**
 * Proves, over the public API in virtual time: whatever happens to the address of a client, and though it changes the
 * transport itself in between, what is sent arrives, whole and once, both ways.
 */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/simulator/seeded-random.ts'
import { seeds } from '../../src/simulator/seeds.ts'
import type { SimulatedTransport } from '../../src/simulator/transport.ts'
import { inWorld, patterned } from '../promises/world.fixtures.ts'

const REBINDINGS = 20
const LENGTH = 200_000
/** So much is there to be sent before the client has moved, which takes what time it takes. */
const GATE = 0.8 * LENGTH
const RELIABLE = { reliable: true, ordered: true, addressValidated: true }

/** Each seed costs a second in a browser. */
const SEEDS = navigator.userAgent.startsWith('Node.js') ? 10 : 2

test('A transfer survives 20 NAT rebindings and a move from one transport to another in the middle, with no byte lost', {
  timeout: 120_000,
}, async () => {
  for (const seed of seeds(SEEDS)) await play(seed)
})

async function play(seed: number): Promise<void> {
  const random = new SeededRandom(seed, 'rebindings-and-a-move')
  const lossy = { delay: 5 + random.integer(30), jitter: 5, loss: 0.02, duplicate: 0.01, bandwidth: 4_000_000 }
  // Who only listens does not learn that its NAT has forgotten it, but by saying something now and then.
  const options = { seed, link: lossy, client: { keepAlive: 100 } }
  await inWorld(options, async ({ simulation, near, far, server, client, peer, arrived }) => {
    await simulation.sleep(200)
    let progress = 0
    const collect = async (readable: ReadableStream<Uint8Array>): Promise<Uint8Array> => {
      const bytes = new Uint8Array(LENGTH)
      let length = 0
      for (const reader = readable.getReader(); ; ) {
        const { done, value } = await reader.read()
        if (done) break
        bytes.set(value, length)
        length += value.length
        progress += value.length
      }
      expect(length).toBe(LENGTH)
      return bytes
    }
    let arrive: () => void = () => {}
    const hasMoved = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const produce = async (writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> => {
      const writer = writable.getWriter()
      await writer.write(bytes.subarray(0, GATE))
      await hasMoved
      await writer.write(bytes.subarray(GATE))
      await writer.close()
    }
    const stream = await client.createBidirectionalStream()
    const sending = produce(stream.writable, patterned(LENGTH))
    const other = await arrived(stream)
    const answering = produce(other.writable, patterned(LENGTH, 1))
    const [there, back] = [collect(other.readable), collect(stream.readable)]

    let rebindings = 0
    /** Spread over what arrives until `end`. */
    const rebind = async (transport: SimulatedTransport, until: number, end: number): Promise<void> => {
      const step = (end - progress) / (until - rebindings + 1)
      for (let wanted = progress + step; rebindings < until; rebindings++, wanted += step) {
        while (progress < wanted) await simulation.sleep(1)
        // Mostly another port, now and then another host.
        const isAddress = random.chance(0.3)
        transport.port.rebind(isAddress ? `203.0.113.${rebindings + 1}:${2000 + random.integer(1000)}` : undefined)
      }
    }
    await rebind(near, REBINDINGS / 2, LENGTH)
    expect(progress).toBeLessThan(1.2 * LENGTH)

    // To a carrier of another kind, and from there to another socket.
    const wire = simulation.transport({ node: 'client', address: '198.51.100.1:1', properties: RELIABLE })
    const wireEnd = simulation.transport({ node: 'server', properties: RELIABLE })
    simulation.net.connect(wire.port, wireEnd.port, { delay: 10, bandwidth: 300_000 })
    server.addTransport(wireEnd)
    await client.migrate(wire, { address: wireEnd.localAddress })
    await simulation.sleep(100)
    expect([client.localAddress, peer.localAddress]).toEqual([wire.localAddress, wireEnd.localAddress])
    const socket = simulation.transport({ node: 'client', address: '198.51.100.2:2' })
    simulation.net.connect(socket.port, far.port, lossy)
    await client.migrate(socket, { address: far.localAddress })
    arrive()
    await rebind(socket, REBINDINGS, 2 * LENGTH)

    expect([await there, await back]).toEqual([patterned(LENGTH), patterned(LENGTH, 1)])
    await Promise.all([sending, answering])
    await client.ping()
    expect([rebindings, peer.remoteAddress]).toEqual([REBINDINGS, socket.port.address])
    expect(client.paths.filter(({ state }) => state === 'active').length).toBe(1)
  })
}
