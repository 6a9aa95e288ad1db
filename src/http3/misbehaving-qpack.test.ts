/** Compression broken in every way that RFC 9204 §6 has a code for, on the streams of a connection. */
import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex, toHex } from '../base/bytes.ts'
import type { Role } from '../wire/stream-id.ts'
import { lines } from './fields.fixtures.ts'
import { FrameType } from './frames.ts'
import { bytes, frame, GET, headers, Misbehaving } from './misbehaving.fixtures.ts'
import type { Http3Options } from './options.ts'
import { inserts, section } from './qpack/qpack.fixtures.ts'
import { encodeSettings, SettingId } from './settings.ts'
import { StreamType } from './stream-kinds.ts'

const ROLES: readonly Role[] = ['client', 'server']
const OWN: Http3Options = { qpackMaxTableCapacity: 4096, qpackBlockedStreams: 2 }

/** The side under test takes a table of 4096 bytes and two blocked streams. */
function begin(role: Role, http3: Http3Options = OWN): Misbehaving {
  const one = new Misbehaving(role, { http3 })
  one.control()
  return one
}

/** The same, and its peer takes a table as well. */
function beginWithTable(role: Role, blockedStreams = 10): Misbehaving {
  const one = new Misbehaving(role, { http3: OWN })
  const settings = encodeSettings([
    [SettingId.qpackMaxTableCapacity, 4096],
    [SettingId.qpackBlockedStreams, blockedStreams],
  ])
  one.openKind(StreamType.control, frame(FrameType.settings, settings))
  one.run()
  return one
}

/** A HEADERS frame of a section in hexadecimal, prefix and all. */
function rawHeaders(hex: string): Uint8Array {
  return frame(FrameType.headers, fromHex(hex))
}

/** The line that a peer of the role may insert, and a whole message that needs it and `required` inserts. */
function inserted(role: Role): string {
  return role === 'server' ? ':path: /x' : ':status: 299'
}
function referring(role: Role, required: number): Uint8Array {
  return frame(FrameType.headers, section(required, role === 'server' ? 'd1d750016180' : '80'))
}

/** What the side under test has said on its decoder stream, in hexadecimal. */
function answers(one: Misbehaving): string {
  for (const content of one.received.values()) {
    if (content[0] === StreamType.qpackDecoder) return toHex(content.subarray(1))
  }
  return ''
}

/** The side under test sends a section that refers to its own entry: the id of its stream. */
function referToTable(one: Misbehaving): number {
  const stream = one.role === 'client' ? one.ask() : respond(one)
  one.run()
  return stream ? stream.id : -1
}

function respond(one: Misbehaving): { readonly id: number } | undefined {
  one.request(headers(...GET))
  one.run()
  const stream = one.of('request').at(-1)?.stream
  stream?.sendFields(lines(':status: 200', 'server: isoquic'))
  return stream
}

