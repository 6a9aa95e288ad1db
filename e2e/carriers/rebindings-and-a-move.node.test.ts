/**
 * Proves, over sockets on loopback: a client behind a NAT that forgets it again and again, which moves from a WebSocket gateway
 * to UDP, back, and to UDP once more in the middle of a transfer, gets and gives every byte.
 */
import { expect, test } from 'vitest'
import { serveGateway } from '../../src/gateway/server.ts'
import { connect, QuicMigrationError } from '../../src/index.ts'
import type { DatagramTransport } from '../../src/transport.ts'
import { udp } from '../../transports/udp.ts'
import { websocket } from '../../transports/websocket.ts'
import { CLEAR, UdpProxy } from '../interop/proxy.ts'
import { patterned } from '../promises/world.fixtures.ts'
import { echoServer, HOST } from './echo-server.ts'

const REBINDINGS = 20
const LENGTH = 6_000_000

test('A transfer survives 20 NAT rebindings and a move from one transport to another in the middle, with no byte lost', {
  timeout: 60_000,
}, async () => {
  const { certificate, server, port } = await echoServer()
  const gateway = await serveGateway({ port: 0, allow: [server.address] })
  const behind = (of: 'port' | 'address'): Promise<UdpProxy> => {
    const rebinding = { of, every: LENGTH / 4 / REBINDINGS, times: REBINDINGS / 2 }
    return UdpProxy.start(port, { ...CLEAR, loss: 0.01, burst: 2, seed: 7, rebinding })
  }
  const [home, away] = [await behind('port'), await behind('address')]
  const tunnel = (): Promise<DatagramTransport> =>
    websocket({ gateway: `ws://${gateway.address}`, target: server.address })
  const client = await connect(await tunnel(), {
    address: server.address,
    serverName: 'localhost',
    alpn: ['carriers'],
    serverCertificateHashes: [certificate.hash],
    // Who only listens does not learn that its NAT has forgotten it, but by saying something now and then.
    keepAlive: 25,
  })
  try {
    const stream = await client.createBidirectionalStream()
    const bytes = patterned(LENGTH)
    const back = new Uint8Array(LENGTH)
    let length = 0
    const reading = (async (): Promise<void> => {
      for (const reader = stream.readable.getReader(); ; ) {
        const { done, value } = await reader.read()
        if (done) return
        back.set(value, length)
        length += value.length
      }
    })()
    const writer = stream.writable.getWriter()
    const until = async (hasCome: () => boolean): Promise<void> => {
      while (!hasCome()) await client.ping()
    }

    // What is left to be sent waits for the moves, so that they are in the middle whatever they take.
    const first = writer.write(bytes.subarray(0, 0.6 * LENGTH))
    await until(() => length > 0.05 * LENGTH)
    await move(client, await udp({ host: HOST }), `${HOST}:${home.port}`)
    await until(() => home.rebindings === REBINDINGS / 2)
    expect(length).toBeLessThan(LENGTH)
    const down = gateway.counters.bytesDown
    // The gateway knows the client, and lets its connection come back without a handshake.
    await move(client, await tunnel(), server.address)
    await first
    const second = writer.write(bytes.subarray(0.6 * LENGTH, 0.8 * LENGTH))
    await until(() => length > 0.65 * LENGTH)
    expect(gateway.counters.bytesDown).toBeGreaterThan(down + 0.03 * LENGTH)
    await move(client, await udp({ host: HOST }), `${HOST}:${away.port}`)
    await second
    await writer.write(bytes.subarray(0.8 * LENGTH))
    await writer.close()
    await reading
    expect([length, back]).toEqual([LENGTH, bytes])
    await until(() => away.rebindings === REBINDINGS / 2)
  } finally {
    await client.close()
    await Promise.all([server.close(), gateway.close()])
    home.close()
    away.close()
  }
})

/** The server may owe an id for the new path, after so many. */
async function move(
  client: Awaited<ReturnType<typeof connect>>,
  transport: DatagramTransport,
  address: string,
): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await client.migrate(transport, { address, timeout: 5000 })
    } catch (error) {
      const isEarly = error instanceof QuicMigrationError && error.failure === 'no-connection-id'
      if (!isEarly || tries === 20) throw error
      await client.ping()
    }
  }
}
