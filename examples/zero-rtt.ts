/** Data that leaves with the first packet: the second connection to a server asks its question before the handshake is complete (0-RTT). */
import { listen, MemoryStore, type QuicConnection, QuicEndpoint } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { udp } from 'isoquic/transports/udp'

/**
 * Whoever copies a first packet can send it again, so what is asked by early data must do no harm the second time: a question
 * may come early, an order waits until the connection is ready.
 */
async function serve(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    const question = await new Response(stream.readable).text()
    if (question === 'order') await connection.ready
    const moment = connection.state === 'connecting' ? 'before' : 'after'
    const writer = stream.writable.getWriter()
    await writer.write(new TextEncoder().encode(`${question}: done ${moment} the handshake`))
    await writer.close()
  }
}

async function ask(connection: QuicConnection, question: string): Promise<string> {
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(new TextEncoder().encode(question))
  await writer.close()
  return await new Response(stream.readable).text()
}

const certificate = await devCertificate()
const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['shop'], certificate, earlyData: true })
void (async () => {
  for await (const connection of server) serve(connection).catch(() => {})
})()

// What servers give for later connections is kept here, each session for one use.
const sessionStore = new MemoryStore()
const endpoint = new QuicEndpoint(await udp({ host: '127.0.0.1' }))
const options = { alpn: ['shop'], serverCertificateHashes: [certificate.hash], sessionStore, earlyData: true }

for (const visit of ['first', 'second']) {
  // The connection is there at once; with a session, streams can be opened and written before it is ready.
  const connection = endpoint.connect(server.address, options)
  console.log(await ask(connection, 'question'))
  console.log(await ask(connection, 'order'))
  const { resumed, earlyDataAccepted } = await connection.ready
  console.log(`${visit} visit: resumed ${resumed}, early data ${earlyDataAccepted}`)
  // The session comes behind the handshake.
  await connection.handshakeConfirmed
  await new Promise((resolve) => setTimeout(resolve, 100))
  await connection.close()
}
endpoint.close()
await server.close()
