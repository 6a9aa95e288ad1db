/** Stream ids (RFC 9000 §2.1): who opened a stream, which way it runs, and its number among its kind. */

/** The side of a connection. */
export type Role = 'client' | 'server'

/** Whether a stream runs both ways or from its opener only. */
export type StreamDirection = 'bidirectional' | 'unidirectional'

/** The most streams of one kind that ids of 62 bits can number (RFC 9000 §4.6): 2^60. */
export const MAX_STREAM_COUNT = 0x1000_0000_0000_0000n

/** The highest index whose stream id is a safe integer; no connection gets there. */
export const MAX_STREAM_INDEX: number = 2 ** 51 - 1

/** Whether the client opened the stream. */
export function isClientInitiated(id: number): boolean {
  return (id & 1) === 0
}

/** Whether the stream runs both ways. */
export function isBidirectional(id: number): boolean {
  return (id & 2) === 0
}

/** Who opened the stream. */
export function streamInitiator(id: number): Role {
  return isClientInitiated(id) ? 'client' : 'server'
}

/** Which way the stream runs. */
export function streamDirection(id: number): StreamDirection {
  return isBidirectional(id) ? 'bidirectional' : 'unidirectional'
}

/** How many streams of the same kind come before it. */
export function streamIndex(id: number): number {
  return Math.floor(id / 4)
}

/**
 * The id of the stream number `index` (from 0) of a kind.
 * @throws RangeError for an index that has no id below 2^53.
 */
export function streamId(index: number, initiator: Role, direction: StreamDirection): number {
  if (!(Number.isInteger(index) && index >= 0 && index <= MAX_STREAM_INDEX)) {
    throw new RangeError(`A stream index must be an integer from 0 to 2^51-1, got ${index}`)
  }
  return index * 4 + (initiator === 'client' ? 0 : 1) + (direction === 'bidirectional' ? 0 : 2)
}
