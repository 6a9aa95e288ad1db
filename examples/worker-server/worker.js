/** A Worker as a QUIC server. The connections live in a Durable Object; WebSockets and flows of UDP bring their datagrams. */
import { devCertificate } from 'isoquic/dev'
import { forwardUdp, QuicDurableObject } from 'isoquic/durable-object'

/** Echoes streams, and knows how many connections it has had. */
export class Room extends QuicDurableObject {
  #certificate = devCertificate()
  #visitors = 0

  async options() {
    return { alpn: ['echo'], certificate: await this.#certificate }
  }

  onConnection(connection) {
    const greeting = new TextEncoder().encode(`visitor ${++this.#visitors}: `)
    connection.serve({
      async stream(stream) {
        stream.tryWrite(greeting)
        await stream.readable.pipeTo(stream.writable)
      },
    })
  }

  /** Beside WebSockets, which are QUIC's: what a client is to trust. */
  async fetch(request) {
    if (new URL(request.url).pathname !== '/hash') return super.fetch(request)
    const { hash } = await this.#certificate
    return Response.json([...hash.value])
  }
}

const room = (env) => env.ROOM.get(env.ROOM.idFromName('lobby'))

export default {
  fetch: (request, env) => room(env).fetch(request),
  /** A flow of UDP, where there are any. A client that moves comes by another one, to the same room. */
  connect: (socket, env) => forwardUdp(socket, room(env)),
}
