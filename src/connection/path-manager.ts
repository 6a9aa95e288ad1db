import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { PathChallengeFrame, PathResponseFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter, PathId } from '../wire/packet-content.ts'
import type { Role } from '../wire/stream-id.ts'
import type { ConnectionEvent } from './events.ts'
import type { Path, PathParts } from './path.ts'
import type { PeerIds } from './peer-ids.ts'

export interface PathManagerOptions {
  readonly role: Role
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  /** Server: the token or the carrier proved the address. */
  readonly addressValidated: boolean
  readonly spinBit: boolean
  readonly random: RandomSource
  readonly peerIds: PeerIds
  /** Recovery and MTU discovery of a path. */
  createParts(id: PathId, carrier: Carrier): PathParts
  /** The PTO of a path, peer's max_ack_delay included (RFC 9002 §6.2.1). */
  pto(recovery: PathRecovery): Duration
  emit(event: ConnectionEvent): void
  /** A path that nothing shares recovery with is gone. */
  onPathRemoved?(path: Path, now: Time): void
  /** Server: a peer's new address was proven; a new token may be due (RFC 9000 §9.3). */
  onPathValidated?(path: Path, now: Time): void
}

export declare class PathManager implements FrameSource, FrameOwner<PathChallengeFrame | PathResponseFrame> {
  constructor(options: PathManagerOptions)
  readonly active: Path
  readonly paths: readonly Path[]
  /** For each datagram: its path, with its bytes counted. `undefined`: drop it (RFC 9000 §9). */
  onDatagram(from: PathAddress, via: Carrier, size: number, now: Time): Path | undefined
  /** For each 1-RTT packet that was processed. */
  onPacketProcessed(path: Path, packetNumber: number, probing: boolean, now: Time): void
  onPathChallenge(frame: PathChallengeFrame, path: Path): void
  onPathResponse(frame: PathResponseFrame, now: Time): void
  /** A path may change from now on. */
  onHandshakeConfirmed(): void
  /** The path to send on next: one that owes a challenge or a response, else the active one. */
  next(): Path
  /** No path is left that could be used: the connection ends silently (RFC 9000 §9.3.2). */
  readonly hasFailed: boolean
  onTimeout(now: Time): void
  nextTimeout(): Time
  get wantsToSend(): boolean
  writeFrames(packet: PacketWriter, now: Time): void
  onAcked(frame: PathChallengeFrame | PathResponseFrame, now: Time): void
  onLost(frame: PathChallengeFrame | PathResponseFrame, now: Time): void
}
