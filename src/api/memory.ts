/** What a client remembers of servers from one connection to the next: sessions to go on from, tokens that prove its address. */
import type { Eventually } from '../crypto/eventually.ts'

/**
 * Where a client keeps sessions (`sessionStore`) or address tokens (`tokenStore`), by server: `name:port`. Sessions are secret. Either
 * method may return a promise; a `set` that fails is passed over.
 */
export interface ClientStore {
  /** Takes something out, for one use: what was returned is not to be returned again (RFC 8446 §C.4, RFC 9000 §8.1.3). */
  get(server: string): Eventually<Uint8Array | undefined>
  /** Keeps something beside what there is. */
  set(server: string, value: Uint8Array): Eventually<void>
}

/** How much a {@link MemoryStore} holds. */
export interface MemoryStoreOptions {
  /** Servers; those that were heard of longest ago are forgotten first. Default 256. */
  readonly maxServers?: number
  /** Of one server; the newest are kept. Default 4. */
  readonly maxPerServer?: number
}

/**
 * A store in memory, for sessions or for tokens; not for both.
 *
 * @example
 * ```ts
 * import { connect, MemoryStore } from 'isoquic'
 * import { udp } from 'isoquic/transports/udp'
 *
 * const sessionStore = new MemoryStore()
 * const options = { address: 'example.org:4433', alpn: ['echo'], sessionStore }
 * await using first = await connect(await udp(), options)
 * // The second one costs no signature.
 * await using second = await connect(await udp(), options)
 * ```
 */
export class MemoryStore implements ClientStore {
  readonly #maxServers: number
  readonly #maxPerServer: number
  readonly #servers = new Map<string, Uint8Array[]>()

  /** @throws RangeError for a count below 1 */
  constructor({ maxServers = 256, maxPerServer = 4 }: MemoryStoreOptions = {}) {
    this.#maxServers = checkCount(maxServers, 'maxServers')
    this.#maxPerServer = checkCount(maxPerServer, 'maxPerServer')
  }

  get(server: string): Uint8Array | undefined {
    const kept = this.#servers.get(server)
    // The newest: it is good for longest.
    const value = kept?.pop()
    if (kept?.length === 0) this.#servers.delete(server)
    return value
  }

  set(server: string, value: Uint8Array): void {
    const kept = this.#servers.get(server) ?? []
    this.#servers.delete(server)
    kept.push(value)
    if (kept.length > this.#maxPerServer) kept.shift()
    this.#servers.set(server, kept)
    const [oldest] = this.#servers.keys()
    if (this.#servers.size > this.#maxServers && oldest !== undefined) this.#servers.delete(oldest)
  }
}

function checkCount(count: number, name: string): number {
  if (!(Number.isInteger(count) && count >= 1)) throw new RangeError(`${name} must be an integer from 1, got ${count}`)
  return count
}
