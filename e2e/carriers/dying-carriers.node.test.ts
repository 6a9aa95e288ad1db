/**
 * Proves, over sockets on loopback: a carrier that dies in the middle of a transfer is a path that died. The WebSocket to a
 * gateway breaks, and UDP takes the connection on; UDP falls silent, and a WebSocket to the server itself takes it on.
 */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket as NodeWebSocket, WebSocketServer } from 'ws'
import { serveGateway } from '../../src/gateway/server.ts'
import { connect } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { websocket } from '../../transports/websocket.ts'
import type { WebSocketConstructor, WebSocketLike } from '../../transports/websocket-like.ts'
import { CLEAR, UdpProxy } from '../interop/proxy.ts'
import { patterned } from '../promises/world.fixtures.ts'
import { echoServer, HOST } from './echo-server.ts'

const LENGTH = 4_000_000

test('A carrier that dies is a path that died: migrate attaches one of another kind in the middle of a transfer', {
  timeout: 60_000,
}, async () => {
  const { certificate, server, port } = await echoServer()
  const gateway = await serveGateway({ port: 0, allow: [server.address] })
  const proxy = await UdpProxy.start(port, CLEAR)
  const door = new WebSocketServer({ port: 0, host: HOST, perMessageDeflate: false })
  await once(door, 'listening')
  door.on('connection', (socket) => {
    websocket({ socket: socket as unknown as WebSocketLike, endToEnd: true }).then((transport) =>
      server.addTransport(transport),
    )
  })
  let tunnel: NodeWebSocket | undefined
  class Watched extends NodeWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      tunnel = this
    }
  }
  const client = await connect(
    await websocket({
      gateway: `ws://${gateway.address}`,
      target: server.address,
      WebSocket: Watched as unknown as WebSocketConstructor,
    }),
    {
      address: server.address,
      serverName: 'localhost',
      alpn: ['carriers'],
      serverCertificateHashes: [certificate.hash],
    },
  )
  try {
    await client.handshakeConfirmed
    const stream = await client.createBidirectionalStream()
    const bytes = patterned(LENGTH)
    const back = new Uint8Array(LENGTH)
    let length = 0
    let isRead = false
    const reader = stream.readable.getReader()
    const readUntil = async (end: number): Promise<void> => {
      while (!isRead && length < end) {
        const { done, value } = await reader.read()
        if (done) {
          isRead = true
          return
        }
        back.set(value, length)
        length += value.length
      }
    }
    const writer = stream.writable.getWriter()
    const writing = writer.write(bytes).then(() => writer.close())
    await readUntil(LENGTH / 4)

    // The line is cut.
    tunnel?.terminate()
    expect(client.state).toBe('connected')
    await client.migrate(await udp({ host: HOST }), { address: `${HOST}:${proxy.port}` })
    await readUntil(LENGTH / 2)

    // Nobody tells of it: what is sent there is lost.
    proxy.close()
    const address = door.address()
    if (typeof address !== 'object' || address === null) throw new Error('The server does not listen')
    await client.migrate(await websocket({ url: `ws://${HOST}:${address.port}`, endToEnd: true }))
    await readUntil(Infinity)
    await writing
    expect([length, back]).toEqual([LENGTH, bytes])
    expect(client.paths.find(({ state }) => state === 'active')?.localAddress).toBe('')
    await client.ping()
  } finally {
    await client.close()
    await Promise.all([server.close(), gateway.close()])
    for (const socket of door.clients) socket.terminate()
    door.close()
  }
})
