/** Connection ids that the application makes: what the option takes, and what is made of it. */
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import { ConnectionId, MAX_CONNECTION_ID_LENGTH } from '../wire/connection-id.ts'

/**
 * Makes the connection ids that peers address us with, such as those of QUIC-LB (`QuicLbIds` of `isoquic/quic-lb`). It must
 * answer at once, and never give the same id twice.
 */
export interface ConnectionIdSource {
  /** Bytes of the ids that it makes now, 0 to 20. Where they change or differ, `lengthAt` tells; but never from or to 0. */
  readonly length: number
  generate(): Uint8Array | ConnectionId
  /** Bytes of the id that begins at `start` and ends before `end`; -1: it is none of this source. Absent: `length`. */
  lengthAt?(bytes: Uint8Array, start: number, end: number): number
  /** Whether a connection is to have one id alone, for the time being. */
  readonly isSingle?: boolean | undefined
}

/**
 * The generator of an endpoint.
 * @throws TypeError, RangeError for what is none; its `generate` throws a RangeError for an id that could not be read again
 */
export function connectionIdGenerator(source: ConnectionIdSource): ConnectionIdGenerator {
  if (typeof source !== 'object' || source === null || typeof source.generate !== 'function') {
    throw new TypeError('connectionIdGenerator must be an object with a length and a generate method')
  }
  const { length } = source
  if (!(Number.isInteger(length) && length >= 0 && length <= MAX_CONNECTION_ID_LENGTH)) {
    throw new RangeError(`connectionIdGenerator.length must be an integer from 0 to 20, got ${length}`)
  }
  const lengthAt = source.lengthAt?.bind(source)
  const generate = (): ConnectionId => {
    const made = source.generate()
    const id = made instanceof ConnectionId ? made : ConnectionId.from(made)
    const expected = lengthAt === undefined ? length : lengthAt(id.bytes, 0, id.length)
    if (id.length !== expected) {
      throw new RangeError(`connectionIdGenerator made an id of ${id.length} bytes, and would read ${expected} of them`)
    }
    return id
  }
  return {
    get length(): number {
      return lengthAt === undefined ? length : source.length
    },
    generate,
    ...(lengthAt !== undefined && { lengthAt }),
    get isSingle(): boolean {
      return source.isSingle === true
    },
  }
}
