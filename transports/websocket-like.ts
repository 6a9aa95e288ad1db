/** What of a WebSocket the transport uses, so that any host's will do: a page's, a Worker's, or that of `ws`. */

/** One event of a {@link WebSocketLike}. */
export interface WebSocketEvent {
  /** Of a message. */
  readonly data?: unknown
  /** Of a close. */
  readonly code?: number
  /** Of a close. */
  readonly reason?: string
}

/** A WebSocket (W3C), as far as it is used. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly protocol?: string | null
  /** bytes; Workers do not count them */
  readonly bufferedAmount?: number
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void
}

/** The constructor of W3C's interface. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike

/** How a gateway says why it refuses, beside the reason in words (`docs/connect-udp-over-websocket.md`). */
const MEANINGS: Readonly<Record<number, string>> = {
  1001: 'the other end goes away',
  1002: 'a violation of the framing',
  1006: 'it did not open, or broke off without a word',
  1009: 'a message that is too long',
  1011: 'an error at the other end',
  1013: 'the gateway is busy; try again later',
  4002: 'the other end found a violation of the framing',
}

/** A WebSocket ended that nobody closed on this side. */
export class WebSocketCloseError extends Error {
  override readonly name = 'WebSocketCloseError'
  /** The close code (RFC 6455 §7.4). */
  readonly code: number
  /** What the other end gave as its reason; often empty. */
  readonly reason: string

  constructor(code: number, reason: string) {
    const meaning = reason === '' ? (MEANINGS[code] ?? 'no reason was given') : reason
    super(`The WebSocket was closed with code ${code}: ${meaning}`)
    this.code = code
    this.reason = reason
  }
}
