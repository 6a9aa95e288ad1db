/** The sink of a transport: attached once, told of the end once, guarded against what it throws. Shared by the transports. */
import type { DatagramSink, Ecn, PathAddress } from '../src/transport.ts'

/** Datagrams kept until there is a sink; more are lost. */
const MAX_EARLY = 64

/** One transport's sink. */
export class SinkHolder {
  readonly #name: string
  readonly #onError: (error: unknown) => void
  #sink: DatagramSink | undefined
  #early: { readonly bytes: Uint8Array; readonly from: PathAddress }[] = []
  #isOpen = false
  #isClosed = false
  #end: { readonly error: Error | undefined } | undefined

  /**
   * @param name of the transport, for messages: `The ${name} is closed`.
   * @param onError hears what a sink threw, which sinks should not.
   */
  constructor(name: string, onError: (error: unknown) => void = () => undefined) {
    this.#name = name
    this.#onError = onError
  }

  /** Whether the transport is closed, by whichever side. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Attaches `sink`, and gives it what arrived before. @throws InvalidStateError the second time, and after the end */
  open(sink: DatagramSink): void {
    if (this.#isOpen && !this.#isClosed) throw invalidState(`The ${this.#name} has a sink already`)
    // An end that came before there was anybody to hear of it is told now.
    if (this.#isClosed && (this.#isOpen || this.#end === undefined)) throw invalidState(`The ${this.#name} is closed`)
    this.#isOpen = true
    this.#sink = sink
    const early = this.#early
    this.#early = []
    for (const { bytes, from } of early) this.datagram(bytes, from)
    if (this.#end !== undefined) this.#tell(this.#end.error)
  }

  /** Hands on a datagram, or several of `segmentSize` bytes; before `open` single ones are kept, a few. */
  datagram(bytes: Uint8Array, from: PathAddress, ecn: Ecn = 0, segmentSize?: number): void {
    if (this.#sink === undefined) {
      if (!this.#isOpen && !this.#isClosed && segmentSize === undefined && this.#early.length < MAX_EARLY) {
        this.#early.push({ bytes: Uint8Array.from(bytes), from })
      }
      return
    }
    try {
      if (segmentSize === undefined) this.#sink.datagram(bytes, from, ecn)
      else this.#sink.datagram(bytes, from, ecn, segmentSize)
    } catch (error) {
      this.#onError(error)
    }
  }

  /** There is room again. */
  drain(): void {
    try {
      if (!this.#isClosed) this.#sink?.drain()
    } catch (error) {
      this.#onError(error)
    }
  }

  /** From now on nothing is delivered. The sink hears of the end with {@link tellClosed}. `false`: it was over already. */
  close(): boolean {
    if (this.#isClosed) return false
    this.#isClosed = true
    this.#early = []
    return true
  }

  /** Ends the transport and tells the sink, if it has not been told: `error` says why, unless it was closed on purpose. */
  tellClosed(error: Error | undefined): void {
    if (this.#end !== undefined) return
    this.#isClosed = true
    this.#end = { error }
    if (this.#sink !== undefined) this.#tell(error)
  }

  #tell(error: Error | undefined): void {
    const sink = this.#sink
    this.#sink = undefined
    try {
      sink?.closed(error)
    } catch (thrown) {
      this.#onError(thrown)
    }
  }
}

/** An error as browsers give for a call at the wrong time, in hosts without `DOMException` too. */
export function invalidState(message: string): Error {
  const error = new Error(message)
  error.name = 'InvalidStateError'
  return error
}
