import { describe, expect, test } from 'vitest'
import { devCertificate } from '../src/api/dev.ts'
import { initialPacket, Target } from '../src/gateway/gateway.fixtures.ts'
import { serveGateway } from '../src/gateway/server.ts'
import { connect, listen } from '../src/index.ts'
import { tcp } from './tcp.ts'
import { udp } from './udp.ts'

describe('CONNECT-UDP over TCP', () => {
  test('carries a connection to a server on UDP, encrypted to the proxy', async () => {
    const certificate = await devCertificate()
    await using server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
    void (async () => {
      for await (const connection of server) {
        for await (const stream of connection.incomingBidirectionalStreams) {
          stream.readable.pipeTo(stream.writable).catch(() => {})
        }
      }
    })()
    await using gateway = await serveGateway({
      port: 0,
      allow: [server.address],
      tls: { key: certificate.privateKey, certificate: certificate.certificate },
    })
    const transport = await tcp({ proxy: `https://localhost:${gateway.port}`, ca: certificate.certificate })
    const connection = await connect(transport, {
      address: server.address,
      serverName: 'localhost',
      alpn: ['echo'],
      serverCertificateHashes: [certificate.hash],
    })
    const stream = await connection.createBidirectionalStream()
    const sent = new Uint8Array(300_000).map((_, index) => index * 7)
    const writing = new Blob([sent]).stream().pipeTo(stream.writable)
    expect(new Uint8Array(await new Response(stream.readable).arrayBuffer())).toEqual(sent)
    await writing
    await connection.close()
    transport.close()
  }, 20_000)

  test('hears why a proxy refuses, and of a proxy that is not there', async () => {
    await using gateway = await serveGateway({ port: 0, allow: ['quic.example'] })
    const proxy = `http://127.0.0.1:${gateway.port}`
    await expect(tcp({ proxy, target: '192.0.2.1:443' })).rejects.toThrow(
      'The proxy refused with status 403: isoquic; error=http_request_denied; details="destination_prohibited"',
    )
    await expect(tcp({ proxy: 'http://127.0.0.1:9', target: '192.0.2.1:443' })).rejects.toThrow('ECONNREFUSED')
    await expect(tcp({ proxy: `https://127.0.0.1:${gateway.port}`, target: '192.0.2.1:443' })).rejects.toThrow(
      /SSL|TLS/i,
    )
  })

  test('ends when the proxy goes away', async () => {
    const target = await Target.start()
    const gateway = await serveGateway({ port: 0, allow: [`127.0.0.1:${target.port}`] })
    const transport = await tcp({ proxy: `http://127.0.0.1:${gateway.port}`, target: `127.0.0.1:${target.port}` })
    const heard = new Promise<Uint8Array>((resolve, reject) => {
      transport.open({
        datagram: (bytes) => resolve(Uint8Array.from(bytes)),
        drain() {},
        closed: (error) => reject(error),
      })
    })
    transport.send(initialPacket(), '', 0)
    expect(await heard).toEqual(initialPacket())
    await gateway.close()
    target.stop()
  })
})
