/** A Worker as a QUIC client. Workers have no UDP: datagrams go through a gateway, over a TCP socket of `cloudflare:sockets`. */
import { connect as connectTcp } from 'cloudflare:sockets'
import { connect } from 'isoquic'
import { cloudflareSocket } from 'isoquic/transports/cloudflare-socket'

export default {
  /** Says the path to the echo server, and answers with what came back. */
  async fetch(request, env) {
    const transport = await cloudflareSocket({ connect: connectTcp, proxy: env.GATEWAY, target: env.TARGET })
    // A connection lives in the request that made it.
    const connection = await connect(transport, {
      alpn: ['echo'],
      serverName: 'localhost',
      serverCertificateHashes: [{ algorithm: 'sha-256', value: bytesOf(env.HASH) }],
    })
    try {
      const stream = await connection.createBidirectionalStream()
      const writer = stream.writable.getWriter()
      await writer.write(new TextEncoder().encode(new URL(request.url).pathname.slice(1)))
      await writer.close()
      const text = await new Response(stream.readable).text()
      const { smoothedRtt } = await connection.getStats()
      return Response.json({ text, smoothedRtt })
    } finally {
      await connection.close()
    }
  },
}

/** The bytes of hexadecimal digits. */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
}
