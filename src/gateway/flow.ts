/**
 * One flow of a gateway: a client's channel on one side, one UDP socket that is connected to one checked address on the
 * other. Nothing but QUIC begins a flow, little is sent before the target has answered, and what a slow client does not
 * take is dropped.
 */
import type { Socket } from 'node:dgram'
import { EMPTY, freeBytes } from '../base/bytes.ts'
import type { Time } from '../base/time.ts'
import { LongHeader } from '../wire/long-header.ts'
import { PacketType } from '../wire/packet-type.ts'
import { isSupportedVersion } from '../wire/version.ts'
import type { Share } from './limits.ts'
import type { RefusalReason } from './rules.ts'

/** A client's side of a flow: a WebSocket, an upgraded TCP connection, or whatever else carries payloads. */
export interface GatewayChannel {
  /** bytes that were sent and have not left yet */
  readonly bufferedAmount: number
  /** The flow has begun; not called where it is refused. */
  accepted?(): void
  /** Takes one UDP payload; `bytes` is valid only during the call. */
  send(bytes: Uint8Array): void
  /** Ends it, with a reason for the client. `undefined`: nothing went wrong. */
  close(reason: RefusalReason | undefined): void
}

/** What a flow did; of datagrams and bytes of UDP payload. */
export interface FlowCounters {
  datagramsUp: number
  bytesUp: number
  datagramsDown: number
  bytesDown: number
  /** From the client, not forwarded: beyond a limit, or no QUIC. */
  droppedUp: number
  /** From the target, not forwarded: beyond a limit, or the client was slow. */
  droppedDown: number
}

/** Counters at zero. */
export function newCounters(): FlowCounters {
  return { datagramsUp: 0, bytesUp: 0, datagramsDown: 0, bytesDown: 0, droppedUp: 0, droppedDown: 0 }
}

/** Adds what one flow did to the sum of many. */
export function addCounters(sum: FlowCounters, one: Readonly<FlowCounters>): void {
  for (const name of Object.keys(sum) as (keyof FlowCounters)[]) sum[name] += one[name]
}

/** What a flow may do. */
export interface FlowOptions {
  /** `false`: a flow may begin with anything. */
  readonly quicOnly: boolean
  /** ms without a payload in either direction; RFC 9298 §3.1 asks for two minutes at least. */
  readonly idleTimeout: number
  /** ms after the first payload within which the target must answer. */
  readonly answerTimeout: number
  /** Payloads that are sent before the target has answered. */
  readonly unansweredLimit: number
  /** bytes that may wait for the client */
  readonly maxBuffered: number
  now(): Time
}

/** What a flow is made of. */
export interface FlowParts {
  readonly socket: Socket
  readonly channel: GatewayChannel
  readonly share: Share
  /** The client had a flow to this target a moment ago: its connection moves here, without a handshake. */
  readonly isKnown: boolean
  /** The target has answered for the first time. */
  onAnswered(): void
  /** Once, when all is over. */
  onEnded(reason: RefusalReason | undefined, counters: FlowCounters): void
}

/** Payloads that may wait in the socket while the kernel is busy. */
const MAX_UDP_QUEUE = 256

/** Bytes kept to send from: what networks carry, as a rule. */
const OUTGOING_SIZE = 1500

/** One flow. */
export class Flow {
  readonly #parts: FlowParts
  readonly #options: FlowOptions
  readonly #counters: FlowCounters = newCounters()
  readonly #header = new LongHeader()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Where the payload that is sent lies meanwhile. */
  #outgoing = EMPTY
  #hasBegun = false
  #isAnswered = false
  #isEnded = false
  #lastActive: Time

  constructor(parts: FlowParts, options: FlowOptions) {
    this.#parts = parts
    this.#options = options
    // RFC 9287 §3.1: a client that holds a token of its server's may clear the bit in its first packet.
    this.#header.anyFixedBit = true
    this.#lastActive = options.now()
    const { socket } = parts
    socket.on('message', (message: Uint8Array) => {
      this.#onAnswer(message)
      freeBytes(message)
    })
    // ICMP says that nobody listens, or that there is no way: what QUIC makes of it is silence, until the target answers.
    socket.on('error', () => undefined)
    this.#arm(options.idleTimeout)
  }

  /** What it did so far. */
  get counters(): Readonly<FlowCounters> {
    return this.#counters
  }

  /** A payload of the client. */
  receive(payload: Uint8Array): void {
    if (this.#isEnded) return
    const { share, socket } = this.#parts
    const now = this.#options.now()
    if (!this.#hasBegun && !this.#begin(payload)) return
    const isHeld = !this.#isAnswered && this.#counters.datagramsUp >= this.#options.unansweredLimit
    if (isHeld || socket.getSendQueueCount() > MAX_UDP_QUEUE || !share.takeUp(payload.length, now)) {
      this.#counters.droppedUp += 1
      return
    }
    this.#lastActive = now
    this.#counters.datagramsUp += 1
    this.#counters.bytesUp += payload.length
    this.#send(payload)
  }

  /** The bytes are the caller's, and where the kernel is busy `dgram` keeps a reference: those of such a datagram are left alone. */
  #send(payload: Uint8Array): void {
    const { socket } = this.#parts
    if (this.#outgoing.length < payload.length) this.#outgoing = new Uint8Array(Math.max(payload.length, OUTGOING_SIZE))
    this.#outgoing.set(payload)
    socket.send(this.#outgoing.subarray(0, payload.length))
    if (socket.getSendQueueCount() > 0) this.#outgoing = EMPTY
  }

  /** Ends the flow; `reason` goes to the client and into the log. Harmless when repeated. */
  end(reason: RefusalReason | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearTimeout(this.#timer)
    const { channel, share, socket, onEnded } = this.#parts
    share.release()
    socket.close()
    channel.close(reason)
    onEnded(reason, this.#counters)
  }

  /** The first payload: QUIC, or the end of the flow. */
  #begin(payload: Uint8Array): boolean {
    if (this.#options.quicOnly && !this.#isFirstOfQuic(payload)) {
      this.#counters.droppedUp += 1
      this.end('not_quic')
      return false
    }
    this.#hasBegun = true
    this.#arm(this.#options.answerTimeout)
    return true
  }

  #isFirstOfQuic(payload: Uint8Array): boolean {
    if (payload.length < 1200) return false
    if (this.#parts.isKnown) return true
    const header = this.#header
    return (
      header.parse(payload, 0, payload.length) &&
      header.type === PacketType.initial &&
      isSupportedVersion(header.version)
    )
  }

  #onAnswer(message: Uint8Array): void {
    if (this.#isEnded) return
    const { channel, share, onAnswered } = this.#parts
    const now = this.#options.now()
    if (!this.#hasBegun) return
    if (!this.#isAnswered) {
      this.#isAnswered = true
      this.#arm(this.#options.idleTimeout)
      onAnswered()
    }
    this.#lastActive = now
    if (channel.bufferedAmount > this.#options.maxBuffered || !share.takeDown(message.length, now)) {
      this.#counters.droppedDown += 1
      return
    }
    this.#counters.datagramsDown += 1
    this.#counters.bytesDown += message.length
    channel.send(message)
  }

  #arm(after: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#onTimer(), after)
  }

  #onTimer(): void {
    if (this.#hasBegun && !this.#isAnswered) return this.end('destination_unavailable')
    const left = this.#lastActive + this.#options.idleTimeout - this.#options.now()
    if (left > 0) this.#arm(left)
    else this.end('idle')
  }
}
