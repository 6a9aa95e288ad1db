import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { idOf, seededRandom } from '../connection/owners.fixtures.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { AddressTokens, type RetryTokenFacts, type TokenPacket } from './tokens.ts'

const KEY = new Uint8Array(32).fill(1)
const CLIENT = '203.0.113.7:50000'

const FACTS: RetryTokenFacts = {
  remoteAddress: CLIENT,
  originalDestination: idOf(1, 2, 3, 4, 5, 6, 7, 8),
  retrySource: idOf(0x51, 0x52),
  clientSource: idOf(0xc1),
  version: VERSION_1,
}

/** The Initial packet that repeats a Retry token. */
const PACKET: TokenPacket = {
  remoteAddress: CLIENT,
  destination: FACTS.retrySource,
  source: FACTS.clientSource,
  version: VERSION_1,
}

function setUp(options: { key?: Uint8Array; seed?: number } = {}) {
  const clock = { now: 1_790_000_000_000 }
  const tokens = new AddressTokens({
    key: options.key ?? KEY,
    random: seededRandom(options.seed ?? 5),
    wallClock: () => clock.now,
  })
  return { clock, tokens }
}

describe('AddressTokens: Retry', () => {
  //= rfc9000#8.1.1-p1-1
  test('a token proves the address and yields the ids of the attempt', () => {
    const { tokens } = setUp()
    expect(tokens.check(tokens.sealRetry(FACTS), PACKET)).toEqual({
      kind: 'retry',
      originalDestination: FACTS.originalDestination,
      retrySource: FACTS.retrySource,
    })
  })

  test('a client may repeat it in all its Initial packets, and another server with the key may check it', () => {
    const { tokens } = setUp()
    const token = tokens.sealRetry(FACTS)
    for (let count = 0; count < 3; count++) expect(tokens.check(token, PACKET).kind).toBe('retry')
    expect(setUp({ seed: 9 }).tokens.check(token, PACKET).kind).toBe('retry')
  })

  //= rfc9000#8.1.4-p3-1
  test.each<[string, Partial<TokenPacket>]>([
    ['another host', { remoteAddress: '203.0.113.8:50000' }],
    ['another port', { remoteAddress: '203.0.113.7:50001' }],
    ['another destination id', { destination: idOf(0x51, 0x53) }],
    ['another source id', { source: idOf(0xc2) }],
    ['another version', { version: VERSION_2 }],
  ])('is worth nothing from %s', (_name, other) => {
    const { tokens } = setUp()
    expect(tokens.check(tokens.sealRetry(FACTS), { ...PACKET, ...other }).kind).toBe('invalid-retry')
  })

  //= rfc9000#8.1.4-p5-2
  test('expires after ten seconds', () => {
    const { tokens, clock } = setUp()
    const token = tokens.sealRetry(FACTS)
    clock.now += 10_000
    expect(tokens.check(token, PACKET).kind).toBe('retry')
    clock.now += 1
    expect(tokens.check(token, PACKET)).toEqual({ kind: 'invalid-retry', reason: 'token has expired' })
    clock.now -= 60_000
    expect(tokens.check(token, PACKET).kind).toBe('invalid-retry')
  })

  //= rfc9000#8.1.4-p1-1
  //= rfc9000#8.1.4-p2-1
  test('is worth nothing with any bit flipped, or cut short', () => {
    const { tokens } = setUp()
    const token = tokens.sealRetry(FACTS)
    for (let bit = 0; bit < token.length * 8; bit++) {
      const forged = token.slice()
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(['invalid-retry', 'unusable']).toContain(tokens.check(forged, PACKET).kind)
    }
    for (let length = 0; length < token.length; length++) {
      expect(tokens.check(token.subarray(0, length), PACKET).kind).toBe(length === 0 ? 'none' : 'invalid-retry')
    }
  })
})

