/** Two data channels in memory, connected to each other, for tests. */
import type { DataChannelLike } from './webrtc.ts'

/** One end. */
export class MemoryChannel implements DataChannelLike {
  binaryType = 'blob'
  bufferedAmountLowThreshold = 0
  bufferedAmount = 0
  readyState = 'open'
  readonly ordered: boolean
  readonly maxRetransmits: number | null
  /** `true`: what is sent waits until {@link release}. */
  isBlocked = false
  /** Thrown by the next `send`. */
  failure: Error | undefined
  #peer: MemoryChannel | undefined
  #waiting: Uint8Array[] = []
  readonly #listeners = new Map<string, ((event: { readonly data?: unknown }) => void)[]>()

  constructor(ordered: boolean, maxRetransmits: number | null) {
    this.ordered = ordered
    this.maxRetransmits = maxRetransmits
  }

  /** Two ends. */
  static pair(ordered = false, maxRetransmits: number | null = 0): [MemoryChannel, MemoryChannel] {
    const near = new MemoryChannel(ordered, maxRetransmits)
    const far = new MemoryChannel(ordered, maxRetransmits)
    near.#peer = far
    far.#peer = near
    return [near, far]
  }

  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  send(data: Uint8Array): void {
    const { failure } = this
    this.failure = undefined
    if (failure !== undefined) throw failure
    this.bufferedAmount += data.length
    this.#waiting.push(data.slice())
    if (!this.isBlocked) queueMicrotask(() => this.release())
  }

  /** Lets what waits go. */
  release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const wasAbove = this.bufferedAmount > this.bufferedAmountLowThreshold
    this.bufferedAmount = 0
    for (const data of waiting) this.#peer?.dispatch('message', { data: data.buffer })
    if (wasAbove) this.dispatch('bufferedamountlow', {})
  }

  close(): void {
    if (this.readyState !== 'open') return
    this.readyState = 'closed'
    queueMicrotask(() => {
      this.dispatch('close', {})
      this.#peer?.close()
    })
  }

  /** Calls whoever listens. */
  dispatch(type: string, event: { readonly data?: unknown }): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}
