/** Two WebSockets in memory, connected to each other, for tests: as a page has them, without a network. */
import type { WebSocketEvent, WebSocketLike } from './websocket-like.ts'

/** One end. */
export class MemorySocket implements WebSocketLike {
  binaryType = 'blob'
  readyState = 1
  /** What the ends agreed on. */
  protocol: string
  bufferedAmount = 0
  /** `true`: what is sent waits until {@link release}. */
  isBlocked = false
  /** Every message that was sent, by its length. */
  readonly sent: number[] = []
  closedWith: { readonly code: number; readonly reason: string } | undefined
  #peer: MemorySocket | undefined
  #waiting: Uint8Array[] = []
  readonly #listeners = new Map<string, ((event: WebSocketEvent) => void)[]>()

  constructor(protocol: string) {
    this.protocol = protocol
  }

  /** Two ends. */
  static pair(protocol = ''): [MemorySocket, MemorySocket] {
    const near = new MemorySocket(protocol)
    const far = new MemorySocket(protocol)
    near.#peer = far
    far.#peer = near
    return [near, far]
  }

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  send(data: Uint8Array): void {
    if (this.readyState !== 1) return
    this.sent.push(data.length)
    this.bufferedAmount += data.length
    this.#waiting.push(data)
    if (!this.isBlocked) queueMicrotask(() => this.release())
  }

  /** Lets what waits go. */
  release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.bufferedAmount = 0
    for (const data of waiting) this.#peer?.receive(data.slice().buffer)
  }

  /** A message arrives: bytes, or a text. */
  receive(data: ArrayBuffer | string): void {
    if (this.readyState === 1) this.#dispatch('message', { data })
  }

  close(code = 1005, reason = ''): void {
    if (this.readyState !== 1) return
    this.closedWith = { code, reason }
    this.release()
    this.readyState = 2
    queueMicrotask(() => {
      this.end(code, reason)
      this.#peer?.end(code, reason)
    })
  }

  /** The connection is over. */
  end(code: number, reason: string): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.#dispatch('close', { code, reason })
  }

  #dispatch(type: string, event: WebSocketEvent): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}
