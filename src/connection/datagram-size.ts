/** Which datagrams a carrier gets where no search tells: reliable ones, and those that name the size that suits them. */
import type { Carrier } from '../transport.ts'
import { MIN_DATAGRAM_SIZE } from './path.ts'

/** Bytes that packets on a reliable and ordered carrier have at most: fewer packets for the same bytes, and no long wait behind one. */
const RELIABLE_DATAGRAM_SIZE = 16_384

/**
 * The size of 1-RTT datagrams on a carrier, bytes of payload; `undefined`: DPLPMTUD finds it.
 * @param peerMax the peer's `max_udp_payload_size`; `undefined` before it is known.
 */
export function fixedDatagramSize(carrier: Carrier, peerMax: number | undefined): number | undefined {
  const { maxDatagramSize, preferredDatagramSize, properties } = carrier
  const preferred = preferredDatagramSize ?? Infinity
  if (properties.reliable && properties.ordered) {
    if (peerMax === undefined) return MIN_DATAGRAM_SIZE
    return Math.min(preferred, Math.max(MIN_DATAGRAM_SIZE, Math.min(RELIABLE_DATAGRAM_SIZE, maxDatagramSize, peerMax)))
  }
  return preferredDatagramSize === undefined ? undefined : Math.min(preferred, MIN_DATAGRAM_SIZE)
}
