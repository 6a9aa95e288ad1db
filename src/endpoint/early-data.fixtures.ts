/** Clients that come back with a ticket: each visit is a pair of its own, since tickets need nothing but their key. */
import type { Connection } from '../connection/connection.ts'
import type { StoredSession } from '../connection/stored-session.ts'
import type { TicketTerms } from '../connection/ticket-terms.ts'
import { TicketKeys } from '../tls/tickets.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, TestRandom } from './test-pair.fixtures.ts'
import { Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

/** Terms under a key of their own, by which all early data is accepted. */
export function ticketTerms(changes: Partial<TicketTerms> = {}): TicketTerms {
  return {
    sealer: new TicketKeys(new Uint8Array(32).fill(3), new TestRandom(99)),
    count: 2,
    lifetime: 86_400,
    acceptEarlyData: () => true,
    ...changes,
  }
}

/** A first visit: the session that it leaves. */
export function firstVisit(options: PairOptions = {}): StoredSession {
  const pair = new Pair({
    crypto,
    tickets: ticketTerms(),
    ...options,
    clientTls: { acceptsTickets: true, ...options.clientTls },
  })
  pair.connect()
  pair.run(() => pair.client.of('session-ticket').length > 0, 10_000)
  const [event] = pair.client.of('session-ticket')
  if (event === undefined) throw new Error('There was no ticket')
  return event.session
}

/** A visit with early data. */
export interface EarlyVisit {
  readonly pair: Pair
  readonly traffic: Traffic
  readonly client: Connection
  /** The server's connection, once there is one. */
  server(): Connection
}

/** Comes back with `session`; nothing has been sent yet. */
export function nextVisit(session: StoredSession, options: PairOptions = {}): EarlyVisit {
  const pair = new Pair({
    crypto,
    tickets: ticketTerms(),
    ...options,
    clientTls: { acceptsTickets: true, ...options.clientTls },
  })
  const traffic = new Traffic(pair)
  const client = pair.connect({ session })
  return {
    pair,
    traffic,
    client,
    server() {
      const connection = pair.server.connections.at(-1)
      if (connection === undefined) throw new Error('The server has no connection')
      return connection
    },
  }
}
