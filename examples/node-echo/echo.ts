/** A server that sends back what it is sent, and a client that asks it to: QUIC over UDP on one machine. */
import { connect, listen, type QuicConnection } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { udp } from 'isoquic/transports/udp'

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    stream.readable.pipeTo(stream.writable).catch(() => {}) // one broken stream ends alone
  }
}

const certificate = await devCertificate()
await using server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
console.log(`echoing on ${server.address}`)
void (async () => {
  for await (const connection of server) echo(connection).catch(() => {}) // its `closed` tells why it broke
})()

await using connection = await connect(await udp(), {
  address: server.address,
  alpn: ['echo'],
  serverCertificateHashes: [certificate.hash],
})
const stream = await connection.createBidirectionalStream()
const writer = stream.writable.getWriter()
await writer.write(new TextEncoder().encode('hello'))
await writer.close() // fulfils when the server has acknowledged every byte
console.log(`sent "hello", got "${await new Response(stream.readable).text()}"`)

const { smoothedRtt, packetsSent, packetsReceived } = await connection.getStats()
console.log(`RTT ${smoothedRtt.toFixed(2)} ms, ${packetsSent} packets sent, ${packetsReceived} received`)
