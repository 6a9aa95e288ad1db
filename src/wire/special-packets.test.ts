import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { ConnectionId } from './connection-id.ts'
import { LongHeader } from './long-header.ts'
import { PacketType } from './packet-type.ts'
import {
  encodeRetry,
  encodeRetryPseudoPacket,
  encodeVersionNegotiation,
  parseRetry,
  parseVersionNegotiation,
} from './special-packets.ts'
import { VERSION_1, VERSION_2 } from './version.ts'

function parse(bytes: Uint8Array): LongHeader {
  const header = new LongHeader()
  header.parse(bytes, 0, bytes.length)
  return header
}

const anyId = fc.uint8Array({ maxLength: 255 }).map((bytes) => ConnectionId.from(bytes))
const anyVersion = fc.integer({ min: 0, max: 0xffffffff })

describe('Version Negotiation', () => {
  //= rfc9000#17.2.1-p6-1
  //# The Version field of a Version Negotiation packet MUST be set to
  //# 0x00000000.
  //= rfc9000#17.2.1-p5-2
  //# Where QUIC
  //# might be multiplexed with other protocols (see [RFC7983]), servers
  //# SHOULD set the most significant bit of this field (0x40) to 1 so that
  //# Version Negotiation packets appear to have the Fixed Bit field.
  test('has version 0, both ids of any length, and the list', () => {
    fc.assert(
      fc.property(
        anyId,
        anyId,
        fc.array(anyVersion, { minLength: 1 }),
        fc.nat(255),
        (destination, source, versions, unused) => {
          const packet = encodeVersionNegotiation({ destination, source, versions, unused })
          expect((packet[0] ?? 0) & 0xc0).toBe(0xc0)
          const header = parse(packet)
          expect([header.type, header.version]).toEqual([PacketType.versionNegotiation, 0])
          expect(header.destinationId().equals(destination)).toBe(true)
          expect(header.sourceId().equals(source)).toBe(true)
          expect(parseVersionNegotiation(header)).toEqual(versions)
        },
      ),
    )
  })

  //= rfc9000#17.2.1-p5-1
  //# Clients MUST ignore the value of this field.
  //= rfc8999#6-p4-1
  //# The remaining 7 bits, labeled "Unused", can be set to any value when
  //# sending and MUST be ignored on receipt.
  test('is read whatever its unused bits are', () => {
    for (const first of [0x80, 0xbf, 0xff]) {
      const packet = concat(Uint8Array.of(first), fromHex('000000000000'), fromHex('00000001'))
      expect(parseVersionNegotiation(parse(packet))).toEqual([VERSION_1])
    }
  })

  //= rfc8999#6-p5-1
  //# An endpoint MUST ignore a packet that contains no Supported Version
  //# fields or contains a truncated Supported Version value.
  test.each(['', '00', '0000000100', '00000001ffffff'])('the list %j is no list', (hex) => {
    expect(parseVersionNegotiation(parse(fromHex(`80000000000000${hex}`)))).toBeUndefined()
  })

  test('another packet is none', () => {
    expect(parseVersionNegotiation(parse(fromHex(`c0000000010000${'00'.repeat(40)}`)))).toBeUndefined()
  })
})

describe('Retry', () => {
  // RFC 9001 A.4 and RFC 9369 A.4.
  const samples = [
    ['RFC 9001 A.4', VERSION_1, 'ff000000010008f067a5502a4262b5746f6b656e', '04a265ba2eff4d829058fb3f0f2496ba'],
    ['RFC 9369 A.4', VERSION_2, 'cf6b3343cf0008f067a5502a4262b5746f6b656e', 'c8646ce8bfe33952d955543665dcc7b6'],
  ] as const

  test.each(samples)('%s is written and parsed', (_name, version, withoutTag, tag) => {
    const fields = {
      version,
      destination: ConnectionId.from(new Uint8Array(0)),
      source: ConnectionId.from(fromHex('f067a5502a4262b5')),
      token: fromHex('746f6b656e'),
      unused: 0x0f,
    }
    const packet = encodeRetry(fields, (bytes) => {
      expect(toHex(bytes)).toBe(withoutTag)
      return fromHex(tag)
    })
    expect(toHex(packet)).toBe(withoutTag + tag)
    const header = parse(packet)
    expect(header.type).toBe(PacketType.retry)
    const retry = parseRetry(header)
    expect(retry === undefined ? [] : [retry.token, retry.withoutTag, retry.integrityTag].map(toHex)).toEqual([
      '746f6b656e',
      withoutTag,
      tag,
    ])
  })

  //= rfc9000#17.2.5-p3-1
  //# The value in
  //# the Unused field is set to an arbitrary value by the server; a client
  //# MUST ignore these bits.
  test('its unused bits do not matter', () => {
    const bytes = fromHex(samples[0][2] + samples[0][3])
    for (let unused = 0; unused < 16; unused++) {
      bytes[0] = 0xf0 | unused
      expect(parseRetry(parse(bytes))?.token).toHaveLength(5)
    }
  })

  //= rfc9000#17.2.5.2-p2-2
  //# A client
  //# MUST discard a Retry packet with a zero-length Retry Token field.
  test('without a token, or too short for a tag, it is dropped', () => {
    const bytes = fromHex(`f0000000010000${'00'.repeat(17)}`)
    const header = new LongHeader()
    for (let end = 0; end < bytes.length; end++) {
      expect(header.parse(bytes, 0, end)).toBe(false)
      expect(parseRetry(header)).toBeUndefined()
    }
    expect(header.parse(bytes, 0, bytes.length)).toBe(true)
    expect(parseRetry(header)?.token).toHaveLength(1)
  })

  test('its pseudo-packet begins with the client’s first destination id', () => {
    // RFC 9001 §5.8, Figure 8.
    expect(toHex(encodeRetryPseudoPacket(fromHex('8394c8f03e515708'), fromHex('ff00')))).toBe('088394c8f03e515708ff00')
  })
})
