/**
 * Session tickets of a server (RFC 8446 §4.6.1): everything that resumption takes is sealed into the ticket, so the server
 * remembers nothing of those that are out. What is sealed, with which key, and what the rest of the stack has a say in.
 */
import { decodeUtf8, EMPTY, encodeUtf8 } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { Eventually } from '../crypto/eventually.ts'
import type { HashName } from '../crypto/provider.ts'
import { SealingKeys } from '../crypto/sealing-keys.ts'
import { readBytes, readTime, writeBytes, writeTime } from './resumption.ts'
import { MAX_TICKET_LIFETIME } from './ticket-message.ts'

/** What a ticket of ours says. */
export interface TicketState {
  /** 16 random bytes, another for each ticket: by it a use of the ticket is remembered. */
  readonly id: Uint8Array
  /** The cipher suite of the session that the ticket was given in. */
  readonly suite: number
  /** Its hash, the key's as well. */
  readonly hash: HashName
  /** The resumption key. Secret. */
  readonly key: Uint8Array
  readonly alpn: string
  /** The name in the client's SNI. */
  readonly serverName: string | undefined
  /** Unix ms. */
  readonly issuedAt: number
  /** Unix ms: when a certificate was last shown on the way to this session. */
  readonly authenticatedAt: number
  readonly ageAdd: number
  readonly allowsEarlyData: boolean
  /** Of the layers above: see {@link TicketPolicy.context}. */
  readonly context: Uint8Array
}

/** An attempt at 0-RTT that passed all checks of TLS itself. */
export interface EarlyDataAttempt {
  /** 16 bytes, the same for each attempt with the same ticket. */
  readonly ticketId: Uint8Array
  /** Unix ms: when the ticket was given out. */
  readonly issuedAt: number
  readonly alpn: string
  readonly serverName: string | undefined
  /** What {@link TicketPolicy.context} gave for the ticket. */
  readonly context: Uint8Array
}

/** Seals tickets and opens them. */
export interface TicketSealer {
  seal(state: TicketState): Uint8Array
  /** `undefined`: not one of ours, or not any more. */
  open(ticket: Uint8Array): TicketState | undefined
}

/** How a server gives tickets out and takes them back. */
export interface TicketPolicy {
  readonly sealer: TicketSealer
  /** Tickets that a client gets after each handshake. */
  readonly count: number
  /** Seconds for which a ticket is good, at most {@link MAX_TICKET_LIFETIME}. */
  readonly lifetime: number
  /** What the layers above want a ticket to carry, such as transport parameters; asked for when tickets are given out. */
  context(): Uint8Array
  /** Whether a session with this context may be resumed at all. */
  isUsable(context: Uint8Array): boolean
  /**
   * Whether one attempt at 0-RTT is accepted; asked once for each, after TLS has found nothing against it. It must say yes to
   * each ticket id once at most within the time that {@link EARLY_DATA_TOLERANCE} leaves (RFC 8446 §8). Left out, tickets
   * do not allow 0-RTT, and none is accepted.
   */
  readonly acceptEarlyData?: ((attempt: EarlyDataAttempt) => Eventually<boolean>) | undefined
}

/** ms by which a ticket's age may differ from what the client says it is (RFC 8446 §8.3). */
export const EARLY_DATA_TOLERANCE = 10_000

/** ms by which the wall clocks of servers that share a key may differ. */
const CLOCK_SKEW = 5_000

const FORM = 0x54
const ID_LENGTH = 16
const HASHES: readonly HashName[] = ['sha256', 'sha384']

/** Tickets under a key of the endpoint. */
export class TicketKeys implements TicketSealer {
  readonly #keys: SealingKeys

  /**
   * @param key at least 32 bytes, secret: whoever has it can read 0-RTT data and pose as the server to those who resume.
   * @throws RangeError when it is shorter.
   */
  constructor(key: Uint8Array, random: RandomSource) {
    this.#keys = new SealingKeys('session ticket', key, random)
  }

  /** Seals with `key` from now on. Tickets of the key before are still taken, older ones are not. */
  rotate(key: Uint8Array): void {
    this.#keys.rotate(key)
  }

  seal(state: TicketState): Uint8Array {
    const writer = new Writer()
    writer.bytes(state.id)
    writer.uint16(state.suite)
    writer.uint8(HASHES.indexOf(state.hash))
    writer.uint8(state.allowsEarlyData ? 1 : 0)
    writer.uint32(state.ageAdd)
    writeTime(writer, state.issuedAt)
    writeTime(writer, state.authenticatedAt)
    writeBytes(writer, state.key)
    writeBytes(writer, encodeUtf8(state.alpn))
    writeBytes(writer, state.serverName === undefined ? EMPTY : encodeUtf8(state.serverName))
    writeBytes(writer, state.context)
    return this.#keys.seal(FORM, writer.finish())
  }

  open(ticket: Uint8Array): TicketState | undefined {
    const plaintext = ticket[0] === FORM ? this.#keys.open(ticket) : undefined
    if (plaintext === undefined) return undefined
    const reader = new Reader(plaintext)
    const id = reader.bytesCopy(ID_LENGTH)
    const suite = reader.uint16()
    const hash = HASHES[reader.uint8()]
    const allowsEarlyData = reader.uint8() === 1
    const ageAdd = reader.uint32()
    const issuedAt = readTime(reader)
    const authenticatedAt = readTime(reader)
    const key = readBytes(reader)
    const alpn = decodeUtf8(readBytes(reader))
    const name = decodeUtf8(readBytes(reader))
    const context = readBytes(reader)
    if (!reader.ok || hash === undefined) return undefined
    const serverName = name === '' ? undefined : name
    return { id, suite, hash, key, alpn, serverName, issuedAt, authenticatedAt, ageAdd, allowsEarlyData, context }
  }
}

/** Whether a ticket is neither too old nor from the future, counted from the last certificate as well (RFC 8446 §4.6.1). */
export function isTicketCurrent(state: TicketState, lifetime: number, wallClock: number): boolean {
  const age = wallClock - state.issuedAt
  const wholeAge = wallClock - state.authenticatedAt
  return age >= -CLOCK_SKEW && age <= lifetime * 1000 && wholeAge <= MAX_TICKET_LIFETIME * 1000
}
