import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import type { Field } from '../field.ts'
import { QpackEncoder } from './encoder.ts'
import {
  writeInsertCountIncrement,
  writeSectionAcknowledgment,
  writeSetCapacity,
  writeStreamCancellation,
} from './instructions.ts'
import { failure, field, newDecoder, newEncoder, written } from './qpack.fixtures.ts'
import { QpackLink } from './qpack-link.fixtures.ts'

const REQUEST = [
  ':method: GET',
  ':scheme: https',
  ':authority: example.com',
  ':path: /index.html',
  'user-agent: isoquic',
  'x-own: word',
].map(field)

function encoded(encoder: QpackEncoder, streamId: number, ...lines: readonly string[]): string {
  return toHex(encoder.encode(streamId, lines.map(field), Infinity))
}

function instructionsOf(encoder: QpackEncoder): string {
  return toHex(encoder.takeInstructions() ?? new Uint8Array(0))
}

const acknowledge = (streamId: number): Uint8Array => written((writer) => writeSectionAcknowledgment(writer, streamId))
const cancel = (streamId: number): Uint8Array => written((writer) => writeStreamCancellation(writer, streamId))
const increment = (count: number): Uint8Array => written((writer) => writeInsertCountIncrement(writer, count))

/** Whether a section refers to the dynamic table: its Required Insert Count is not 0. */
function isReferring(section: Uint8Array): boolean {
  return section[0] !== 0
}

describe('without a table', () => {
  const literals = (encoder: QpackEncoder): void => {
    for (let i = 0; i < 3; i++) expect(isReferring(encoder.encode(4 * i, REQUEST, Infinity))).toBe(false)
    expect(encoder.takeInstructions()).toBeUndefined()
  }

  //= rfc9204#3.2.3-p4-1
  test('before the settings of the peer there are static entries and literals alone', () => {
    literals(new QpackEncoder({ maxTableCapacity: 4096 }))
  })

  //= rfc9204#3.2.3-p4-1
  test.each([
    ['the peer has none', 4096, 0],
    ['there is none here', 0, 4096],
    ['it is too small for any entry', 4096, 32],
  ])('no instruction is sent where %s', (_, own, peers) => {
    const encoder = new QpackEncoder({ maxTableCapacity: own })
    encoder.onPeerSettings({ maxTableCapacity: peers, maxBlockedStreams: 100 })
    literals(encoder)
  })

  test.each([
    [':method: GET', 'd1'],
    ['x-frame-options: sameorigin', 'ff23'],
    [':path: /x', '51022f78'],
    ['server: \u00ff\u00fe', '5f4d02fffe'],
    ['custom-key: custom-value', '2f0125a849e95ba97d7f8925a849e95bb8e8b4bf'],
    ['a: 1', '21610131'],
    ['\u00ff: \u00ff', '21ff01ff'],
  ])('%s', (line, hex) => {
    expect(encoded(newEncoder(0), 0, line)).toBe(`0000${hex}`)
  })
})