describe('AddressTokens: NEW_TOKEN', () => {
  //= rfc9000#8.1.4-p4-1
  test('a token proves the host, whatever the port', () => {
    const { tokens } = setUp()
    const other = { ...PACKET, remoteAddress: '203.0.113.7:9', destination: idOf(5), source: idOf() }
    expect(tokens.check(tokens.sealNewToken(CLIENT, VERSION_1), other)).toEqual({ kind: 'new-token' })
    const elsewhere = { ...PACKET, remoteAddress: '203.0.113.8:50000' }
    expect(tokens.check(tokens.sealNewToken(CLIENT, VERSION_1), elsewhere).kind).toBe('unusable')
  })

  //= rfc9369#5-p2-1
  test('is worth nothing in another version, and is not used up there', () => {
    const { tokens } = setUp()
    const token = tokens.sealNewToken(CLIENT, VERSION_2)
    expect(tokens.check(token, PACKET)).toMatchObject({ kind: 'unusable' })
    expect(tokens.check(token, { ...PACKET, version: VERSION_2 })).toEqual({ kind: 'new-token' })
  })

  //= rfc9000#8.1.4-p5-1
  //= rfc9000#8.1.4-p5-3
  //= rfc9000#21.3-p2-1
  test('is taken once', () => {
    const { tokens } = setUp()
    const token = tokens.sealNewToken(CLIENT, VERSION_1)
    expect(tokens.check(token, { ...PACKET, remoteAddress: '198.51.100.1:1' }).kind).toBe('unusable')
    expect(tokens.check(token, PACKET).kind).toBe('new-token')
    expect(tokens.check(token, PACKET)).toEqual({ kind: 'unusable', reason: 'token was used before' })
  })

  test('remembers used tokens while many others are used', () => {
    const { tokens } = setUp()
    const first = tokens.sealNewToken(CLIENT, VERSION_1)
    tokens.check(first, PACKET)
    for (let count = 0; count < 1000; count++) tokens.check(tokens.sealNewToken(CLIENT, VERSION_1), PACKET)
    expect(tokens.check(first, PACKET).kind).toBe('unusable')
  })

  //= rfc9000#8.1.3-p3-1
  //= rfc9000#21.3-p2-1
  test('expires after a day', () => {
    const { tokens, clock } = setUp()
    const token = tokens.sealNewToken(CLIENT, VERSION_1)
    clock.now += 86_400_001
    expect(tokens.check(token, PACKET).kind).toBe('unusable')
  })

  //= rfc9000#8.1.3-p4-2
  //= rfc9000#8.1.3-p4-1
  test('is never the same twice, and shows nothing of the address', () => {
    const { tokens } = setUp()
    const seen = new Set<string>()
    for (let count = 0; count < 200; count++) seen.add(toHex(tokens.sealNewToken(CLIENT, VERSION_1)))
    expect(seen.size).toBe(200)
  })

  test('does not pass for a Retry token, nor that for it', () => {
    const { tokens } = setUp()
    const newToken = tokens.sealNewToken(CLIENT, VERSION_1)
    const retry = tokens.sealRetry(FACTS)
    const kind = newToken[0] ?? 0
    newToken[0] = retry[0] ?? 0
    retry[0] = kind
    expect(tokens.check(newToken, PACKET).kind).toBe('invalid-retry')
    expect(tokens.check(retry, PACKET).kind).toBe('unusable')
  })
})

describe('AddressTokens: keys', () => {
  test('takes tokens of the key before, not of the one before that, nor of a stranger', () => {
    const { tokens } = setUp()
    const old = tokens.sealRetry(FACTS)
    tokens.rotate(new Uint8Array(32).fill(2))
    expect(tokens.check(old, PACKET).kind).toBe('retry')
    expect(tokens.check(tokens.sealRetry(FACTS), PACKET).kind).toBe('retry')
    tokens.rotate(new Uint8Array(32).fill(3))
    expect(tokens.check(old, PACKET).kind).toBe('invalid-retry')
    const stranger = setUp({ key: new Uint8Array(32).fill(8) }).tokens
    expect(tokens.check(stranger.sealNewToken(CLIENT, VERSION_1), PACKET).kind).toBe('unusable')
  })

  test('wants a key of 32 bytes', () => {
    expect(() => setUp({ key: new Uint8Array(31) })).toThrow(RangeError)
  })

  test('works for a transport with one peer, whose address is empty', () => {
    const { tokens } = setUp()
    const packet = { ...PACKET, remoteAddress: '' }
    expect(tokens.check(tokens.sealRetry({ ...FACTS, remoteAddress: '' }), packet).kind).toBe('retry')
    expect(tokens.check(tokens.sealNewToken('', VERSION_1), packet).kind).toBe('new-token')
  })

  test('never throws, whatever a client sends', () => {
    const { tokens } = setUp()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(0x52, 0x4e, 0), (bytes, kind) => {
        if (bytes.length > 0 && kind !== 0) bytes[0] = kind
        expect(['none', 'unusable', 'invalid-retry']).toContain(tokens.check(bytes, PACKET).kind)
      }),
    )
  })
})
