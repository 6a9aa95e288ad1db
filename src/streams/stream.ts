/** One stream: its id, its priority, and its one or two halves (RFC 9000 §2, §3.4). */
import { isBidirectional, type Role, type StreamDirection, streamInitiator } from '../wire/stream-id.ts'
import type { Deadline } from './deadlines.ts'
import { ReceiveStream } from './receive-stream.ts'
import { checkPriority, checkSendOrder, DEFAULT_PRIORITY, type SendGroup, type StreamPriority } from './scheduler.ts'
import { SendStream } from './send-stream.ts'
import type { StreamContext } from './stream-context.ts'

/** What a stream is made with; sizes in bytes. */
export interface StreamLimits {
  /** What the peer lets us send at first. */
  readonly sendLimit: number
  /** Bytes that may wait to be sent. */
  readonly sendHighWaterMark: number
  /** What we let the peer send at first. */
  readonly receiveLimit: number
  /** What the receive window may grow to. */
  readonly maxReceiveWindow: number
}

/** A stream. It leaves its set, and no state of it is kept there, when both halves have ended; this object stays usable. */
export class Stream {
  readonly id: number
  readonly direction: StreamDirection
  /** Whether this side opened it. */
  readonly isLocal: boolean
  /** `undefined` where only the peer sends. */
  readonly send: SendStream | undefined
  /** `undefined` where only this side sends. */
  readonly receive: ReceiveStream | undefined
  readonly #context: StreamContext
  #priority: StreamPriority = DEFAULT_PRIORITY
  #sendOrder = 0
  #sendGroup: SendGroup | undefined

  constructor(id: number, role: Role, context: StreamContext, limits: StreamLimits) {
    this.id = id
    this.direction = isBidirectional(id) ? 'bidirectional' : 'unidirectional'
    this.isLocal = streamInitiator(id) === role
    this.#context = context
    const both = this.direction === 'bidirectional'
    this.send =
      both || this.isLocal ? new SendStream(this, context, limits.sendLimit, limits.sendHighWaterMark) : undefined
    this.receive =
      both || !this.isLocal ? new ReceiveStream(this, context, limits.receiveLimit, limits.maxReceiveWindow) : undefined
  }

  /** How it competes with the others for what is sent (RFC 9218); urgency 3, not incremental, at first. */
  get priority(): StreamPriority {
    return this.#priority
  }

  /** @throws RangeError for an urgency that is no integer from 0 to 7. */
  set priority(priority: StreamPriority) {
    checkPriority(priority)
    this.#priority = { urgency: priority.urgency, incremental: priority.incremental }
    this.#reprioritize()
  }

  /** Among the equally urgent of its group, all bytes of a higher order go first (W3C WebTransport); 0 at first. */
  get sendOrder(): number {
    return this.#sendOrder
  }

  /** @throws RangeError for anything but a safe integer. */
  set sendOrder(sendOrder: number) {
    checkSendOrder(sendOrder)
    this.#sendOrder = sendOrder
    this.#reprioritize()
  }

  /** With whom it shares, as one against the other groups; `undefined`: with all that have none. */
  get sendGroup(): SendGroup | undefined {
    return this.#sendGroup
  }

  set sendGroup(sendGroup: SendGroup | undefined) {
    this.#sendGroup = sendGroup
    this.#reprioritize()
  }

  /** By when it is to have ended; `undefined` where nobody asked for it, and once it has. */
  get deadline(): Deadline | undefined {
    return this.hasEnded ? undefined : this.#context.deadlines.get(this)
  }

  /** `undefined` clears it. Nothing happens to a stream that has ended. */
  set deadline(deadline: Deadline | undefined) {
    if (deadline === undefined || this.hasEnded) this.#context.deadlines.clear(this)
    else this.#context.deadlines.set(this, deadline)
  }

  /** Whether both halves have ended for the application: what is left is to tell the peer. */
  get hasEnded(): boolean {
    return (this.send?.hasEnded ?? true) && (this.receive?.hasEnded ?? true)
  }

  /** Gives both halves up, with RESET_STREAM and STOP_SENDING. The code of an earlier RESET_STREAM_AT stays. */
  abort(code: bigint): void {
    this.send?.reset(this.send.resetCode ?? code)
    this.receive?.stop(code)
  }

  /** Whether both halves have ended. */
  get isTerminal(): boolean {
    return (this.send?.isTerminal ?? true) && (this.receive?.isTerminal ?? true)
  }

  #reprioritize(): void {
    if (this.send === undefined) return
    this.#context.repairs.reprioritize(this.send)
    this.#context.fresh.reprioritize(this.send)
  }

  /** For its halves: one of them has ended. */
  onHalfEnded(): void {
    if (this.isTerminal) this.#context.retire(this)
  }

  /** For its set: the connection is over. */
  close(error: Error): void {
    this.send?.close(error)
    this.receive?.close(error)
  }

  /** Throws if the parts contradict one another. For tests. */
  checkInvariants(): void {
    this.send?.checkInvariants()
    this.receive?.checkInvariants()
  }
}
