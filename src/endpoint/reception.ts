/**
 * Those who are at the door: datagrams of no connection. Initial packets that may open one, packets of unknown versions,
 * and the answers that need no state: Version Negotiation, Retry, refusal (RFC 9000 §5.2.2, §6.1, §8.1). Endpoints that never
 * listen do without: it is handed to `Endpoint.listen`.
 */
import type { Arena } from '../base/arena.ts'
import { Deque } from '../base/deque.ts'
import { type RandomSource, randomBytes } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { LongHeader } from '../wire/long-header.ts'
import { PacketType } from '../wire/packet-type.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { type DoorCounts, doorCounts } from './endpoint-stats.ts'
import { Incoming, type IncomingDecision, type IncomingLimits, type RetryPolicy } from './incoming.ts'
import { IncomingConnection, type IncomingFacts } from './incoming-connection.ts'
import { buildRetry, InitialCloser } from './initial-answers.ts'
import { InitialCheck } from './initial-check.ts'
import { Occupancy } from './occupancy.ts'
import { OvertakenPackets } from './overtaken-packets.ts'
import { AddressTokens } from './tokens.ts'
import { VersionNegotiation } from './version-negotiation.ts'

/** What an endpoint needs to take connections. */
export interface ListenParameters {
  readonly versions: readonly number[]
  /** Whether connections take packets without the QUIC bit: then those that open one may be without it (RFC 9287 §3.1). Default `true`. */
  readonly greaseQuicBit?: boolean | undefined
  readonly limits?: Partial<IncomingLimits> | undefined
  readonly retry?: RetryPolicy | undefined
}

/** What a reception is made of. */
export interface ReceptionOptions {
  readonly engine: PacketEngine
  readonly arena: Arena
  readonly random: RandomSource
  readonly ids: ConnectionIdGenerator
  /** Unix ms. */
  wallClock(): number
  /** 32 bytes. */
  readonly tokenKey: Uint8Array
  /** Sends a datagram that belongs to no connection. */
  answer(bytes: Uint8Array, to: PathAddress, via: Carrier): void
}

/** Makes the reception of an endpoint when it listens for the first time: {@link createReception}, as a rule. */
export type CreateReception = (options: ReceptionOptions) => Reception

/** What `Endpoint.listen` is given beside its parameters. */
export function createReception(options: ReceptionOptions): Reception {
  return new Reception(options)
}

/** Incoming connections that may wait for a decision. */
const MAX_PENDING = 1024

/** Datagrams with Initial packets kept of an incoming connection that waits for a decision. */
const MAX_PENDING_DATAGRAMS = 4

/** Bytes of 0-RTT packets kept beside them: about what a client may send at first. */
const MAX_EARLY_DATA = 16_384

/** Bytes of 0-RTT packets kept of all that wait. */
const MAX_ALL_EARLY_DATA = 1_048_576

/** The door of an endpoint. */
export class Reception {
  readonly #random: RandomSource
  readonly #ids: ConnectionIdGenerator
  readonly #tokens: AddressTokens
  readonly #closer: InitialCloser
  readonly #check: InitialCheck
  readonly #header = new LongHeader()
  readonly #answer: ReceptionOptions['answer']
  readonly #occupancy = new Occupancy()
  /** What became of those who came. */
  readonly counts: DoorCounts = doorCounts()
  readonly #pending = new Map<string, IncomingConnection>()
  readonly #arrived = new Deque<IncomingConnection>()
  readonly #overtaken = new OvertakenPackets()
  /** Bytes of 0-RTT packets that wait with their connections. */
  #earlyBytes = 0
  #incoming: Incoming | undefined
  #negotiation: VersionNegotiation | undefined

  constructor(options: ReceptionOptions) {
    const { random } = options
    this.#random = random
    this.#ids = options.ids
    this.#answer = (bytes, to, via) => options.answer(bytes, to, via)
    this.#tokens = new AddressTokens({ key: options.tokenKey, random, wallClock: () => options.wallClock() })
    this.#closer = new InitialCloser(options.engine, options.arena)
    this.#check = new InitialCheck(options.engine, options.arena)
  }

