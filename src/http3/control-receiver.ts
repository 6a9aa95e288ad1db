/** The peer's control stream (RFC 9114 §6.2.1, §7.2): SETTINGS first, then what is said about requests and pushes. */
import { MAX_SAFE } from '../base/varint.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { Role } from '../wire/stream-id.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { FrameCursor } from './frame-cursor.ts'
import { decodeId, FrameType, isReservedFrameType } from './frames.ts'
import type { Http3Log } from './http3-log.ts'
import { decodePriorityUpdate } from './priority.ts'
import { decodeSettings, type Settings } from './settings.ts'

/** What the control stream tells. */
export interface ControlHandler {
  readonly role: Role
  readonly scratch: Uint8Array
  readonly log: Http3Log | undefined
  onSettings(settings: Settings): void
  /** Client: a request stream; server: a push. @throws Http3Error */
  onGoAway(id: number): void
  onPriorityUpdate(streamId: number, priority: StreamPriority): void
}

/** Bytes; a peer that has more to say than this in one frame is up to something. */
const MAX_SETTINGS = 16_384
const MAX_PAYLOAD = 1_024

/** The frames of one control stream. */
export class ControlReceiver {
  readonly #handler: ControlHandler
  readonly #cursor: FrameCursor
  readonly #streamId: number
  #stage: 'frame' | 'payload' | 'skip' = 'frame'
  #hasSettings = false
  #maxPushId = -1
  #goAwayId = Infinity

  constructor(receive: ReceiveStream, handler: ControlHandler) {
    this.#handler = handler
    this.#streamId = receive.id
    this.#cursor = new FrameCursor(receive, handler.scratch)
  }

  /** Bytes have come, or the end. @throws Http3Error for what breaks the rules */
  onReadable(): void {
    for (;;) {
      if (this.#stage === 'frame') {
        const next = this.#cursor.next()
        if (next === 'wait') return
        if (next === 'end') throw closedCritical('control')
        this.#onFrame(this.#cursor.type, this.#cursor.length)
      } else if (this.#stage === 'skip') {
        if (!this.#cursor.skip()) return
        this.#stage = 'frame'
      } else {
        const payload = this.#cursor.collect()
        if (payload === undefined) return
        this.#stage = 'frame'
        this.#take(this.#cursor.type, payload)
      }
    }
  }

  #onFrame(type: number, length: number): void {
    if (!this.#hasSettings && type !== FrameType.settings) {
      throw new Http3Error(
        Http3ErrorCode.H3_MISSING_SETTINGS,
        `The first control frame has type 0x${type.toString(16)}`,
      )
    }
    if (!this.#isKnown(type)) {
      this.#stage = 'skip'
      this.#handler.log?.plainFrame('remote', this.#streamId, type, length)
      return
    }
    const limit = type === FrameType.settings ? MAX_SETTINGS : MAX_PAYLOAD
    if (length > limit) {
      throw new Http3Error(Http3ErrorCode.H3_EXCESSIVE_LOAD, `A control frame of ${length} bytes, of ${limit} taken`)
    }
    this.#stage = 'payload'
  }

  /** Table 1 of RFC 9114 §7.2. @throws Http3Error for what must not be here */
  #isKnown(type: number): boolean {
    switch (type) {
      case FrameType.settings:
        if (this.#hasSettings) throw unexpected(type)
        return true
      case FrameType.goAway:
      case FrameType.cancelPush:
        return true
      case FrameType.maxPushId:
      case FrameType.priorityUpdateRequest:
      case FrameType.priorityUpdatePush:
        // RFC 9114 §7.2.7, RFC 9218 §7.2: of clients alone.
        if (this.#handler.role === 'client') throw unexpected(type)
        return true
      case FrameType.data:
      case FrameType.headers:
      case FrameType.pushPromise:
        throw unexpected(type)
      default:
        if (isReservedFrameType(type)) throw unexpected(type)
        return false
    }
  }

  #take(type: number, payload: Uint8Array): void {
    if (type === FrameType.settings) {
      const settings = decodeSettings(payload)
      this.#hasSettings = true
      this.#handler.log?.settings('remote', this.#streamId, settings.all)
      return this.#handler.onSettings(settings)
    }
    if (type === FrameType.priorityUpdateRequest || type === FrameType.priorityUpdatePush) {
      return this.#onPriorityUpdate(type, payload)
    }
    const id = decodeId(payload)
    this.#handler.log?.idFrame('remote', this.#streamId, type, id)
    if (type === FrameType.goAway) this.#onGoAway(id)
    else if (type === FrameType.maxPushId) this.#onMaxPushId(id)
    // RFC 9114 §7.2.3: of a push that was never promised, or beyond what was allowed; there are no others.
    else throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `Push ${id} was never promised`)
  }

  /** RFC 9114 §5.2. */
  #onGoAway(id: number): void {
    // What is too large to be told exactly is too large to be wrong: servers begin with 2^62-4.
    if (this.#handler.role === 'client' && id % 4 !== 0 && id < MAX_SAFE) {
      throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `GOAWAY names stream ${id}, which is no request`)
    }
    if (id > this.#goAwayId) {
      throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `GOAWAY rises from ${this.#goAwayId} to ${id}`)
    }
    this.#goAwayId = id
    this.#handler.onGoAway(id)
  }

  #onMaxPushId(id: number): void {
    if (id < this.#maxPushId) {
      throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `MAX_PUSH_ID falls from ${this.#maxPushId} to ${id}`)
    }
    this.#maxPushId = id
  }

  /** RFC 9218 §7.2. */
  #onPriorityUpdate(type: number, payload: Uint8Array): void {
    const { id, priority } = decodePriorityUpdate(payload)
    if (type === FrameType.priorityUpdatePush || id % 4 !== 0) {
      throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `PRIORITY_UPDATE names ${id}, which is no request and no push`)
    }
    this.#handler.log?.priorityUpdate('remote', this.#streamId, id, priority)
    this.#handler.onPriorityUpdate(id, priority)
  }
}

/** RFC 9114 §6.2.1, RFC 9204 §4.2. */
export function closedCritical(name: string): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_CLOSED_CRITICAL_STREAM, `The ${name} stream has ended`)
}

function unexpected(type: number): Http3Error {
  const name = `Frame type 0x${type.toString(16)}`
  return new Http3Error(Http3ErrorCode.H3_FRAME_UNEXPECTED, `${name} does not belong here on the control stream`)
}
