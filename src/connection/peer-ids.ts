/**
 * The connection ids that the peer issued and our packets carry (RFC 9000 §5.1.2): it owns NEW_CONNECTION_ID as received
 * and RETIRE_CONNECTION_ID as sent. Each path has an id of its own, which no other path ever gets (§9.5).
 */
import { equalBytes } from '../base/bytes.ts'
import { RangeSet } from '../base/range-set.ts'
import { ConnectionId, STATELESS_RESET_TOKEN_LENGTH } from '../wire/connection-id.ts'
import { FrameType, type NewConnectionIdFrame, type RetireConnectionIdFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter, PathId } from '../wire/packet-content.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'

/** What a {@link PeerIds} needs. */
export interface PeerIdsOptions {
  /** Client: the random destination id of its first Initial packet; server: the client's source id. */
  readonly initial: ConnectionId
  /** The `active_connection_id_limit` that we advertised. */
  readonly limit: number
  /** The path that begins with `initial`. */
  readonly path: PathId
  /** A token came into use on a path: a datagram from its remote address that ends in it is a stateless reset. */
  tokenAdded?(token: Uint8Array, path: PathId): void
  /** The path's id was retired, and its token with it. */
  tokenRemoved?(token: Uint8Array, path: PathId): void
}

/** One id of the peer's that is not retired. */
interface PeerId {
  readonly sequence: number
  id: ConnectionId
  token: Uint8Array | undefined
  /** A packet may have carried it. */
  used: boolean
}

/** RETIRE_CONNECTION_ID frames in want of an ack, as a multiple of the limit; RFC 9000 §5.1.2 asks for at least two. */
const RETIRING_FACTOR = 4

/** Gaps that a peer may leave among sequence numbers before we forget which of the lowest it has used. */
const MAX_SEEN_RANGES = 32

/** The ids of the other side. */
export class PeerIds implements FrameSource, FrameOwner<RetireConnectionIdFrame> {
  readonly #options: PeerIdsOptions
  readonly #initial: PeerId
  /** Active ids in the order in which they arrived. */
  readonly #ids: PeerId[]
  /** The id of each path; `undefined`: it waits for one. */
  readonly #paths = new Map<PathId, PeerId | undefined>()
  /** Retired and not yet acknowledged, by sequence number. */
  #retiring: Map<number, { readonly frame: RetireConnectionIdFrame; state: 'queued' | 'sent' }> | undefined
  /** Sequence numbers that were ever received. */
  readonly #seen = new RangeSet()
  #queued = 0
  #retirePriorTo = 0

  constructor(options: PeerIdsOptions) {
    this.#options = options
    this.#initial = { sequence: 0, id: options.initial, token: undefined, used: true }
    this.#ids = [this.#initial]
    this.#paths.set(options.path, this.#initial)
    this.#seen.add(0, 1)
  }

  /** The destination id of packets on `path`; `undefined`: none is left, so nothing can be sent there for now. */
  idOf(path: PathId): ConnectionId | undefined {
    return this.#paths.get(path)?.id
  }

  /** Whether an id is left for a new path. */
  get hasSpare(): boolean {
    return this.#initial.id.length === 0 || this.#ids.some((id) => !id.used)
  }

  /** Whether the peer has ids at all, which tell its connections apart wherever packets come from. */
  get hasIds(): boolean {
    return this.#initial.id.length > 0
  }

  /** Ids that no path has had. */
  get spareCount(): number {
    return this.#ids.filter((id) => !id.used).length
  }

  /** How many ids of the peer are active. */
  get count(): number {
    return this.#ids.length
  }

  /** The server's source id in its Retry, and then in its first Initial packet, is where packets go to (RFC 9000 §7.2). */
  replaceInitial(id: ConnectionId): void {
    this.#initial.id = id
  }

