/** An echo server on UDP, a gateway in front of it, and wrangler with the Worker; asks the Worker, prints what it says, and ends. */
import { listen, type QuicConnection } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { serveGateway } from 'isoquic/gateway'
import { udp } from 'isoquic/transports/udp'
import { startWrangler } from './wrangler.ts'

const serve = (connection: QuicConnection): void =>
  connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })

const certificate = await devCertificate()
const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
void (async () => {
  for await (const connection of server) serve(connection)
})()
const gateway = await serveGateway({ port: 0, allow: [server.address] })
console.log(`an echo server on UDP ${server.address}, a gateway on TCP ${gateway.address}`)

const worker = await startWrangler(new URL('.', import.meta.url), {
  GATEWAY: `http://${gateway.address}`,
  TARGET: server.address,
  HASH: Array.from(certificate.hash.value, (byte) => byte.toString(16).padStart(2, '0')).join(''),
})
try {
  const response = await fetch(`${worker.url}/hello`)
  const { text, smoothedRtt } = (await response.json()) as { text: string; smoothedRtt: number }
  console.log(`the Worker said "hello" over QUIC and heard "${text}", RTT ${smoothedRtt.toFixed(1)} ms`)
} finally {
  await worker.stop()
  await gateway.close()
  await server.close()
}
