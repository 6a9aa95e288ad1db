/**
 * A Durable Object that is a QUIC server: its connections outlive the requests that brought them. Carriers are WebSockets that
 * clients open to it, and UDP flows that a Worker forwards. What QUIC knows lives in memory: it cannot hibernate, so WebSockets
 * are accepted for as long as the object lives, alarms keep it there while it has connections, and when it is put away all
 * the same, its clients hear so by a stateless reset, whose key is in the storage.
 */

import { CAPSULE_PROTOCOL, RAW_PROTOCOL, websocket } from '../../transports/websocket.ts'
import type { WebSocketLike } from '../../transports/websocket-like.ts'
import type { WorkerdUdpSocket } from '../../transports/workerd-udp.ts'
import type { QuicConnection } from '../api/connection.ts'
import { type ListenOptions, listen, type QuicServer } from '../api/server.ts'
import { AlarmClock, type AlarmStorage } from './alarm-clock.ts'
import { FLOW_HEADER, forwardFlow, type ObjectStub } from './forward-flow.ts'
import { StandbyTransport } from './standby-transport.ts'

/** What of the `ctx` of a Durable Object is used. */
export interface DurableObjectContext {
  readonly storage: AlarmStorage & {
    get(key: string): Promise<unknown>
    put(key: string, value: unknown): Promise<void>
  }
  blockConcurrencyWhile<T>(task: () => Promise<T>): Promise<T>
}

/** A WebSocket of workerd, before it is accepted. */
interface WorkerWebSocket extends WebSocketLike {
  accept(): void
}

declare const WebSocketPair: new () => Readonly<Record<0 | 1, WorkerWebSocket>>

const KEYS = 'isoquic keys'

/** bytes of each of the two */
const KEY_SIZE = 32

/**
 * The base of Durable Objects that serve QUIC.
 *
 * @example
 * ```ts
 * import type { ListenOptions, QuicConnection } from 'isoquic'
 * import { QuicDurableObject } from 'isoquic/durable-object'
 *
 * export class Room extends QuicDurableObject<{ CERTIFICATE: string; KEY: string }> {
 *   protected options(): ListenOptions {
 *     return { alpn: ['room'], certificate: { certificate: this.env.CERTIFICATE, privateKey: this.env.KEY } }
 *   }
 *   protected onConnection(connection: QuicConnection): void {
 *     connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
 *   }
 * }
 * ```
 */
export abstract class QuicDurableObject<Env = unknown> {
  protected readonly ctx: DurableObjectContext
  protected readonly env: Env
  /** Clock, timers and randomness of the object: for `connect` as well, if it is a client too. */
  protected readonly environment: AlarmClock
  #server: Promise<QuicServer> | undefined

  constructor(ctx: DurableObjectContext, env: Env) {
    this.ctx = ctx
    this.env = env
    this.environment = new AlarmClock(ctx.storage)
  }

  /** How the server is; asked for once in the life of the object. */
  protected abstract options(): ListenOptions | Promise<ListenOptions>

  /** Takes a connection that is ready. What it throws, or rejects with, closes that connection. */
  protected abstract onConnection(connection: QuicConnection): unknown

  /** The server of the object, which it starts. */
  protected server(): Promise<QuicServer> {
    this.#server ??= this.#start().catch((error: unknown) => {
      this.#server = undefined
      throw error
    })
    return this.#server
  }

  /** Takes a WebSocket as a carrier, whichever path it asks for. A subclass that overrides it calls it for requests that are QUIC's. */
  async fetch(request: Request): Promise<Response> {
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
      return new Response('QUIC comes here in a WebSocket\n', { status: 426, headers: { upgrade: 'websocket' } })
    }
    const asked = request.headers.get('sec-websocket-protocol')
    const protocol = asked === null ? undefined : chosen(asked)
    if (asked !== null && protocol === undefined) {
      return new Response(`The subprotocols are ${CAPSULE_PROTOCOL} and ${RAW_PROTOCOL}\n`, { status: 400 })
    }
    const server = await this.server()
    const { 0: theirs, 1: ours } = new WebSocketPair()
    // Not by `ctx.acceptWebSocket`: a connection that slept in storage would be none.
    ours.accept()
    const transport = await websocket({
      socket: ours,
      framing: protocol === RAW_PROTOCOL ? 'raw' : 'capsules',
      // Behind a forwarded flow there is UDP.
      endToEnd: request.headers.get(FLOW_HEADER) === null,
    })
    server.addTransport(transport)
    const headers = protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }
    return new Response(null, { status: 101, headers, webSocket: theirs } as ResponseInit)
  }

  /** The object's alarm. A subclass that overrides it calls it as well. */
  alarm(): void {
    this.environment.onAlarm()
  }

  async #start(): Promise<QuicServer> {
    const options = await this.options()
    const keys = await this.ctx.blockConcurrencyWhile(() => this.#keys())
    const server = await listen(new StandbyTransport(), {
      environment: this.environment,
      resetKey: keys.subarray(0, KEY_SIZE),
      tokenKey: keys.subarray(KEY_SIZE),
      ...options,
    })
    void this.#accept(server)
    return server
  }

  async #accept(server: QuicServer): Promise<void> {
    for await (const connection of server) void this.#take(connection)
  }

  async #take(connection: QuicConnection): Promise<void> {
    try {
      await this.onConnection(connection)
    } catch (error) {
      await connection.close({ closeCode: 1, reason: error instanceof Error ? error.message.slice(0, 100) : '' })
    }
  }

  /** The keys outlive the object's memory, so that connections that it has lost can be told so (RFC 9000 §10.3). */
  async #keys(): Promise<Uint8Array> {
    const known = await this.ctx.storage.get(KEYS)
    if (known instanceof Uint8Array && known.length === 2 * KEY_SIZE) return known
    const keys = new Uint8Array(2 * KEY_SIZE)
    this.environment.random.fill(keys)
    await this.ctx.storage.put(KEYS, keys)
    return keys
  }
}

/** The first subprotocol asked for that is spoken here. */
function chosen(asked: string): string | undefined {
  return asked
    .split(',')
    .map((name) => name.trim())
    .find((name) => name === CAPSULE_PROTOCOL || name === RAW_PROTOCOL)
}

/**
 * In a Worker's handler `connect(socket)`, where a flow of UDP comes in: hands its datagrams to a Durable Object, by a WebSocket, as
 * sockets do not cross. A client that moves to another address comes as another flow; led to the same object, its connection
 * goes on. Settles when the flow has ended.
 */
export function forwardUdp(socket: WorkerdUdpSocket, stub: ObjectStub): Promise<void> {
  return forwardFlow(socket, stub, RAW_PROTOCOL)
}
