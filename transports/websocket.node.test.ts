import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocketServer, WebSocket as WsSocket } from 'ws'
import { devCertificate } from '../src/api/dev.ts'
import { connect, listen } from '../src/index.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { CAPSULE_PROTOCOL, RAW_PROTOCOL, type WebSocketTransport, websocket } from './websocket.ts'
import type { WebSocketConstructor, WebSocketLike } from './websocket-like.ts'

const Ws = WsSocket as unknown as WebSocketConstructor

/** A server on loopback that turns its first WebSocket into a transport. */
async function serve(protocol: string): Promise<{ url: string; accepted: Promise<WebSocketTransport>; close(): void }> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: false,
    handleProtocols: () => protocol,
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const accepted = new Promise<WebSocketTransport>((resolve, reject) => {
    server.once('connection', (socket) => {
      websocket({ socket: socket as unknown as WebSocketLike, endToEnd: true }).then(resolve, reject)
    })
  })
  const { port } = server.address() as AddressInfo
  return { url: `ws://127.0.0.1:${port}/`, accepted, close: () => server.close() }
}

async function pairOver(protocol: string, WebSocket?: WebSocketConstructor): Promise<TransportPair> {
  const server = await serve(protocol)
  const near = await websocket({ url: server.url, endToEnd: true, ...(WebSocket && { WebSocket }) })
  const far = await server.accepted
  server.close()
  return { near, far, toFar: '', toNear: '' }
}

transportSuite("Node's WebSocket to that of ws, capsules", () => pairOver(CAPSULE_PROTOCOL), { describe, test })
transportSuite('ws to ws, a datagram a message', () => pairOver(RAW_PROTOCOL, Ws), { describe, test })

test('QUIC over a WebSocket: handshake, a megabyte there and back, and an end that both hear of', async () => {
  const { near, far } = await pairOver(CAPSULE_PROTOCOL)
  const certificate = await devCertificate()
  await using server = await listen(far, { alpn: ['echo'], certificate })
  void (async () => {
    for await (const connection of server) {
      for await (const stream of connection.incomingBidirectionalStreams) {
        stream.readable.pipeTo(stream.writable).catch(() => {})
      }
    }
  })()
  const connection = await connect(near, {
    serverName: 'localhost',
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
  })
  const stream = await connection.createBidirectionalStream()
  const sent = new Uint8Array(1 << 20).map((_, index) => index * 7)
  const writing = new Blob([sent]).stream().pipeTo(stream.writable)
  const heard = new Uint8Array(await new Response(stream.readable).arrayBuffer())
  await writing
  expect(heard).toEqual(sent)
  const { quic } = await connection.getStats()
  expect(quic).toMatchObject({ mtu: 16_384, packetsLost: 0 })
  // A megabyte, in packets of 16 KiB.
  expect(quic.packetsSent).toBeLessThan(200)
  await connection.close()
  await expect(connection.closed).resolves.toEqual({ closeCode: 0n, reason: '' })
}, 20_000)

test('a WebSocket that nobody answers is a WebSocketCloseError', async () => {
  await expect(websocket({ url: 'ws://127.0.0.1:9/' })).rejects.toThrow('The WebSocket was closed with code 1006')
  await expect(websocket({ url: 'ws://127.0.0.1:9/', WebSocket: Ws })).rejects.toThrow('code 1006')
})