describe('the capacity', () => {
  //= rfc9204#3.2.3-p1-1
  //= rfc9204#4.3.1-p3-1
  test.each([
    [4096, 16_384],
    [16_384, 4096],
  ])('is the smaller of %d and %d', (own, peers) => {
    const encoder = new QpackEncoder({ maxTableCapacity: own })
    encoder.onPeerSettings({ maxTableCapacity: peers, maxBlockedStreams: 100 })
    encoder.encode(0, REQUEST, Infinity)
    expect(instructionsOf(encoder)).toMatch(new RegExp(`^${toHex(written((w) => writeSetCapacity(w, 4096)))}`))
  })

  test('of the peer, not ours, is what insert counts are encoded by', () => {
    // 64 bytes have two entries: modulo 4. With 4096 bytes of the peer it is modulo 256.
    const encoder = new QpackEncoder({ maxTableCapacity: 64 })
    encoder.onPeerSettings({ maxTableCapacity: 4096, maxBlockedStreams: 100 })
    const decoder = newDecoder()
    for (let i = 0; i < 20; i++) {
      const fields = [field(`via: ${i}`)]
      const section = encoder.encode(4 * i, fields, Infinity)
      decoder.receive(encoder.takeInstructions() ?? new Uint8Array(0))
      expect(section[0]).toBe(i + 2)
      expect(decoder.decode(4 * i, section)?.fields).toEqual(fields)
      encoder.receive(decoder.takeInstructions() ?? new Uint8Array(0))
    }
  })

  //= rfc9204#4.3.1-p4-1
  test('is set once, so that it evicts nothing', () => {
    const encoder = newEncoder()
    const bytes: string[] = []
    for (let i = 0; i < 50; i++) {
      encoder.encode(4 * i, [field(`via: ${i}`)], Infinity)
      bytes.push(instructionsOf(encoder))
    }
    expect(bytes.filter((hex) => hex.startsWith('3f'))).toHaveLength(1)
  })

  test('may be remembered from an earlier connection, and then has to stay', () => {
    const settings = { maxTableCapacity: 4096, maxBlockedStreams: 0 }
    const encoder = newEncoder()
    encoder.onPeerSettings({ ...settings, maxBlockedStreams: 200 })
    expect(failure(() => encoder.onPeerSettings({ ...settings, maxTableCapacity: 8192 }))).toBe(
      'QPACK_DECODER_STREAM_ERROR',
    )
    expect(failure(() => encoder.onPeerSettings({ ...settings, maxTableCapacity: 0 }))).toBe(
      'QPACK_DECODER_STREAM_ERROR',
    )
    const without = newEncoder(0)
    without.onPeerSettings(settings)
  })
})

describe('representations', () => {
  test('a request that comes again takes a byte for each field', () => {
    const link = new QpackLink(newEncoder(), newDecoder(), () => 0)
    for (let i = 0; i < 4; i++) {
      link.send(4 * i, REQUEST)
      link.settle()
    }
    expect(link.received.get(12)).toEqual([REQUEST])
    expect(link.encoder.encode(16, REQUEST, Infinity)).toHaveLength(2 + REQUEST.length)
    expect(link.encoder.takeInstructions()).toBeUndefined()
  })

  test('entries that the section itself inserted come behind the Base', () => {
    const encoder = newEncoder()
    // Required Insert Count 2, Base 0; both are indexed with a post-Base index.
    expect(encoded(encoder, 0, ':authority: a', 'user-agent: b')).toBe('03811011')
    expect(instructionsOf(encoder)).toBe('3fe11fc00161ff200162')
    // Required Insert Count 2, Base 2.
    expect(encoded(encoder, 4, ':authority: a', 'user-agent: b')).toBe('03008180')
    // Required Insert Count 1, Base 2.
    expect(encoded(encoder, 8, ':authority: a')).toBe('020181')
  })

  //= rfc9204#4.5.1.2-p5-1
  test('the Base is never negative', () => {
    const encoder = newEncoder()
    // Required Insert Count 3, Base 0: the sign bit, and 3 - 2 - 1.
    expect(encoded(encoder, 0, 'via: a', 'via: b', 'via: c').slice(0, 4)).toBe('0482')
    expect(encoded(encoder, 0, 'via: b').slice(0, 4)).toBe('0301')
  })

  test('names without a static entry get an entry once they were met again', () => {
    const encoder = newEncoder()
    encoded(encoder, 0, 'x-request: 1')
    expect(instructionsOf(encoder)).toBe('3fe11f')
    // Inserted as `x-request` with an empty value, and referred to behind the Base.
    expect(encoded(encoder, 4, 'x-request: 2')).toBe('0280000132')
    expect(instructionsOf(encoder)).toBe('67f2b585ed69509f00')
    expect(encoded(encoder, 8, 'x-request: 3')).toBe('0200400133')
    expect(encoder.takeInstructions()).toBeUndefined()
  })

  //= rfc9204#2.1-p3-1
  test('keep the order of the fields', () => {
    const lines = ['x-own: word', ':method: GET', 'via: a', 'x-own: word', ':path: /', 'x-own: other'].map(field)
    const link = new QpackLink(newEncoder(), newDecoder(), () => 0)
    for (let i = 0; i < 5; i++) {
      link.send(4 * i, lines)
      link.settle()
    }
    expect([...link.received.values()]).toEqual(new Array(5).fill([lines]))
  })

  test('characters above U+00FF are refused, and nothing is half done', () => {
    const encoder = newEncoder()
    const decoder = newDecoder()
    const wrong = { name: 'x-\u0100', value: '\u0100' }
    for (const bad of [wrong, { ...wrong, name: 'via' }, { ...wrong, value: 'v' }]) {
      for (let i = 0; i < 3; i++) expect(() => encoder.encode(0, [field('via: a'), bad], Infinity)).toThrow(TypeError)
    }
    const section = encoder.encode(4, REQUEST, Infinity)
    decoder.receive(encoder.takeInstructions() ?? new Uint8Array(0))
    expect(decoder.decode(4, section)?.fields).toEqual(REQUEST)
  })
})

