/** The streams of a connection as its application sees them: those it opens, those that come, and who waits for either. */
import type { Time } from '../base/time.ts'
import type { Connection } from '../connection/connection.ts'
import type { StreamEvent } from '../streams/events.ts'
import { checkPriority, checkSendOrder, DEFAULT_PRIORITY } from '../streams/scheduler.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { checkSignal, checkType } from './checks.ts'
import type { ConnectionEnd } from './connection-end.ts'
import { errorOf, QuicStreamError } from './errors.ts'
import { IncomingStreams } from './incoming-streams.ts'
import { checkKeys } from './known-keys.ts'
import { QuicSendGroup } from './send-group.ts'
import { type Abortable, abortable, type Deferred, deferred } from './signal.ts'
import { QuicStream } from './stream.ts'

/** How a stream is opened. */
export interface CreateStreamOptions extends Abortable {
  /** `true` (the default): wait until the peer's limit lets it; `false`: reject at the limit. */
  readonly waitUntilAvailable?: boolean
  /** 0 (first) to 7, default 3 (RFC 9218). */
  readonly urgency?: number
  /** Share the turns of its urgency with others; default `false`. */
  readonly incremental?: boolean
  /** All bytes of a higher order go first, within the group; default 0 (W3C WebTransport). */
  readonly sendOrder?: number
  /** Of `createSendGroup`: with whom it shares, as one against other groups. */
  readonly sendGroup?: QuicSendGroup | undefined
}

/** What the streams need of their connection. */
export interface ConnectionStreamsHost {
  /** Lets the connection send what a stream has for it. */
  wake(connection: Connection): void
  now(): Time
  /** The deadline of a stream has passed, and the application wanted to hear of it. */
  onDeadline(detail: QuicDeadlineDetail): void
}

/** The `detail` of the event `deadline` of a connection. */
export interface QuicDeadlineDetail {
  readonly stream: QuicStream
  /** `both`: the stream is given up, as soon as every listener has heard of it. */
  readonly action: 'notify' | 'both'
}

const CREATE_KEYS = ['signal', 'waitUntilAvailable', 'urgency', 'incremental', 'sendOrder', 'sendGroup']
const DIRECTIONS: readonly StreamDirection[] = ['bidirectional', 'unidirectional']

/** Where nobody takes streams any more, each that comes is turned away: it would hold the connection's credit for ever. */
const refuse = (stream: QuicStream): void => stream.abort()

/** Somebody who waits for the peer to allow a stream. */
interface StreamWaiter {
  readonly direction: StreamDirection
  readonly available: Deferred<void>
}

/** All streams of one connection that have not ended. */
export class ConnectionStreams {
  /** `undefined` until there is one. */
  #streams: Map<Stream, QuicStream> | undefined
  readonly #incoming: Readonly<Record<StreamDirection, IncomingStreams<QuicStream>>>
  /** Of either direction. */
  #waiting: Set<StreamWaiter> | undefined
  readonly #host: ConnectionStreamsHost
  #isReleased = false

  constructor(host: ConnectionStreamsHost) {
    this.#host = host
    this.#incoming = { bidirectional: new IncomingStreams(refuse), unidirectional: new IncomingStreams(refuse) }
  }

  /** The streams of one direction that the peer opens, in the order of their ids. */
  incoming(direction: StreamDirection): ReadableStream<QuicStream> & AsyncIterable<QuicStream> {
    this.#checkOwn()
    return this.#incoming[direction].readable
  }

  /** Hands what the peer opens to `consumer`; `undefined`: to those who read. */
  serve(consumer: ((stream: QuicStream) => void) | undefined): void {
    this.#checkOwn()
    for (const direction of DIRECTIONS) this.#incoming[direction].serve(consumer)
  }

