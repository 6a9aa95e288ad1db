/** The unidirectional streams that the peer opens: what each is for (RFC 9114 §6.2, RFC 9204 §4.2), and who reads it. */
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { Stream } from '../streams/stream.ts'
import type { Role } from '../wire/stream-id.ts'
import { type ControlHandler, ControlReceiver, closedCritical } from './control-receiver.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { StreamType, VarintReader } from './stream-kinds.ts'

/** What the streams are for is the connection's business. */
export interface UnidirectionalHandler extends ControlHandler {
  readonly role: Role
  readonly takesSessionStreams: boolean
  onEncoderBytes(bytes: Uint8Array): void
  onDecoderBytes(bytes: Uint8Array): void
  onSessionStream(stream: Stream, sessionId: number): void
}

/** Reads a stream as far as it has come. */
type Reader = () => void

interface Incoming {
  readonly stream: Stream
  readonly varint: VarintReader
  /** `undefined`: not known yet. */
  type: number | undefined
  read: Reader | undefined
}

/** All of them that HTTP/3 reads itself. */
export class UnidirectionalStreams {
  readonly #handler: UnidirectionalHandler
  readonly #streams = new Map<Stream, Incoming>()
  readonly #critical = new Set<number>()

  constructor(handler: UnidirectionalHandler) {
    this.#handler = handler
  }

  /** The peer has opened it. */
  open(stream: Stream): void {
    this.#streams.set(stream, { stream, varint: new VarintReader(), type: undefined, read: undefined })
  }

  /** Bytes have come, or the end. @throws Http3Error for what breaks the rules */
  onReadable(stream: Stream): void {
    const incoming = this.#streams.get(stream)
    const receive = stream.receive
    if (incoming === undefined || receive === undefined) return
    if (incoming.read === undefined && !this.#identify(incoming, receive)) return
    incoming.read?.()
  }

  /** The peer gave it up. @throws Http3Error where that must not be */
  onReset(stream: Stream): void {
    const incoming = this.#streams.get(stream)
    this.#streams.delete(stream)
    if (incoming?.type !== undefined && incoming.read !== undefined) throw closedCritical(nameOf(incoming.type))
  }

  /** The connection is over. */
  clear(): void {
    this.#streams.clear()
  }

  /** Finds out what it is for; whether that is known, and it is still ours. */
  #identify(incoming: Incoming, receive: ReceiveStream): boolean {
    const { stream, varint } = incoming
    if (incoming.type === undefined) {
      const type = this.#readVarint(incoming, receive)
      if (type === undefined) return false
      incoming.type = type
      this.#handler.log?.streamType('remote', stream.id, type)
      varint.reset()
    }
    switch (incoming.type) {
      case StreamType.control:
      case StreamType.qpackEncoder:
      case StreamType.qpackDecoder:
        incoming.read = this.#openCritical(incoming.type, receive)
        return true
      case StreamType.push:
        this.#refusePush()
        return false
      case StreamType.webTransport: {
        if (!this.#handler.takesSessionStreams) break
        const sessionId = this.#readVarint(incoming, receive)
        if (sessionId === undefined) return false
        this.#streams.delete(stream)
        this.#handler.onSessionStream(stream, sessionId)
        return false
      }
      default:
    }
    // RFC 9114 §6.2: a type that we do not know is nobody's fault.
    this.#streams.delete(stream)
    receive.stop(Http3ErrorCode.H3_STREAM_CREATION_ERROR)
    return false
  }

  /** `undefined`: it has not come whole, or the stream ended before, which is no error (RFC 9114 §6.2). */
  #readVarint({ stream, varint }: Incoming, receive: ReceiveStream): number | undefined {
    const { scratch } = this.#handler
    while (!varint.isComplete) {
      const into = scratch.subarray(0, varint.needed)
      const length = receive.read(into)
      if (length < 0) this.#streams.delete(stream)
      if (length <= 0) return undefined
      varint.push(into, 0, length)
    }
    return varint.value
  }

  #openCritical(type: number, receive: ReceiveStream): Reader {
    if (this.#critical.has(type)) {
      throw new Http3Error(Http3ErrorCode.H3_STREAM_CREATION_ERROR, `A second ${nameOf(type)} stream`)
    }
    this.#critical.add(type)
    if (type === StreamType.control) {
      const control = new ControlReceiver(receive, this.#handler)
      return () => control.onReadable()
    }
    const isEncoder = type === StreamType.qpackEncoder
    return () => {
      const { scratch } = this.#handler
      for (let length = receive.read(scratch); length !== 0; length = receive.read(scratch)) {
        if (length < 0) throw closedCritical(nameOf(type))
        const bytes = scratch.subarray(0, length)
        if (isEncoder) this.#handler.onEncoderBytes(bytes)
        else this.#handler.onDecoderBytes(bytes)
      }
    }
  }

  /** RFC 9114 §6.2.2: only servers push, and only what was allowed; nothing is. */
  #refusePush(): never {
    if (this.#handler.role === 'server') {
      throw new Http3Error(Http3ErrorCode.H3_STREAM_CREATION_ERROR, 'A client opened a push stream')
    }
    throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, 'A push stream, and no push is allowed')
  }
}

function nameOf(type: number): string {
  if (type === StreamType.control) return 'control'
  return type === StreamType.qpackEncoder ? 'QPACK encoder' : 'QPACK decoder'
}
