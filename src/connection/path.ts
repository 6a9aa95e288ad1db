/**
 * One path of a connection: a local carrier and a remote address, with what is known of the way between them. It counts
 * bytes against amplification (RFC 9000 §8) and keeps the responses that it owes; which path is used is decided elsewhere.
 */
import { toLatin1 } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import type { MtuDiscovery } from '../recovery/mtu-discovery.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { PathId } from '../wire/packet-content.ts'
import { hostOf } from '../wire/path-address.ts'
import type { Role } from '../wire/stream-id.ts'
import { PathValidation } from './path-validation.ts'
import { SpinBit } from './spin-bit.ts'

/** The smallest datagram that every path of QUIC carries, bytes of UDP payload (RFC 9000 §14). */
export const MIN_DATAGRAM_SIZE = 1200

/** RFC 9000 §8: bytes sent for each byte received, until the peer's address is validated. */
const AMPLIFICATION_FACTOR = 3

/** PATH_CHALLENGEs that wait for their response; a flood of them keeps the newest. */
const MAX_PENDING_RESPONSES = 4

/** Loss recovery and MTU discovery of a path, made when the path is first sent on. */
export interface PathParts {
  readonly recovery: PathRecovery
  readonly mtu: MtuDiscovery | undefined
}

/** What we opened a path for: to keep it, to move to it at the application's wish, or at the server's (RFC 9000 §9.6). */
export type PathPurpose = 'spare' | 'move' | 'preferred'

/** What a path is to its connection now. */
export type PathState =
  /** Data goes there. */
  | 'active'
  /** Challenged, and not yet answered (RFC 9000 §8.2). */
  | 'validating'
  /** Proven, to be moved to at any time. */
  | 'spare'
  /** Left; for a while what comes late is heard. */
  | 'leaving'

/** What a {@link Path} is made of. */
export interface PathOptions {
  readonly id: PathId
  readonly role: Role
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  /** The peer's address needs no proof, or has given it. */
  readonly validated: boolean
  readonly spinBit: boolean
  readonly random: RandomSource
  createParts(): PathParts
}

/** One path. */
export class Path {
  readonly id: PathId
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  readonly validation: PathValidation
  readonly spin: SpinBit
  /** Data of the PATH_CHALLENGEs that were received on the path and not yet answered, oldest first. */
  readonly responses: Uint8Array[] = []
  /** Bytes of UDP payload. */
  bytesReceived = 0
  /** Bytes of UDP payload. */
  bytesSent = 0
  /** When a datagram last came. */
  lastReceived: Time = -Infinity
  /** It was the active path once. */
  wasActive = false
  /** Why we opened it; `undefined`: the handshake did, or the peer. */
  purpose: PathPurpose | undefined = undefined
  /** Until then it is kept, though nothing depends on it. */
  retainedUntil: Time = -Infinity
  /** Our listeners know that it is active and its address proven. */
  isAnnounced = false
  /** Its carrier is gone: nothing can be sent. */
  isDead = false
  /** Bytes: what the carrier took when it was last looked at. */
  carrierLimit: number
  /** The `key` of the id of ours that the peer addressed its last 1-RTT packet on this path to. */
  localId = ''
  readonly #createParts: () => PathParts
  #parts: PathParts | undefined
  #destination: ConnectionId | undefined
  #validated: boolean

  constructor(options: PathOptions) {
    this.id = options.id
    this.carrier = options.carrier
    this.remoteAddress = options.remoteAddress
    this.carrierLimit = options.carrier.maxDatagramSize
    this.validation = new PathValidation(options.random)
    this.spin = new SpinBit(options.role, options.spinBit, options.random)
    this.#createParts = options.createParts
    this.#parts = undefined
    this.#destination = undefined
    this.#validated = options.validated
  }

  /** Whether it leads from that carrier to that address. */
  isAt(remoteAddress: PathAddress, carrier: Carrier): boolean {
    return this.remoteAddress === remoteAddress && this.carrier === carrier
  }

  /** What loss recovery and congestion control know of the path. */
  get recovery(): PathRecovery {
    return this.#own().recovery
  }

