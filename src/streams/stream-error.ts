/** The exceptions that streams throw at their caller. What the peer does wrong is a `TransportError` and goes elsewhere. */

/**
 * Why a half of a stream takes no more calls: `finished` (our own `finish`), `reset` (RESET_STREAM, sent or received),
 * `stopped` (STOP_SENDING, sent or received), `connection` (the connection is over; `cause` tells why).
 */
export type StreamClosedReason = 'finished' | 'reset' | 'stopped' | 'connection'

const SENTENCES: Readonly<Record<StreamClosedReason, string>> = {
  finished: 'was finished before',
  reset: 'was reset',
  stopped: 'was stopped by its receiver',
  connection: 'ended with its connection',
}

/** Thrown by a write to, or a read from, a half of a stream that has ended. Nothing was written or read. */
export class StreamClosedError extends Error {
  override readonly name = 'StreamClosedError'
  /** `undefined` where there is no stream yet: `open` after the end of the connection. */
  readonly streamId: number | undefined
  readonly reason: StreamClosedReason
  /** The application error code of RESET_STREAM or STOP_SENDING. */
  readonly code: bigint | undefined

  constructor(
    streamId: number | undefined,
    reason: StreamClosedReason,
    options: { code?: bigint | undefined; cause?: unknown } = {},
  ) {
    const subject = streamId === undefined ? 'A stream' : `Stream ${streamId}`
    const code = options.code === undefined ? '' : `, code ${options.code}`
    super(`${subject} ${SENTENCES[reason]}${code}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.streamId = streamId
    this.reason = reason
    this.code = options.code
  }
}

/** Thrown by a call that the state of the stream or of the peer rules out. Nothing was done. */
export class StreamStateError extends Error {
  override readonly name = 'StreamStateError'
}

// RFC 9000 §20.2: application error codes are what a varint holds.
const MAX_ERROR_CODE = 2n ** 62n - 1n

/** @throws RangeError unless `code` can be sent (RFC 9000 §20.2). */
export function checkErrorCode(code: bigint): void {
  if (code < 0n || code > MAX_ERROR_CODE) throw new RangeError(`code must be from 0 to 2^62-1, got ${code}`)
}
