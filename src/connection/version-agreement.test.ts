import { describe, expect, test } from 'vitest'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { isReservedVersion, VERSION_1, VERSION_2 } from '../wire/version.ts'
import {
  agreedVersion,
  type ClientVersions,
  checkServerVersions,
  mayBeNegotiated,
  ownVersionInformation,
} from './version-agreement.ts'

const BOTH = [VERSION_1, VERSION_2]
const STRANGE = 0x1a2b3c4d
const MISMATCH = expect.objectContaining({ code: TransportErrorCode.VERSION_NEGOTIATION_ERROR })

describe('What we say of our versions', () => {
  //= rfc9368#3-p7.2-1
  test('has the chosen one, the others in order, and a reserved one anywhere', () => {
    const places = new Set<number>()
    for (let seed = 0; seed < 50; seed++) {
      const { chosen, available } = ownVersionInformation(VERSION_1, [VERSION_2, VERSION_1], new TestRandom(seed))
      expect(chosen).toBe(VERSION_1)
      expect(available.filter((version) => !isReservedVersion(version))).toEqual([VERSION_2, VERSION_1])
      places.add(available.findIndex(isReservedVersion))
    }
    expect([...places].sort()).toEqual([0, 1, 2])
    const other = ownVersionInformation(VERSION_2, [VERSION_1], new TestRandom(1)).available
    expect(other.filter((version) => !isReservedVersion(version))).toEqual([VERSION_2, VERSION_1])
  })
})

describe('A server', () => {
  const preferring = (...preferredVersions: number[]) => ({ preferredVersions })

  test('keeps the client’s version where it has no preference, or the client says nothing', () => {
    for (const original of BOTH) {
      expect(agreedVersion(original, { chosen: original, available: BOTH }, preferring())).toBe(original)
      expect(agreedVersion(original, undefined, preferring(VERSION_2, VERSION_1))).toBe(original)
    }
  })

  //= rfc9368#2.3-p2-1
  test('takes the best of its preferred versions that the client has', () => {
    const client = { chosen: VERSION_1, available: [VERSION_1, STRANGE, VERSION_2] }
    expect(agreedVersion(VERSION_1, client, preferring(VERSION_2))).toBe(VERSION_2)
    expect(agreedVersion(VERSION_1, client, preferring(VERSION_1, VERSION_2))).toBe(VERSION_1)
    expect(agreedVersion(VERSION_1, { chosen: VERSION_1, available: [VERSION_1] }, preferring(VERSION_2))).toBe(
      VERSION_1,
    )
  })

  //= rfc9368#4-p5-1
  //= rfc9368#4-p5-2
  //= rfc9368#4-p6-1
  test('refuses a client that chose another version than its packets are of', () => {
    for (const original of BOTH) {
      const chosen = original === VERSION_1 ? VERSION_2 : VERSION_1
      expect(() => agreedVersion(original, { chosen, available: BOTH }, preferring())).toThrow(MISMATCH)
    }
  })
})

describe('A client', () => {
  const plain: ClientVersions = { chosen: VERSION_1, negotiated: VERSION_1, versions: BOTH, hasReacted: false }
  const switched: ClientVersions = { ...plain, negotiated: VERSION_2 }
  const reacted: ClientVersions = { ...plain, hasReacted: true }
  const of = (chosen: number, ...available: number[]) => ({ chosen, available })

  test.each<[string, ReturnType<typeof of> | undefined, ClientVersions]>([
    ['nothing of versions, where nothing was negotiated', undefined, plain],
    ['the version of the first flight', of(VERSION_1, ...BOTH), plain],
    ['that version, which is on its way out', of(VERSION_1), plain],
    ['another version that was offered and used', of(VERSION_2, ...BOTH), switched],
    ['after Version Negotiation, the version that is better of the two', of(VERSION_1, ...BOTH), reacted],
    ['after Version Negotiation, the only one', of(VERSION_1, VERSION_1), reacted],
    //= rfc9368#8-p1-1
    ['after Version Negotiation, nothing, as servers of old', undefined, reacted],
    [
      'after Version Negotiation, another one that is compatible',
      of(VERSION_2, VERSION_2, VERSION_1),
      { ...reacted, negotiated: VERSION_2 },
    ],
  ])('accepts %s', (_name, server, client) => {
    expect(() => checkServerVersions(server, client)).not.toThrow()
  })

  test.each<[string, ReturnType<typeof of> | undefined, ClientVersions]>([
    //= rfc9368#4-p8-1
    ['a version that was not offered', of(VERSION_2, ...BOTH), { ...plain, versions: [VERSION_1] }],
    ['a version that nobody knows', of(STRANGE, ...BOTH), plain],
    //= rfc9368#4-p13-1
    ['another version than the packets are of', of(VERSION_2, ...BOTH), plain],
    ['the first version, when the packets are of another', of(VERSION_1, ...BOTH), switched],
    ['packets of another version without a word', undefined, switched],
    //= rfc9368#4-p7-1
    //= rfc9368#4-p8-2
    [
      'nothing after Version Negotiation to version 2',
      undefined,
      { ...reacted, chosen: VERSION_2, negotiated: VERSION_2 },
    ],
    //= rfc9368#4-p9-1
    //= rfc9368#4-p9-2
    [
      'a better version than Version Negotiation led to',
      of(VERSION_2, ...BOTH),
      { ...reacted, chosen: VERSION_2, negotiated: VERSION_2 },
    ],
    //= rfc9368#4-p9-3
    ['an empty list after Version Negotiation', of(VERSION_1), reacted],
  ])('refuses %s', (_name, server, client) => {
    expect(() => checkServerVersions(server, client)).toThrow(MISMATCH)
  })

  //= rfc9368#2.2-p4-1
  test('takes packets of versions that it offered, and that are compatible', () => {
    expect(mayBeNegotiated(VERSION_2, VERSION_1, BOTH)).toBe(true)
    expect(mayBeNegotiated(VERSION_1, VERSION_2, BOTH)).toBe(true)
    expect(mayBeNegotiated(VERSION_2, VERSION_1, [VERSION_1])).toBe(false)
    expect(mayBeNegotiated(VERSION_1, VERSION_1, BOTH)).toBe(false)
    expect(mayBeNegotiated(VERSION_1, 0x1a2a3a4a, BOTH)).toBe(false)
    expect(mayBeNegotiated(STRANGE, VERSION_1, [STRANGE, VERSION_1])).toBe(false)
  })
})
