import type { RandomSource } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import type { MtuDiscovery } from '../recovery/mtu-discovery.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'

/** The smallest datagram that every QUIC path carries, bytes of UDP payload (RFC 9000 §14). */
export const MIN_DATAGRAM_SIZE = 1200

/** What only the connection can make for a path; made when the path is first used. */
export interface PathParts {
  readonly recovery: PathRecovery
  readonly mtu: MtuDiscovery | undefined
}

export declare class Path {
  readonly id: PathId
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  get recovery(): PathRecovery
  get mtu(): MtuDiscovery | undefined
  /** bytes of UDP payload */
  bytesReceived: number
  bytesSent: number
  /** The peer's address is proven (RFC 9000 §8): no amplification limit. */
  get isValidated(): boolean
  /** Handshake packet opened, token valid. */
  markValidated(): void
  /** bytes that may still be sent to the address; `Infinity` once validated. */
  get sendAllowance(): number
  canSend(bytes: number): boolean
  onSent(bytes: number): void
  /** The spin bit of the next 1-RTT packet. */
  spinBit(): 0 | 1
  /** A 1-RTT packet was opened. */
  onSpinBit(bit: 0 | 1, packetNumber: number): void
}
