/** Client and server in one process, joined by a pipe in memory: QUIC without a network, in any runtime. Made for tests. */
import { connect, listen, type QuicConnection, QuicStreamError } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { pipe } from 'isoquic/transports/pipe'

/** Answers questions, one stream each: a word comes, its capitals go back; what is no word is refused with code 1. */
async function serve(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    const word = await new Response(stream.readable).text()
    if (!/^[a-z]+$/.test(word)) {
      stream.reset(1)
      continue
    }
    const writer = stream.writable.getWriter()
    await writer.write(new TextEncoder().encode(word.toUpperCase()))
    await writer.close()
  }
}

async function ask(connection: QuicConnection, word: string): Promise<string> {
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(new TextEncoder().encode(word))
  await writer.close()
  return await new Response(stream.readable).text()
}

const [near, far] = pipe()
const certificate = await devCertificate()
const server = await listen(far, { alpn: ['capitals'], certificate })
void (async () => {
  for await (const connection of server) serve(connection).catch(() => {})
})()

// A pipe has one other end, so there is no address to give.
const connection = await connect(near, { alpn: ['capitals'], serverCertificateHashes: [certificate.hash] })
console.log(await Promise.all(['quic', 'in', 'memory'].map((word) => ask(connection, word))))
try {
  await ask(connection, '4711')
} catch (error) {
  if (!(error instanceof QuicStreamError)) throw error
  console.log(`"4711" was refused with code ${error.code}; the connection is ${connection.state}`)
}

await connection.close()
await server.close()
