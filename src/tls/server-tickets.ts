/** The tickets that a server gives out when a handshake is complete (RFC 8446 §4.6.1). */
import { randomBytes } from '../base/random.ts'
import { ticketPsk } from './psk.ts'
import { PskMode } from './psk-extensions.ts'
import type { ServerAgreement } from './server-finish-states.ts'
import { TlsLevel } from './session.ts'
import { encodeNewSessionTicket, MAX_TICKET_LIFETIME } from './ticket-message.ts'

/**
 * Puts out the tickets of one connection, as far as there are to be some: not under an external key, which is there the next
 * time as well, nor to a client that could not use them (RFC 8446 §4.2.9), nor where clients show certificates.
 * @param resumptionSecret not kept.
 */
export function emitTickets(agreement: ServerAgreement, resumptionSecret: Uint8Array): void {
  const { alpn, config, context, hello, psk, suite } = agreement
  const { clientCertificates, random, tickets } = config
  const isWanted = hello.pskModes?.includes(PskMode.pskDheKe) === true && psk?.kind !== 'external'
  if (tickets === undefined || clientCertificates !== undefined || !isWanted) return
  const issuedAt = config.wallClock()
  const authenticatedAt = psk?.ticket?.authenticatedAt ?? issuedAt
  const rest = MAX_TICKET_LIFETIME - Math.ceil(Math.max(0, issuedAt - authenticatedAt) / 1000)
  const lifetime = Math.min(tickets.lifetime, MAX_TICKET_LIFETIME, rest)
  if (lifetime <= 0) return
  const allowsEarlyData = tickets.acceptEarlyData !== undefined
  const ticketContext = tickets.context()
  for (let count = 0; count < tickets.count; count++) {
    const nonce = Uint8Array.of(count)
    const key = ticketPsk(suite.hash, resumptionSecret, nonce)
    const [a = 0, b = 0, c = 0, d = 0] = randomBytes(random, 4)
    const ageAdd = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    const ticket = tickets.sealer.seal({
      id: randomBytes(random, 16),
      suite: suite.id,
      hash: suite.hash,
      key,
      alpn,
      serverName: hello.serverName,
      issuedAt,
      authenticatedAt,
      ageAdd,
      allowsEarlyData,
      context: ticketContext,
    })
    key.fill(0)
    const bytes = encodeNewSessionTicket({ lifetime, ageAdd, nonce, ticket, allowsEarlyData })
    context.emit({ type: 'message', level: TlsLevel.application, bytes })
  }
}
