/** What a user writes for Node; compiled against the installed package, never run. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listen, type QuicConnection } from 'isoquic'
import { node } from 'isoquic/crypto/node'
import { devCertificate } from 'isoquic/dev'
import { serve as serveHttp3 } from 'isoquic/http3'
import { altSvc, nodeHandler } from 'isoquic/node-handler'
import { udp } from 'isoquic/transports/udp'

export async function serve(): Promise<void> {
  const certificate = await devCertificate()
  await using server = await listen(await udp({ port: 4433 }), { alpn: ['echo'], certificate, crypto: node })
  const echo = async (connection: QuicConnection): Promise<void> => {
    for await (const stream of connection.incomingBidirectionalStreams) {
      stream.readable.pipeTo(stream.writable).catch(() => {})
    }
  }
  for await (const connection of server) echo(connection).catch(() => {})
}

export async function site(): Promise<void> {
  const app = (request: IncomingMessage, response: ServerResponse): void => void response.end(`You want ${request.url}`)
  await serveHttp3(await udp({ port: 443 }), { certificate: await devCertificate() }, nodeHandler(app))
  altSvc(createServer(app), { port: 443 })
}