  /** The search for the path's MTU; `undefined` where there is none to search for. */
  get mtu(): MtuDiscovery | undefined {
    return this.#own().mtu
  }

  /**
   * Goes on with the congestion state, RTT and MTU of `other`: only its port is another (RFC 9000 §9.4). Returns the
   * recovery that this path had of its own, if it was probed before.
   */
  continueFrom(other: Path): PathRecovery | undefined {
    const own = this.#parts?.recovery
    this.#parts = other.#own()
    return own === this.#parts.recovery ? undefined : own
  }

  /** Whether both share their congestion state. */
  sharesRecoveryWith(other: Path): boolean {
    return this.#parts !== undefined && this.#parts === other.#parts
  }

  /** Whether it was ever sent on. */
  get hasRecovery(): boolean {
    return this.#parts !== undefined
  }

  /** The spin bit of a 1-RTT packet that is sent to `destination`; begins anew with each id (RFC 9000 §17.4). */
  spinBit(destination: ConnectionId): 0 | 1 {
    if (destination !== this.#destination) {
      if (this.#destination !== undefined) this.spin.onConnectionIdChanged()
      this.#destination = destination
    }
    return this.spin.value
  }

  /** Whether the peer is known to receive at the address, so that amplification is no concern (RFC 9000 §8). */
  get isValidated(): boolean {
    return this.#validated
  }

  /** The peer's address is proven: by a Handshake packet, a token, the carrier, or a PATH_RESPONSE. */
  markValidated(): void {
    this.#validated = true
  }

  /** Bytes that may still be sent to the address; `Infinity` once it is validated, 0 where nothing can be. */
  get sendAllowance(): number {
    if (this.isDead) return 0
    return this.#validated ? Infinity : Math.max(0, this.bytesReceived * AMPLIFICATION_FACTOR - this.bytesSent)
  }

  /** Whether the amplification limit allows a datagram of this many bytes. */
  canSend(bytes: number): boolean {
    return bytes <= this.sendAllowance
  }

  /** A datagram left. */
  onSent(bytes: number): void {
    this.bytesSent += bytes
  }

  /** A datagram came, whatever was in it (RFC 9000 §8.1). */
  onReceived(bytes: number, now: Time): void {
    this.bytesReceived += bytes
    this.lastReceived = now
  }

  /** The peer addressed a packet on this path to the id of ours at `start` (RFC 9000 §9.5). */
  onDestination(bytes: Uint8Array, start: number, length: number): void {
    const known = this.localId
    let same = known.length === length ? 0 : -1
    while (same >= 0 && same < length && known.charCodeAt(same) === bytes[start + same]) same += 1
    if (same < length) this.localId = toLatin1(bytes, start, start + length)
  }

  /** Whether a challenge or a response is to be sent on it. */
  get owesProbe(): boolean {
    return this.validation.isDue || this.responses.length > 0
  }

  /** Keeps a response to be sent; of too many the oldest is forgotten. */
  addResponse(data: Uint8Array): void {
    if (this.responses.length === MAX_PENDING_RESPONSES) this.responses.shift()
    this.responses.push(data)
  }

  #own(): PathParts {
    this.#parts ??= this.#createParts()
    return this.#parts
  }
}

/** Whether both lead from one host to one other, each by another port: known only where the hosts are (RFC 9000 §9.4). */
export function differsInPort(path: Path, old: Path): boolean {
  if (hostOf(path.remoteAddress) !== hostOf(old.remoteAddress)) return false
  if (path.carrier === old.carrier) return true
  const local = hostOf(path.carrier.localAddress)
  if (local !== hostOf(old.carrier.localAddress) || UNKNOWN_HOSTS.includes(local)) return false
  const { congestionControlled, ordered, reliable } = path.carrier.properties
  const before = old.carrier.properties
  return (
    congestionControlled === before.congestionControlled && ordered === before.ordered && reliable === before.reliable
  )
}

/** Local addresses that say nothing of the way that is taken. */
const UNKNOWN_HOSTS: readonly string[] = ['', '0.0.0.0', '::']
