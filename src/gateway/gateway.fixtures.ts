/** A target that answers over UDP, and clients of a gateway that say what they want: for tests in Node. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { connect as connectTcp } from 'node:net'
import { WebSocket } from 'ws'
import { encodeCapsule } from '../base/capsule.ts'

/** A UDP server on loopback that answers each datagram as `answer` says. */
export class Target {
  readonly received: Uint8Array[] = []
  readonly #socket = createSocket('udp4')
  port = 0

  /** Begins to listen. */
  static async start(answer: (bytes: Uint8Array) => readonly Uint8Array[] = (bytes) => [bytes]): Promise<Target> {
    const target = new Target()
    target.#socket.on('message', (message: Uint8Array, from: RemoteInfo) => {
      target.received.push(Uint8Array.from(message))
      for (const bytes of answer(message)) target.#socket.send(bytes, from.port, from.address)
    })
    await new Promise<void>((resolve) => target.#socket.bind(0, '127.0.0.1', resolve))
    target.port = target.#socket.address().port
    return target
  }

  stop(): void {
    this.#socket.close()
  }
}

/** What begins like the first datagram of a QUIC client: an Initial packet of version 1 in 1,200 bytes. */
export function initialPacket(fill = 0): Uint8Array {
  const bytes = new Uint8Array(1200).fill(fill)
  // Long header, Initial; version 1; a destination id of 8 bytes, no source id, no token, the rest as its length.
  bytes.set([0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9e])
  return bytes
}

/** How a WebSocket or a connection ended. */
export interface Ending {
  readonly code: number
  readonly reason: string
}

/** A WebSocket to a gateway, by hand. */
export class RawClient {
  readonly messages: Uint8Array[] = []
  readonly ended: Promise<Ending>
  readonly opened: Promise<void>
  readonly socket: WebSocket

  constructor(
    url: string,
    options: {
      readonly protocols?: string[]
      readonly origin?: string
      readonly headers?: Record<string, string>
    } = {},
  ) {
    const { protocols = ['isoquic.connect-udp.v1'], ...rest } = options
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...rest })
    this.socket.on('message', (data: Uint8Array) => this.messages.push(Uint8Array.from(data)))
    this.socket.on('error', () => undefined)
    this.opened = new Promise((resolve) => this.socket.once('open', () => resolve()))
    this.ended = new Promise((resolve) => {
      this.socket.once('close', (code: number, reason: Uint8Array) => resolve({ code, reason: String(reason) }))
    })
  }

  /** Sends payloads, as capsules of one message. */
  async send(...payloads: readonly Uint8Array[]): Promise<void> {
    await this.opened
    const capsules = payloads.map((payload) => encodeCapsule(0, Uint8Array.of(0, ...payload)))
    this.socket.send(Buffer.concat(capsules))
  }

  /** Resolves once something has come. */
  async heard(): Promise<Uint8Array> {
    while (this.messages.length === 0) await new Promise((resolve) => this.socket.once('message', resolve))
    return this.messages[0] ?? new Uint8Array(0)
  }
}

/** An HTTP/1.1 request by hand: the head of the response, and a way to go on. */
export async function upgrade(
  port: number,
  path: string,
  headers: readonly string[] = [],
): Promise<{ readonly head: string; send(bytes: Uint8Array): void; next(): Promise<Uint8Array>; close(): void }> {
  const socket = connectTcp(port, '127.0.0.1')
  const request = [
    `GET ${path} HTTP/1.1`,
    'Host: gateway',
    'Connection: Upgrade',
    'Upgrade: connect-udp',
    'Capsule-Protocol: ?1',
    ...headers,
  ]
  socket.write(`${request.join('\r\n')}\r\n\r\n`)
  const next = (): Promise<Uint8Array> =>
    new Promise((resolve) => {
      socket.once('data', (bytes: Uint8Array) => resolve(bytes))
      socket.once('close', () => resolve(new Uint8Array(0)))
    })
  const head = Buffer.from(await next()).toString('latin1')
  return { head, send: (bytes) => void socket.write(bytes), next, close: () => socket.destroy() }
}