describe('fields that must not be indexed', () => {
  const SECRET: Field = { name: 'x-secret', value: 'word', isNeverIndexed: true }

  //= rfc9204#4.5.4-p3-1
  //= rfc9204#4.5.4-p3-2
  //= rfc9204#7.1.3-p3-1
  //= rfc9204#7.1.3-p3-2
  test('stay literals and stay marked, however often they come and wherever they go on to', () => {
    const hops = [0, 1, 2].map(() => new QpackLink(newEncoder(), newDecoder(), () => 0))
    for (let i = 0; i < 5; i++) {
      let fields: readonly Field[] = [SECRET, { ...SECRET, name: ':method', value: 'GET' }]
      for (const hop of hops) {
        hop.send(4 * i, fields)
        hop.settle()
        fields = hop.received.get(4 * i)?.[0] ?? []
      }
      expect(fields).toEqual([SECRET, { ...SECRET, name: ':method', value: 'GET' }])
    }
    for (const hop of hops) {
      hop.encoder.encode(100, [SECRET], Infinity)
      expect(hop.encoder.takeInstructions()).toBeUndefined()
    }
  })

  test.each([
    ['authorization: Basic dXNlcjpwYXNz', true],
    ['proxy-authorization: Basic dXNlcjpwYXNz', true],
    ['cookie: admin=1', true],
    ['set-cookie: admin=1', true],
    [`authorization: Bearer ${'0123456789abcdef'.repeat(4)}`, false],
    [`cookie: session=${'0123456789abcdef'.repeat(2)}`, false],
    ['user-agent: isoquic', false],
  ])('are those whose values can be guessed: %s', (line, isNever) => {
    const link = new QpackLink(newEncoder(), newDecoder(), () => 0)
    for (let i = 0; i < 3; i++) {
      link.send(4 * i, [field(line)])
      link.settle()
    }
    expect(link.received.get(8)?.[0]?.[0]?.isNeverIndexed).toBe(isNever ? true : undefined)
    expect(isReferring(link.encoder.encode(12, [field(line)], Infinity))).toBe(!isNever)
  })

  test.each(['content-length: 1234', `:path: /search?q=${'x'.repeat(100)}`])(
    'one-off lines get no entry: %s',
    (line) => {
      const encoder = newEncoder()
      encoder.encode(0, [field('via: a')], Infinity)
      encoder.takeInstructions()
      for (let i = 0; i < 5; i++) encoder.encode(4 * i, [field(line)], Infinity)
      expect(encoder.takeInstructions()).toBeUndefined()
    },
  )
})