  /** Opens the door. @throws Error where it is open */
  open(parameters: ListenParameters): void {
    if (this.#incoming !== undefined) throw new Error('The endpoint listens already: close that server first')
    const { versions, greaseQuicBit = true, limits = {}, retry = 'never' } = parameters
    this.#header.anyFixedBit = greaseQuicBit
    this.#incoming = new Incoming({ tokens: this.#tokens, occupancy: this.#occupancy, limits, retry })
    this.#negotiation = new VersionNegotiation({ versions, random: this.#random })
  }

  /** Closes the door; those who wait are refused. */
  close(): void {
    for (const incoming of [...this.#pending.values()]) this.refuse(incoming)
    this.#incoming = undefined
    this.#negotiation = undefined
  }

  /** A token for the client's next connection (RFC 9000 §8.1.3). */
  newToken(remote: PathAddress, version: number): Uint8Array {
    return this.#tokens.sealNewToken(remote, version)
  }

  /** The next incoming connection that is to be decided on. */
  takeArrived(): IncomingConnection | undefined {
    return this.#arrived.shift()
  }

  /** A long-header datagram for no connection. */
  receive(bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const header = this.#header
    const incoming = this.#incoming
    const negotiation = this.#negotiation
    if (incoming === undefined || negotiation === undefined || !header.parse(bytes, 0, bytes.length)) return
    if (header.version === 0) return
    if (!negotiation.accepts(header.version)) {
      const answer = negotiation.answer(bytes, 0, bytes.length, now)
      if (answer === undefined) return
      this.counts.versionNegotiations += 1
      return this.#answer(answer, from, via)
    }
    if (header.type === PacketType.initial) this.#receiveInitial(incoming, bytes, from, via, ecn, now)
    else if (header.type === PacketType.zeroRtt) this.#receiveEarlyData(bytes, from, ecn)
  }

  /** RFC 9000 §5.2.2: 0-RTT packets wait, within bounds, for the decision on their connection, or for its Initial packet. */
  #receiveEarlyData(bytes: Uint8Array, from: PathAddress, ecn: Ecn): void {
    const key = keyOf(this.#header.destinationId(), from)
    const waiting = this.#pending.get(key)
    if (waiting === undefined) this.#overtaken.add(key, bytes, ecn)
    else this.#addEarlyData(waiting, bytes, ecn)
  }

  #addEarlyData(incoming: IncomingConnection, bytes: Uint8Array, ecn: Ecn): void {
    const others = this.#earlyBytes - incoming.earlyBytes
    incoming.addEarlyData(bytes, ecn, Math.min(MAX_EARLY_DATA, MAX_ALL_EARLY_DATA - others))
    this.#earlyBytes = others + incoming.earlyBytes
  }

  /** Takes the decision on `incoming`, whatever it is. @throws Error when there was one before */
  decide(incoming: IncomingConnection): void {
    if (!this.#pending.delete(incoming.key)) throw new Error('The incoming connection was decided already')
    this.#earlyBytes -= incoming.earlyBytes
    incoming.isDecided = true
  }

  /** Answers with CONNECTION_CLOSE CONNECTION_REFUSED (RFC 9000 §5.2.2). */
  refuse(incoming: IncomingConnection): void {
    this.#forget(incoming)
    this.#refuse(incoming.facts, TransportErrorCode.CONNECTION_REFUSED, '')
  }

  /** Asks the client to prove its address (RFC 9000 §8.1.2). @throws Error when it was proven already */
  retry(incoming: IncomingConnection): void {
    if (incoming.facts.addressValidated) throw new Error('The address is validated already: accept or refuse')
    this.#forget(incoming)
    this.#retry(incoming.facts)
  }

  /** Forgets it without an answer. */
  ignore(incoming: IncomingConnection): void {
    this.#forget(incoming)
    this.counts.ignored += 1
  }

  #forget(incoming: IncomingConnection): void {
    this.decide(incoming)
    this.#occupancy.onClosed(incoming.facts.remoteAddress, true)
  }

  /** It is a connection from now on. */
  onAccepted(): void {
    this.counts.accepted += 1
  }

  /** Those whose handshake is under way, and of them those who wait for a decision. */
  get handshakes(): number {
    return this.#occupancy.handshakes
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Seals tokens with `key` from now on, and still takes those of the key before. @throws RangeError below 32 bytes */
  rotateTokenKey(key: Uint8Array): void {
    this.#tokens.rotate(key)
  }

  /** Forgets those who came over `via`, which is gone. */
  onCarrierClosed(via: Carrier): void {
    for (const incoming of [...this.#pending.values()]) if (incoming.facts.carrier === via) this.#forget(incoming)
  }

  /** An accepted connection is through its handshake. */
  onHandshakeComplete(): void {
    this.#occupancy.onHandshakeComplete()
  }

  /** An accepted connection is gone. */
  onClosed(remote: PathAddress, handshaking: boolean): void {
    this.#occupancy.onClosed(remote, handshaking)
  }

  #receiveInitial(door: Incoming, bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const header = this.#header
    const destination = header.destinationId()
    const key = keyOf(destination, from)
    const waiting = this.#pending.get(key)
    if (waiting !== undefined) return waiting.addDatagram(bytes, ecn, MAX_PENDING_DATAGRAMS)
    const source = header.sourceId()
    const decision = door.decide(
      {
        version: header.version,
        destination,
        source,
        token: header.token(),
        datagramSize: bytes.length,
        remoteAddress: from,
        carrier: via,
      },
      now,
    )
    if (!this.#deserves(decision, bytes)) return this.#drop()
    const facts: IncomingFacts = {
      version: header.version,
      destination,
      source,
      originalDestination: decision.action === 'accept' ? decision.originalDestination : destination,
      retrySource: decision.action === 'accept' ? decision.retrySource : undefined,
      addressValidated: decision.action === 'accept' && decision.addressValidated,
      remoteAddress: from,
      carrier: via,
    }
    if (decision.action === 'refuse') return this.#refuse(facts, decision.code, decision.reason)
    if (decision.action === 'retry') return this.#retry(facts)
    if (this.#pending.size >= MAX_PENDING) return this.#drop()
    this.#occupancy.onOpened(from)
    const incoming = new IncomingConnection(key, facts)
    incoming.addDatagram(bytes, ecn, MAX_PENDING_DATAGRAMS)
    for (const early of this.#overtaken.take(key)) this.#addEarlyData(incoming, early.bytes, early.ecn)
    this.#pending.set(key, incoming)
    this.#arrived.push(incoming)
  }

  /**
   * Whether the packet deserves what was decided: no state and no INVALID_TOKEN for one that was damaged on the way or made
   * up. A Retry and a refusal for want of room must stay cheaper than what asks for them.
   */
  #deserves(decision: IncomingDecision, bytes: Uint8Array): boolean {
    if (decision.action === 'ignore') return false
    const isCheap = decision.action === 'retry' || (decision.action === 'refuse' && !isTokenError(decision.code))
    return isCheap || this.#check.isAuthentic(bytes, this.#header)
  }

  #drop(): void {
    this.counts.dropped += 1
  }

  #refuse(facts: IncomingFacts, code: bigint, reason: string): void {
    this.counts.refused += 1
    const bytes = this.#closer.build(facts, code, reason)
    if (bytes !== undefined) this.#answer(bytes, facts.remoteAddress, facts.carrier)
  }

  #retry(facts: IncomingFacts): void {
    this.counts.retried += 1
    const source = this.#ids.length >= 8 ? this.#ids.generate() : ConnectionId.from(randomBytes(this.#random, 8))
    const token = this.#tokens.sealRetry({
      remoteAddress: facts.remoteAddress,
      originalDestination: facts.destination,
      retrySource: source,
      clientSource: facts.source,
      version: facts.version,
    })
    this.#answer(buildRetry(facts, source, token), facts.remoteAddress, facts.carrier)
  }
}

/** The name of a connection attempt: two clients may have made up the same id. */
function keyOf(destination: ConnectionId, from: PathAddress): string {
  return `${destination.key} ${from}`
}

function isTokenError(code: bigint): boolean {
  return code === TransportErrorCode.INVALID_TOKEN
}
