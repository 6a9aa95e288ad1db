/**
 * Connection ids of draft-ietf-quic-load-balancers for servers: each holds the id of its server and a nonce, so that a router
 * without any state finds the way (§5). Whoever reads them is `quic-lb-router.ts`.
 */
import { copyBytes, equalBytes } from '../base/bytes.ts'
import { type RandomSource, randomBytes, randomInteger } from '../base/random.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { QuicLbCipher } from './quic-lb-cipher.ts'
import { checkQuicLbConfig, type QuicLbConfig, quicLbIdLength, UNROUTABLE } from './quic-lb-config.ts'
import { QuicLbNonces } from './quic-lb-nonce.ts'

/** §3.2: bytes of an id without a configuration; seven of them are random. */
const UNROUTABLE_LENGTH = 8

/** What a {@link QuicLbIds} is made of. */
export interface QuicLbOptions {
  /** Where nonces begin, and what is random in ids. `{ fill: (bytes) => void crypto.getRandomValues(bytes) }` will do. */
  readonly random: RandomSource
  /** Absent: ids lead nowhere until {@link QuicLbIds.configure} is called. */
  readonly config?: QuicLbConfig | undefined
  /** Who this server is; as long as the configuration says. */
  readonly serverId?: Uint8Array | undefined
  /** Whether the first octet tells the length of the id (§3.3); else five of its bits are random. Default `true`. */
  readonly describesLength?: boolean | undefined
}

/** A configuration that ids are, or were, made by. */
interface Known {
  readonly config: QuicLbConfig
  readonly cipher: QuicLbCipher | undefined
  readonly nonces: QuicLbNonces
}

/**
 * Makes the ids of one server. One object serves one endpoint, or several that share the server id: no two objects may make
 * ids by the same key and server id at the same time, since their nonces would meet (§9.6).
 *
 * @example
 * ```ts run
 * import { listen } from 'isoquic'
 * import { devCertificate } from 'isoquic/dev'
 * import { QuicLbIds, QuicLbRouter } from 'isoquic/quic-lb'
 * import { udp } from 'isoquic/transports/udp'
 *
 * const random = { fill: (bytes: Uint8Array) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) }
 * const config = { id: 0, serverIdLength: 2, nonceLength: 6, key: crypto.getRandomValues(new Uint8Array(16)) }
 * const ids = new QuicLbIds({ random, config, serverId: Uint8Array.of(0, 17) })
 * const server = await listen(await udp({ host: '127.0.0.1' }), {
 *   alpn: ['demo'], certificate: await devCertificate(), connectionIdGenerator: ids,
 * })
 *
 * // A router that has the same configuration finds the server of any packet.
 * const router = new QuicLbRouter([config])
 * console.log(router.route(ids.generate().bytes)?.serverId.join('.')) // 0.17
 *
 * // A new key: from now on ids are made by it, and connections are asked to move to such ids.
 * const next = { ...config, id: 1, key: crypto.getRandomValues(new Uint8Array(16)) }
 * router.set(next)
 * ids.configure(next, Uint8Array.of(0, 17))
 * for (const connection of server.connections) connection.issueConnectionIds()
 * await server.close()
 * ```
 */
export class QuicLbIds implements ConnectionIdGenerator {
  readonly #random: RandomSource
  readonly #describesLength: boolean
  readonly #known = new Map<number, Known>()
  // By key, never forgotten.
  readonly #nonces: { readonly key: Uint8Array | undefined; readonly length: number; readonly nonces: QuicLbNonces }[] =
    []
  #current: Known | undefined = undefined
  #serverId: Uint8Array = new Uint8Array(0)

  /** @throws TypeError, RangeError for a configuration or a server id that is none */
  constructor(options: QuicLbOptions) {
    this.#random = options.random
    this.#describesLength = options.describesLength ?? true
    if (options.config !== undefined) this.configure(options.config, options.serverId)
  }

  /** Bytes of the ids that are made now. */
  get length(): number {
    return this.#current === undefined ? UNROUTABLE_LENGTH : quicLbIdLength(this.#current.config)
  }

  /** §3.2: of ids that lead nowhere a connection has one, as no other could be told apart from somebody else's. */
  get isSingle(): boolean {
    return this.#current === undefined
  }

