/**
 * Which worker a datagram belongs to: its destination connection id says so, since the workers of a cluster make ids by one
 * configuration of QUIC-LB, each with a server id of its own (draft-ietf-quic-load-balancers §5). Kept apart from sockets.
 */
import type { QuicLbConfig } from '../../endpoint/quic-lb-config.ts'
import { QuicLbRouter } from '../../endpoint/quic-lb-router.ts'

/** Workers are told apart by this many values; each that is started gets the next one. */
export const WORKER_IDS = 0x1_0000

/** No id of the cluster. */
export const NOWHERE = -1

/** Bytes of an id: as many as others have by default. The nonce makes 2^40 of them for each worker. */
const ID_LENGTH = 8
const SERVER_ID_LENGTH = 2

/** The first octet of every id: configuration 0, and the length of the rest. */
const FIRST_OCTET = ID_LENGTH - 1

/** RFC 8999 §5.1: where a long header tells the length of its destination id. */
const LONG_HEADER_ID_LENGTH = 5

/** Ids whose worker is remembered; a power of two. */
const REMEMBERED_BITS = 12

/**
 * How the ids of a cluster are made and read.
 * @param key 16 bytes, secret: who has it can tell which worker an id leads to, and make such ids.
 */
export function clusterConfig(key: Uint8Array): QuicLbConfig {
  return { id: 0, serverIdLength: SERVER_ID_LENGTH, nonceLength: ID_LENGTH - 1 - SERVER_ID_LENGTH, key }
}

/** The server id that stands in the ids of a worker. */
export function serverIdOf(worker: number): Uint8Array {
  return Uint8Array.of(worker >> 8, worker & 0xff)
}

/**
 * Reads ids. Decryption costs about a microsecond, so each id is decrypted once, as long as it stays in a table of
 * {@link REMEMBERED_BITS} bits; an id costs a look into the table from then on, and allocates nothing.
 */
export class WorkerRoutes {
  readonly #router: QuicLbRouter
  readonly #high = new Int32Array(1 << REMEMBERED_BITS)
  readonly #low = new Int32Array(1 << REMEMBERED_BITS)
  /** One more than the worker, so that 0 is an empty place. */
  readonly #worker = new Int32Array(1 << REMEMBERED_BITS)

  /** @param key as of {@link clusterConfig} */
  constructor(key: Uint8Array) {
    this.#router = new QuicLbRouter([clusterConfig(key)], { checksLength: true })
  }

  /**
   * The worker that the datagram from `start` to `end` names, or {@link NOWHERE}. An id that nobody in the cluster made, such as
   * the one that a client makes up for its first packet, names an arbitrary one with a chance of one in {@link WORKER_IDS} for
   * each worker that there is.
   */
  workerAt(bytes: Uint8Array, start: number, end: number): number {
    let at = start + 1
    if (((bytes[start] ?? 0) & 0x80) !== 0) {
      if (bytes[start + LONG_HEADER_ID_LENGTH] !== ID_LENGTH) return NOWHERE
      at = start + LONG_HEADER_ID_LENGTH + 1
    }
    if (at + ID_LENGTH > end || bytes[at] !== FIRST_OCTET) return NOWHERE
    const high = wordAt(bytes, at)
    const low = wordAt(bytes, at + 4)
    const place = Math.imul(high ^ Math.imul(low, 0x9e3779b1), 0x85ebca6b) >>> (32 - REMEMBERED_BITS)
    const known = this.#worker[place] ?? 0
    if (known !== 0 && this.#low[place] === low && this.#high[place] === high) return known - 1
    const worker = this.#decrypt(bytes.subarray(at, at + ID_LENGTH))
    this.#high[place] = high
    this.#low[place] = low
    this.#worker[place] = worker + 1
    return worker
  }

  #decrypt(id: Uint8Array): number {
    const [high, low] = this.#router.route(id)?.serverId ?? []
    return high === undefined || low === undefined ? NOWHERE : (high << 8) | low
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
}
