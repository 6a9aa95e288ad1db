import type { Time } from '../base/time.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { NewConnectionIdFrame, RetireConnectionIdFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter, PathId } from '../wire/packet-content.ts'

export interface PeerIdsOptions {
  /** Client: the random id of its first Initial; server: the client's source id. */
  readonly initial: ConnectionId
  /** The `active_connection_id_limit` that we advertised. */
  readonly limit: number
  /** The path that begins with `initial`. */
  readonly path: PathId
  /** A token came into use on, or left, a path: the endpoint matches datagrams it cannot route (RFC 9000 §10.3.1). */
  tokenAdded?(token: Uint8Array, path: PathId): void
  tokenRemoved?(token: Uint8Array, path: PathId): void
}

export declare class PeerIds implements FrameSource, FrameOwner<RetireConnectionIdFrame> {
  constructor(options: PeerIdsOptions)
  /** The destination id of packets on `path`; `undefined`: none is left, nothing can be sent there for now. */
  idOf(path: PathId): ConnectionId | undefined
  /** The server's source id in its Retry and in its first Initial packet (RFC 9000 §7.2). */
  replaceInitial(id: ConnectionId): void
  setInitialResetToken(token: Uint8Array): void
  /** @throws TransportError */
  onNewConnectionId(frame: NewConnectionIdFrame): void
  /** Gives a new path an id that was never used. Without a spare: `undefined`; the next one that arrives goes to the path. */
  takeSpare(path: PathId): ConnectionId | undefined
  /** Lets `to` use the id of `from` (RFC 9000 §9.5: an address changed outside the peer's control). */
  share(from: PathId, to: PathId): ConnectionId | undefined
  readonly hasSpare: boolean
  /** The path is gone: its id is retired, unless another path shares it. */
  retire(path: PathId): void
  /** Gives `path` another id, if there is a spare. */
  change(path: PathId): boolean
  /** Whether the 16 bytes before `end` are the token of the id in use on `path`. Constant time. */
  isResetToken(bytes: Uint8Array, end: number, path: PathId): boolean
  close(): void
  get wantsToSend(): boolean
  writeFrames(packet: PacketWriter): void
  onAcked(frame: RetireConnectionIdFrame, now: Time): void
  onLost(frame: RetireConnectionIdFrame, now: Time): void
}
