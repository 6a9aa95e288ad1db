import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { udp } from '../../transports/udp.ts'
import { equalBytes } from '../base/bytes.ts'
import { connect } from './client.ts'
import { devCertificate } from './dev.ts'
import { QuicEndpoint } from './endpoint.ts'
import { QuicAddressError, QuicHandshakeTimeoutError, QuicTlsError } from './errors.ts'
import { bytesOf, readAll, rejection, strays, writeAll } from './pipe.fixtures.ts'
import { listen } from './server.ts'

/** A server on loopback that sends everything back. */
async function echoServer() {
  const certificate = await devCertificate()
  const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
  void (async () => {
    for await (const connection of server) {
      void (async () => {
        for await (const stream of connection.incomingBidirectionalStreams) {
          stream.readable.pipeTo(stream.writable).catch(() => {})
        }
      })().catch(() => {})
    }
  })()
  return { server, certificate }
}

describe('Over UDP', () => {
  test('megabytes come back as they went, in both families of addresses and by name', async () => {
    const { server, certificate } = await echoServer()
    const port = server.address.split(':').at(-1)
    for (const host of ['127.0.0.1', 'localhost']) {
      const client = await connect(await udp(), {
        address: `${host}:${port}`,
        alpn: ['echo'],
        serverCertificateHashes: [certificate.hash],
      })
      const stream = await client.createBidirectionalStream()
      const bytes = bytesOf(3_000_000)
      const written = writeAll(stream.writable, bytes)
      const answer = await readAll(stream.readable)
      await written
      expect(answer.length).toBe(bytes.length)
      expect(equalBytes(answer, bytes)).toBe(true)
      await client.close()
    }
    await server.close()
  })

  test('twenty connections share one socket on each side', async () => {
    const { server, certificate } = await echoServer()
    const endpoint = new QuicEndpoint(await udp({ host: '127.0.0.1' }))
    const options = { alpn: ['echo'], serverCertificateHashes: [certificate.hash] }
    const clients = Array.from({ length: 20 }, () => endpoint.connect(server.address, options))
    const answers = await Promise.all(
      clients.map(async (client, index) => {
        const stream = await client.createBidirectionalStream()
        void writeAll(stream.writable, bytesOf(10_000 + index)).catch(() => {})
        return (await readAll(stream.readable)).length
      }),
    )
    expect(answers).toEqual(clients.map((_, index) => 10_000 + index))
    expect(server.connections.size).toBe(20)
    await Promise.all(clients.map((client) => client.close()))
    endpoint.close()
    await server.close()
  })

  test('a name without an address, a port where nobody listens and a server that nobody trusts reject in time', async () => {
    const found = await strays(async () => {
      const begin = performance.now()
      const nowhere = await rejection(connect(await udp(), { address: 'nobody.invalid:4433', alpn: ['echo'] }))
      expect(nowhere).toBeInstanceOf(QuicAddressError)

      const closed = createSocket('udp4')
      closed.bind(0, '127.0.0.1')
      await once(closed, 'listening')
      const { port } = closed.address()
      closed.close()
      const options = { address: `127.0.0.1:${port}`, alpn: ['echo'], handshakeTimeout: 300 }
      expect(await rejection(connect(await udp(), options))).toBeInstanceOf(QuicHandshakeTimeoutError)

      const { server } = await echoServer()
      const untrusted = await rejection(connect(await udp(), { address: server.address, alpn: ['echo'] }))
      expect(untrusted).toBeInstanceOf(QuicTlsError)
      await server.close()
      expect(performance.now() - begin).toBeLessThan(10_000)
    })
    expect(found).toEqual([])
  })

  test('garbage on the port of a server is no trouble to its clients', async () => {
    const { server, certificate } = await echoServer()
    const [host = '', port = '0'] = server.address.split(':')
    const client = await connect(await udp(), {
      address: server.address,
      alpn: ['echo'],
      serverCertificateHashes: [certificate.hash],
    })
    const socket = createSocket('udp4')
    for (let count = 0; count < 2000; count++) {
      const garbage = bytesOf((count * 7) % 1400)
      garbage[0] = count & 0xff
      socket.send(garbage, Number(port), host)
    }
    const stream = await client.createBidirectionalStream()
    void writeAll(stream.writable, bytesOf(100_000)).catch(() => {})
    expect(equalBytes(await readAll(stream.readable), bytesOf(100_000))).toBe(true)
    expect(server.connections.size).toBe(1)
    socket.close()
    await client.close()
    await server.close()
  })
})
