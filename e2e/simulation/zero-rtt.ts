/**
 * A client that comes back and asks with its first packet, by 0-RTT, which the server accepts or refuses, with or without
 * Retry, while packets are lost, late and doubled: what was refused is sent again (RFC 9001 §4.6.2).
 */
import type { StoredSession } from '../../src/connection/stored-session.ts'
import type { TicketTerms } from '../../src/connection/ticket-terms.ts'
import { SeededRandom } from '../../src/simulator.ts'
import { TicketKeys } from '../../src/tls/tickets.ts'
import type { Controller } from './controllers.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

const clientTls = { acceptsTickets: true }

/** Terms of every visit: the key is the same, since tickets come back to a server that has no other memory of them. */
function ticketTerms(random: SeededRandom, accepts: boolean): TicketTerms {
  const sealer = new TicketKeys(new Uint8Array(32).fill(3), random)
  return { sealer, count: 1, lifetime: 3600, acceptEarlyData: () => accepts }
}

/** A visit without trouble, which leaves a session. */
function firstVisit(random: SeededRandom, controller: Controller): StoredSession {
  const exchange = new Exchange(random, controller, { clientTls, tickets: ticketTerms(random, true) })
  let session: StoredSession | undefined
  exchange.onEvent = (_side, _connection, event) => {
    if (event.type === 'session-ticket') session = event.session
  }
  exchange.connect()
  exchange.pair.run(() => session !== undefined, 10_000)
  return session ?? exchange.fail('The server gave no ticket')
}

export const zeroRtt: Phenomenon = {
  name: 'zero-rtt',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'zero-rtt')
    const session = firstVisit(random.fork('first visit'), controller)
    const accepts = random.chance(0.5)
    const link = {
      delay: 10 + random.integer(60),
      bandwidth: 10_000_000,
      loss: 0.2 * random.next(),
      reorder: { probability: 0.1, delay: random.integer(50) },
      duplicate: 0.02,
    }
    const listen = random.chance(0.3) ? ({ retry: 'always' } as const) : undefined
    const tickets = ticketTerms(random.fork('second visit'), accepts)
    const exchange = new Exchange(random, controller, { link, clientTls, tickets, listen })
    const decisions: boolean[] = []
    exchange.onEvent = (side, _connection, event) => {
      if (event.type === 'early-data' && side.name === 'client') decisions.push(event.isAccepted)
    }
    const client = exchange.pair.connect({ session })
    exchange.askMuch(client, 40_000)
    const duration = exchange.finish()
    // A Retry changes nothing: 0-RTT packets are sent again behind it (RFC 9000 §17.2.3).
    if (decisions.join() !== `${accepts}`) exchange.fail(`0-RTT was decided by ${decisions} instead of ${accepts}`)
    return duration
  },
}
