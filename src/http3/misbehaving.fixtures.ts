/**
 * A peer that breaks the rules of HTTP/3, for tests: one side of a pair speaks plain QUIC and writes any bytes on any
 * stream, the other is the HTTP/3 that is under test. Virtual time, no sockets.
 */
import { concat, EMPTY } from '../base/bytes.ts'
import type { ConnectionOptions } from '../connection/config.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { Pair, type PairOptions, TestRandom } from '../endpoint/test-pair.fixtures.ts'
import type { Stream } from '../streams/stream.ts'
import type { Role, StreamDirection } from '../wire/stream-id.ts'
import { Http3Connection } from './connection.ts'
import { http3ErrorName } from './error.ts'
import type { Http3Event } from './events.ts'
import type { Field } from './field.ts'
import { lines } from './fields.fixtures.ts'
import { encodeFrame, FrameType, frameHeaderSize, writeFrameHeader } from './frames.ts'
import type { EventOf } from './http3-pair.fixtures.ts'
import type { Http3Options } from './options.ts'
import { QpackEncoder } from './qpack/encoder.ts'
import type { RequestStream } from './request-stream.ts'
import { StreamType } from './stream-kinds.ts'

/** What the two sides are made of. */
export interface MisbehavingOptions {
  /** Of the side under test. */
  readonly http3?: Http3Options
  readonly pair?: PairOptions
}

const TRANSPORT: ConnectionOptions = { maxDatagramFrameSize: 65_535 }

/** Numbers as bytes. */
export function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values)
}

/** The header of a frame, whose payload may never come. */
export function header(type: number, length: number): Uint8Array {
  const into = new Uint8Array(frameHeaderSize(type, length))
  writeFrameHeader(into, 0, type, length)
  return into
}

/** A frame; by default an empty one. */
export function frame(type: number, payload: Uint8Array = EMPTY): Uint8Array {
  return encodeFrame(type, payload)
}

/** A HEADERS frame that needs no dynamic table, of texts such as ':method: GET'. */
export function headers(...texts: readonly string[]): Uint8Array {
  return frame(FrameType.headers, section(lines(...texts)))
}

/** A field section that needs no dynamic table. */
export function section(fields: readonly Field[]): Uint8Array {
  return new QpackEncoder({ maxTableCapacity: 0 }).encode(0, fields, 0)
}

/** SETTINGS that say nothing. */
export const SETTINGS: Uint8Array = frame(FrameType.settings)

/** A valid request that has no content. */
export const GET: readonly string[] = [':method: GET', ':scheme: https', ':authority: localhost', ':path: /']

/** HTTP/3 under test, and the peer that is not to be trusted. */
export class Misbehaving {
  readonly pair: Pair
  /** The side under test. */
  readonly role: Role
  readonly http3: Http3Connection
  readonly events: Http3Event[] = []
  /** Called for each event of the side under test; for applications that answer at once. */
  onEvent: (event: Http3Event) => void = () => {}
  /** The other side. */
  readonly peer: Connection
  /** What the peer has heard of its own connection. */
  readonly heard: ConnectionEvent[] = []
  /** What the peer has received, by stream. */
  readonly received: Map<number, Uint8Array> = new Map()

  /** Completes the handshake; nothing is sent by the peer yet. */
  constructor(role: Role, options: MisbehavingOptions = {}) {
    const { pair = {} } = options
    this.role = role
    this.pair = new Pair({
      crypto: quickCrypto(),
      ...pair,
      client: { ...TRANSPORT, ...pair.client },
      server: { ...TRANSPORT, ...pair.server },
    })
    let http3: Http3Connection | undefined
    this.pair.onEvent = (side, connection, event) => {
      if (side.name !== role) return this.#onPeerEvent(event)
      http3 ??= begin(connection, this.pair, options.http3)
      http3.receiveEvent(event, this.pair.now)
      this.#drain(http3)
    }
    const { client, server } = this.pair.handshake()
    this.peer = role === 'client' ? server : client
    this.http3 = http3 ?? begin(role === 'client' ? client : server, this.pair, options.http3)
    this.run()
  }

  /** The connection below the side under test. */
  get victim(): Connection {
    return this.http3.connection
  }

  /** The events of one type. */
  of<T extends Http3Event['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type)
  }

