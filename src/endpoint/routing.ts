/**
 * Where a datagram belongs: by its destination connection id, by address for ids of no length, by its last 16 bytes for a
 * stateless reset (RFC 9000 §5.2, §10.3.1). Keys are strings in `Map`s, whose hash a peer cannot aim at.
 */
import { toLatin1 } from '../base/bytes.ts'
import { HmacKey } from '../crypto/hkdf.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import { type ConnectionId, MAX_CONNECTION_ID_LENGTH, STATELESS_RESET_TOKEN_LENGTH } from '../wire/connection-id.ts'

/** Keys of the maps that one connection has entries in: a few of each, and of most kinds as a rule none. */
interface Entries {
  readonly ids: string[]
  tokens: readonly string[]
  addresses: readonly { readonly carrier: Carrier; readonly remote: PathAddress }[]
}

/** The maps of one endpoint. `C` is its connection. */
export class Routing<C extends object> {
  readonly #secret: HmacKey
  readonly #ids = new Map<string, C>()
  readonly #tokens = new Map<string, C>()
  readonly #addresses = new Map<Carrier, Map<PathAddress, C>>()
  readonly #entries = new Map<C, Entries>()
  /** The id of the last datagram, which is as a rule that of the next, and whose it is. */
  readonly #recentId = new Uint8Array(MAX_CONNECTION_ID_LENGTH)
  #recentLength = 0
  #recent: C | undefined

  /** @param secret 32 random bytes, of this object alone. */
  constructor(secret: Uint8Array) {
    this.#secret = new HmacKey('sha256', secret)
  }

  /** How many ids, tokens and addresses there are. */
  get size(): number {
    let size = this.#ids.size + this.#tokens.size
    for (const remotes of this.#addresses.values()) size += remotes.size
    return size
  }

  /** Has packets with `id` go to `connection`. `false`: the id belongs to another connection. */
  addId(id: ConnectionId, connection: C): boolean {
    const owner = this.#ids.get(id.key)
    if (owner !== undefined) return owner === connection
    this.#ids.set(id.key, connection)
    this.#entriesOf(connection).ids.push(id.key)
    return true
  }

  /** The id is not the connection's any more; harmless if it never was. */
  removeId(id: ConnectionId, connection: C): void {
    if (this.#ids.get(id.key) !== connection) return
    this.#recent = undefined
    this.#ids.delete(id.key)
    const ids = this.#entries.get(connection)?.ids
    const index = ids?.indexOf(id.key) ?? -1
    if (index >= 0) ids?.splice(index, 1)
  }

  /** The connection of an id, given by its `ConnectionId.key`. */
  find(key: string): C | undefined {
    return this.#ids.get(key)
  }

  /** The connection of the id of `length` bytes, 20 at most, at `start`. Where it is that of the last call, no key is made. */
  findAt(bytes: Uint8Array, start: number, length: number): C | undefined {
    if (this.#recent !== undefined && this.#isRecent(bytes, start, length)) return this.#recent
    const found = this.#ids.get(toLatin1(bytes, start, start + length))
    if (found === undefined) return undefined
    for (let index = 0; index < length; index++) this.#recentId[index] = bytes[start + index] ?? 0
    this.#recentLength = length
    this.#recent = found
    return found
  }

  #isRecent(bytes: Uint8Array, start: number, length: number): boolean {
    if (length !== this.#recentLength) return false
    for (let index = 0; index < length; index++) if (bytes[start + index] !== this.#recentId[index]) return false
    return true
  }

  /** For a connection whose own ids have no length. `false`: another connection has that carrier and address. */
  addAddress(carrier: Carrier, remote: PathAddress, connection: C): boolean {
    let remotes = this.#addresses.get(carrier)
    if (remotes === undefined) {
      remotes = new Map()
      this.#addresses.set(carrier, remotes)
    }
    const owner = remotes.get(remote)
    if (owner !== undefined) return owner === connection
    remotes.set(remote, connection)
    const entries = this.#entriesOf(connection)
    entries.addresses = entries.addresses.concat({ carrier, remote })
    return true
  }

  /** The connection is not at that address any more; harmless if it never was. */
  removeAddress(carrier: Carrier, remote: PathAddress, connection: C): void {
    if (this.#addresses.get(carrier)?.get(remote) !== connection) return
    this.#deleteAddress(carrier, remote)
    const entries = this.#entries.get(connection)
    if (entries === undefined) return
    entries.addresses = entries.addresses.filter((each) => each.carrier !== carrier || each.remote !== remote)
  }

  /** The connection at an address. */
  findAddress(carrier: Carrier, remote: PathAddress): C | undefined {
    return this.#addresses.get(carrier)?.get(remote)
  }

  /** A datagram from `remote` that ends in `token` resets `connection`. */
  addResetToken(token: Uint8Array, remote: PathAddress, connection: C): void {
    const key = this.#tokenKey(token, remote)
    if (this.#tokens.has(key)) return
    this.#tokens.set(key, connection)
    const entries = this.#entriesOf(connection)
    entries.tokens = entries.tokens.concat(key)
  }

  /** The token's id was retired; harmless if it was never added. */
  removeResetToken(token: Uint8Array, remote: PathAddress, connection: C): void {
    const key = this.#tokenKey(token, remote)
    if (this.#tokens.get(key) !== connection) return
    this.#tokens.delete(key)
    const entries = this.#entries.get(connection)
    if (entries !== undefined) entries.tokens = entries.tokens.filter((other) => other !== key)
  }

  /** The connection that the datagram from `start` to `end` resets, if any. */
  findResetToken(bytes: Uint8Array, start: number, end: number, remote: PathAddress): C | undefined {
    // A short header, its least payload and a token: nothing shorter is a packet (RFC 9000 §10.3).
    if (this.#tokens.size === 0 || end - start < MIN_RESET_LENGTH) return undefined
    return this.#tokens.get(this.#tokenKey(bytes.subarray(end - STATELESS_RESET_TOKEN_LENGTH, end), remote))
  }

  /** Forgets everything of a connection. */
  removeConnection(connection: C): void {
    const entries = this.#entries.get(connection)
    if (entries === undefined) return
    this.#recent = undefined
    this.#entries.delete(connection)
    for (const key of entries.ids) this.#ids.delete(key)
    for (const key of entries.tokens) this.#tokens.delete(key)
    for (const { carrier, remote } of entries.addresses) this.#deleteAddress(carrier, remote)
  }

  #deleteAddress(carrier: Carrier, remote: PathAddress): void {
    const remotes = this.#addresses.get(carrier)
    remotes?.delete(remote)
    if (remotes?.size === 0) this.#addresses.delete(carrier)
  }

  #entriesOf(connection: C): Entries {
    let entries = this.#entries.get(connection)
    if (entries === undefined) {
      entries = { ids: [], tokens: NONE, addresses: NONE }
      this.#entries.set(connection, entries)
    }
    return entries
  }

  /** RFC 9000 §10.3.1: tokens are kept and compared transformed by a secret, so the time a look-up takes tells nothing of them. */
  #tokenKey(token: Uint8Array, remote: PathAddress): string {
    return `${toLatin1(this.#secret.mac(token))} ${remote}`
  }
}

const NONE: readonly never[] = []

/** RFC 9000 §10.3: the smallest stateless reset, bytes. */
export const MIN_RESET_LENGTH = 21
