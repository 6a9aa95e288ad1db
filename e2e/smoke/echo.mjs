/** The echo of the documentation, in plain JavaScript, with whichever build and transports it is handed. */

/**
 * Serves echoes with `api` on `serverTransport`, sends a line to `address` from `clientTransport`, and checks what comes back.
 * @param {{ listen: Function, connect: Function }} api
 * @param {() => Promise<{ hash: object }>} devCertificate
 */
export async function echo(api, devCertificate, serverTransport, clientTransport, address) {
  const certificate = await devCertificate()
  const server = await api.listen(serverTransport, { alpn: ['echo'], certificate })
  const serve = async (connection) => {
    for await (const stream of connection.incomingBidirectionalStreams) {
      stream.readable.pipeTo(stream.writable).catch(() => {})
    }
  }
  const accept = async () => {
    for await (const connection of server) serve(connection).catch(() => {})
  }
  accept().catch(() => {})
  const options = { address, alpn: ['echo'], serverCertificateHashes: [certificate.hash] }
  const connection = await api.connect(clientTransport, options)
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  writer.write(new TextEncoder().encode('hello')).catch(() => {})
  writer.close().catch(() => {})
  const text = await new Response(stream.readable).text()
  connection.close()
  await server[Symbol.asyncDispose]()
  if (text !== 'hello') throw new Error(`sent "hello", got "${text}"`)
}
