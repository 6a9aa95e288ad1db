import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { EarlyDataRegister } from './early-data-register.ts'
import { seededRandom } from './handshake.fixtures.ts'
import { type Resumption, readResumption, writeResumption } from './resumption.ts'
import { MAX_TICKET_LIFETIME } from './ticket-message.ts'
import { isTicketCurrent, TicketKeys, type TicketState } from './tickets.ts'

const KEY = new Uint8Array(32).fill(1)
const NOW = 1_780_272_000_000
const DAY = 86_400_000

const states: fc.Arbitrary<TicketState> = fc.record({
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  suite: fc.nat(0xffff),
  hash: fc.constantFrom('sha256', 'sha384'),
  key: fc.uint8Array({ minLength: 32, maxLength: 48 }),
  alpn: fc.string({ minLength: 1, maxLength: 30 }),
  serverName: fc.option(fc.domain(), { nil: undefined }),
  issuedAt: fc.nat(Number.MAX_SAFE_INTEGER),
  authenticatedAt: fc.nat(Number.MAX_SAFE_INTEGER),
  ageAdd: fc.nat(0xffff_ffff),
  allowsEarlyData: fc.boolean(),
  context: fc.uint8Array({ maxLength: 200 }),
})

const sessions: fc.Arbitrary<Resumption> = fc.record({
  ticket: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  key: fc.uint8Array({ minLength: 32, maxLength: 48 }),
  suite: fc.nat(0xffff),
  hash: fc.constantFrom('sha256', 'sha384'),
  alpn: fc.string({ minLength: 1, maxLength: 30 }),
  serverName: fc.option(fc.domain(), { nil: undefined }),
  trust: fc.string({ maxLength: 30 }),
  receivedAt: fc.nat(Number.MAX_SAFE_INTEGER),
  expiresAt: fc.nat(Number.MAX_SAFE_INTEGER),
  authenticatedAt: fc.nat(Number.MAX_SAFE_INTEGER),
  certificateEnd: fc.nat(Number.MAX_SAFE_INTEGER),
  ageAdd: fc.nat(0xffff_ffff),
  allowsEarlyData: fc.boolean(),
})

describe('a ticket', () => {
  test('opens to what was sealed into it', () => {
    const keys = new TicketKeys(KEY, seededRandom(1))
    fc.assert(
      fc.property(states, (state) => {
        expect(keys.open(keys.seal(state))).toEqual(state)
      }),
      { numRuns: 50 },
    )
  })

  test('is nothing to another key, and random bytes are none', () => {
    const keys = new TicketKeys(KEY, seededRandom(1))
    const other = new TicketKeys(new Uint8Array(32).fill(2), seededRandom(1))
    fc.assert(
      fc.property(states, fc.uint8Array({ maxLength: 200 }), (state, noise) => {
        expect(other.open(keys.seal(state))).toBeUndefined()
        expect(keys.open(noise)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  test('outlives one rotation of the key, not two', () => {
    const keys = new TicketKeys(KEY, seededRandom(1))
    const [state] = fc.sample(states, { numRuns: 1, seed: 1 })
    if (state === undefined) throw new Error('No sample')
    const ticket = keys.seal(state)
    keys.rotate(new Uint8Array(32).fill(2))
    expect(keys.open(ticket)).toEqual(state)
    keys.rotate(new Uint8Array(32).fill(3))
    expect(keys.open(ticket)).toBeUndefined()
  })

  //= rfc9846#4.7.1-p15-1
  test('is current for its lifetime, and never beyond a week from the last certificate', () => {
    const [sample] = fc.sample(states, { numRuns: 1, seed: 1 })
    if (sample === undefined) throw new Error('No sample')
    const state = { ...sample, issuedAt: NOW, authenticatedAt: NOW - 6 * DAY }
    const lifetime = 2 * 86_400
    expect(isTicketCurrent(state, lifetime, NOW)).toBe(true)
    expect(isTicketCurrent(state, lifetime, NOW + DAY)).toBe(true)
    expect(isTicketCurrent(state, lifetime, NOW + DAY + 1)).toBe(false)
    expect(isTicketCurrent({ ...state, authenticatedAt: NOW }, lifetime, NOW + 2 * DAY + 1)).toBe(false)
    expect(isTicketCurrent({ ...state, authenticatedAt: NOW }, MAX_TICKET_LIFETIME, NOW + 7 * DAY)).toBe(true)
    // From the clock of a server that is ahead, a little; from the future, no.
    expect(isTicketCurrent(state, lifetime, NOW - 4_000)).toBe(true)
    expect(isTicketCurrent(state, lifetime, NOW - 6_000)).toBe(false)
  })
})

describe('a stored session', () => {
  test('comes back from its bytes, whatever stands around it', () => {
    fc.assert(
      fc.property(sessions, (session) => {
        const writer = new Writer()
        writer.uint8(7)
        writeResumption(writer, session)
        const reader = new Reader(writer.finish())
        expect(reader.uint8()).toBe(7)
        expect(readResumption(reader)).toEqual(session)
        expect(reader.remaining).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  test('is never read out of random bytes with an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const reader = new Reader(bytes)
        const session = readResumption(reader)
        expect(session === undefined).toBe(!reader.ok)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the register of early data', () => {
  const id = (value: number): Uint8Array => new Uint8Array(16).fill(value)

  //= rfc9846#8-p4-1
  test('takes each ticket once while its ClientHello could be repeated', () => {
    const register = new EarlyDataRegister(NOW)
    expect(register.take(id(1), NOW + 1, NOW + 10)).toBe(true)
    expect(register.take(id(2), NOW + 1, NOW + 10)).toBe(true)
    for (let later = 0; later <= 20_000; later += 500) {
      expect(register.take(id(1), NOW + 1, NOW + 10 + later)).toBe(false)
    }
  })

  test('forgets a use when its ClientHello is too old to be taken', () => {
    const register = new EarlyDataRegister(NOW)
    register.take(id(1), NOW + 1, NOW + 10)
    register.take(id(2), NOW + 1, NOW + 20_005)
    expect(register.take(id(2), NOW + 1, NOW + 40_000)).toBe(false)
    register.take(id(3), NOW + 1, NOW + 90_000)
    expect(register.size).toBe(1)
  })

  //= rfc9846#8.2-p6-1
  test('refuses, for a while, tickets from before its start: nobody knows what was used', () => {
    const register = new EarlyDataRegister(NOW)
    expect(register.take(id(1), NOW - 1, NOW + 19_999)).toBe(false)
    expect(register.take(id(1), NOW - 1, NOW + 20_000)).toBe(true)
  })

  //= rfc9846#8.2-p3-1
  test('refuses what is beyond its capacity instead of growing', () => {
    const register = new EarlyDataRegister(NOW, 3)
    for (let each = 1; each <= 10; each++) {
      expect(register.take(id(each), NOW + 1, NOW + 10)).toBe(each <= 3)
    }
    expect(register.size).toBe(3)
    for (let each = 11; each <= 20; each++) register.take(id(each), NOW + 1, NOW + 20_010)
    expect(register.size).toBe(6)
  })
})
