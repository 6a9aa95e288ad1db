/** The unidirectional streams that we open (RFC 9114 §6.2.1, RFC 9204 §4.2): control, QPACK encoder and QPACK decoder. */
import type { RandomSource } from '../base/random.ts'
import { Writer } from '../base/writer.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { encodeFrame, FrameType } from './frames.ts'
import type { Http3Log } from './http3-log.ts'
import { SendBacklog } from './send-backlog.ts'
import { encodeSettings } from './settings.ts'
import { greaseId, StreamType } from './stream-kinds.ts'

/** Bytes that a peer may leave waiting for its credit before it is taken for an attacker. */
const MAX_BACKLOG = 65_536

/** Bytes of a frame and of a stream that mean nothing. */
const GREASE_LENGTH = 8

type Kind = 'control' | 'encoder' | 'decoder'
const KINDS: readonly Kind[] = ['control', 'encoder', 'decoder']
const TYPES: Readonly<Record<Kind, number>> = {
  control: StreamType.control,
  encoder: StreamType.qpackEncoder,
  decoder: StreamType.qpackDecoder,
}

/** Our critical streams, opened as soon as the peer lets us. What is said before that waits. */
export class CriticalStreams {
  readonly #streams: StreamSet
  readonly #settings: readonly (readonly [id: number, value: number | bigint])[]
  /** `undefined`: nothing is sent that means nothing. */
  readonly #grease: RandomSource | undefined
  readonly #log: Http3Log | undefined
  readonly #backlogs = new Map<Kind, SendBacklog>()
  readonly #owned = new Map<Stream, Kind>()
  readonly #early: Record<Kind, Uint8Array[]> = { control: [], encoder: [], decoder: [] }
  /** Bytes of all that. */
  #earlySize = 0
  readonly #onOverflow: (error: Http3Error) => void

  /** @param onOverflow is told, instead of whoever writes, that the peer lets nothing go: H3_EXCESSIVE_LOAD. */
  constructor(
    streams: StreamSet,
    settings: Iterable<readonly [id: number, value: number | bigint]>,
    grease: RandomSource | undefined,
    log: Http3Log | undefined,
    onOverflow: (error: Http3Error) => void,
  ) {
    this.#onOverflow = onOverflow
    this.#log = log
    this.#streams = streams
    this.#settings = [...settings]
    this.#grease = grease
  }

  /** Opens those that are not open; harmless where the peer's limit does not let it yet. */
  open(): void {
    if (this.#backlogs.size === KINDS.length) return
    for (const kind of KINDS) {
      if (this.#backlogs.has(kind)) continue
      const stream = this.#streams.open('unidirectional')
      if (stream?.send === undefined) return
      // RFC 9218 §10: what everything else depends on goes first.
      stream.priority = { urgency: 0, incremental: false }
      this.#owned.set(stream, kind)
      const backlog = new SendBacklog(stream.send)
      this.#backlogs.set(kind, backlog)
      backlog.write(new Uint8Array([TYPES[kind]]))
      this.#log?.streamType('local', stream.id, TYPES[kind])
      if (kind === 'control') this.#begin(backlog, stream.id)
      for (const bytes of this.#early[kind]) backlog.write(bytes)
      this.#early[kind] = []
    }
    if (this.#grease !== undefined) this.#openGrease(this.#grease)
  }

  /** The id of our control stream; `undefined` until it is open. */
  get controlId(): number | undefined {
    for (const [stream, kind] of this.#owned) if (kind === 'control') return stream.id
    return undefined
  }

  /** Whether it is one of these. */
  has(stream: Stream): boolean {
    return this.#owned.has(stream)
  }

  /** Bytes that the encoder stream would carry now (RFC 9204 §2.1.3). */
  get encoderCredit(): number {
    return this.#backlogs.get('encoder')?.credit ?? 0
  }

  /** Sends a frame on the control stream, or instructions on one of QPACK's. */
  write(kind: Kind, bytes: Uint8Array): void {
    const backlog = this.#backlogs.get(kind)
    if (backlog === undefined) {
      // RFC 9114 §6.2: a peer that lets us open no three streams cannot keep us saying things to it.
      if (this.#earlySize + bytes.length > MAX_BACKLOG) return this.#overflow(kind)
      this.#early[kind].push(bytes)
      this.#earlySize += bytes.length
      return
    }
    // The end of the connection is nobody's news here.
    if (!backlog.isWritable) return
    backlog.write(bytes)
    if (backlog.size > MAX_BACKLOG) this.#overflow(kind)
  }

  #overflow(kind: Kind): void {
    this.#onOverflow(
      new Http3Error(Http3ErrorCode.H3_EXCESSIVE_LOAD, `The peer gives no credit for the ${kind} stream`),
    )
  }

  /** There is room on one of them. */
  onWritable(stream: Stream): void {
    const kind = this.#owned.get(stream)
    if (kind !== undefined) this.#backlogs.get(kind)?.flush()
  }

  #begin(control: SendBacklog, streamId: number): void {
    const settings = this.#grease === undefined ? this.#settings : [...this.#settings, greaseSetting(this.#grease)]
    control.write(encodeFrame(FrameType.settings, encodeSettings(settings)))
    this.#log?.settings('local', streamId, settings)
    if (this.#grease === undefined) return
    const type = greaseId(this.#grease)
    control.write(encodeFrame(type, randomBytes(this.#grease, GREASE_LENGTH)))
    this.#log?.plainFrame('local', streamId, type, GREASE_LENGTH)
  }

  /** RFC 9114 §6.2.3: a stream of a type that nobody knows. */
  #openGrease(random: RandomSource): void {
    const send = this.#streams.open('unidirectional')?.send
    if (send === undefined) return
    const writer = new Writer(16)
    const type = greaseId(random)
    this.#log?.streamType('local', send.id, type)
    writer.varint(type)
    writer.bytes(randomBytes(random, GREASE_LENGTH))
    send.write(writer.finish())
    send.finish()
  }
}

function greaseSetting(random: RandomSource): readonly [id: number, value: number] {
  return [greaseId(random), randomBytes(random, 1)[0] ?? 0]
}

function randomBytes(random: RandomSource, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}
