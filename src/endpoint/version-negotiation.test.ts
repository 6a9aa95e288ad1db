import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { idOf, seededRandom } from '../connection/owners.fixtures.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { LongHeader } from '../wire/long-header.ts'
import { parseVersionNegotiation } from '../wire/special-packets.ts'
import { isReservedVersion, VERSION_1, VERSION_2 } from '../wire/version.ts'
import { VersionNegotiation } from './version-negotiation.ts'

const DESTINATION = idOf(1, 2, 3, 4, 5, 6, 7, 8)
const SOURCE = idOf(9, 9, 9)

function setUp(perSecond = 100): VersionNegotiation {
  return new VersionNegotiation({ versions: [VERSION_1, VERSION_2], random: seededRandom(), perSecond })
}

function packet(version: number, size = 1200, destination = DESTINATION, source = SOURCE): Uint8Array {
  const head = Uint8Array.of(0xc0, version >>> 24, (version >>> 16) & 0xff, (version >>> 8) & 0xff, version & 0xff)
  const ids = [Uint8Array.of(destination.length), destination.bytes, Uint8Array.of(source.length), source.bytes]
  const bytes = new Uint8Array(size)
  bytes.set(concat(head, ...ids).subarray(0, size))
  return bytes
}

function answer(bytes: Uint8Array, negotiation = setUp()): Uint8Array | undefined {
  return negotiation.answer(bytes, 0, bytes.length, 0)
}

describe('VersionNegotiation', () => {
  //= rfc9000#5.2.2-p1-1
  //= rfc9000#5.2.2-p2-1
  //= rfc9000#17.2.1-p5-2
  //= rfc9000#17.2.1-p6-1
  //= rfc9000#17.2.1-p7-1
  //= rfc9000#17.2.1-p7-2
  //= rfc9368#2.1-p1-1
  test('answers an unknown version with all it takes, a reserved one among them, and both ids changed about', () => {
    const bytes = answer(packet(0xbabababa)) ?? new Uint8Array(0)
    const header = new LongHeader()
    expect(header.parse(bytes, 0, bytes.length)).toBe(true)
    expect((bytes[0] ?? 0) & 0xc0).toBe(0xc0)
    expect(header.version).toBe(0)
    expect(header.destinationId()).toEqual(SOURCE)
    expect(header.sourceId()).toEqual(DESTINATION)
    const versions = parseVersionNegotiation(header) ?? []
    expect(versions.filter((version) => !isReservedVersion(version))).toEqual([VERSION_1, VERSION_2])
    expect(versions.length).toBe(3)
    expect(bytes.length).toBeLessThan(1200)
  })

  //= rfc9000#17.2-p3.12-3
  //= rfc9000#17.2-p3.16-3
  //= rfc9000#17.2.1-p8-1
  test('can do with ids of any length', () => {
    const long = ConnectionId.from(new Uint8Array(255).fill(7))
    const bytes = answer(packet(0xff000001, 1200, long, idOf())) ?? new Uint8Array(0)
    const header = new LongHeader()
    header.parse(bytes, 0, bytes.length)
    expect(header.sourceId()).toEqual(long)
    expect(header.destinationId().length).toBe(0)
  })

  //= rfc9000#5.2.2-p1-2
  test('drops datagrams below 1,200 bytes', () => {
    expect(answer(packet(0xbabababa, 1199))).toBeUndefined()
  })

  //= rfc9000#6.1-p1-1
  //= rfc9368#2.1-p5-1
  test('answers neither Version Negotiation nor a version that it takes', () => {
    for (const version of [0, VERSION_1, VERSION_2]) expect(answer(packet(version))).toBeUndefined()
  })

  test('answers a version that the stack speaks and this server does not take', () => {
    const only = new VersionNegotiation({ versions: [VERSION_2], random: seededRandom() })
    expect(answer(packet(VERSION_1), only)).toBeDefined()
  })

  test('answers so many a second', () => {
    const negotiation = setUp(10)
    let answers = 0
    for (let count = 0; count < 100; count++) if (answer(packet(0xbabababa), negotiation) !== undefined) answers += 1
    expect(answers).toBe(10)
  })

  test('never throws, and never answers with more than it got', () => {
    const negotiation = setUp(1e9)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (start) => {
        const bytes = new Uint8Array(1200).fill(0xff)
        bytes.set(start)
        expect(answer(bytes, negotiation)?.length ?? 0).toBeLessThan(1200)
        answer(start, negotiation)
      }),
    )
  })
})
