/** A server that gives tickets out, and clients that come back with them. */
import { expect } from 'vitest'
import { WALL_CLOCK } from './certificates.fixtures.ts'
import type { TlsClientConfig, TlsServerConfig } from './config.ts'
import {
  clientConfig,
  handshake,
  type Outcome,
  type Pace,
  seededRandom,
  serverConfig,
  type Tamper,
} from './handshake.fixtures.ts'
import type { Resumption } from './resumption.ts'
import type { TlsEvent } from './session.ts'
import { TicketKeys, type TicketPolicy } from './tickets.ts'

/** What the layers above put into every ticket here. */
export const CONTEXT: Uint8Array = Uint8Array.of(1, 2, 3)

/** A policy under a key of its own that resumes and, unless told otherwise, takes all early data. */
export function ticketPolicy(changes: Partial<TicketPolicy> = {}): TicketPolicy {
  return {
    sealer: new TicketKeys(new Uint8Array(32).fill(9), seededRandom(4)),
    count: 2,
    lifetime: 86_400,
    context: () => CONTEXT,
    isUsable: () => true,
    acceptEarlyData: () => true,
    ...changes,
  }
}

/** What one visit came to. */
export interface Visit {
  readonly client: Outcome
  readonly server: Outcome
}

/** A client and a server that meet again and again. */
export class Regulars {
  readonly pace: Pace
  readonly tickets: TicketPolicy
  /** ms since the first visit. */
  elapsed = 0
  #seed = 10

  constructor(pace: Pace, tickets: Partial<TicketPolicy> = {}) {
    this.pace = pace
    this.tickets = ticketPolicy(tickets)
  }

  /** One handshake; each has randomness of its own. */
  visit(client: Partial<TlsClientConfig> = {}, server: Partial<TlsServerConfig> = {}, tamper?: Tamper): Promise<Visit> {
    this.#seed += 2
    const wallClock = (): number => WALL_CLOCK + this.elapsed
    return handshake(
      clientConfig({ random: seededRandom(this.#seed), wallClock, acceptsTickets: true, ...client }),
      serverConfig({ random: seededRandom(this.#seed + 1), wallClock, tickets: this.tickets, ...server }),
      this.pace,
      tamper,
    )
  }

  /** A first visit, and the session that a later one may go on from. */
  async session(client: Partial<TlsClientConfig> = {}, server: Partial<TlsServerConfig> = {}): Promise<Resumption> {
    const visit = await this.visit(client, server)
    const session = ticketsOf(visit.client)[0]
    if (session === undefined)
      throw new Error('There was no ticket', { cause: visit.client.error ?? visit.server.error })
    return session
  }

  /** Comes back with `session` and early data. */
  resume(
    session: Resumption,
    client: Partial<TlsClientConfig> = {},
    server: Partial<TlsServerConfig> = {},
    tamper?: Tamper,
  ): Promise<Visit> {
    return this.visit({ resumption: { session, earlyData: true }, ...client }, server, tamper)
  }
}

/** The sessions that a client has been given. */
export function ticketsOf(outcome: Outcome): readonly Resumption[] {
  return outcome.events.flatMap((event) => (event.type === 'ticket' ? [event.session] : []))
}

/** What the `early-data` events of a client say. */
export function earlyDataOf(outcome: Outcome): readonly boolean[] {
  return outcome.events.flatMap((event) => (event.type === 'early-data' ? [event.isAccepted] : []))
}

/** The secrets of a level. */
export function secretsOf(outcome: Outcome, level: number): readonly Extract<TlsEvent, { type: 'secret' }>[] {
  return outcome.events.flatMap((event) => (event.type === 'secret' && event.level === level ? [event] : []))
}

/** Both sides are through, and of one mind. */
export function expectAgreement({ client, server }: Visit): void {
  expect(client.error).toBeUndefined()
  expect(server.error).toBeUndefined()
  expect(client.complete).toBeDefined()
  const label = 'EXPORTER-isoquic test'
  const context = Uint8Array.of(7)
  const material = client.session.exportKeyingMaterial(label, context, 32)
  expect(server.session.exportKeyingMaterial(label, context, 32)).toEqual(material)
  const { resumed, earlyData, alpn, pskIdentity, group } = client.complete ?? {}
  expect(server.complete).toMatchObject({ resumed, earlyData, alpn, pskIdentity, group })
}
