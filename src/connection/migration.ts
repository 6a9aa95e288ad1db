/**
 * What only a client does with paths: it opens them, keeps them as spares, moves to one, and follows the server to its
 * preferred address (RFC 9000 §9.1, §9.2, §9.6). Each attempt is told of by an event with the path's id; what is refused at
 * once throws. Challenges and responses are the path manager's.
 */
import type { Duration, Time } from '../base/time.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'
import { hostBytes, hostOf } from '../wire/path-address.ts'
import type { PreferredAddress } from '../wire/transport-parameters.ts'
import type { Path, PathPurpose } from './path.ts'
import type { PathManagerOptions } from './path-options.ts'

/** Why a path was not opened, or came to nothing. */
export type MigrationFailure =
  /** Only clients migrate (RFC 9000 §9). */
  | 'server'
  /** The handshake is not confirmed yet (RFC 9000 §9). */
  | 'not-confirmed'
  /** The peer asked for no migration: `disable_active_migration` (RFC 9000 §18.2). */
  | 'disabled'
  /** The peer has left no id that another path did not have (RFC 9000 §9.5), or its ids have no length. */
  | 'no-connection-id'
  /** There are as many paths as there may be. */
  | 'too-many-paths'
  /** Ids of ours have no length, and another connection has that carrier and address. */
  | 'address-in-use'
  /** No challenge was answered in time (RFC 9000 §8.2.4). */
  | 'timeout'
  /** The carrier was closed. */
  | 'carrier-closed'
  /** Another migration was begun meanwhile. */
  | 'superseded'
  /** The application gave it up. */
  | 'aborted'

/** A path that cannot be opened. */
export class MigrationError extends Error {
  override readonly name: string = 'MigrationError'
  readonly failure: MigrationFailure

  constructor(failure: MigrationFailure) {
    super(MIGRATION_FAILURES[failure])
    this.failure = failure
  }
}

/** What each failure says to people. */
export const MIGRATION_FAILURES: Readonly<Record<MigrationFailure, string>> = {
  server: 'Only a client migrates (RFC 9000 §9)',
  'not-confirmed': 'There is no migration before the handshake is confirmed (RFC 9000 §9): wait for handshakeConfirmed',
  disabled: 'The server asked for no migration: disable_active_migration (RFC 9000 §18.2)',
  'no-connection-id': 'The server has left no connection id for another path (RFC 9000 §9.5)',
  'too-many-paths': 'The connection has as many paths as it may have',
  'address-in-use': 'Another connection without connection ids of its own uses that transport and address',
  timeout: 'The new path did not answer in time (RFC 9000 §8.2.4)',
  'carrier-closed': 'The transport of the new path was closed',
  superseded: 'Another migration was begun before this one was done',
  aborted: 'The migration was given up',
}

/** The path manager, as far as a migration needs it. */
export interface PathTable {
  /** A function, not a getter: V8 puts the getters of an object literal into old space, where they keep the dead connection alive. */
  active(): Path
  readonly paths: readonly Path[]
  /** Adds a path with an id of its own, and begins to validate it. */
  open(carrier: Carrier, remoteAddress: PathAddress, timeout: Duration | undefined, now: Time): Path
  /** Data goes to `path` from now on; the one before is kept for a while. */
  moveTo(path: Path, now: Time): void
  remove(path: Path, now: Time): void
}

/** What a client asks for. */
export interface PathRequest {
  readonly carrier: Carrier
  /** Default: where the active path leads. */
  readonly remoteAddress?: PathAddress | undefined
  /** `'move'`: to it as soon as it is validated; `'spare'`: keep it. */
  readonly purpose: 'move' | 'spare'
  /** ms; default: three times the larger PTO of the active and of a fresh path (RFC 9000 §8.2.4). */
  readonly timeout?: Duration | undefined
}

