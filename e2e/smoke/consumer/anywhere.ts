/** What a user writes for a page or a Worker; compiled against the installed package without Node's types, never run. */
import { connect, type DatagramTransport, type ListenOptions, type QuicConnection, QuicError } from 'isoquic'
import { Endpoint } from 'isoquic/core'
import { noble } from 'isoquic/crypto/noble'
import { web } from 'isoquic/crypto/web'
import { devCertificate } from 'isoquic/dev'
import { QuicDurableObject } from 'isoquic/durable-object'
import { createFetch, type Handler, type Http3Server, serve } from 'isoquic/http3'
import { masque } from 'isoquic/transports/masque'
import { pipe } from 'isoquic/transports/pipe'
import { WebTransport, WebTransportServer } from 'isoquic/webtransport'
import { QuicWorker, type WorkerConnection } from 'isoquic/worker'

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

export class Room extends QuicDurableObject<{ readonly KEY: string }> {
  protected options(): ListenOptions {
    return { alpn: ['room'], certificate: { certificate: '', privateKey: this.env.KEY } }
  }

  protected onConnection(connection: QuicConnection): void {
    connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
  }
}

export async function ping(worker: Worker): Promise<number> {
  const connection: WorkerConnection = await new QuicWorker(worker).connect(
    { gateway: 'wss://a.example' },
    { alpn: ['echo'] },
  )
  return await connection.ping()
}

export const isQuic = (error: unknown): error is QuicError => error instanceof QuicError
export const doors: readonly unknown[] = [Endpoint, pipe]

const greet: Handler = async (request) => new Response(`Hello ${await request.text()}`)

export async function site(near: DatagramTransport, far: DatagramTransport): Promise<Http3Server> {
  const { hash, ...certificate } = await devCertificate()
  const server = await serve(far, { certificate }, greet)
  await using fetch = createFetch({ serverCertificateHashes: [hash], transport: () => near })
  const response: Response = await fetch('https://localhost/', { method: 'POST', body: 'world' })
  await response.text()
  return server
}

export async function chat(transport: DatagramTransport): Promise<void> {
  const session = new WebTransport('https://localhost/chat', { transport, protocols: ['chat'] })
  const { writable } = await session.createBidirectionalStream()
  await writable.close()
  session.close({ closeCode: 1, reason: 'enough' })
}

export const more: readonly unknown[] = [WebTransportServer, masque]
