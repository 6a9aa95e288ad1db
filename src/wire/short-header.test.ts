import { describe, expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { ConnectionId } from './connection-id.ts'
import { hasReservedBits, isLongHeader, parseShortHeader, writeShortHeader } from './short-header.ts'

/** A packet of `length` bytes that begins with `first`. */
function packet(first: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xaa)
  bytes[0] = first
  return bytes
}

describe('parsing', () => {
  test('finds the packet number behind the id', () => {
    expect(parseShortHeader(packet(0x40, 29), 0, 29, 8)).toBe(9)
    expect(parseShortHeader(packet(0x40, 21), 0, 21, 0)).toBe(1)
  })

  //= rfc9000#17.3.1-p4.4-1
  //# Packets containing a
  //# zero value for this bit are not valid packets in this version and
  //# MUST be discarded.
  test('drops a packet with a cleared fixed bit', () => {
    expect(parseShortHeader(packet(0x00, 40), 0, 40, 8)).toBe(-1)
  })

  //= rfc9287#3-p2-1
  //# An endpoint that advertises the grease_quic_bit transport parameter
  //# MUST accept packets with the QUIC Bit set to a value of 0.
  test('takes it where grease_quic_bit was sent', () => {
    expect(parseShortHeader(packet(0x00, 40), 0, 40, 8, true)).toBe(9)
  })

  test('drops a long header', () => {
    expect(parseShortHeader(packet(0xc0, 40), 0, 40, 8)).toBe(-1)
  })

  //= rfc9001#5.4.2-p3-1
  //# An endpoint MUST discard packets that are not long enough to contain a
  //# complete sample.
  test('drops a packet that is too short for a sample, at every length', () => {
    const bytes = packet(0x40, 60)
    for (let end = 0; end < 29; end++) expect(parseShortHeader(bytes, 0, end, 8)).toBe(-1)
    for (let end = 29; end <= 60; end++) expect(parseShortHeader(bytes, 0, end, 8)).toBe(9)
  })
})

describe('writing', () => {
  const destination = ConnectionId.from(Uint8Array.of(1, 2))

  //= rfc9000#17.3.1-p4.8-1
  //# The value included prior to protection MUST be set to 0.
  test.each([
    [1, 0, 0, '400102'],
    [4, 0, 0, '430102'],
    [2, 1, 0, '450102'],
    [3, 0, 1, '620102'],
  ] as const)('number length %d, key phase %d, spin %d is %s', (numberLength, keyPhase, spin, hex) => {
    const writer = new Writer()
    writeShortHeader(writer, destination, numberLength, keyPhase, spin)
    expect(toHex(writer.finish())).toBe(hex)
  })
})

describe('first bytes', () => {
  test('the form bit tells long from short', () => {
    expect([isLongHeader(0x80), isLongHeader(0x7f)]).toEqual([true, false])
  })

  test('reserved bits are looked for where each form has them', () => {
    for (const first of [0x48, 0x50, 0x58, 0xc4, 0xc8, 0xcc]) expect(hasReservedBits(first)).toBe(true)
    for (const first of [0x40, 0x67, 0xc3, 0xf3]) expect(hasReservedBits(first)).toBe(false)
  })
})
