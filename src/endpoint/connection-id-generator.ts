/** Random connection ids of one length. Other schemes (QUIC-LB) implement the same interface. */
import { type RandomSource, randomBytes } from '../base/random.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import { ConnectionId, MAX_CONNECTION_ID_LENGTH } from '../wire/connection-id.ts'

/** Ids of 8 bytes: 64 bits are enough not to collide and not to be guessed, and cost little in every packet. */
export const DEFAULT_CONNECTION_ID_LENGTH = 8

/**
 * A generator of random ids, which tell an observer nothing (RFC 9000 §5.1).
 *
 * @param length bytes, 0 to 20; with 0 packets are told apart by address, and nothing can be migrated or reset.
 * @throws RangeError when `length` is out of bounds.
 */
export function randomConnectionIds(
  random: RandomSource,
  length: number = DEFAULT_CONNECTION_ID_LENGTH,
): ConnectionIdGenerator {
  if (!(Number.isInteger(length) && length >= 0 && length <= MAX_CONNECTION_ID_LENGTH)) {
    throw new RangeError(`Connection id length must be an integer from 0 to ${MAX_CONNECTION_ID_LENGTH}, got ${length}`)
  }
  return { length, generate: () => ConnectionId.from(randomBytes(random, length)) }
}
