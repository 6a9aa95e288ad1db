/** The packets of the datagram that is being built: records that all connections of an endpoint use in turn. */
import type { SentPacket } from '../recovery/sent-packets.ts'
import type { ProtectedPacketType } from '../wire/packet-type.ts'

/** Packets of one datagram: one for each of the keys that may be in use. */
export const MAX_PACKETS_PER_DATAGRAM = 4

/** A packet that is written but for its padding; one of the up to four of a datagram. */
export interface OpenPacket {
  sent: SentPacket | undefined
  type: ProtectedPacketType
  start: number
  lengthOffset: number
  numberOffset: number
  end: number
  /** Bytes of padding behind the frames. */
  padding: number
}

/** Records for one datagram. */
export function openPackets(): OpenPacket[] {
  return Array.from({ length: MAX_PACKETS_PER_DATAGRAM }, () => ({
    sent: undefined,
    type: 0,
    start: 0,
    lengthOffset: -1,
    numberOffset: 0,
    end: 0,
    padding: 0,
  }))
}
