/** What the paths of a connection are given, and what they are told (`path-manager.ts`). */
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'
import type { Role } from '../wire/stream-id.ts'
import type { ConnectionEvent } from './events.ts'
import type { Path, PathParts } from './path.ts'
import type { PeerIds } from './peer-ids.ts'

/** What a path manager needs. */
export interface PathManagerOptions {
  readonly role: Role
  /** Of the first path, whose id is 0. */
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  /** Server: a token, or the carrier, has proven the client's address already. */
  readonly addressValidated: boolean
  readonly spinBit: boolean
  /** ms, default 333; the PTO of a path without an RTT sample is three times this (RFC 9002 §6.2.2). */
  readonly initialRtt?: Duration
  readonly random: RandomSource
  readonly peerIds: PeerIds
  /** Client: move to where the server would rather be (RFC 9000 §9.6); default `true`. */
  readonly usesPreferredAddress?: boolean
  /** Loss recovery and MTU discovery for a path, when it is first needed. */
  createParts(id: PathId, carrier: Carrier): PathParts
  /** Bytes of 1-RTT datagrams on a carrier; `undefined`: DPLPMTUD finds out. */
  datagramSize?(carrier: Carrier): number | undefined
  /** The PTO of a path, the peer's max_ack_delay included (RFC 9002 §6.2.1). */
  pto(recovery: PathRecovery): Duration
  emit(event: ConnectionEvent): void
  /** The carrier takes nothing for now. */
  isFull?(carrier: Carrier): boolean
  /** Where ids of ours have no length: what comes from there is for us. `false`: another connection has that place. */
  claim?(carrier: Carrier, remoteAddress: PathAddress): boolean
  /** The place of a path that is gone. */
  unclaim?(carrier: Carrier, remoteAddress: PathAddress): void
  /** Recovery that no path has any more. */
  onRecoveryDropped?(recovery: PathRecovery, now: Time): void
  /** The active path has just been validated at its new address (RFC 9000 §9.3: a new token may be due). */
  onPathValidated?(path: Path, now: Time): void
  /** A client has moved: something that is no probe has to tell the server so (RFC 9000 §9.2). */
  onMoved?(now: Time): void
  /** The carrier of the active path is gone, and no other path is left. */
  onStranded?(cause: unknown): void
}

/** A 1-RTT packet that was processed, as far as paths want to know. */
export interface ProcessedPacket {
  readonly number: number
  /** It held nothing but probing frames (RFC 9000 §9.1). */
  readonly probing: boolean
  readonly buffer: Uint8Array
  /** Of its first byte in `buffer`; the id of ours follows. */
  readonly start: number
  readonly destinationLength: number
}
