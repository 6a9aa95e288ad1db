/** What a user writes for a page or a Worker; compiled against the installed package without Node's types, never run. */
import { connect, type DatagramTransport, type QuicConnection, QuicError } from 'isoquic'
import { Endpoint } from 'isoquic/core'
import { noble } from 'isoquic/crypto/noble'
import { web } from 'isoquic/crypto/web'
import { devCertificate } from 'isoquic/dev'
import { pipe } from 'isoquic/transports/pipe'

export async function hello(transport: DatagramTransport): Promise<QuicConnection> {
  const certificate = await devCertificate()
  const connection = await connect(transport, {
    address: 'localhost:4433',
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
    crypto: { ...noble, ...web },
  })
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(new TextEncoder().encode('hello'))
  await writer.close()
  return connection
}

export const isQuic = (error: unknown): error is QuicError => error instanceof QuicError
export const doors: readonly unknown[] = [Endpoint, pipe]
