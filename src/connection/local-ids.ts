/**
 * The connection ids that we issue and the peer addresses us with (RFC 9000 §5.1.1): it owns NEW_CONNECTION_ID as sent and
 * RETIRE_CONNECTION_ID as received. Where packets with an id are delivered to is the endpoint's business.
 */
import type { ConnectionId } from '../wire/connection-id.ts'
import { FrameType, type NewConnectionIdFrame, type RetireConnectionIdFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'

/** Makes the ids that peers address us with. It is called in the middle of things: it must answer at once, and never throw. */
export interface ConnectionIdGenerator {
  /** Bytes of the ids that it makes now, 0 to 20. Where they change, or differ, `lengthAt` tells; but never from or to 0. */
  readonly length: number
  /** An id that was not given out before, as far as the generator can know. */
  generate(): ConnectionId
  /**
   * Bytes of the id of a short header, which begins at `start` and lies before `end`; -1: it is none of this generator's.
   * Absent: all have `length` bytes.
   */
  lengthAt?(bytes: Uint8Array, start: number, end: number): number
  /** Whether a connection is to have one id alone, for the time being. */
  readonly isSingle?: boolean | undefined
}

/** Bytes of the id of the short header at `start`; -1: nobody here made it. */
export function idLengthAt(ids: ConnectionIdGenerator, bytes: Uint8Array, start: number, end: number): number {
  return ids.lengthAt === undefined ? ids.length : ids.lengthAt(bytes, start + 1, end)
}

/** Who makes ids and routes packets by them. */
export interface LocalIdsHost {
  readonly idGenerator: ConnectionIdGenerator
  /** The stateless reset token of an id of ours, 16 bytes (RFC 9000 §10.3.2). */
  resetToken(id: ConnectionId): Uint8Array
  /** Has packets with `id` delivered to this connection. `false`: another connection has it, so a different one is tried. */
  register(id: ConnectionId): boolean
  /** Packets with `id` are not for this connection any more. */
  unregister(id: ConnectionId): void
}

/** What a {@link LocalIds} needs. */
export interface LocalIdsOptions {
  readonly host: LocalIdsHost
  /** Sequence number 0: the source id of our first Initial packet, which the endpoint routes to us already. */
  readonly initial: ConnectionId
  /** Server: the id of the preferred address, with the sequence number 1, which the transport parameters announce. */
  readonly preferred?: ConnectionId | undefined
  /** The peer will not use `id` any more, and has left the path that it used it on. */
  readonly onRetired?: (id: ConnectionId) => void
}

/** One id that the peer may use. */
interface IssuedId {
  readonly sequence: number
  readonly id: ConnectionId
  /** The same each time it is sent; `undefined` once the peer has it, and for those that no frame announces. */
  frame: NewConnectionIdFrame | undefined
  /** Where its frame is. */
  state: 'queued' | 'sent' | 'acked'
}

/** Ids that are active at a time, whatever the peer would take: each is an entry in the endpoint's map. */
const MAX_ACTIVE = 8

/** How often a generator may come up with an id that is taken before we do without a new one for now. */
const MAX_COLLISIONS = 8

/** The ids of this side. */
export class LocalIds implements FrameSource, FrameOwner<NewConnectionIdFrame> {
  readonly initial: ConnectionId
  readonly #host: LocalIdsHost
  readonly #onRetired: ((id: ConnectionId) => void) | undefined
  /** In order of sequence number, at most {@link MAX_ACTIVE} and during a rotation twice that. */
  #issued: IssuedId[]
  #nextSequence = 1
  /** The highest sequence number the peer can know of. */
  #largestSent = 0
  #retirePriorTo = 0
  #limit = 1
  #queued = 0
  #closed = false

  constructor(options: LocalIdsOptions) {
    this.#host = options.host
    this.#onRetired = options.onRetired
    this.initial = options.initial
    this.#issued = [{ sequence: 0, id: options.initial, frame: undefined, state: 'acked' }]
    if (options.preferred === undefined) return
    // RFC 9000 §5.1.1: the preferred address has number 1; NEW_CONNECTION_ID goes on from there.
    this.#issued.push({ sequence: 1, id: options.preferred, frame: undefined, state: 'acked' })
    this.#nextSequence = 2
    this.#largestSent = 1
  }

  /** The ids that the peer may use now, oldest first. */
  get active(): readonly ConnectionId[] {
    return this.#issued.map((issued) => issued.id)
  }

  /** The peer's `active_connection_id_limit` is known: issues ids up to it, and up to eight (RFC 9000 §5.1.1). */
  setPeerLimit(activeConnectionIdLimit: number): void {
    this.#limit = Math.min(activeConnectionIdLimit, MAX_ACTIVE)
    this.#refill()
  }

  /**
   * The peer will not use an id any more; another one replaces it.
   *
   * @param destination the `key` of the destination id of the packet that held the frame.
   * @throws TransportError PROTOCOL_VIOLATION (RFC 9000 §19.16).
   */
  onRetireConnectionId(frame: RetireConnectionIdFrame, destination: string): void {
    const { sequenceNumber } = frame
    if (this.#host.idGenerator.length === 0) {
      throw violation('RETIRE_CONNECTION_ID for ids of zero length')
    }
    if (sequenceNumber > this.#largestSent) {
      throw violation(`Connection id ${sequenceNumber} is retired but was never issued`)
    }
    const index = this.#issued.findIndex((issued) => issued.sequence === sequenceNumber)
    const retired = this.#issued[index]
    if (retired === undefined) return
    if (retired.id.key === destination) {
      throw violation(`Connection id ${sequenceNumber} is retired by a packet that is addressed to it`)
    }
    this.#issued.splice(index, 1)
    if (retired.state === 'queued') this.#queued -= 1
    this.#unregister(retired.id)
    this.#refill()
  }

  /**
   * Replaces every id by a new one, which the peer is asked to move to. `false`: not now, since an earlier rotation is
   * still under way (RFC 9000 §5.1.2) or the ids have no length.
   */
  rotate(): boolean {
    const oldest = this.#issued[0]
    if (this.#closed || this.#host.idGenerator.length === 0 || oldest === undefined) return false
    if (oldest.sequence < this.#retirePriorTo || this.#limit < 2) return false
    this.#retirePriorTo = this.#nextSequence
    this.#refill()
    return true
  }

  /** The connection is over: packets with its ids are no longer delivered. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const issued of this.#issued) this.#unregister(issued.id)
    this.#issued = []
    this.#queued = 0
  }

  get wantsToSend(): boolean {
    return this.#queued > 0
  }

  writeFrames(packet: PacketWriter): void {
    for (const issued of this.#issued) {
      if (this.#queued === 0) return
      if (issued.state !== 'queued' || issued.frame === undefined) continue
      if (!packet.write(issued.frame, this)) return
      issued.state = 'sent'
      this.#queued -= 1
      this.#largestSent = Math.max(this.#largestSent, issued.sequence)
    }
  }

  onAcked(frame: NewConnectionIdFrame): void {
    const issued = this.#find(frame)
    if (issued === undefined) return
    if (issued.state === 'queued') this.#queued -= 1
    issued.state = 'acked'
    issued.frame = undefined
  }

  onLost(frame: NewConnectionIdFrame): void {
    const issued = this.#find(frame)
    if (issued?.state !== 'sent') return
    issued.state = 'queued'
    this.#queued += 1
  }

  #unregister(id: ConnectionId): void {
    this.#host.unregister(id)
    this.#onRetired?.(id)
  }

  #find(frame: NewConnectionIdFrame): IssuedId | undefined {
    return this.#issued.find((issued) => issued.sequence === frame.sequenceNumber)
  }

  /** RFC 9000 §5.1.1: as many as the peer takes; those it is asked to retire no longer count. */
  #refill(): void {
    if (this.#closed || this.#host.idGenerator.length === 0) return
    let count = 0
    for (const issued of this.#issued) if (issued.sequence >= this.#retirePriorTo) count += 1
    if (this.#host.idGenerator.isSingle === true) return
    for (; count < this.#limit; count++) if (!this.#issue()) return
  }

  #issue(): boolean {
    const id = this.#newId()
    if (id === undefined) return false
    const frame: NewConnectionIdFrame = {
      type: FrameType.newConnectionId,
      sequenceNumber: this.#nextSequence,
      retirePriorTo: this.#retirePriorTo,
      connectionId: id.toBytes(),
      statelessResetToken: this.#host.resetToken(id),
    }
    // Another array each time, without room to spare, which push leaves and spreading as well.
    this.#issued = this.#issued.concat({ sequence: this.#nextSequence, id, frame, state: 'queued' })
    this.#nextSequence += 1
    this.#queued += 1
    return true
  }

  #newId(): ConnectionId | undefined {
    for (let attempt = 0; attempt < MAX_COLLISIONS; attempt++) {
      const id = this.#host.idGenerator.generate()
      if (this.#host.register(id)) return id
    }
    return undefined
  }
}

function violation(reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, reason, { frameType: FrameType.retireConnectionId })
}
