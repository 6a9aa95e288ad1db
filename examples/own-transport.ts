/** A transport of one's own: datagrams over a `MessagePort`, as between a page and a worker. QUIC on top of it notices nothing. */
import { connect, type DatagramSink, type DatagramTransport, listen } from 'isoquic'
import { devCertificate } from 'isoquic/dev'

/** A {@link DatagramTransport} over one end of a `MessageChannel`. */
export function messagePort(port: MessagePort): DatagramTransport {
  let sink: DatagramSink | undefined
  let isClosed = false
  const end = (error?: Error): void => {
    if (isClosed) return
    isClosed = true
    port.close()
    queueMicrotask(() => sink?.closed(error))
  }
  port.addEventListener('message', ({ data }) => {
    try {
      if (!isClosed) sink?.datagram(data, '')
    } catch {
      // A sink should not throw. If it does, that is no reason to lose the port.
    }
  })
  port.addEventListener('close', () => end(new Error('The other end of the channel was closed')))
  return {
    maxDatagramSize: 1500,
    localAddress: '', // there is one peer, so addresses are empty
    properties: { reliable: true, ordered: true, congestionControlled: false, addressValidated: true, ecn: false },
    open(receiver) {
      if (sink !== undefined || isClosed) throw new DOMException('The port is taken or closed', 'InvalidStateError')
      sink = receiver
      port.start()
    },
    send(bytes) {
      if (isClosed || bytes.length > this.maxDatagramSize) return true // lost, as on a network
      const copy = bytes.slice() // `bytes` is a view of memory that is used again
      port.postMessage(copy, [copy.buffer])
      return true // never full
    },
    close: () => end(),
  }
}

const { port1, port2 } = new MessageChannel()
const certificate = await devCertificate()
const server = await listen(messagePort(port1), { alpn: ['demo'], certificate })
const connection = await connect(messagePort(port2), { alpn: ['demo'], serverCertificateHashes: [certificate.hash] })

const stream = await connection.createUnidirectionalStream()
const writer = stream.writable.getWriter()
await writer.write(new TextEncoder().encode('QUIC over a MessagePort'))
await writer.close()
for await (const accepted of server) {
  for await (const incoming of accepted.incomingUnidirectionalStreams) {
    console.log(await new Response(incoming.readable).text())
    break
  }
  break
}
await connection.close()
await server.close()
