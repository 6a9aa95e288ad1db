/** Which datagrams a carrier gets where no search tells: reliable ones, and those that name the size that suits them. */
import type { Carrier } from '../transport.ts'
import type { ConnectionEvent } from './events.ts'
import { MIN_DATAGRAM_SIZE, type Path } from './path.ts'

/** What changes of a path's size need. */
interface SizeOptions {
  /** {@link fixedDatagramSize}, of this connection. */
  datagramSize?(carrier: Carrier): number | undefined
  emit(event: ConnectionEvent): void
}

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

/** Has datagrams on the path be of the size that its carrier is to get, if that is fixed. */
export function settleSize(path: Path, options: SizeOptions): void {
  const size = options.datagramSize?.(path.carrier)
  if (size === undefined || size === path.recovery.maxDatagramSize) return
  path.recovery.setMaxDatagramSize(size)
  options.emit({ type: 'mtu-changed', mtu: size })
}

/** The carrier takes datagrams of another size than before. */
export function followCarrier(path: Path, isConfirmed: boolean, options: SizeOptions): void {
  path.carrierLimit = path.carrier.maxDatagramSize
  if (path.mtu !== undefined) path.mtu.setCarrierLimit(path.carrierLimit)
  else if (isConfirmed) settleSize(path, options)
}
