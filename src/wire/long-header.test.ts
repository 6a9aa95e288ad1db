import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, toLatin1 } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { ConnectionId } from './connection-id.ts'
import { LongHeader, patchLength, peekDestination, writeLongHeader } from './long-header.ts'
import { writePacketNumber } from './packet-number.ts'
import { PacketType } from './packet-type.ts'
import { VERSION_1, VERSION_2 } from './version.ts'

const LONG_TYPES = [PacketType.initial, PacketType.zeroRtt, PacketType.handshake] as const

const anyFields = fc.record({
  type: fc.constantFrom(...LONG_TYPES),
  version: fc.constantFrom(VERSION_1, VERSION_2),
  destination: fc.uint8Array({ maxLength: 20 }).map((bytes) => ConnectionId.from(bytes)),
  source: fc.uint8Array({ maxLength: 20 }).map((bytes) => ConnectionId.from(bytes)),
  token: fc.uint8Array({ maxLength: 80 }),
  packetNumberLength: fc.constantFrom(1, 2, 3, 4),
})

/** A packet with these fields and `body` bytes behind its header, the packet number among them. */
function packetOf(fields: Parameters<typeof writeLongHeader>[1], body: number): Uint8Array {
  const writer = new Writer()
  const lengthOffset = writeLongHeader(writer, fields)
  writePacketNumber(writer, 7, fields.packetNumberLength)
  writer.bytes(new Uint8Array(body - fields.packetNumberLength).fill(0xee))
  const bytes = writer.finish()
  patchLength(bytes, lengthOffset, body)
  return bytes
}

function parsed(bytes: Uint8Array, end: number = bytes.length): LongHeader | undefined {
  const header = new LongHeader()
  return header.parse(bytes, 0, end) ? header : undefined
}

describe('the sample packets', () => {
  // RFC 9001 A.2 and RFC 9369 A.2: headers before protection; 0x449e bytes follow the Length.
  test.each([
    ['RFC 9001 A.2', 'c300000001088394c8f03e5157080000449e00000002', VERSION_1],
    ['RFC 9369 A.2', 'd36b3343cf088394c8f03e5157080000449e00000002', VERSION_2],
  ])('%s is written and parsed', (_name, hex, version) => {
    const destination = ConnectionId.from(fromHex('8394c8f03e515708'))
    const source = ConnectionId.from(new Uint8Array(0))
    const writer = new Writer()
    const lengthOffset = writeLongHeader(writer, { type: 0, version, destination, source, packetNumberLength: 4 })
    writePacketNumber(writer, 2, 4)
    const written = writer.finish()
    patchLength(written, lengthOffset, 0x49e)
    expect(toHex(written)).toBe(hex)

    const header = parsed(concat(written, new Uint8Array(0x49e - 4)))
    expect(header?.type).toBe(PacketType.initial)
    expect(header?.version).toBe(version)
    expect(header?.destinationId().toString()).toBe('8394c8f03e515708')
    expect(header?.sourceId().length).toBe(0)
    expect([header?.tokenLength, header?.numberOffset, header?.payloadLength]).toEqual([0, 18, 0x49e])
  })
})

describe('what is written is parsed', () => {
  //= rfc9000#17.2-p8.2-1
  //# The value
  //# included prior to protection MUST be set to 0.
  test('in any place of a datagram', () => {
    const header = new LongHeader()
    fc.assert(
      fc.property(
        anyFields,
        fc.integer({ min: 20, max: 100 }),
        fc.nat(40),
        fc.nat(40),
        (fields, body, before, after) => {
          const packet = packetOf(fields, body)
          const datagram = concat(new Uint8Array(before), packet, new Uint8Array(after))
          expect(header.parse(datagram, before, datagram.length)).toBe(true)
          expect((packet[0] ?? 0) & 0x0c).toBe(0)
          expect(((packet[0] ?? 0) & 0x03) + 1).toBe(fields.packetNumberLength)
          expect([header.type, header.version]).toEqual([fields.type, fields.version])
          expect(header.destinationId().equals(fields.destination)).toBe(true)
          expect(header.sourceId().equals(fields.source)).toBe(true)
          expect([...header.token()]).toEqual(fields.type === PacketType.initial ? [...fields.token] : [])
          expect(header.packetEnd).toBe(before + packet.length)
          expect(header.numberOffset).toBe(header.packetEnd - body)
          expect(header.payloadLength).toBe(body)
          expect(peekDestination(datagram, before, datagram.length, 5)).toBe(fields.destination.key)
        },
      ),
    )
  })

  test('cut anywhere it is dropped and nothing is read behind the cut', () => {
    fc.assert(
      fc.property(anyFields, fc.integer({ min: 20, max: 40 }), (fields, body) => {
        const packet = packetOf(fields, body)
        for (let end = 0; end < packet.length; end++) expect(parsed(packet, end)).toBeUndefined()
      }),
      { numRuns: 30 },
    )
  })
})

