/** What a user of the package writes; compiled against the installed package, never run. */
import { connect, listen, type QuicConnection } from 'isoquic'
import { Endpoint } from 'isoquic/core'
import { noble } from 'isoquic/crypto/noble'
import { node } from 'isoquic/crypto/node'
import { web } from 'isoquic/crypto/web'
import { devCertificate } from 'isoquic/dev'
import { pipe } from 'isoquic/transports/pipe'
import { udp } from 'isoquic/transports/udp'

export async function example(): Promise<void> {
  const certificate = await devCertificate()
  const server = await listen(await udp({ port: 4433 }), { alpn: ['echo'], certificate, crypto: node })
  const echo = async (connection: QuicConnection): Promise<void> => {
    for await (const stream of connection.incomingBidirectionalStreams) {
      stream.readable.pipeTo(stream.writable).catch(() => {})
    }
  }
  void (async () => {
    for await (const connection of server) echo(connection).catch(() => {})
  })()
  const connection = await connect(await udp(), {
    address: '127.0.0.1:4433',
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
    crypto: { ...noble, ...web },
  })
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(new TextEncoder().encode('hello'))
  await writer.close()
}

export const doors: readonly unknown[] = [Endpoint, pipe]
