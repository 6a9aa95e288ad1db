/** Tickets as they come to a client, made into sessions that it can keep (RFC 8446 §4.6.1). */
import { recallCertificate } from '../x509/certificate-memory.ts'
import type { ClientFlight } from './client-progress.ts'
import { ticketPsk } from './psk.ts'
import type { Resumption } from './resumption.ts'
import { decodeNewSessionTicket } from './ticket-message.ts'

/** RFC 8446 §4.6.1: keying material that goes back to one certificate is used for a week, ms. */
const MAX_KEY_LIFETIME = 604_800_000

/** Reads the tickets of one connection. */
export class TicketReader {
  readonly #flight: ClientFlight
  readonly #resumptionSecret: Uint8Array
  readonly #connectedAt: number

  /** @param resumptionSecret stays the context's. */
  constructor(flight: ClientFlight, resumptionSecret: Uint8Array) {
    this.#flight = flight
    this.#resumptionSecret = resumptionSecret
    this.#connectedAt = flight.config.acceptsTickets === true ? flight.config.wallClock() : 0
  }

  /**
   * Takes the body of a NewSessionTicket. Who does not resume passes over it (RFC 8446 §4.6.1); a malformed one is an error
   * all the same.
   * @throws TlsAlert
   */
  receive(body: Uint8Array): void {
    const message = decodeNewSessionTicket(body)
    const { alpn, config, context, psk, suite } = this.#flight
    // What rests on an external key needs no ticket: the key is there the next time as well.
    if (config.acceptsTickets !== true || psk?.kind === 'external' || message.lifetime === 0) return
    const receivedAt = config.wallClock()
    const { authenticatedAt, certificateEnd } = this.#authentication()
    const session: Resumption = {
      ticket: message.ticket.slice(),
      key: ticketPsk(suite.hash, this.#resumptionSecret, message.nonce),
      suite: suite.id,
      hash: suite.hash,
      alpn,
      serverName: config.serverName,
      trust: config.trust ?? '',
      receivedAt,
      expiresAt: Math.min(receivedAt + message.lifetime * 1000, authenticatedAt + MAX_KEY_LIFETIME),
      authenticatedAt,
      certificateEnd,
      ageAdd: message.ageAdd,
      allowsEarlyData: message.allowsEarlyData,
    }
    context.emit({ type: 'ticket', session })
  }

  /** When the server last showed a certificate, and when that ends. */
  #authentication(): Pick<Resumption, 'authenticatedAt' | 'certificateEnd'> {
    const { chain, psk } = this.#flight
    if (psk?.session !== undefined) return psk.session
    const [leaf] = chain
    const end = leaf === undefined ? Infinity : recallCertificate(leaf).notAfter
    // One that had ended already was believed all the same: its end means nothing here.
    const certificateEnd = end > this.#connectedAt ? Math.min(end, Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER
    return { authenticatedAt: this.#connectedAt, certificateEnd }
  }
}