describe('what is dropped', () => {
  const fields = {
    type: PacketType.handshake,
    version: VERSION_1,
    destination: ConnectionId.from(Uint8Array.of(1, 2, 3, 4)),
    source: ConnectionId.from(Uint8Array.of(5)),
    packetNumberLength: 2,
  } as const

  //= rfc9000#17.2-p3.4-1
  //# Packets containing a zero
  //# value for this bit are not valid packets in this version and MUST
  //# be discarded.
  test('a cleared fixed bit, unless grease_quic_bit was sent', () => {
    const packet = packetOf(fields, 30)
    packet[0] = (packet[0] ?? 0) & ~0x40
    const header = new LongHeader()
    expect(header.parse(packet, 0, packet.length)).toBe(false)
    header.anyFixedBit = true
    expect(header.parse(packet, 0, packet.length)).toBe(true)
  })

  //= rfc9000#17.2-p3.12-2
  //# Endpoints that receive a version 1 long header with a
  //# value larger than 20 MUST drop the packet.
  //= rfc9000#17.2-p3.16-2
  //# Endpoints that receive a version 1 long header
  //# with a value larger than 20 MUST drop the packet.
  test.each([VERSION_1, VERSION_2])('an id of more than 20 bytes in version %d', (version) => {
    const long = ConnectionId.from(new Uint8Array(21))
    expect(parsed(packetOf({ ...fields, version, destination: long }, 30))).toBeUndefined()
    expect(parsed(packetOf({ ...fields, version, source: long }, 30))).toBeUndefined()
    const longest = ConnectionId.from(new Uint8Array(20))
    expect(parsed(packetOf({ ...fields, version, destination: longest, source: longest }, 30))).toBeDefined()
  })

  //= rfc9001#5.4.2-p3-1
  //# An endpoint MUST discard packets that are not long enough to contain a
  //# complete sample.
  test('a packet too short for a sample, behind which the datagram goes on', () => {
    const short = packetOf(fields, 19)
    const header = new LongHeader()
    expect(header.parse(concat(short, packetOf(fields, 20)), 0, short.length + 40)).toBe(false)
    expect(header.packetEnd).toBe(short.length)
  })

  test('a Length beyond the datagram, after which nothing can be known', () => {
    const packet = packetOf(fields, 30)
    const header = new LongHeader()
    expect(header.parse(packet, 0, packet.length - 1)).toBe(false)
    expect(header.packetEnd).toBe(packet.length - 1)
  })

  test('a token beyond the datagram', () => {
    const bytes = fromHex(`c3000000010000${'ffffffffffffffff'}${'00'.repeat(40)}`)
    expect(parsed(bytes)).toBeUndefined()
    expect(parsed(fromHex(`c3000000010000${'4040'}${'00'.repeat(40)}`))).toBeUndefined()
  })

  test('a short header', () => {
    expect(parsed(new Uint8Array(40).fill(0x40))).toBeUndefined()
  })
})

describe('other versions', () => {
  //= rfc9000#17.2-p3.12-3
  //# In order to properly
  //# form a Version Negotiation packet, servers SHOULD be able to read
  //# longer connection IDs from other QUIC versions.
  //= rfc9000#17.2-p3.16-3
  //# In order to properly form a Version Negotiation packet, servers SHOULD
  //# be able to read longer connection IDs from other QUIC versions.
  test('have ids of any length, and nothing else is known of them', () => {
    const bytes = concat(
      fromHex('8aff00001dff'),
      new Uint8Array(255).fill(1),
      fromHex('15'),
      new Uint8Array(21).fill(2),
    )
    const header = parsed(bytes)
    expect(header?.type).toBeUndefined()
    expect(header?.version).toBe(0xff00001d)
    expect([header?.destinationId().length, header?.sourceId().length]).toEqual([255, 21])
    expect(header?.packetEnd).toBe(bytes.length)
    expect(peekDestination(bytes, 0, bytes.length, 8)).toBe('\x01'.repeat(255))
  })
})

describe('peekDestination', () => {
  test('takes as many bytes of a short header as our ids have', () => {
    const bytes = Uint8Array.of(0x40, 1, 2, 3, 4, 5)
    expect(peekDestination(bytes, 0, 6, 4)).toBe('\x01\x02\x03\x04')
    expect(peekDestination(bytes, 0, 6, 0)).toBe('')
    expect(peekDestination(bytes, 0, 6, 6)).toBeUndefined()
  })

  test('of a datagram cut short there is none', () => {
    expect(peekDestination(new Uint8Array(0), 0, 0, 0)).toBeUndefined()
    const long = fromHex('c000000001 04 01020304 00'.replaceAll(' ', ''))
    for (let end = 0; end < 10; end++) expect(peekDestination(long, 0, end, 8)).toBeUndefined()
    expect(peekDestination(long, 0, 10, 8)).toBe('\x01\x02\x03\x04')
  })
})

describe('patchLength', () => {
  test('writes two bytes, whatever the value', () => {
    const bytes = new Uint8Array(4)
    patchLength(bytes, 1, 5)
    expect(toHex(bytes)).toBe('00400500')
    patchLength(bytes, 1, 16383)
    expect(toHex(bytes)).toBe('007fff00')
    expect(() => patchLength(bytes, 1, 16384)).toThrow(RangeError)
  })
})

test('random bytes never throw, and what is accepted lies within them', () => {
  const header = new LongHeader()
  const likely = fc.tuple(
    fc.constantFrom(0xc0, 0xd0, 0xe0, 0xf0, 0x80),
    fc.constantFrom('00000001', '6b3343cf', '00000000'),
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc
      .tuple(likely, fc.uint8Array({ maxLength: 100 }))
      .map(([[first, version], rest]) => concat(Uint8Array.of(first), fromHex(version), rest)),
  )
  fc.assert(
    fc.property(bytes, (datagram) => {
      const accepted = header.parse(datagram, 0, datagram.length)
      expect(header.packetEnd).toBeLessThanOrEqual(datagram.length)
      expect(header.packetEnd).toBeGreaterThanOrEqual(0)
      if (accepted) {
        expect(header.numberOffset).toBeLessThanOrEqual(header.packetEnd)
        expect(header.tokenStart + header.tokenLength).toBeLessThanOrEqual(header.packetEnd)
        const { destinationStart, destinationLength } = header
        expect(peekDestination(datagram, 0, datagram.length, 8)).toBe(
          toLatin1(datagram, destinationStart, destinationStart + destinationLength),
        )
      }
    }),
    { numRuns: 500 },
  )
})
