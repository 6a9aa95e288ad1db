/**
 * What a router of draft-ietf-quic-load-balancers reads from a connection id: which server it leads to (§5.5), or that it leads
 * nowhere, so that something else must decide (§4). It keeps no state of connections.
 */
import { copyBytes } from '../base/bytes.ts'
import { QuicLbCipher } from './quic-lb-cipher.ts'
import { checkQuicLbConfig, type QuicLbConfig, quicLbIdLength } from './quic-lb-config.ts'

/** Where an id leads. */
export interface QuicLbRoute {
  /** The rotation bits of the id. */
  readonly configId: number
  /** A copy. Whether there is such a server the router must know. */
  readonly serverId: Uint8Array
  /** What made the id unlike others of the server; a copy. */
  readonly nonce: Uint8Array
}

/** How a {@link QuicLbRouter} reads. */
export interface QuicLbRouterOptions {
  /** Whether all servers tell the length of ids in their first octet, so that it can be checked (§4.1). Default `false`. */
  readonly checksLength?: boolean | undefined
}

/** RFC 8999 §5.1: where a long header tells the length of its destination id. */
const LONG_HEADER_ID_LENGTH = 5

/**
 * Reads ids by any number of configurations.
 * ({@link QuicLbIds} has an example of both.)
 */
export class QuicLbRouter {
  readonly #checksLength: boolean
  readonly #configs = new Map<number, { readonly config: QuicLbConfig; readonly cipher: QuicLbCipher | undefined }>()

  /** @throws TypeError, RangeError for a configuration that is none */
  constructor(configs: Iterable<QuicLbConfig> = [], options: QuicLbRouterOptions = {}) {
    this.#checksLength = options.checksLength ?? false
    for (const config of configs) this.set(config)
  }

  /** Reads ids with these rotation bits by `config` from now on. @throws TypeError, RangeError as the constructor */
  set(config: QuicLbConfig): void {
    checkQuicLbConfig(config)
    const { id, key, nonceLength, serverIdLength } = config
    const cipher = key === undefined ? undefined : new QuicLbCipher(key, serverIdLength + nonceLength)
    this.#configs.set(id, { config: { ...config, key: undefined }, cipher })
  }

  /** Ids with these rotation bits lead nowhere from now on. */
  delete(id: number): void {
    this.#configs.delete(id)
  }

  /** Where the destination id at the beginning of `id` leads; `undefined`: nowhere (§4.1). Bytes that follow are not looked at. */
  route(id: Uint8Array): QuicLbRoute | undefined {
    const first = id[0]
    if (first === undefined) return undefined
    const known = this.#configs.get(first >> 5)
    if (known === undefined) return undefined
    const length = quicLbIdLength(known.config)
    if (id.length < length || (this.#checksLength && (first & 0x1f) < length - 1)) return undefined
    // The datagram stays as it is: it may be a Buffer, whose own `slice` shares memory.
    const plain = copyBytes(id, 1, length)
    known.cipher?.decrypt(plain)
    const { serverIdLength } = known.config
    return {
      configId: known.config.id,
      serverId: plain.slice(0, serverIdLength),
      nonce: plain.slice(serverIdLength),
    }
  }

  /** Where a datagram leads, by the destination id of its first packet (RFC 8999 §5); `undefined`: nowhere. Never throws. */
  routeDatagram(bytes: Uint8Array): QuicLbRoute | undefined {
    const first = bytes[0]
    if (first === undefined) return undefined
    if ((first & 0x80) === 0) return this.route(bytes.subarray(1))
    const length = bytes[LONG_HEADER_ID_LENGTH] ?? 0
    const start = LONG_HEADER_ID_LENGTH + 1
    if (length === 0 || bytes.length < start + length) return undefined
    // §4.1: in a long header both lengths must agree.
    if (this.#checksLength && ((bytes[start] ?? 0) & 0x1f) !== length - 1) return undefined
    return this.route(bytes.subarray(start, start + length))
  }
}
