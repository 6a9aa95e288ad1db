/** Connections over sockets that are connected to each peer from the first datagram on, in the midst of the handshake. */
import { afterAll, describe, expect, test } from 'vitest'
import { busyTransport, isPossible, LOCAL } from '../../transports/busy-peers.fixtures.ts'
import type { QuicConnection } from './connection.ts'
import { devCertificate } from './dev.ts'
import { QuicEndpoint } from './endpoint.ts'
import { bytesOf, readAll, writeAll } from './pipe.fixtures.ts'
import { type ListenOptions, listen, type QuicServer } from './server.ts'

const certificate = await devCertificate()
const closers: (() => unknown)[] = []

afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

async function serve(options: Partial<ListenOptions> = {}): Promise<QuicServer> {
  const server = await listen(busyTransport(), { alpn: ['echo'], certificate, ...options })
  closers.push(() => server.close())
  void (async () => {
    for await (const connection of server) void echo(connection)
  })()
  return server
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const { readable, writable } of connection.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {})
  }
}

async function exchange(connection: QuicConnection, length: number): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const [back] = await Promise.all([readAll(stream.readable), writeAll(stream.writable, bytesOf(length))])
  expect(back).toEqual(bytesOf(length))
}

describe.runIf(isPossible(LOCAL))('Over connected sockets', () => {
  const options = { alpn: ['echo'], serverCertificateHashes: [certificate.hash] }

  test('one client speaks with two servers, and one server with two clients', async () => {
    const transports = [busyTransport(), busyTransport()]
    const servers = [await serve(), await serve()]
    const endpoints = transports.map((transport) => new QuicEndpoint(transport))
    for (const endpoint of endpoints) closers.push(() => endpoint.close())
    const connections = endpoints.flatMap((endpoint) =>
      servers.map(({ address }) => endpoint.connect(address, options)),
    )
    await Promise.all(connections.map((connection) => exchange(connection, 300_000)))
    expect(transports.map(({ connectedPeers }) => connectedPeers)).toEqual([2, 2])
  })

  test('a client goes to the preferred address of a server, and on to sockets of its own', async () => {
    const preferred = busyTransport({ ...LOCAL, address: '127.0.0.3' })
    const server = await serve({ preferredAddress: { transport: preferred } })
    const [transport, next] = [busyTransport(), busyTransport({ ...LOCAL, address: '127.0.0.2' })]
    const endpoint = new QuicEndpoint(transport)
    closers.push(() => endpoint.close())
    const connection = endpoint.connect(server.address, options)
    const moved = new Promise((resolve) => connection.addEventListener('pathchange', resolve))
    const first = exchange(connection, 300_000)
    await moved
    expect(connection.remoteAddress).toBe(preferred.localAddress)
    await first
    await exchange(connection, 300_000)
    await connection.migrate(next)
    await exchange(connection, 300_000)
    expect([server.connections.size, next.connectedPeers]).toEqual([1, 1])
  })
})
