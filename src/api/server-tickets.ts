/** Session tickets of a server as options: how sessions are resumed, and whether 0-RTT data is taken. */
import { randomBytes } from '../base/random.ts'
import type { TicketTerms } from '../connection/ticket-terms.ts'
import { andThen, type Eventually } from '../crypto/eventually.ts'
import type { Environment } from '../environment.ts'
import { EarlyDataRegister } from '../tls/early-data-register.ts'
import { MAX_TICKET_LIFETIME } from '../tls/ticket-message.ts'
import { TicketKeys } from '../tls/tickets.ts'
import type { PathAddress } from '../transport.ts'
import { checkKeys } from './known-keys.ts'

/** How sessions are resumed. */
export interface TicketOptions {
  /**
   * At least 32 bytes, secret; with the same key tickets outlive a restart, and hold for all servers that share it. Who has it
   * can read 0-RTT data. Default: random.
   */
  readonly key?: Uint8Array | undefined
  /** Tickets that a client gets with each connection, 0 to 16. Default 2. */
  readonly count?: number | undefined
  /** ms for which a ticket is good, up to seven days. Default one day. */
  readonly lifetime?: number | undefined
  /** What the application relies on, such as settings of its own: 0-RTT is refused to tickets that were given out under another. */
  readonly applicationState?: Uint8Array | undefined
}

/** An attempt to send early data, with a ticket that fits and is fresh. */
export interface EarlyDataAttempt {
  /** 16 bytes, the same for each attempt with the same ticket. */
  readonly ticketId: Uint8Array
  /** Unix ms: when the ticket was given out. */
  readonly issuedAt: number
  readonly alpn: string
  readonly serverName: string | undefined
  readonly remoteAddress: PathAddress
}

/**
 * Whether early data is accepted; asked once for each attempt, after this server has made sure that it has not accepted the
 * ticket before. Where several servers share a ticket key, an attacker can repeat early data to each of them once, unless this
 * asks a register that they share (RFC 8446 §8).
 */
export type AcceptEarlyData = (attempt: EarlyDataAttempt) => Eventually<boolean>

const DAY = 86_400_000
const MAX_LIFETIME = MAX_TICKET_LIFETIME * 1000

/** The tickets of one server. */
export class ServerTickets {
  readonly #keys: TicketKeys
  readonly #terms: Omit<TicketTerms, 'acceptEarlyData'>
  readonly #register: EarlyDataRegister | undefined
  readonly #accept: AcceptEarlyData | undefined
  readonly #environment: Environment

  /** @throws TypeError, RangeError for options of the wrong kind */
  constructor(
    options: TicketOptions,
    earlyData: boolean,
    accept: AcceptEarlyData | undefined,
    environment: Environment,
  ) {
    checkKeys(options, ['key', 'count', 'lifetime', 'applicationState'], 'tickets')
    const { key, count = 2, lifetime = DAY, applicationState } = options
    if (!(Number.isInteger(count) && count >= 0 && count <= 16)) {
      throw new RangeError(`tickets.count must be an integer from 0 to 16, got ${count}`)
    }
    if (!(lifetime >= 1000 && lifetime <= MAX_LIFETIME)) {
      throw new RangeError(`tickets.lifetime must be 1000 to ${MAX_LIFETIME} ms, got ${lifetime}`)
    }
    const { random } = environment
    this.#environment = environment
    this.#keys = new TicketKeys(key ?? randomBytes(random, 32), random)
    this.#terms = { sealer: this.#keys, count, lifetime: Math.floor(lifetime / 1000), applicationState }
    this.#register = earlyData ? new EarlyDataRegister(environment.wallClock()) : undefined
    this.#accept = accept
  }

  /** The terms for a connection of the client at `remoteAddress`. */
  termsFor(remoteAddress: PathAddress): TicketTerms {
    const register = this.#register
    if (register === undefined) return this.#terms
    return {
      ...this.#terms,
      acceptEarlyData: ({ ticketId, issuedAt, alpn, serverName }) => {
        if (!register.take(ticketId, issuedAt, this.#environment.wallClock())) return false
        if (this.#accept === undefined) return true
        return andThen(
          this.#accept({ ticketId, issuedAt, alpn, serverName, remoteAddress }),
          (verdict) => verdict === true,
        )
      },
    }
  }

  /** Seals with `key` from now on; what the key before has sealed is still taken. @throws RangeError below 32 bytes */
  rotate(key: Uint8Array): void {
    this.#keys.rotate(key)
  }
}

/** @throws TypeError for options that do not go together, and of the wrong kind */
export function serverTickets(
  options: {
    readonly tickets?: TicketOptions | false | undefined
    readonly earlyData?: boolean | undefined
    readonly acceptEarlyData?: AcceptEarlyData | undefined
  },
  environment: Environment,
): ServerTickets | undefined {
  const { tickets, earlyData = false, acceptEarlyData } = options
  if (typeof earlyData !== 'boolean') throw new TypeError(`earlyData must be a boolean, got ${String(earlyData)}`)
  if (acceptEarlyData !== undefined && typeof acceptEarlyData !== 'function') {
    throw new TypeError(`acceptEarlyData must be a function, got ${String(acceptEarlyData)}`)
  }
  if (acceptEarlyData !== undefined && !earlyData) throw new TypeError('acceptEarlyData needs earlyData: true')
  if (tickets === false) {
    if (earlyData) throw new TypeError('earlyData needs tickets')
    return undefined
  }
  return new ServerTickets(tickets ?? {}, earlyData, acceptEarlyData, environment)
}
