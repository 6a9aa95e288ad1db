import { describe, expect, test } from 'vitest'
import { PacketType } from './packet-type.ts'
import {
  isReservedVersion,
  isSupportedVersion,
  longPacketType,
  longTypeBits,
  reservedVersion,
  SUPPORTED_VERSIONS,
  VERSION_1,
  VERSION_2,
} from './version.ts'

describe('type bits', () => {
  // RFC 9000 Table 5 and RFC 9369 §3.2.
  test.each([
    [PacketType.initial, 0b00, 0b01],
    [PacketType.zeroRtt, 0b01, 0b10],
    [PacketType.handshake, 0b10, 0b11],
    [PacketType.retry, 0b11, 0b00],
  ])('type %d is %d in version 1 and %d in version 2', (type, first, second) => {
    expect(longTypeBits(VERSION_1, type)).toBe(first)
    expect(longTypeBits(VERSION_2, type)).toBe(second)
    expect(longPacketType(VERSION_1, first)).toBe(type)
    expect(longPacketType(VERSION_2, second)).toBe(type)
  })
})

describe('versions', () => {
  test('1 and 2 are spoken, others are not', () => {
    expect(SUPPORTED_VERSIONS.every(isSupportedVersion)).toBe(true)
    for (const version of [0, 2, 0xff00001d, 0x0a0a0a0a]) expect(isSupportedVersion(version)).toBe(false)
  })

  test('reserved ones have the form 0x?a?a?a?a', () => {
    for (const version of [0x0a0a0a0a, 0xfafafafa, 0x1a2a3a4a]) expect(isReservedVersion(version)).toBe(true)
    for (const version of [0, VERSION_1, VERSION_2, 0x1a2a3a4b]) expect(isReservedVersion(version)).toBe(false)
  })

  test('a random reserved version is one, and takes four bits of each byte', () => {
    const draw = (byte: number): number => reservedVersion({ fill: (bytes) => void bytes.fill(byte) })
    expect(draw(0x00)).toBe(0x0a0a0a0a)
    expect(draw(0xff)).toBe(0xfafafafa)
    expect(isReservedVersion(draw(0x57))).toBe(true)
  })
})
