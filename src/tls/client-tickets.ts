/** Tickets as they come to a client, made into sessions that it can keep (RFC 8446 §4.6.1). */
import type { CipherSuite } from '../crypto/provider.ts'
import { recallCertificate } from '../x509/certificate-memory.ts'
import type { ClientFlight } from './client-progress.ts'
import type { ClientPsk } from './client-psk.ts'
import type { TlsClientConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import { ticketPsk } from './psk.ts'
import type { Resumption } from './resumption.ts'
import { decodeNewSessionTicket } from './ticket-message.ts'

/** RFC 8446 §4.6.1: keying material that goes back to one certificate is used for a week, ms. */
const MAX_KEY_LIFETIME = 604_800_000

/** Reads the tickets of one connection. */
export class TicketReader {
  /** Of the config, as long as tickets are wanted; the rest of it is the handshake's. */
  readonly #terms: Pick<TlsClientConfig, 'serverName' | 'trust' | 'wallClock'> | undefined
  readonly #context: HandshakeContext
  readonly #suite: CipherSuite
  readonly #alpn: string
  readonly #psk: ClientPsk | undefined
  /** DER. */
  readonly #leaf: Uint8Array | undefined
  readonly #resumptionSecret: Uint8Array
  readonly #connectedAt: number

  /** Of `flight` only what tickets ask for is kept. @param resumptionSecret stays the context's. */
  constructor(flight: ClientFlight, resumptionSecret: Uint8Array) {
    const { alpn, chain, config, context, psk, suite } = flight
    // What rests on an external key needs no ticket: the key is there the next time as well.
    const isWanted = config.acceptsTickets === true && psk?.kind !== 'external'
    const { serverName, trust, wallClock } = config
    this.#terms = isWanted ? { serverName, trust, wallClock } : undefined
    this.#context = context
    this.#suite = suite
    this.#alpn = alpn
    this.#psk = psk
    this.#leaf = chain[0]
    this.#resumptionSecret = resumptionSecret
    this.#connectedAt = config.acceptsTickets === true ? config.wallClock() : 0
  }

  /**
   * Takes the body of a NewSessionTicket. Who does not resume passes over it (RFC 8446 §4.6.1); a malformed one is an error
   * all the same.
   * @throws TlsAlert
   */
  receive(body: Uint8Array): void {
    const message = decodeNewSessionTicket(body)
    const terms = this.#terms
    const suite = this.#suite
    if (terms === undefined || message.lifetime === 0) return
    const receivedAt = terms.wallClock()
    const { authenticatedAt, certificateEnd } = this.#authentication()
    const session: Resumption = {
      ticket: message.ticket.slice(),
      key: ticketPsk(suite.hash, this.#resumptionSecret, message.nonce),
      suite: suite.id,
      hash: suite.hash,
      alpn: this.#alpn,
      serverName: terms.serverName,
      trust: terms.trust ?? '',
      receivedAt,
      expiresAt: Math.min(receivedAt + message.lifetime * 1000, authenticatedAt + MAX_KEY_LIFETIME),
      authenticatedAt,
      certificateEnd,
      ageAdd: message.ageAdd,
      allowsEarlyData: message.allowsEarlyData,
    }
    this.#context.emit({ type: 'ticket', session })
  }

  /** When the server last showed a certificate, and when that ends. */
  #authentication(): Pick<Resumption, 'authenticatedAt' | 'certificateEnd'> {
    if (this.#psk?.session !== undefined) return this.#psk.session
    const end = this.#leaf === undefined ? Infinity : recallCertificate(this.#leaf).notAfter
    // One that had ended already was believed all the same: its end means nothing here.
    const certificateEnd = end > this.#connectedAt ? Math.min(end, Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER
    return { authenticatedAt: this.#connectedAt, certificateEnd }
  }
}
