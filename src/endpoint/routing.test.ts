import { describe, expect, test } from 'vitest'
import { idOf, testCarrier } from '../connection/owners.fixtures.ts'
import { Routing } from './routing.ts'

interface Owner {
  readonly name: string
}

const A: Owner = { name: 'a' }
const B: Owner = { name: 'b' }
const PEER = '203.0.113.7:50000'

const routing = (): Routing<Owner> => new Routing<Owner>(new Uint8Array(32).fill(9))
const tokenOf = (fill: number): Uint8Array => new Uint8Array(16).fill(fill)
const reset = (fill: number, length = 30): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x55)
  bytes.set(tokenOf(fill), length - 16)
  return bytes
}

describe('Routing', () => {
  test('finds a connection by any of its ids', () => {
    const routes = routing()
    expect(routes.addId(idOf(1, 2), A)).toBe(true)
    expect(routes.addId(idOf(3), A)).toBe(true)
    expect(routes.addId(idOf(3), B)).toBe(false)
    expect(routes.addId(idOf(3), A)).toBe(true)
    expect(routes.find(idOf(1, 2).key)).toBe(A)
    expect(routes.find(idOf(3).key)).toBe(A)
    expect(routes.find(idOf(4).key)).toBeUndefined()
  })

  test('a connection removes its own ids only', () => {
    const routes = routing()
    routes.addId(idOf(1), A)
    routes.removeId(idOf(1), B)
    expect(routes.find(idOf(1).key)).toBe(A)
    routes.removeId(idOf(1), A)
    routes.removeId(idOf(1), A)
    expect([routes.find(idOf(1).key), routes.size]).toEqual([undefined, 0])
  })

  test('finds the connection of an id in a datagram, the same as last time or another, until the id is removed', () => {
    const routes = routing()
    routes.addId(idOf(1, 2), A)
    routes.addId(idOf(1, 3), B)
    routes.addId(idOf(2, 3, 4), A)
    const bytes = Uint8Array.of(0x40, 1, 2, 3, 4, 1, 3)
    for (let round = 0; round < 2; round++) {
      expect([routes.findAt(bytes, 1, 2), routes.findAt(bytes, 1, 2)]).toEqual([A, A])
      expect([routes.findAt(bytes, 5, 2), routes.findAt(bytes, 5, 2)]).toEqual([B, B])
      expect([routes.findAt(bytes, 2, 3), routes.findAt(bytes, 2, 2), routes.findAt(bytes, 2, 3)]).toEqual([
        A,
        undefined,
        A,
      ])
    }
    routes.removeId(idOf(2, 3, 4), A)
    expect(routes.findAt(bytes, 2, 3)).toBeUndefined()
    expect(routes.findAt(bytes, 5, 2)).toBe(B)
    routes.removeConnection(B)
    expect(routes.findAt(bytes, 5, 2)).toBeUndefined()
  })

  test('finds a connection without ids by carrier and address', () => {
    const routes = routing()
    const carrier = testCarrier()
    expect(routes.addAddress(carrier, PEER, A)).toBe(true)
    expect(routes.addAddress(carrier, PEER, B)).toBe(false)
    expect(routes.addAddress(testCarrier(), PEER, B)).toBe(true)
    expect(routes.findAddress(carrier, PEER)).toBe(A)
    expect(routes.findAddress(carrier, 'elsewhere:1')).toBeUndefined()
    routes.removeAddress(carrier, PEER, B)
    expect(routes.findAddress(carrier, PEER)).toBe(A)
    routes.removeAddress(carrier, PEER, A)
    expect([routes.findAddress(carrier, PEER), routes.size]).toEqual([undefined, 1])
  })

  //= rfc9000#10.3.1-p2-1
  //= rfc9000#10.3-p15-2
  test('knows a stateless reset by its last 16 bytes, long header or short, and by where it comes from', () => {
    const routes = routing()
    routes.addResetToken(tokenOf(7), PEER, A)
    const bytes = reset(7)
    expect(routes.findResetToken(bytes, 0, bytes.length, PEER)).toBe(A)
    bytes[0] = 0xff
    expect(routes.findResetToken(bytes, 0, bytes.length, PEER)).toBe(A)
    expect(routes.findResetToken(bytes, 0, bytes.length, '203.0.113.8:50000')).toBeUndefined()
    expect(routes.findResetToken(bytes, 0, bytes.length - 1, PEER)).toBeUndefined()
    expect(routes.findResetToken(reset(8), 0, 30, PEER)).toBeUndefined()
    const inside = new Uint8Array(100)
    inside.set(bytes, 40)
    expect(routes.findResetToken(inside, 40, 70, PEER)).toBe(A)
    expect(routes.findResetToken(reset(7, 20), 0, 20, PEER)).toBeUndefined()
    routes.removeResetToken(tokenOf(7), PEER, B)
    expect(routes.findResetToken(bytes, 0, bytes.length, PEER)).toBe(A)
    routes.removeResetToken(tokenOf(7), PEER, A)
    expect(routes.findResetToken(bytes, 0, bytes.length, PEER)).toBeUndefined()
  })

  test('forgets everything of a connection at once', () => {
    const routes = routing()
    const carrier = testCarrier()
    for (const owner of [A, B]) {
      const base = owner === A ? 0 : 100
      for (let count = 0; count < 8; count++) {
        routes.addId(idOf(base + count), owner)
        routes.addResetToken(tokenOf(base + count), PEER, owner)
        routes.addAddress(carrier, `${PEER}${base + count}`, owner)
      }
    }
    routes.removeConnection(A)
    routes.removeConnection(A)
    expect(routes.size).toBe(24)
    expect(routes.find(idOf(1).key)).toBeUndefined()
    routes.removeConnection(B)
    expect(routes.size).toBe(0)
  })

  test('a hundred thousand ids that a peer made up cost what others cost', () => {
    const routes = routing()
    for (let count = 0; count < 100_000; count++) {
      routes.addId(idOf(0, 0, 0, 0, 0, count >> 16, (count >> 8) & 0xff, count & 0xff), A)
    }
    expect(routes.find(idOf(0, 0, 0, 0, 0, 1, 0, 0).key)).toBe(A)
    routes.removeConnection(A)
    expect(routes.size).toBe(0)
  })
})