describe('streams that may be blocked', () => {
  //= rfc9204#2.1.2-p4-1
  test('are no more than the peer allows', () => {
    const encoder = newEncoder(4096, 2)
    const refers = (streamId: number): boolean => isReferring(encoder.encode(streamId, [field('via: a')], Infinity))
    expect([refers(0), refers(4), refers(8), refers(12)]).toEqual([true, true, false, false])
    // Streams that may be blocked already can be so once more.
    expect([refers(4), refers(0)]).toEqual([true, true])
    encoder.receive(cancel(4))
    expect([refers(8), refers(12)]).toEqual([true, false])
    // Nobody can be blocked by what is known to be there.
    encoder.receive(increment(1))
    expect([refers(12), refers(16), refers(20)]).toEqual([true, true, true])
    // And those that waited for it are free to wait for something else.
    const refersTo = (streamId: number, value: string): boolean =>
      isReferring(encoder.encode(streamId, [field(`:authority: ${value}`)], Infinity))
    expect([refersTo(24, 'b'), refersTo(28, 'b'), refersTo(32, 'b')]).toEqual([true, true, false])
  })

  test('are none where the peer allows none: entries serve once they are acknowledged', () => {
    const encoder = newEncoder(4096, 0)
    expect(encoded(encoder, 0, ':authority: a')).toBe('0000500161')
    expect(instructionsOf(encoder)).toBe('3fe11fc00161')
    expect(encoded(encoder, 4, ':authority: a')).toBe('0000500161')
    expect(encoder.takeInstructions()).toBeUndefined()
    encoder.receive(increment(1))
    expect(encoded(encoder, 8, ':authority: a')).toBe('020080')
  })

  test('are freed by the acknowledgment of one section that needed as much', () => {
    const encoder = newEncoder(4096, 1)
    expect(isReferring(encoder.encode(0, [field('via: a')], Infinity))).toBe(true)
    expect(isReferring(encoder.encode(4, [field('via: b')], Infinity))).toBe(false)
    encoder.receive(acknowledge(0))
    // `via: a` is known to be there, `via: b` is not.
    expect(isReferring(encoder.encode(8, [field('via: a')], Infinity))).toBe(true)
    expect(isReferring(encoder.encode(12, [field('via: b')], Infinity))).toBe(true)
    expect(isReferring(encoder.encode(16, [field('via: b')], Infinity))).toBe(false)
  })
})

