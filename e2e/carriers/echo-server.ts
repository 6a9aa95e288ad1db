/** The server of the tests in this folder: on UDP on loopback, it sends every stream of its first connection back. */
import { type DevCertificate, devCertificate } from '../../src/api/dev.ts'
import { listen, type QuicServer } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { echo } from '../promises/world.fixtures.ts'

/** Where everything listens. */
export const HOST = '127.0.0.1'

/** A server, and what its clients need. */
export interface EchoServer {
  readonly certificate: DevCertificate
  readonly server: QuicServer
  readonly port: number
}

/** Starts one. */
export async function echoServer(): Promise<EchoServer> {
  const certificate = await devCertificate()
  const server = await listen(await udp({ host: HOST }), { alpn: ['carriers'], certificate })
  server[Symbol.asyncIterator]()
    .next()
    .then(({ value }) => value?.serve({ stream: echo }))
  return { certificate, server, port: Number(server.address.split(':')[1]) }
}
