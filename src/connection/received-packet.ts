/** What is known of the packet that is being processed: one record for all packets of an endpoint, filled in anew for each. */
import type { Time } from '../base/time.ts'
import type { Ecn } from '../transport.ts'
import { PacketSpace, PacketType, type ProtectedPacketType } from '../wire/packet-type.ts'
import type { Path } from './path.ts'

/** The packet whose frames are being processed; one record, used again for each. */
export interface ReceivedPacket {
  type: ProtectedPacketType
  space: PacketSpace
  number: number
  path: Path | undefined
  ecn: Ecn
  receivedAt: Time
  /** Of the 1-RTT keys that opened it. */
  generation: number
  ackEliciting: boolean
  /** Of the frame at hand, as on the wire: -1 for one that no number holds. */
  frameType: number
  /** Bytes of the frame at hand, its type included. */
  frameSize: number
  /** Whether all its frames are probing ones (RFC 9000 §9.1). */
  probing: boolean
  readonly buffer: Uint8Array
  /** First byte of the packet in `buffer`. */
  start: number
  /** Bytes of the destination id of a short header. */
  destinationLength: number
}

/** A record, for packets in `buffer`. */
export function receivedPacket(buffer: Uint8Array): ReceivedPacket {
  return {
    type: PacketType.initial,
    space: PacketSpace.initial,
    number: 0,
    path: undefined,
    ecn: 0,
    receivedAt: 0,
    generation: 0,
    ackEliciting: false,
    frameType: 0,
    frameSize: 0,
    probing: true,
    buffer,
    start: 0,
    destinationLength: 0,
  }
}
