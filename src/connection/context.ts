/** What the parts of one connection share. Rooms to the left never see it: they get narrow arguments. */
import type { RandomSource } from '../base/random.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import type { IntegrityCounter } from '../protection/packet-keys.ts'
import type { Observer } from '../wire/observer.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import type { ConnectionConfig } from './config.ts'
import type { EventQueue } from './event-queue.ts'
import type { FixedBit } from './fixed-bit.ts'
import type { PathSettings } from './reconfiguration.ts'

/** Facts and tools common to all parts of a connection. */
export interface ConnectionContext {
  readonly role: Role
  /** The version in use; it may change after Version Negotiation (RFC 9000 §6.2), and once more when the server has chosen (RFC 9368). */
  version: number
  readonly config: ConnectionConfig
  readonly random: RandomSource
  readonly observer: Observer | undefined
  readonly engine: PacketEngine
  /** Failed opens of all keys count together (RFC 9001 §6.6). */
  readonly integrity: IntegrityCounter
  /** What the application is still to be told. */
  readonly events: EventQueue
  readonly counters: PacketCounters
  /** May change while the connection runs. */
  readonly pathSettings: PathSettings
  /** Of the packets that are sent. */
  readonly fixedBit: FixedBit
  /** Checked and in force; `undefined` until they have come. */
  peerParameters: TransportParameters | undefined
}

/** Counts since the connection began; sizes in bytes of UDP payload. */
export interface PacketCounters {
  bytesReceived: number
  datagramsReceived: number
  packetsReceived: number
  packetsDropped: number
  bytesSent: number
  datagramsSent: number
  /** Calls of an engine's `seal` and `open`: with the packets they tell the size of batches. */
  seals: number
  sealedPackets: number
  opens: number
  openedPackets: number
  acksReceived: number
  acksSent: number
}

/** Counters at zero. */
export function packetCounters(): PacketCounters {
  return {
    bytesReceived: 0,
    datagramsReceived: 0,
    packetsReceived: 0,
    packetsDropped: 0,
    bytesSent: 0,
    datagramsSent: 0,
    seals: 0,
    sealedPackets: 0,
    opens: 0,
    openedPackets: 0,
    acksReceived: 0,
    acksSent: 0,
  }
}
