import { expect, test } from 'vitest'
import { udp } from '../../transports/udp.ts'
import { websocket } from '../../transports/websocket.ts'
import { devCertificate } from '../api/dev.ts'
import { connect, listen } from '../index.ts'
import { serveGateway } from './server.ts'

test('a client without UDP moves a megabyte to a server on UDP and back', async () => {
  const certificate = await devCertificate()
  await using server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
  void (async () => {
    for await (const connection of server) {
      for await (const stream of connection.incomingBidirectionalStreams) {
        stream.readable.pipeTo(stream.writable).catch(() => {})
      }
    }
  })()
  await using gateway = await serveGateway({ port: 0, allow: [`127.0.0.1:${server.address.split(':')[1]}`] })
  const transport = await websocket({ gateway: `ws://${gateway.address}` })
  const connection = await connect(transport, {
    address: server.address,
    serverName: 'localhost',
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
  })
  const stream = await connection.createBidirectionalStream()
  const sent = new Uint8Array(1 << 20).map((_, index) => index * 7)
  const writing = new Blob([sent]).stream().pipeTo(stream.writable)
  expect(new Uint8Array(await new Response(stream.readable).arrayBuffer())).toEqual(sent)
  await writing
  await connection.close()
  expect(gateway.counters.bytesUp).toBeGreaterThan(1 << 20)
  transport.close()
}, 20_000)

test('an error names the reason for which a gateway refuses', async () => {
  await using gateway = await serveGateway({ port: 0, allow: ['other.example:443'] })
  const transport = await websocket({ gateway: `ws://${gateway.address}` })
  const refused = connect(transport, { address: 'quic.example:443', alpn: ['echo'] })
  await expect(refused).rejects.toThrow(/destination_prohibited/)
})