  /** Ids that can still be made by the present configuration, up to 2^53-1; a new one is due before there are none (§9.6). */
  get noncesLeft(): number {
    return this.#current?.nonces.left ?? 0
  }

  /**
   * Makes ids by `config` from now on (§3.1); with `undefined` they lead nowhere. Ids by earlier configurations stay valid
   * until {@link forget}; their connections get new ones by `issueConnectionIds`. A key that was used before goes on with
   * the nonces that are left.
   * @throws TypeError, RangeError for what is none, and for rotation bits that stand for another configuration still
   */
  configure(config: QuicLbConfig | undefined, serverId?: Uint8Array): void {
    if (config === undefined) {
      this.#current = undefined
      return
    }
    checkQuicLbConfig(config)
    if (!(serverId instanceof Uint8Array)) throw new TypeError(`serverId must be a Uint8Array, got ${typeof serverId}`)
    const { id, key, nonceLength, serverIdLength } = config
    if (serverId.length !== serverIdLength) {
      throw new RangeError(
        `serverId must have ${serverIdLength} bytes as the configuration says, got ${serverId.length}`,
      )
    }
    const old = this.#known.get(id)
    if (old !== undefined && !isSame(old.config, config)) {
      throw new RangeError(`config.id ${id} stands for another configuration; forget that one first`)
    }
    const known = old ?? {
      config: { ...config, key: key && copyBytes(key) },
      cipher: key === undefined ? undefined : new QuicLbCipher(key, serverIdLength + nonceLength),
      nonces: this.#noncesOf(key && copyBytes(key), nonceLength),
    }
    this.#known.set(id, known)
    this.#current = known
    this.#serverId = copyBytes(serverId)
  }

  /** No connection uses ids by this configuration any more: its rotation bits may stand for another one. Not the present one. */
  forget(id: number): void {
    if (this.#current?.config.id === id) throw new RangeError(`config.id ${id} is that of the present configuration`)
    this.#known.delete(id)
  }

  generate(): ConnectionId {
    const known = this.#current
    if (known === undefined) return this.#unroutable()
    const { cipher, config, nonces } = known
    const bytes = new Uint8Array(quicLbIdLength(config))
    if (!nonces.take(bytes, 1 + config.serverIdLength)) {
      // §9.6: rather an id that leads nowhere than a nonce that was used.
      this.#current = undefined
      return this.#unroutable()
    }
    bytes[0] = (config.id << 5) | this.#lowBits(bytes.length)
    bytes.set(this.#serverId, 1)
    cipher?.encrypt(bytes.subarray(1))
    return ConnectionId.from(bytes)
  }

  /** Bytes of the id that begins at `start` and is one of this server's; -1: no configuration is known that made it. */
  lengthAt(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return -1
    const rotation = (bytes[start] ?? 0) >> 5
    if (rotation === UNROUTABLE) return UNROUTABLE_LENGTH
    const known = this.#known.get(rotation)
    return known === undefined ? -1 : quicLbIdLength(known.config)
  }

  #lowBits(length: number): number {
    return this.#describesLength ? length - 1 : randomInteger(this.#random, 32)
  }

  /** §3.2: it tells its length in any case. */
  #unroutable(): ConnectionId {
    const bytes = randomBytes(this.#random, UNROUTABLE_LENGTH)
    bytes[0] = (UNROUTABLE << 5) | (UNROUTABLE_LENGTH - 1)
    return ConnectionId.from(bytes)
  }

  /** §9.6: a nonce is used once under a key, whatever rotation bits go with it. */
  #noncesOf(key: Uint8Array | undefined, length: number): QuicLbNonces {
    const old = this.#nonces.find((used) => used.length === length && isSameKey(used.key, key))
    if (old !== undefined) return old.nonces
    const nonces = new QuicLbNonces(this.#random, length, key === undefined)
    this.#nonces.push({ key, length, nonces })
    return nonces
  }
}

function isSame(a: QuicLbConfig, b: QuicLbConfig): boolean {
  return a.serverIdLength === b.serverIdLength && a.nonceLength === b.nonceLength && isSameKey(a.key, b.key)
}

function isSameKey(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b)
}
