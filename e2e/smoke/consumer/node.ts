/** What a user writes for Node; compiled against the installed package, never run. */
import { listen, type QuicConnection } from 'isoquic'
import { node } from 'isoquic/crypto/node'
import { devCertificate } from 'isoquic/dev'
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