describe('entries', () => {
  // Each takes 43 bytes: two fit into 86. Their name is static, so that nothing else refers to them.
  const host = (digit: number): Field => field(`:authority: ${digit}`)

  //= rfc9204#2.1.1-p3-1
  //= rfc9204#3.2.2-p2-1
  test('leave only when they are acknowledged and no section refers to them', () => {
    const encoder = newEncoder(86)
    const inserted = (digit: number): boolean => {
      encoder.encode(400, [host(digit)], Infinity)
      return encoder.takeInstructions() !== undefined
    }
    encoder.encode(0, [host(1)], Infinity)
    encoder.encode(4, [host(2)], Infinity)
    encoder.takeInstructions()
    // Neither known to be there nor free of references; then the one, then the other.
    expect(inserted(3)).toBe(false)
    encoder.receive(increment(2))
    expect(inserted(3)).toBe(false)
    encoder.receive(acknowledge(4))
    expect(inserted(3)).toBe(false)
    encoder.receive(acknowledge(0))
    expect(inserted(3)).toBe(true)
    // Entry 1 has no references, and is known; entry 2 is not.
    expect(inserted(4)).toBe(true)
    expect(inserted(5)).toBe(false)
  })

  //= rfc9204#2.1.1-p3-1
  test('that were cancelled before they were acknowledged stay: the cancellation says nothing of them', () => {
    const encoder = newEncoder(86)
    encoder.encode(0, [host(1), host(2)], Infinity)
    encoder.takeInstructions()
    encoder.receive(cancel(0))
    encoder.encode(4, [host(3)], Infinity)
    expect(encoder.takeInstructions()).toBeUndefined()
    encoder.receive(increment(2))
    encoder.encode(8, [host(3)], Infinity)
    expect(encoder.takeInstructions()).toBeDefined()
  })

  //= rfc9204#2.1.1-p3-1
  test('to which the section at hand refers stay as well', () => {
    const encoder = newEncoder(86)
    encoder.encode(0, [host(1), host(2)], Infinity)
    encoder.receive(acknowledge(0))
    encoder.takeInstructions()
    // The third takes the place of the first; a fourth would take that of the second.
    encoder.encode(4, [2, 3, 4].map(host), Infinity)
    expect(instructionsOf(encoder)).toBe('c00133')
  })

  test('that are about to leave are duplicated', () => {
    const encoder = newEncoder(4096)
    const decoder = newDecoder()
    const link = new QpackLink(encoder, decoder, () => 0)
    link.send(0, [field('via: kept')])
    link.settle()
    let duplicates = 0
    for (let i = 1; i < 2000; i++) {
      const section = [field('via: kept')]
      const bytes = encoder.encode(4 * i, section, Infinity)
      const instructions = encoder.takeInstructions()
      if (instructions !== undefined) {
        duplicates++
        expect(instructions[0]).toBeLessThan(0x20)
        decoder.receive(instructions)
      }
      expect(decoder.decode(4 * i, bytes)?.fields).toEqual(section)
      encoder.receive(decoder.takeInstructions() ?? new Uint8Array(0))
      link.send(4 * i + 10_000, [field(`accept: ${i}`)])
      link.settle()
    }
    expect(duplicates).toBeGreaterThan(10)
    // As often as the table turns over, not more: about a hundred entries fill it.
    expect(duplicates).toBeLessThan(40)
  })

  test('larger than three quarters of the table are not made', () => {
    const encoder = newEncoder(100)
    encoder.encode(0, [field(`via: ${'a'.repeat(41)}`)], Infinity)
    expect(instructionsOf(encoder)).toBe('3f45')
    encoder.encode(0, [field(`via: ${'a'.repeat(40)}`)], Infinity)
    expect(encoder.takeInstructions()).toBeDefined()
  })
})

describe('the credit of the encoder stream', () => {
  //= rfc9204#2.1.3-p4-1
  test('is never exceeded, and no instruction is cut', () => {
    for (let credit = 0; credit < 120; credit++) {
      const encoder = newEncoder()
      const decoder = newDecoder()
      for (let i = 0; i < 3; i++) {
        const section = encoder.encode(4 * i, REQUEST, credit)
        const instructions = encoder.takeInstructions() ?? new Uint8Array(0)
        expect(instructions.length).toBeLessThanOrEqual(credit)
        decoder.receive(instructions)
        expect(decoder.decode(4 * i, section)?.fields).toEqual(REQUEST)
        encoder.receive(decoder.takeInstructions() ?? new Uint8Array(0))
      }
    }
  })

  test('counts what waits to be taken', () => {
    const encoder = newEncoder()
    for (let i = 0; i < 10; i++) encoder.encode(4 * i, [field(`via: ${'\u00ff'.repeat(10)}${i}`)], 40)
    expect(encoder.takeInstructions()?.length).toBeLessThanOrEqual(40)
  })
})