/** A client's migrations. */
export class Migration {
  readonly #options: PathManagerOptions
  readonly #table: PathTable
  /** Paths at a time. */
  readonly #maxPaths: number
  readonly #handshakeAddress: PathAddress
  #isConfirmed = false
  #isDisabled = false
  /** Addresses that the server stated of itself, best first. */
  #preferred: readonly PathAddress[] = []
  /** The preferred address was reached, or is not to be. */
  #isSettled = false

  constructor(options: PathManagerOptions, table: PathTable, maxPaths: number) {
    this.#options = options
    this.#table = table
    this.#maxPaths = maxPaths
    this.#handshakeAddress = options.remoteAddress
  }

  /** The server's transport parameters have come. */
  onPeerParameters(isDisabled: boolean, preferred: PreferredAddress | undefined): void {
    this.#isDisabled = isDisabled
    if (preferred !== undefined) this.#preferred = addressesToTry(preferred, this.#handshakeAddress)
  }

  /** RFC 9000 §9.6.1: the preferred address is tried as soon as the handshake is confirmed. */
  onHandshakeConfirmed(now: Time): void {
    this.#isConfirmed = true
    this.#tryPreferred(this.#table.active().carrier, now)
  }

  /**
   * Opens a path, or takes the one that there is to that carrier and address, and returns its id: `path-validated` or
   * `path-failed` tells the rest.
   *
   * @throws MigrationError
   */
  begin(request: PathRequest, now: Time): PathId {
    const table = this.#table
    const { carrier, purpose } = request
    const remoteAddress = request.remoteAddress ?? table.active().remoteAddress
    if (!this.#isConfirmed) throw new MigrationError('not-confirmed')
    const known = table.paths.find((path) => path.isAt(remoteAddress, carrier))
    if (known !== undefined) return this.#reuse(known, purpose, now)
    // RFC 9000 §18.2: no new local address to where the handshake went; its preferred addresses it has offered itself.
    if (this.#isDisabled && !this.#preferred.includes(remoteAddress)) throw new MigrationError('disabled')
    this.#checkRoom(1)
    if (purpose === 'move') this.#supersede(now)
    const path = this.#open(carrier, remoteAddress, purpose, request.timeout, now)
    // RFC 9000 §9.6.3: from the new address, both addresses of the server are tried at the same time.
    if (purpose === 'move' && remoteAddress === this.#handshakeAddress) this.#tryPreferred(carrier, now)
    return path.id
  }

  /** The application does not want the path any more; harmless if it is gone or in use. */
  abandon(id: PathId, now: Time): void {
    const table = this.#table
    const path = table.paths.find((each) => each.id === id)
    if (path !== undefined && path !== table.active() && !path.wasActive) this.#fail(path, 'aborted', now)
  }

  /** The path has answered. */
  onValidated(path: Path, now: Time): void {
    const table = this.#table
    if (path.purpose === undefined) return
    this.#tell(path)
    if (path.purpose === 'spare' || path === table.active()) return
    if (path.purpose === 'preferred') {
      this.#isSettled = true
      // RFC 9000 §9.6.3: the same move, to the better of two addresses.
      for (const other of table.paths.filter((each) => isMoving(each) && each.carrier === path.carrier)) {
        if (other === path) continue
        this.#tell(other)
        table.remove(other, now)
      }
    }
    table.moveTo(path, now)
  }

  /** The path has not answered. */
  onFailed(path: Path, failure: MigrationFailure, now: Time): void {
    if (path.purpose === undefined) return
    if (path.purpose === 'preferred') this.#isSettled = true
    this.#fail(path, failure, now)
  }

  #reuse(path: Path, purpose: PathPurpose, now: Time): PathId {
    const table = this.#table
    if (path.validation.isRunning && path !== table.active()) {
      if (purpose === 'move' && path.purpose !== 'move') {
        this.#supersede(now)
        path.purpose = 'move'
      }
      return path.id
    }
    if (purpose === 'move') {
      this.#supersede(now)
      table.moveTo(path, now)
    } else path.purpose = 'spare'
    this.#tell(path)
    return path.id
  }

  /** @throws MigrationError where there is no room for so many paths more */
  #checkRoom(count: number): void {
    const { peerIds } = this.#options
    // RFC 9000 §9.5: a peer without ids could be followed from path to path by anyone.
    if (!peerIds.hasIds || peerIds.spareCount < count) throw new MigrationError('no-connection-id')
    const kept = this.#table.paths.filter((path) => !path.wasActive || path === this.#table.active())
    if (kept.length + count > this.#maxPaths) {
      throw new MigrationError('too-many-paths')
    }
  }

  #open(
    carrier: Carrier,
    remoteAddress: PathAddress,
    purpose: PathPurpose,
    timeout: Duration | undefined,
    now: Time,
  ): Path {
    const isFree = this.#options.claim?.(carrier, remoteAddress) ?? true
    if (!isFree) throw new MigrationError('address-in-use')
    const path = this.#table.open(carrier, remoteAddress, timeout, now)
    path.purpose = purpose
    this.#options.emit({ type: 'path-probed', path: path.id, localAddress: carrier.localAddress, remoteAddress })
    return path
  }

