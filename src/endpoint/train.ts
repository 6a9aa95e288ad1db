/** Datagrams of one size back to back, as segmentation offload hands them over: whose they are, where one connection takes them all. */
import { type ConnectionIdGenerator, idLengthAt } from '../connection/local-ids.ts'
import { isLongHeader } from '../wire/short-header.ts'
import type { Routing } from './routing.ts'

/** Datagrams of a train, at most: fewer than a burst has room for. */
const MAX_TRAIN = 64

/**
 * The connection that all datagrams of a train name by its id; `undefined`: they are to be looked at one by one. Those with long
 * headers are, since they may hold several packets, and may be the endpoint's own business.
 */
export function ownerOfTrain<C extends object>(
  routing: Routing<C>,
  ids: ConnectionIdGenerator,
  bytes: Uint8Array,
  segmentSize: number,
): C | undefined {
  if (bytes.length > MAX_TRAIN * segmentSize) return undefined
  let owner: C | undefined
  for (let at = 0; at < bytes.length; at += segmentSize) {
    const end = Math.min(at + segmentSize, bytes.length)
    const length = isLongHeader(bytes[at] ?? 0) ? 0 : idLengthAt(ids, bytes, at, end)
    if (length <= 0 || at + length >= end) return undefined
    const found = routing.findAt(bytes, at + 1, length)
    if (found === undefined || (owner !== undefined && found !== owner)) return undefined
    owner = found
  }
  return owner
}
