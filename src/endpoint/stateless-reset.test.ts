import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { seededRandom } from '../connection/owners.fixtures.ts'
import { Routing } from './routing.ts'
import { StatelessReset } from './stateless-reset.ts'

const KEY = new Uint8Array(32).fill(1)
const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const PEER = '203.0.113.7:50000'

function resets(options: { key?: Uint8Array; perSecond?: number } = {}): StatelessReset {
  return new StatelessReset({ key: KEY, random: seededRandom(), ...options })
}

describe('StatelessReset', () => {
  //= rfc9000#10.3.2-p1-1
  //= rfc9000#10.3.2-p6-1
  test('makes one token for an id and a key, after a restart too, and others for others', () => {
    const token = resets().tokenOf(ID)
    expect(token.length).toBe(16)
    expect(resets().tokenOf(ID)).toEqual(token)
    expect(resets().tokenOf(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9))).not.toEqual(token)
    expect(resets({ key: new Uint8Array(32).fill(2) }).tokenOf(ID)).not.toEqual(token)
    const rotated = resets()
    rotated.rotate(new Uint8Array(32).fill(2))
    expect(rotated.tokenOf(ID)).not.toEqual(token)
  })

  //= rfc9000#10.3-p15-1
  //= rfc9000#10.3-p9-1
  test('looks like a packet with a short header and ends in the token', () => {
    const firsts = new Set<number>()
    const maker = resets({ perSecond: 1000 })
    for (let count = 0; count < 50; count++) {
      const reset = maker.build(ID, 1200, `192.0.2.${count}:1`, 0)
      if (reset === undefined) throw new Error('No reset was built')
      expect((reset[0] ?? 0) & 0xc0).toBe(0x40)
      expect(reset.subarray(-16)).toEqual(maker.tokenOf(ID))
      firsts.add(reset[0] ?? 0)
    }
    expect(firsts.size).toBeGreaterThan(20)
  })

  //= rfc9000#10.3.3-p2-1
  //= rfc9000#10.3-p13-1
  //= rfc9000#10.3-p11-2
  //= rfc9000#10.3-p14-1
  test('is smaller than what caused it, one byte smaller for small ones, and never below 21 bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), (size) => {
        const reset = resets().build(ID, size, PEER, 0)
        if (size < 22) {
          expect(reset).toBeUndefined()
          return
        }
        const length = reset?.length ?? 0
        expect(length).toBeLessThan(size)
        if (size <= 43) expect(length).toBe(size - 1)
        else expect(length).toBeGreaterThanOrEqual(42)
        expect(length).toBeLessThanOrEqual(128)
      }),
    )
  })

  test('two endpoints that answer each other soon stop', () => {
    const sides = [resets(), resets({ key: new Uint8Array(32).fill(2) })]
    let size = 1200
    let answers = 0
    for (;;) {
      const reset = sides[answers % 2]?.build(ID, size, `192.0.2.${answers}:1`, 0)
      if (reset === undefined) break
      size = reset.length
      answers += 1
    }
    expect(answers).toBeLessThan(110)
  })

  test('is sent so many times a second, to one host and in all', () => {
    const maker = resets({ perSecond: 50 })
    let toOne = 0
    for (let count = 0; count < 100; count++) if (maker.build(ID, 100, `192.0.2.1:${count}`, 0)) toOne += 1
    expect(toOne).toBe(10)
    let toAll = toOne
    for (let count = 0; count < 1000; count++) if (maker.build(ID, 100, `192.0.2.9${count}:1`, 0)) toAll += 1
    expect(toAll).toBe(50)
    expect(maker.build(ID, 100, '192.0.2.1:1', 1000)).toBeDefined()
  })

  test('is recognised by the side that holds the token', () => {
    const maker = resets()
    const routes = new Routing<object>(new Uint8Array(32))
    const connection = {}
    routes.addResetToken(maker.tokenOf(ID), PEER, connection)
    const reset = maker.build(ID, 60, PEER, 0)
    if (reset === undefined) throw new Error('No reset was built')
    expect(routes.findResetToken(reset, 0, reset.length, PEER)).toBe(connection)
    expect(toHex(reset.subarray(-16))).toBe(toHex(maker.tokenOf(ID)))
  })

  test('answers for the key before as well: each has its turn, and a third is forgotten', () => {
    const maker = resets()
    const tokens = [maker.tokenOf(ID)]
    for (const value of [2, 3]) {
      maker.rotate(new Uint8Array(32).fill(value))
      tokens.push(maker.tokenOf(ID))
    }
    const answers = [0, 1, 2, 3].map(() => toHex(maker.build(ID, 100, PEER, 0)?.subarray(-16) ?? new Uint8Array(0)))
    const [, before, now] = tokens.map((token) => toHex(token))
    expect(answers).toEqual([now, before, now, before])
    expect(() => maker.rotate(new Uint8Array(3))).toThrow(RangeError)
    expect(maker.tokenOf(ID)).toEqual(tokens[2])
  })

  test('wants a key worth the name', () => {
    expect(() => resets({ key: new Uint8Array(15) })).toThrow(RangeError)
  })
})