  /** A protocol layer has the streams from now on, those that wait to be handed out as well. */
  release(): void {
    this.#isReleased = true
    const waiting = DIRECTIONS.flatMap((direction) => this.#incoming[direction].takeAll())
    for (const [stream, adopted] of this.#streams ?? []) if (waiting.includes(adopted)) this.#streams?.delete(stream)
  }

  /** A group for streams of this connection. */
  createSendGroup(): QuicSendGroup {
    return new QuicSendGroup(this)
  }

  /** Opens a stream as soon as there is a connection and the peer's limit lets it. */
  async create(
    direction: StreamDirection,
    started: Promise<Connection>,
    options: CreateStreamOptions,
  ): Promise<QuicStream> {
    checkKeys(options, CREATE_KEYS)
    checkSignal(options.signal)
    const { urgency, incremental, waitUntilAvailable, sendOrder, sendGroup } = options
    checkType(incremental, 'incremental', 'boolean')
    checkType(waitUntilAvailable, 'waitUntilAvailable', 'boolean')
    this.#checkOwn()
    options.signal?.throwIfAborted()
    if (urgency !== undefined) checkPriority({ ...DEFAULT_PRIORITY, urgency })
    if (sendOrder !== undefined) checkSendOrder(sendOrder)
    if (sendGroup !== undefined && !this.#isOwnGroup(sendGroup)) {
      throw new TypeError('sendGroup must be of createSendGroup of the same connection')
    }
    const connection = await abortable(started, options.signal)
    for (;;) {
      if (connection.state !== 'connecting' && connection.state !== 'connected') throw endError(connection)
      const stream = connection.streams.open(direction)
      if (stream !== undefined) return this.#adopt(stream, connection, options)
      if (options.waitUntilAvailable === false && connection.state === 'connected') {
        throw new QuicStreamError(`The peer allows no more ${direction} streams for now`, 0n, { side: 'remote' })
      }
      // STREAMS_BLOCKED may be due.
      this.#host.wake(connection)
      const waiting: StreamWaiter = { direction, available: deferred<void>() }
      this.#waiting ??= new Set()
      this.#waiting.add(waiting)
      await abortable(waiting.available.promise, options.signal, () => this.#waiting?.delete(waiting))
    }
  }

  /** A fact about one stream, or about what may be opened. */
  onEvent(event: StreamEvent, connection: Connection): void {
    switch (event.type) {
      case 'stream-opened':
        return this.#incoming[event.stream.direction].push(this.#adopt(event.stream, connection, {}))
      case 'stream-readable':
        return this.#streams?.get(event.stream)?.onReadable()
      case 'stream-writable':
        return this.#streams?.get(event.stream)?.onWritable()
      case 'stream-stopped':
        return this.#streams?.get(event.stream)?.onStopped(event.code)
      case 'stream-reset':
        return this.#streams?.get(event.stream)?.onReset(event.code)
      case 'stream-send-finished':
        return this.#streams?.get(event.stream)?.onSendFinished()
      case 'stream-deadline':
        return this.#onDeadline(event)
      case 'streams-available':
        return this.#onAvailable(event.direction)
    }
  }

  /** The handshake is complete: whoever waited to open a stream may try. */
  onConnected(): void {
    for (const direction of DIRECTIONS) this.#onAvailable(direction)
  }

  /** What was written by 0-RTT was for a protocol that the server did not choose: those streams have ended. */
  onDropped(): void {
    const reason = 'The server refused early data, and chose another protocol than it was for'
    const error = new QuicStreamError(reason, 0n, { side: 'remote' })
    for (const stream of [...(this.#streams?.values() ?? [])]) stream.onConnectionClosed(error)
    this.#streams = undefined
  }

  /** The connection is over: after a clean end the incoming streams end, else they fail, as everything else does. */
  end(end: ConnectionEnd): void {
    for (const stream of [...(this.#streams?.values() ?? [])]) stream.onConnectionClosed(end.error)
    this.#streams = undefined
    for (const direction of DIRECTIONS) {
      if (end.isClean) this.#incoming[direction].close()
      else this.#incoming[direction].error(end.error)
    }
    for (const each of this.#waiting ?? []) each.available.reject(end.error)
    this.#waiting = undefined
  }

  #adopt(stream: Stream, connection: Connection, options: CreateStreamOptions): QuicStream {
    const adopted: QuicStream = new QuicStream(stream, {
      wake: () => this.#host.wake(connection),
      onRead: () => {
        if (connection.wantsPollAfterRead) this.#host.wake(connection)
      },
      now: () => this.#host.now(),
      isOwnGroup: (group) => this.#isOwnGroup(group),
      onEnded: () => {
        this.#streams?.delete(stream)
        this.#incoming[stream.direction].forget(adopted)
      },
    })
    this.#streams ??= new Map()
    this.#streams.set(stream, adopted)
    const { urgency, incremental, sendOrder, sendGroup } = options
    if (sendOrder !== undefined) adopted.sendOrder = sendOrder
    if (sendGroup !== undefined) adopted.sendGroup = sendGroup
    if (urgency !== undefined || incremental !== undefined) {
      adopted.priority = {
        ...(urgency !== undefined && { urgency }),
        ...(incremental !== undefined && { incremental }),
      }
    }
    return adopted
  }

  #checkOwn(): void {
    if (!this.#isReleased) return
    throw new DOMException('The streams of the connection belong to the protocol that runs on it', 'InvalidStateError')
  }

  #isOwnGroup(group: QuicSendGroup): boolean {
    return group instanceof QuicSendGroup && group.isOf(this)
  }

  #onDeadline({ stream, action, code }: Extract<StreamEvent, { type: 'stream-deadline' }>): void {
    const adopted = this.#streams?.get(stream)
    if (adopted === undefined) return
    if (action !== 'reset') this.#host.onDeadline({ stream: adopted, action })
    if (action !== 'notify') adopted.onDeadline(code)
  }

  #onAvailable(direction: StreamDirection): void {
    for (const each of this.#waiting ?? []) {
      if (each.direction !== direction) continue
      this.#waiting?.delete(each)
      each.available.resolve()
    }
  }
}

/** Why a connection that is over cannot do what was asked of it. */
export function endError(connection: Connection): Error {
  return errorOf(connection.closeReason ?? { kind: 'carrier-closed' })
}