  /** The token of the first id, from the server's transport parameters. */
  setInitialResetToken(token: Uint8Array): void {
    if (this.#initial.token !== undefined) return
    this.#initial.token = token
    for (const [path, id] of this.#paths) if (id === this.#initial) this.#options.tokenAdded?.(token, path)
  }

  /** The id of the server's preferred address has the sequence number 1, and serves any path (RFC 9000 §5.1.1, §9.6.3). */
  onPreferredAddress(id: ConnectionId, token: Uint8Array): void {
    this.onNewConnectionId({
      type: FrameType.newConnectionId,
      sequenceNumber: 1,
      retirePriorTo: 0,
      connectionId: id.bytes,
      statelessResetToken: token,
    })
  }

  /** @throws TransportError PROTOCOL_VIOLATION, CONNECTION_ID_LIMIT_ERROR (RFC 9000 §5.1.1, §19.15). */
  onNewConnectionId(frame: NewConnectionIdFrame): void {
    // RFC 9000 §19.15: a peer without ids has none to issue.
    if (this.#initial.id.length === 0) throw violation('NEW_CONNECTION_ID from a peer with ids of zero length')
    if (this.#isDuplicate(frame)) return
    this.#markSeen(frame.sequenceNumber)
    if (frame.retirePriorTo > this.#retirePriorTo) {
      // RFC 9000 §5.1.2: retire first, then add.
      this.#retirePriorTo = frame.retirePriorTo
      for (const id of this.#ids.filter((old) => old.sequence < frame.retirePriorTo)) this.#retire(id)
    }
    if (frame.sequenceNumber < this.#retirePriorTo) {
      this.#queueRetirement(frame.sequenceNumber)
    } else {
      const id = ConnectionId.from(frame.connectionId)
      this.#ids.push({ sequence: frame.sequenceNumber, id, token: frame.statelessResetToken, used: false })
    }
    if (this.#ids.length > this.#options.limit) {
      throw limitError(`The peer issued ${this.#ids.length} connection ids, our limit is ${this.#options.limit}`)
    }
    this.#serveWaiting()
  }

  /** Gives a new path an id that was never used. Without a spare `undefined`; the next one that arrives is the path's. */
  takeSpare(path: PathId): ConnectionId | undefined {
    if (this.#initial.id.length === 0) {
      this.#paths.set(path, this.#initial)
      return this.#initial.id
    }
    const current = this.#paths.get(path)
    if (current !== undefined) return current.id
    this.#paths.set(path, undefined)
    this.#serveWaiting()
    return this.idOf(path)
  }

  /**
   * Lets `to` use the id of `from`, and its token: the address has changed without the peer's doing, who addresses us as
   * before (RFC 9000 §9.5).
   */
  share(from: PathId, to: PathId): ConnectionId | undefined {
    const id = this.#paths.get(from)
    if (id === undefined) return undefined
    this.#assign(to, id)
    return id.id
  }

  /** Gives `path` another id if there is a spare, and retires the old one. */
  change(path: PathId): boolean {
    const old = this.#paths.get(path)
    if (old === undefined || old.id.length === 0 || !this.hasSpare) return false
    this.#unassign(path, old)
    this.#paths.set(path, undefined)
    if (!this.#isInUse(old)) this.#retire(old)
    this.#serveWaiting()
    return true
  }

  /** The path is gone: its id is retired, unless another path shares it. */
  retire(path: PathId): void {
    const id = this.#paths.get(path)
    if (id !== undefined) this.#unassign(path, id)
    this.#paths.delete(path)
    if (id !== undefined && id.id.length > 0 && !this.#isInUse(id)) this.#retire(id)
  }

  /**
   * Whether the 16 bytes before `end` are the token of the id in use on `path` (RFC 9000 §10.3.1). Takes the same time
   * whatever the bytes are.
   */
  isResetToken(bytes: Uint8Array, end: number, path: PathId): boolean {
    const token = this.#paths.get(path)?.token
    if (token === undefined || end < STATELESS_RESET_TOKEN_LENGTH) return false
    return equalBytes(token, bytes.subarray(end - STATELESS_RESET_TOKEN_LENGTH, end))
  }

  /** The connection is over: no token of the peer's ends anything any more. */
  close(): void {
    for (const [path, id] of this.#paths) if (id !== undefined) this.#unassign(path, id)
    this.#paths.clear()
    this.#retiring = undefined
    this.#queued = 0
  }

  get wantsToSend(): boolean {
    return this.#queued > 0
  }

  writeFrames(packet: PacketWriter): void {
    if (this.#queued === 0) return
    for (const retiring of this.#retiring?.values() ?? []) {
      if (retiring.state !== 'queued') continue
      if (!packet.write(retiring.frame, this)) return
      retiring.state = 'sent'
      this.#queued -= 1
    }
  }

  onAcked(frame: RetireConnectionIdFrame): void {
    const retiring = this.#retiring?.get(frame.sequenceNumber)
    if (retiring === undefined) return
    if (retiring.state === 'queued') this.#queued -= 1
    this.#retiring?.delete(frame.sequenceNumber)
  }

  onLost(frame: RetireConnectionIdFrame): void {
    const retiring = this.#retiring?.get(frame.sequenceNumber)
    if (retiring?.state !== 'sent') return
    retiring.state = 'queued'
    this.#queued += 1
  }

  /** Whether the frame was received before. @throws TransportError if it contradicts itself (RFC 9000 §19.15). */
  #isDuplicate(frame: NewConnectionIdFrame): boolean {
    for (const known of this.#ids) {
      const sameId = equalBytes(known.id.bytes, frame.connectionId)
      if (known.sequence !== frame.sequenceNumber) {
        if (sameId) throw violation(`Connection ids ${known.sequence} and ${frame.sequenceNumber} are the same`)
        continue
      }
      const sameToken = known.token === undefined || equalBytes(known.token, frame.statelessResetToken)
      if (sameId && sameToken) return true
      throw violation(`Connection id ${frame.sequenceNumber} is issued a second time with other content`)
    }
    return this.#seen.has(frame.sequenceNumber)
  }

  #markSeen(sequence: number): void {
    this.#seen.add(sequence, sequence + 1)
    // To retire an id that was forgotten once more is harmless; to remember without bound is not.
    if (this.#seen.size > MAX_SEEN_RANGES) this.#seen.removeFirst()
  }

  /** Takes an id out of use, off its paths first. */
  #retire(id: PeerId): void {
    // First, since it may throw: the CONNECTION_CLOSE that follows still needs the path's id.
    this.#queueRetirement(id.sequence)
    for (const [path, held] of this.#paths) {
      if (held !== id) continue
      this.#unassign(path, id)
      this.#paths.set(path, undefined)
    }
    const index = this.#ids.indexOf(id)
    if (index >= 0) this.#ids.splice(index, 1)
  }

  #queueRetirement(sequenceNumber: number): void {
    this.#retiring ??= new Map()
    if (this.#retiring.has(sequenceNumber)) return
    // RFC 9000 §5.1.2: a peer that has ids retired faster than it acknowledges would grow this without bound.
    if (this.#retiring.size >= this.#options.limit * RETIRING_FACTOR) {
      throw limitError(`More than ${this.#retiring.size} retired connection ids are not acknowledged`)
    }
    const frame: RetireConnectionIdFrame = { type: FrameType.retireConnectionId, sequenceNumber }
    this.#retiring.set(sequenceNumber, { frame, state: 'queued' })
    this.#queued += 1
  }

  /** Hands unused ids to the paths that wait for one, the oldest path first. */
  #serveWaiting(): void {
    for (const [path, held] of this.#paths) {
      if (held !== undefined) continue
      const spare = this.#ids.find((id) => !id.used)
      if (spare === undefined) return
      this.#assign(path, spare)
    }
  }

  #assign(path: PathId, id: PeerId): void {
    id.used = true
    this.#paths.set(path, id)
    if (id.token !== undefined) this.#options.tokenAdded?.(id.token, path)
  }

  #unassign(path: PathId, id: PeerId): void {
    if (id.token !== undefined) this.#options.tokenRemoved?.(id.token, path)
  }

  #isInUse(id: PeerId): boolean {
    for (const held of this.#paths.values()) if (held === id) return true
    return false
  }
}

function violation(reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, reason, { frameType: FrameType.newConnectionId })
}

function limitError(reason: string): TransportError {
  return new TransportError(TransportErrorCode.CONNECTION_ID_LIMIT_ERROR, reason, {
    frameType: FrameType.newConnectionId,
  })
}
