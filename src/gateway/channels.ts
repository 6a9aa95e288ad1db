/** A client's side of a flow over a WebSocket, and over a TCP connection that was upgraded to CONNECT-UDP (RFC 9298 §3.2). */
import type { Duplex } from 'node:stream'
import { CapsuleBatch } from '../../transports/capsule-batch.ts'
import { udpCapsules } from '../../transports/connect-udp.ts'
import { freeBytes } from '../base/bytes.ts'
import type { GatewayChannel } from './flow.ts'
import type { GatewayFlow } from './gateway.ts'
import { closeCode, refusalResponse } from './refusal.ts'
import type { RefusalReason } from './rules.ts'

/** The framing was broken (`docs/connect-udp-over-websocket.md` §3). */
const FRAMING_BROKEN = 4002

/** What of a server's WebSocket is used; that of `ws` is one. */
export interface ServerWebSocket {
  readonly bufferedAmount: number
  /** `done` is called once, when the bytes have left or never will. */
  send(data: Uint8Array, done?: () => void): void
  close(code?: number, reason?: string): void
  terminate(): void
  on(type: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(type: 'close' | 'error', listener: () => void): unknown
}

/** How long a client may take to answer the end of its WebSocket, ms. */
const CLOSE_TIMEOUT = 5000

/** Connects a WebSocket with the flow that `open` begins. */
export function webSocketChannel(
  socket: ServerWebSocket,
  isRaw: boolean,
  open: (channel: GatewayChannel) => GatewayFlow,
): void {
  const outbox = new CapsuleBatch((message) => socket.send(message, () => freeBytes(message)), afterReading)
  const end = (code: number, reason: string): void => {
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), CLOSE_TIMEOUT).unref()
  }
  const flow = open({
    get bufferedAmount() {
      return socket.bufferedAmount + outbox.length
    },
    send: (payload) => (isRaw ? socket.send(Uint8Array.from(payload)) : outbox.add(payload)),
    close(reason) {
      outbox.flush()
      if (reason === undefined) end(1000, '')
      else end(closeCode(reason), reason)
    },
  })
  const broken = (what: string): void => {
    end(FRAMING_BROKEN, what.slice(0, 100))
    flow.closed()
  }
  socket.on('message', (data, isBinary) => {
    if (!isBinary || !(data instanceof Uint8Array)) return broken('a text message')
    if (isRaw) return flow.receive(data)
    if (data.length === 0) return broken('an empty message')
    const capsules = udpCapsules((payload) => flow.receive(payload))
    try {
      capsules.receive(data)
    } catch (error) {
      return broken(error instanceof Error ? error.message : String(error))
    }
    if (!capsules.isAtBoundary) broken('a message that ends within a capsule')
  })
  socket.on('error', () => undefined)
  socket.on('close', () => flow.closed())
}

/** Connects an upgraded TCP connection with the flow that `open` begins; `head` are the bytes that came with the request. */
export function streamChannel(socket: Duplex, head: Uint8Array, open: (channel: GatewayChannel) => GatewayFlow): void {
  const outbox = new CapsuleBatch((message) => {
    if (!socket.destroyed) socket.write(message, () => freeBytes(message))
  }, afterReading)
  let isAccepted = false
  const flow = open({
    get bufferedAmount() {
      return socket.writableLength + outbox.length
    },
    accepted() {
      isAccepted = true
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\nCapsule-Protocol: ?1\r\n\r\n',
      )
    },
    send: (payload) => outbox.add(payload),
    close(reason: RefusalReason | undefined) {
      outbox.flush()
      // Once the stream is one of capsules, its end is all that can be said (RFC 9298 §3.1).
      if (isAccepted || reason === undefined) socket.end()
      else socket.end(refusalResponse(reason))
      setTimeout(() => socket.destroy(), CLOSE_TIMEOUT).unref()
    },
  })
  const capsules = udpCapsules((payload) => flow.receive(payload))
  const receive = (bytes: Uint8Array): void => {
    try {
      capsules.receive(bytes)
    } catch {
      // RFC 9297 §3.3: a malformed stream of capsules is a malformed message.
      socket.destroy()
      flow.closed()
    }
  }
  socket.on('data', receive)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  socket.on('close', () => flow.closed())
  if (head.length > 0) receive(head)
}

/** Once the datagrams at hand have been read from the UDP sockets. */
function afterReading(task: () => void): void {
  setImmediate(task)
}