describe.each(ROLES)('a %s', (role) => {
  //= rfc9204#4.3.1-p3-2
  //= rfc9204#3.2.2-p2-2
  //= rfc9204#3.1-p4-2
  //= rfc9204#2.2.3-p2-1
  //= rfc9204#7.4-p3-1
  test.each([
    ['sets a capacity above the maximum', inserts(4097)],
    ['inserts before there is a capacity', fromHex('416101' + '31')],
    ['inserts an entry larger than the capacity', concat(inserts(40), fromHex('c109'))],
    ['names a static entry that does not exist', concat(inserts(4096), fromHex('ff2400'))],
    ['duplicates an entry that does not exist', concat(inserts(4096, 'a: 1'), fromHex('01'))],
    ['names an entry that has left', concat(inserts(40, 'a: 1', 'b: 2'), fromHex('810131'))],
    ['sends a Huffman-encoded string without its end', concat(inserts(4096), fromHex('c18118'))],
    ['sends an integer of more than 62 bits', fromHex('3f80ffffffffffffff40')],
  ])('whose peer %s closes with QPACK_ENCODER_STREAM_ERROR', (_, instructions) => {
    const one = begin(role)
    one.openKind(StreamType.qpackEncoder, instructions)
    expect(one.closed()).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  //= rfc9204#4.4.1-p4-1
  //= rfc9204#4.4.3-p3-1
  //= rfc9204#7.4-p3-1
  test.each([
    ['acknowledges a section that was not sent', 'bc'],
    ['acknowledges a section twice', '8080'],
    ['increments the insert count by 0', '00'],
    ['increments the insert count beyond what was sent', '3f00'],
    ['sends an integer of more than 62 bits', 'ff80ffffffffffffff40'],
  ])('whose peer %s closes with QPACK_DECODER_STREAM_ERROR', (_, instructions) => {
    const one = beginWithTable(role)
    expect(referToTable(one)).toBe(0)
    one.openKind(StreamType.qpackDecoder, fromHex(instructions))
    expect(one.closed()).toBe('QPACK_DECODER_STREAM_ERROR')
  })

  test('takes what a peer may say on its decoder stream', () => {
    const one = beginWithTable(role)
    expect(referToTable(one)).toBe(0)
    // An acknowledgment, and cancellations of streams that have nothing to cancel.
    one.openKind(StreamType.qpackDecoder, fromHex('80' + '40' + '7f25'))
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9204#2.2.3-p1-1
  //= rfc9204#2.2.1-p3-1
  //= rfc9204#3.1-p4-1
  //= rfc9204#4.5.1.1-p8-1
  //= rfc9204#4.5.1.2-p5-2
  test.each([
    ['refers to a static entry that does not exist', '0000ff24'],
    ['refers to an entry that has left', '040082'],
    ['refers to an entry beyond the Required Insert Count', '020010'],
    ['refers to an entry where it announced none', '000080'],
    ['encodes an insert count beyond the range', 'ff0200'],
    ['encodes an insert count that cannot be', 'b000'],
    ['has a negative Base', '0282'],
    ['ends within its prefix', '00'],
    ['ends within a field line', '000051'],
    ['has a string longer than itself', '0000510561'],
    ['has a Huffman-encoded string without its end', '0000518118'],
  ])('whose peer sends a section that %s closes with QPACK_DECOMPRESSION_FAILED', (_, hex) => {
    const one = begin(role)
    one.openKind(StreamType.qpackEncoder, inserts(80, 'a: 1', 'b: 2', 'c: 3'))
    one.run()
    expect(one.closed()).toBe(undefined)
    one.request(rawHeaders(hex))
    expect(one.closed()).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  test('whose peer sends such a section for trailers closes as well', () => {
    const one = begin(role)
    const post = GET.with(0, ':method: POST')
    one.request(role === 'server' ? headers(...post) : headers(':status: 200'), rawHeaders('0000ff24'))
    expect(one.closed()).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#7.4-p3-1
  test('gives up the stream alone where an integer has more than 62 bits', () => {
    const one = begin(role)
    const stream = one.request(rawHeaders('0000ff80ffffffffffffff40'))
    one.run()
    expect(one.verdict(stream).stopped).toBe('QPACK_DECOMPRESSION_FAILED')
    expect(one.of('failed')).toMatchObject([{ side: 'local' }])
    expect(answers(one)).toMatch(/^(40)+$/)
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9204#2.1.2-p4-2
  test('closes when more streams are blocked than it promised', () => {
    const one = begin(role)
    for (let i = 0; i < 2; i++) one.request(referring(role, 1))
    expect(one.closed()).toBe(undefined)
    one.request(referring(role, 1))
    expect(one.closed()).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#2.2.2.1-p1-1
  test('waits for the encoder stream, however that comes, and acknowledges', () => {
    const one = begin(role)
    const type = role === 'server' ? 'request' : 'response'
    for (let i = 0; i < 2; i++) one.request(referring(role, 1))
    one.run()
    expect(one.of(type)).toEqual([])
    const encoder = one.openKind(StreamType.qpackEncoder)
    for (const byte of inserts(4096, inserted(role))) {
      one.write(encoder, bytes(byte))
      one.run(20)
    }
    expect(one.of(type).map(({ stream }) => stream.id)).toEqual([0, 4])
    expect(one.of(type)[1]?.head).toMatchObject(role === 'server' ? { path: '/x' } : { status: 299 })
    expect(answers(one)).toBe('8084')
    expect(one.closed()).toBe(undefined)
  })

  test('tells of a blocked stream that its peer gives up, and that it gives up itself', () => {
    const one = begin(role)
    const streams = [0, 1].map(() => one.request(referring(role, 1)))
    one.run()
    streams[0]?.send?.reset(0x10cn)
    one.run()
    expect(answers(one)).toBe('40')
    // Their places are free for others.
    one.request(referring(role, 1))
    expect(one.closed()).toBe(undefined)
    one.openKind(StreamType.qpackEncoder, inserts(4096, inserted(role)))
    one.run()
    const type = role === 'server' ? 'request' : 'response'
    expect(one.of(type).map(({ stream }) => stream.id)).toEqual([4, 8])
    expect(answers(one)).toBe('408488')
  })

  //= rfc9204#4.2-p3-2
  test.each([StreamType.qpackEncoder, StreamType.qpackDecoder])('closes for a second stream of type %d', (type) => {
    const one = begin(role)
    one.openKind(type)
    one.openKind(type)
    expect(one.closed()).toBe('H3_STREAM_CREATION_ERROR')
  })

  //= rfc9204#4.2-p4-2
  test.each([StreamType.qpackEncoder, StreamType.qpackDecoder])('closes where a stream of type %d ends', (type) => {
    const one = begin(role)
    one.finish(one.openKind(type))
    expect(one.closed()).toBe('H3_CLOSED_CRITICAL_STREAM')
  })

  //= rfc9204#4.2-p7-1
  test('without a table lets its peer open both streams, and refuses their use', () => {
    const one = begin(role, { qpackMaxTableCapacity: 0 })
    const encoder = one.openKind(StreamType.qpackEncoder, inserts(0))
    one.openKind(StreamType.qpackDecoder, EMPTY)
    expect(one.closed()).toBe(undefined)
    one.write(encoder, inserts(1))
    expect(one.closed()).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  //= rfc9204#4.2-p3-1
  //= rfc9204#4.2-p4-1
  test('opens one encoder stream and one decoder stream, and keeps them', () => {
    const one = beginWithTable(role)
    for (let i = 0; i < 3; i++) referToTable(one)
    one.request(role === 'server' ? headers(...GET) : headers(':status: 200'))
    one.run()
    const own = [...one.peer.streams.values()].filter(
      ({ isLocal, direction }) => !isLocal && direction === 'unidirectional',
    )
    const types = own.map(({ id }) => one.received.get(id)?.[0])
    expect(types.toSorted()).toEqual([StreamType.control, StreamType.qpackEncoder, StreamType.qpackDecoder])
    for (const { receive } of own) expect(receive?.resetCode).toBe(undefined)
    expect(own.every(({ receive }) => receive?.hasEnded === false)).toBe(true)
    expect(one.closed()).toBe(undefined)
  })

  //= rfc9204#3.2.3-p4-1
  test('sends no instruction to a peer without a table', () => {
    const one = begin(role)
    for (let i = 0; i < 3; i++) referToTable(one)
    for (const content of one.received.values()) {
      if (content[0] === StreamType.qpackEncoder) expect(content).toHaveLength(1)
    }
  })

  test('does not grow by 64 kB of references to an entry of 4 kB', () => {
    const one = begin(role, { qpackMaxTableCapacity: 8192 })
    one.openKind(StreamType.qpackEncoder, inserts(8192, `x-large: ${'b'.repeat(4096)}`))
    one.run()
    // Two bytes of prefix; the frame itself is within the limit of sections.
    const bomb = section(1, '80'.repeat(65_000), 8192)
    const stream = one.request(frame(FrameType.headers, bomb))
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'local', reason: expect.stringContaining('larger than 65536') }])
    expect(one.of(role === 'server' ? 'request' : 'response')).toEqual([])
    expect(one.verdict(stream).stopped).toBe(role === 'server' ? 'H3_NO_ERROR' : 'H3_EXCESSIVE_LOAD')
    expect(answers(one)).toMatch(/^0?1?80/)
    expect(one.closed()).toBe(undefined)
  })
})

describe('a server', () => {
  test('whose client acknowledges no section stops using the table', () => {
    const one = beginWithTable('server')
    one.onEvent = (event) => {
      if (event.type === 'request') event.stream.sendFields(lines(':status: 200', 'server: isoquic'), true)
    }
    const ids: number[] = []
    const ask = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const stream = one.request(headers(...GET))
        stream.send?.finish()
        ids.push(stream.id)
      }
      one.run()
    }
    ask(1)
    // The entry is there; that any section which refers to it was decoded is never said.
    one.openKind(StreamType.qpackDecoder, fromHex('01'))
    one.run()
    for (let i = 0; i < 13; i++) ask(80)
    const sizes = ids.map((id) => one.received.get(id)?.length)
    // Behind a frame header of two bytes: the prefix, and an index for each line; or a literal.
    expect(sizes.slice(0, 1_024)).toEqual(new Array(1_024).fill(6))
    expect(sizes.slice(1_024)).toEqual(new Array(17).fill(13))
    expect(one.closed()).toBe(undefined)
  })
})