describe('the decoder stream', () => {
  //= rfc9204#4.4.1-p4-1
  test.each([
    ['of a stream without sections', 0, 8],
    ['of a stream whose sections refer to nothing', 0, 4],
    ['of one section more than there were', 1, 0],
    ['of a stream id beyond all', 0, Number.MAX_SAFE_INTEGER],
  ])('has no acknowledgment %s', (_, before, streamId) => {
    const encoder = newEncoder()
    encoder.encode(0, [field('via: a')], Infinity)
    encoder.encode(4, [field(':method: GET')], Infinity)
    for (let i = 0; i < before; i++) encoder.receive(acknowledge(0))
    expect(failure(() => encoder.receive(acknowledge(streamId)))).toBe('QPACK_DECODER_STREAM_ERROR')
  })

  test('has no acknowledgment of a section that was cancelled', () => {
    const encoder = newEncoder()
    encoder.encode(0, [field('via: a')], Infinity)
    encoder.receive(cancel(0))
    expect(failure(() => encoder.receive(acknowledge(0)))).toBe('QPACK_DECODER_STREAM_ERROR')
  })

  test('may cancel streams without sections', () => {
    const encoder = newEncoder()
    encoder.receive(cancel(0))
    encoder.receive(cancel(2 ** 40))
  })

  //= rfc9204#4.4.3-p3-1
  test.each([0, 3, 4, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    'has no increment of %d where two inserts were sent',
    (count) => {
      const encoder = newEncoder()
      encoder.encode(0, ['via: a', 'via: b'].map(field), Infinity)
      expect(failure(() => encoder.receive(increment(count)))).toBe('QPACK_DECODER_STREAM_ERROR')
      encoder.receive(increment(1))
      expect(failure(() => encoder.receive(increment(2)))).toBe('QPACK_DECODER_STREAM_ERROR')
      encoder.receive(increment(1))
    },
  )

  test('has no increment for what a section acknowledged', () => {
    const encoder = newEncoder()
    encoder.encode(0, ['via: a', 'via: b'].map(field), Infinity)
    encoder.receive(acknowledge(0))
    expect(failure(() => encoder.receive(increment(1)))).toBe('QPACK_DECODER_STREAM_ERROR')
  })

  //= rfc9204#7.4-p3-1
  test.each(['3f', '7f', 'ff'])('has no integers of more than 62 bits: %s', (prefix) => {
    expect(failure(() => newEncoder().receive(fromHex(`${prefix}80ffffffffffffff40`)))).toBe(
      'QPACK_DECODER_STREAM_ERROR',
    )
    expect(failure(() => newEncoder().receive(fromHex(`${prefix}80ffffffffffffff3f`)))).toBe(
      prefix === '7f' ? 'none' : 'QPACK_DECODER_STREAM_ERROR',
    )
  })

  test('may be cut anywhere', () => {
    const encoder = newEncoder()
    for (const streamId of [1000, 2000]) encoder.encode(streamId, [field('via: a')], Infinity)
    for (const byte of [...acknowledge(1000), ...cancel(2000)]) encoder.receive(Uint8Array.of(byte))
    expect(failure(() => encoder.receive(acknowledge(2000)))).toBe('QPACK_DECODER_STREAM_ERROR')
  })

  test('that acknowledges nothing stops the use of the table, until it does', () => {
    const encoder = newEncoder()
    encoder.encode(0, REQUEST, Infinity)
    encoder.receive(increment(2))
    let referring = 0
    for (let i = 1; i < 5000; i++) if (isReferring(encoder.encode(4 * i, REQUEST, Infinity))) referring++
    expect(referring).toBe(1023)
    encoder.takeInstructions()
    encoder.encode(20_000, [field('via: new')], Infinity)
    expect(encoder.takeInstructions()).toBeUndefined()
    encoder.receive(acknowledge(0))
    expect(isReferring(encoder.encode(20_004, REQUEST, Infinity))).toBe(true)
    expect(isReferring(encoder.encode(20_008, REQUEST, Infinity))).toBe(false)
    encoder.receive(cancel(4))
    expect(isReferring(encoder.encode(20_012, REQUEST, Infinity))).toBe(true)
  })

  test('of random bytes changes nothing or is refused', () => {
    const property = fc.property(fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 8 }), (pieces) => {
      const encoder = newEncoder(256)
      const code = failure(() => {
        for (const [i, bytes] of pieces.entries()) {
          encoder.encode(i, [...REQUEST, field(`via: ${i}`)], Infinity)
          encoder.receive(bytes)
        }
      })
      expect(['none', 'QPACK_DECODER_STREAM_ERROR']).toContain(code)
    })
    fc.assert(property, { numRuns: 500 })
  })
})