  /** Opens a stream of the peer's and writes on it; nothing is sent before {@link run}. @throws Error at the limit */
  open(direction: StreamDirection, ...parts: readonly Uint8Array[]): Stream {
    const stream = this.peer.streams.open(direction)
    if (stream === undefined) throw new Error(`The peer may open no ${direction} stream`)
    this.write(stream, ...parts)
    return stream
  }

  /** Opens a stream of a type. */
  openKind(type: number, ...parts: readonly Uint8Array[]): Stream {
    return this.open('unidirectional', header(type, 0).subarray(0, -1), ...parts)
  }

  /** Opens the peer's control stream with SETTINGS and what follows them. */
  control(...parts: readonly Uint8Array[]): Stream {
    const stream = this.openKind(StreamType.control, SETTINGS, ...parts)
    this.run()
    return stream
  }

  /** A request stream on which the peer may write: of a server under test a new one, of a client the one it asked on. */
  request(...parts: readonly Uint8Array[]): Stream {
    if (this.role === 'server') return this.open('bidirectional', ...parts)
    const id = this.ask().id
    const stream = this.peer.streams.get(id)
    if (stream === undefined) throw new Error(`The peer knows no stream ${id}`)
    this.write(stream, ...parts)
    return stream
  }

  /** Client under test: asks for something, and lets the peer hear of it. */
  ask(method = 'GET', fields: readonly Field[] = lines(...GET.slice(1))): RequestStream {
    const request = this.http3.request([{ name: ':method', value: method }, ...fields], { end: method === 'GET' })
    if (request === undefined) throw new Error('No request for now')
    this.run()
    return request
  }

  /** Writes, as far as there is room. */
  write(stream: Stream, ...parts: readonly Uint8Array[]): void {
    const all = concat(...parts)
    const taken = stream.send?.write(all)
    if (taken !== all.length) throw new Error(`Stream ${stream.id} takes ${taken} of ${all.length} bytes`)
  }

  /** Writes, and ends the stream. */
  finish(stream: Stream, ...parts: readonly Uint8Array[]): void {
    this.write(stream, ...parts)
    stream.send?.finish()
  }

  /** Sends a QUIC DATAGRAM. */
  datagram(content: Uint8Array): void {
    this.peer.datagrams.send(content, undefined, this.pair.now)
  }

  /** Lets everything that was written arrive, and what follows from it: `limit` ms. */
  run(limit = 200): void {
    this.#wake()
    this.pair.run(() => false, limit)
    this.#drain(this.http3)
  }

  /** Lets everything happen until the side under test has closed; with which code, by name. `undefined`: it is open. */
  closed(): string | undefined {
    this.run()
    const reason = this.victim.closeReason
    if (reason === undefined) return undefined
    if (reason.kind !== 'application') return reason.kind
    if (reason.side !== 'local') return 'closed by the peer'
    const told = this.peer.closeReason
    if (told?.kind !== 'application' || told.code !== reason.code) return 'closed, and the peer was not told'
    return http3ErrorName(reason.code)
  }

  /** What became of a stream for the peer: codes of RESET_STREAM and STOP_SENDING by name. */
  verdict(stream: Stream): { readonly reset: string | undefined; readonly stopped: string | undefined } {
    const { send, receive } = stream
    return { reset: nameOf(receive?.resetCode), stopped: nameOf(send?.stopCode) }
  }

  #wake(): void {
    const { client, server } = this.pair
    for (const side of [client, server]) for (const each of side.connections) side.endpoint.wake(each)
  }

  #drain(http3: Http3Connection): void {
    for (let event = http3.pollEvent(); event !== undefined; event = http3.pollEvent()) {
      this.events.push(event)
      this.onEvent(event)
    }
  }

  #onPeerEvent(event: ConnectionEvent): void {
    this.heard.push(event)
    if (event.type !== 'stream-readable') return
    const { stream } = event
    const chunk = new Uint8Array(4_096)
    const { receive } = stream
    if (receive === undefined || receive.hasEnded) return
    for (let length = receive.read(chunk); length > 0; length = receive.read(chunk)) {
      this.received.set(stream.id, concat(this.received.get(stream.id) ?? EMPTY, chunk.subarray(0, length)))
    }
  }
}

function begin(connection: Connection, pair: Pair, options: Http3Options = {}): Http3Connection {
  const http3 = new Http3Connection(connection, new TestRandom(5), { grease: false, ...options })
  http3.start(pair.now)
  return http3
}

function nameOf(code: bigint | undefined): string | undefined {
  return code === undefined ? undefined : http3ErrorName(code)
}
