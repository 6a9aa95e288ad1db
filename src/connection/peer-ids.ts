/**
 * The connection ids that the peer issued and our packets carry (RFC 9000 §5.1.2): it owns NEW_CONNECTION_ID as received
 * and RETIRE_CONNECTION_ID as sent. Each path has an id of its own, which no other path ever gets (§9.5).
 */
import { equalBytes, fromLatin1, toLatin1 } from '../base/bytes.ts'
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
}

/** An id that no packet has carried, with its token, both as Latin-1: most are never used, and strings are small. */
interface SpareId {
  readonly sequence: number
  readonly key: string
  readonly token: string
}

/** RETIRE_CONNECTION_ID frames in want of an ack, as a multiple of the limit; RFC 9000 §5.1.2 asks for at least two. */
const RETIRING_FACTOR = 4

/** Gaps that a peer may leave among sequence numbers before we forget which of the lowest it has used. */
const MAX_SEEN_RANGES = 32

/** The ids of the other side. */
export class PeerIds implements FrameSource, FrameOwner<RetireConnectionIdFrame> {
  readonly #options: PeerIdsOptions
  readonly #initial: PeerId
  /** Those that a packet may have carried, in the order in which they came into use. */
  readonly #used: PeerId[]
  /** In the order in which they arrived. */
  #spares: SpareId[] = []
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
    this.#initial = { sequence: 0, id: options.initial, token: undefined }
    this.#used = [this.#initial]
    this.#paths.set(options.path, this.#initial)
    this.#seen.add(0, 1)
  }

  /** The destination id of packets on `path`; `undefined`: none is left, so nothing can be sent there for now. */
  idOf(path: PathId): ConnectionId | undefined {
    return this.#paths.get(path)?.id
  }

  /** Whether an id is left for a new path. */
  get hasSpare(): boolean {
    return this.#initial.id.length === 0 || this.#spares.length > 0
  }

  /** Whether the peer has ids at all, which tell its connections apart wherever packets come from. */
  get hasIds(): boolean {
    return this.#initial.id.length > 0
  }

  /** Ids that no path has had. */
  get spareCount(): number {
    return this.#spares.length
  }

  /** How many ids of the peer are active. */
  get count(): number {
    return this.#used.length + this.#spares.length
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
      this.#retirePrior(frame.retirePriorTo)
    }
    if (frame.sequenceNumber < this.#retirePriorTo) {
      this.#queueRetirement(frame.sequenceNumber)
    } else {
      const { connectionId, sequenceNumber: sequence, statelessResetToken } = frame
      const spare = { sequence, key: toLatin1(connectionId), token: toLatin1(statelessResetToken) }
      // Another array each time, without room to spare, which push leaves and spreading as well.
      this.#spares = this.#spares.concat(spare)
    }
    if (this.count > this.#options.limit) {
      throw limitError(`The peer issued ${this.count} connection ids, our limit is ${this.#options.limit}`)
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
    const { connectionId, statelessResetToken } = frame
    const key = toLatin1(connectionId)
    const token = toLatin1(statelessResetToken)
    for (const spare of this.#spares) {
      if (isRepeated(frame, spare.sequence, spare.key === key, spare.token === token)) return true
    }
    for (const { id, sequence, token: own } of this.#used) {
      const sameToken = own === undefined || equalBytes(own, statelessResetToken)
      if (isRepeated(frame, sequence, id.key === key, sameToken)) return true
    }
    return this.#seen.has(frame.sequenceNumber)
  }

  #markSeen(sequence: number): void {
    this.#seen.add(sequence, sequence + 1)
    // To retire an id that was forgotten once more is harmless; to remember without bound is not.
    if (this.#seen.size > MAX_SEEN_RANGES) this.#seen.removeFirst()
  }

  /** RFC 9000 §19.15: all ids below `sequence`. */
  #retirePrior(sequence: number): void {
    for (const id of this.#used.filter((old) => old.sequence < sequence)) this.#retire(id)
    for (const spare of this.#spares) if (spare.sequence < sequence) this.#queueRetirement(spare.sequence)
    this.#spares = this.#spares.filter((spare) => spare.sequence >= sequence)
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
    const index = this.#used.indexOf(id)
    if (index >= 0) this.#used.splice(index, 1)
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
      const spare = this.#spares.shift()
      if (spare === undefined) return
      const { key, sequence, token } = spare
      const id: PeerId = { sequence, id: ConnectionId.from(fromLatin1(key)), token: fromLatin1(token) }
      this.#used.push(id)
      this.#assign(path, id)
    }
  }

  #assign(path: PathId, id: PeerId): void {
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

/** Whether `frame` speaks of the id `sequence`, and says the same as before. @throws TransportError where it says something else */
function isRepeated(
  { sequenceNumber }: NewConnectionIdFrame,
  sequence: number,
  sameId: boolean,
  sameToken: boolean,
): boolean {
  if (sequence !== sequenceNumber) {
    if (sameId) throw violation(`Connection ids ${sequence} and ${sequenceNumber} are the same`)
    return false
  }
  if (sameId && sameToken) return true
  throw violation(`Connection id ${sequenceNumber} is issued a second time with other content`)
}

function violation(reason: string): TransportError {
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, reason, { frameType: FrameType.newConnectionId })
}

function limitError(reason: string): TransportError {
  return new TransportError(TransportErrorCode.CONNECTION_ID_LIMIT_ERROR, reason, {
    frameType: FrameType.newConnectionId,
  })
}