  #tryPreferred(carrier: Carrier, now: Time): void {
    const { usesPreferredAddress = true } = this.#options
    const table = this.#table
    const [address] = this.#preferred
    if (!usesPreferredAddress || this.#isSettled || address === undefined) return
    for (const path of table.paths.filter((each) => each.purpose === 'preferred')) this.#fail(path, 'superseded', now)
    try {
      this.#checkRoom(1)
      this.#open(carrier, address, 'preferred', undefined, now)
    } catch (error) {
      // The server goes without what it prefers; nobody waits for it.
      if (!(error instanceof MigrationError)) throw error
    }
  }

  /** The newest wish counts. */
  #supersede(now: Time): void {
    for (const path of this.#table.paths.filter(isMoving)) {
      if (path.purpose === 'move') this.#fail(path, 'superseded', now)
    }
  }

  #fail(path: Path, failure: MigrationFailure, now: Time): void {
    const { id, carrier, remoteAddress } = path
    path.purpose = undefined
    if (path !== this.#table.active()) this.#table.remove(path, now)
    this.#options.emit({ type: 'path-failed', path: id, failure, localAddress: carrier.localAddress, remoteAddress })
  }

  #tell({ id, carrier, remoteAddress }: Path): void {
    this.#options.emit({ type: 'path-validated', path: id, localAddress: carrier.localAddress, remoteAddress })
  }
}

/** Whether a client keeps the path though nothing is sent there. */
export function isSpare(path: Path): boolean {
  return path.purpose === 'spare' && !path.wasActive && !path.isDead && !path.validation.isRunning
}

function isMoving(path: Path): boolean {
  return path.purpose !== undefined && path.purpose !== 'spare' && path.validation.isRunning
}

/**
 * The server's addresses that may be tried, that of the family in use first (RFC 9000 §9.6.3). A carrier with one peer has no
 * use for them. RFC 9000 §21.5.6: nobody elsewhere sends us to services of this very machine.
 */
function addressesToTry({ ipv4, ipv6 }: PreferredAddress, current: PathAddress): PathAddress[] {
  if (current === '') return []
  const isIpv6 = hostOf(current).includes(':')
  const both = isIpv6 ? [ipv6, ipv4] : [ipv4, ipv6]
  return both.filter(
    (address): address is PathAddress =>
      address !== undefined && address !== current && (isLoopback(current) || !isLoopback(address)),
  )
}

/** 127.0.0.0/8 and ::1, mapped addresses included. */
function isLoopback(address: PathAddress): boolean {
  const bytes = hostBytes(hostOf(address))
  if (bytes === undefined) return hostOf(address) === 'localhost'
  if (bytes.length === 4) return bytes[0] === 127
  const isMapped = bytes.every((byte, index) => index >= 12 || byte === (index < 10 ? 0 : 0xff))
  return isMapped ? bytes[12] === 127 : bytes.every((byte, index) => byte === (index === 15 ? 1 : 0))
}
