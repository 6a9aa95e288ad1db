import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../base/bytes.ts'
import type { Field } from '../field.ts'
import { QpackDecoder } from './decoder.ts'
import { writeDuplicate, writeInsertLiteral, writeInsertNameReference, writeSetCapacity } from './instructions.ts'
import { writeString } from './literal.ts'
import { writePrefixInteger } from './prefix-integer.ts'
import { failure, field, inserts, newDecoder, section, written } from './qpack.fixtures.ts'

/** A decoder to which lines were sent, and that has told so. */
function filled(...lines: readonly string[]): QpackDecoder {
  const decoder = newDecoder()
  decoder.receive(inserts(4096, ...lines))
  decoder.takeInstructions()
  return decoder
}

function fieldsOf(decoder: QpackDecoder, bytes: Uint8Array, streamId = 0): readonly Field[] | undefined {
  return decoder.decode(streamId, bytes)?.fields
}

function instructionsOf(decoder: QpackDecoder): string {
  return toHex(decoder.takeInstructions() ?? new Uint8Array(0))
}

describe('field lines', () => {
  test.each<[string, string, Field]>([
    ['indexed, static', 'd1', field(':method: GET')],
    ['indexed, static, of the largest index', 'ff23', field('x-frame-options: sameorigin')],
    ['indexed, dynamic', '80', field('b: 2')],
    ['indexed, dynamic, an older one', '81', field('a: 1')],
    ['literal with a static name', '51022f78', field(':path: /x')],
    ['literal with a dynamic name', '4002787a', { name: 'b', value: 'xz' }],
    ['literal with a name of its own', '2161017a', field('a: z')],
    [
      'literal with Huffman-encoded name and value',
      '2f0125a849e95ba97d7f8925a849e95bb8e8b4bf',
      field('custom-key: custom-value'),
    ],
    ['literal with an empty name and value', '2000', { name: '', value: '' }],
    ['never indexed, with a static name', '7502617a', { name: 'cookie', value: 'az', isNeverIndexed: true }],
    ['never indexed, with a dynamic name', '6002617a', { name: 'b', value: 'az', isNeverIndexed: true }],
    ['never indexed, with a name of its own', '316101' + '7a', { name: 'a', value: 'z', isNeverIndexed: true }],
  ])('%s', (_, line, expected) => {
    expect(fieldsOf(filled('a: 1', 'b: 2'), section(2, line))).toEqual([expected])
  })

  test.each<[string, string, Field]>([
    ['indexed', '10', field('a: 1')],
    ['indexed, a newer one', '11', field('b: 2')],
    ['literal with a name', '0101' + '7a', field('b: z')],
    ['never indexed, with a name', '0901' + '7a', { name: 'b', value: 'z', isNeverIndexed: true }],
  ])('%s behind the Base', (_, line, expected) => {
    // Required Insert Count 2, Base 0.
    expect(fieldsOf(filled('a: 1', 'b: 2'), fromHex(`0381${line}`))).toEqual([expected])
  })

  //= rfc9204#2.2-p2-1
  test('come in the order of their representations', () => {
    const lines = section(2, '80d1' + '81' + '2161017a' + '80')
    expect(fieldsOf(filled('a: 1', 'b: 2'), lines)).toEqual(['b: 2', ':method: GET', 'a: 1', 'a: z', 'b: 2'].map(field))
  })

  test('an empty section has none', () => {
    expect(newDecoder().decode(0, fromHex('0000'))).toEqual({ fields: [], isTooLarge: false })
  })

  test('the Base may lie beyond the Required Insert Count', () => {
    // Required Insert Count 1, Base 1 + 3.
    expect(fieldsOf(filled('a: 1', 'b: 2'), fromHex('020383'))).toEqual([field('a: 1')])
  })

  test('without references any Base will do, one of 62 bits too', () => {
    const prefix = written((writer) => writePrefixInteger(writer, 0, 7, Number.MAX_SAFE_INTEGER))
    expect(fieldsOf(newDecoder(), concat(fromHex('00'), prefix, fromHex('d1')))).toEqual([field(':method: GET')])
    expect(fieldsOf(newDecoder(), fromHex('007f80ffffffffffffff3fd1'))).toEqual([field(':method: GET')])
  })
})

describe('field lines that are refused', () => {
  test.each([
    ['nothing at all', ''],
    ['half a prefix', '00'],
    ['an insert count that is cut', 'ff'],
    ['an index that is cut', '0000ff'],
    ['a name index that is cut', '00005f'],
    ['a name without a value', '000051'],
    ['a value longer than its section', '0000510361'],
    ['a value of 2^62-1 bytes', '0000517f80ffffffffffffff3f'],
    ['a name longer than its section', '000023' + '6161'],
    ['a name of its own without a value', '00002161'],
    ['a Huffman-encoded value that ends in zeros', '000051' + '8118'],
    ['a Huffman-encoded value with an end-of-string symbol', '000051' + '84fffffffc'],
  ])('%s', (_, hex) => {
    expect(failure(() => newDecoder().decode(0, fromHex(hex)))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#3.1-p4-1
  test.each(['ff24', '5f54' + '00', 'ff80ffffffffffffff3f'])('a static index that does not exist: %s', (line) => {
    expect(failure(() => filled().decode(0, section(0, line)))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#2.2.3-p1-1
  test.each([
    ['an entry that has left', '83'],
    ['the name of an entry that has left', '4300'],
    ['an entry before the first', '84'],
    ['an entry far before the first', 'bf80ffffffffffffff3f'],
  ])('%s', (_, line) => {
    const decoder = newDecoder()
    // 34 bytes each: the first leaves.
    decoder.receive(inserts(110, 'a: 1', 'b: 2', 'c: 3', 'd: 4'))
    expect(failure(() => decoder.decode(0, section(4, line)))).toBe('QPACK_DECOMPRESSION_FAILED')
    expect(fieldsOf(decoder, section(4, '82'))).toEqual([field('b: 2')])
  })

  //= rfc9204#2.2.1-p3-1
  //= rfc9204#2.2.3-p1-1
  test.each([
    ['indexed', '020180'],
    ['behind the Base', '020010'],
    ['far behind the Base', '02001f80ffffffffffffff3f'],
    ['as a name', '02014000'],
    ['as a name behind the Base', '02000000'],
    ['where no entry is announced', '000010'],
    ['before a negative Base', '000080'],
  ])('an entry beyond the Required Insert Count, %s', (_, hex) => {
    expect(failure(() => filled('a: 1', 'b: 2').decode(0, fromHex(hex)))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#4.5.1.1-p8-1
  test.each([
    // A table of 100 bytes has at most three entries: counts are encoded modulo 6.
    ['beyond twice the number of entries', 10, 7],
    ['far beyond', 10, 255],
    ['that stands for 0', 2, 1],
    ['that would be negative', 0, 5],
  ])('an encoded insert count %s', (_, insertCount, encoded) => {
    const decoder = newDecoder({ maxTableCapacity: 100 })
    decoder.receive(inserts(100, ...new Array<string>(insertCount).fill('a: 1')))
    expect(failure(() => decoder.decode(0, Uint8Array.of(encoded, 0)))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  test('any Required Insert Count where there is no table', () => {
    const decoder = newDecoder({ maxTableCapacity: 0 })
    expect(failure(() => decoder.decode(0, fromHex('0100')))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#4.5.1.2-p5-2
  test.each(['0080', '0282', '028a'])('a Base that is negative: %s', (hex) => {
    expect(failure(() => filled('a: 1').decode(0, fromHex(hex)))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  //= rfc9204#7.4-p3-1
  test('integers of more than 62 bits end the stream alone', () => {
    const large = 'ff80ffffffffffffff40'
    const decoder = newDecoder()
    expect(failure(() => decoder.decode(0, fromHex(`0000${large}`)))).toBe('QPACK_DECOMPRESSION_FAILED (stream)')
    expect(fieldsOf(decoder, fromHex('0000d1'))).toEqual([field(':method: GET')])
  })
})

describe('the Required Insert Count', () => {
  test('is understood over many rounds of its range', () => {
    const decoder = newDecoder({ maxTableCapacity: 100 })
    decoder.receive(inserts(100))
    for (let count = 1; count <= 40; count++) {
      decoder.receive(written((writer) => writeInsertLiteral(writer, 'n', `${count}`)))
      expect(fieldsOf(decoder, section(count, '80', 100))).toEqual([{ name: 'n', value: `${count}` }])
    }
  })

  test('of the example in RFC 9204 §4.5.1.1 is 9', () => {
    const decoder = newDecoder({ maxTableCapacity: 100 })
    decoder.receive(inserts(100, ...'0123456789'.split('').map((digit) => `n: ${digit}`)))
    expect(fieldsOf(decoder, fromHex('040080'))).toEqual([field('n: 8')])
  })
})

describe('the encoder stream', () => {
  test('inserts by static name, dynamic name, name of its own, and duplicates', () => {
    const decoder = newDecoder()
    decoder.receive(
      written((writer) => {
        writeSetCapacity(writer, 4096)
        writeInsertNameReference(writer, true, 1, '/x')
        writeInsertNameReference(writer, false, 0, '/y')
        writeInsertLiteral(writer, 'custom-key', 'custom-value')
        writeDuplicate(writer, 2)
      }),
    )
    const expected = [':path: /x', ':path: /y', 'custom-key: custom-value', ':path: /x'].map(field)
    expect(fieldsOf(decoder, section(4, '83828180'))).toEqual(expected)
  })

  //= rfc9204#3.2-p2-1
  test('may hold the same entry twice', () => {
    const decoder = filled('a: 1', 'a: 1')
    expect(fieldsOf(decoder, section(2, '8081'))).toEqual(['a: 1', 'a: 1'].map(field))
  })

  test('may be cut anywhere', () => {
    const bytes = written((writer) => {
      writeSetCapacity(writer, 4096)
      writeInsertNameReference(writer, true, 1, '/sample/path')
      writeInsertLiteral(writer, 'custom-key', '\u00e4'.repeat(300))
      writeDuplicate(writer, 1)
    })
    for (let size = 1; size < bytes.length; size++) {
      const decoder = newDecoder()
      for (let at = 0; at < bytes.length; at += size) decoder.receive(bytes.subarray(at, at + size))
      expect(fieldsOf(decoder, section(3, '8180'))).toEqual([
        { name: 'custom-key', value: '\u00e4'.repeat(300) },
        field(':path: /sample/path'),
      ])
    }
  })

  test('drops the oldest for the newest, by the sizes of RFC 9204 §3.2.1', () => {
    const decoder = newDecoder()
    decoder.receive(inserts(68, 'a: 1', 'b: 2'))
    expect(fieldsOf(decoder, section(2, '8180'))).toEqual(['a: 1', 'b: 2'].map(field))
    decoder.receive(inserts(68, 'c: 33'))
    expect(failure(() => decoder.decode(0, section(3, '81')))).toBe('QPACK_DECOMPRESSION_FAILED')
    expect(fieldsOf(decoder, section(3, '80'))).toEqual([field('c: 33')])
  })

  test('may name an entry that leaves for the one that it names', () => {
    const decoder = newDecoder()
    decoder.receive(inserts(40, 'a: 1'))
    decoder.receive(written((writer) => writeInsertNameReference(writer, false, 0, '2')))
    expect(fieldsOf(decoder, section(2, '80'))).toEqual([field('a: 2')])
    decoder.receive(written((writer) => writeDuplicate(writer, 0)))
    expect(fieldsOf(decoder, section(3, '80'))).toEqual([field('a: 2')])
  })

  test('clears the table by a capacity of 0, and sets it again', () => {
    const decoder = filled('a: 1')
    decoder.receive(inserts(0))
    expect(failure(() => decoder.decode(0, section(1, '80')))).toBe('QPACK_DECOMPRESSION_FAILED')
    decoder.receive(inserts(4096, 'b: 2'))
    expect(fieldsOf(decoder, section(2, '80'))).toEqual([field('b: 2')])
  })

  //= rfc9204#4.3.1-p3-2
  test.each([4097, 2 ** 40, Number.MAX_SAFE_INTEGER])('sets no capacity above the maximum: %d', (capacity) => {
    expect(failure(() => newDecoder().receive(inserts(capacity)))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  //= rfc9204#3.2.2-p2-2
  test.each([
    ['with a literal name', written((writer) => writeInsertLiteral(writer, 'abc', 'd'.repeat(66)))],
    ['with a static name', written((writer) => writeInsertNameReference(writer, true, 1, '\u00ff'.repeat(64)))],
    ['with Huffman codes of five bits', written((writer) => writeInsertLiteral(writer, '', 'a'.repeat(69)))],
    ['of whose name the beginning alone is there', fromHex('5f30')],
    ['of whose value the length alone is there', fromHex('c145')],
    ['of whose Huffman-encoded value the length alone is there', fromHex('c1ffff7f')],
    ['of a length of 2^62-1', fromHex('c17f80ffffffffffffff3f')],
  ])('inserts nothing larger than the capacity: %s', (_, bytes) => {
    const decoder = newDecoder()
    decoder.receive(inserts(100))
    expect(failure(() => decoder.receive(bytes))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  test('duplicates an entry that takes the whole capacity, and inserts nothing into a table without one', () => {
    const decoder = newDecoder()
    decoder.receive(inserts(34, 'a: 1'))
    decoder.receive(fromHex('00'))
    expect(failure(() => newDecoder().receive(fromHex('400000')))).toBe('QPACK_ENCODER_STREAM_ERROR')
    expect(failure(() => newDecoder().receive(fromHex('c000')))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  //= rfc9204#3.1-p4-2
  test('names no static entry that does not exist', () => {
    expect(failure(() => filled().receive(fromHex('ff2400')))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  //= rfc9204#2.2.3-p2-1
  test.each(['03', '04', '1f80ffffffffffffff3f', '8300', '8400'])('refers to no entry that has left: %s', (hex) => {
    const decoder = newDecoder()
    decoder.receive(inserts(110, 'a: 1', 'b: 2', 'c: 3', 'd: 4'))
    expect(failure(() => decoder.receive(fromHex(hex)))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  //= rfc9204#7.4-p3-1
  test.each(['1f', '3f', '5f', 'bf', 'ff', 'c17f', 'c1ff'])('has no integers of more than 62 bits: %s', (prefix) => {
    const bytes = fromHex(`${prefix}80ffffffffffffff40`)
    expect(failure(() => filled().receive(bytes))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })

  test.each(['c18118', 'c184fffffffc', '611800'])('has no malformed strings: %s', (hex) => {
    expect(failure(() => filled().receive(fromHex(hex)))).toBe('QPACK_ENCODER_STREAM_ERROR')
  })
})

describe('the decoder stream', () => {
  //= rfc9204#2.2.2.1-p1-1
  test('acknowledges sections that needed the table, and those alone', () => {
    const decoder = filled('a: 1')
    decoder.decode(4, section(1, '80'))
    decoder.decode(8, fromHex('0000d1'))
    decoder.decode(200, section(1, '80'))
    expect(instructionsOf(decoder)).toBe('84ff49')
    expect(decoder.takeInstructions()).toBeUndefined()
  })

  test('acknowledges a section that waited once it is decoded, and its inserts with it', () => {
    const decoder = newDecoder()
    decoder.decode(4, section(1, '80'))
    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.takeInstructions()).toBeUndefined()
    decoder.takeUnblocked()
    expect(instructionsOf(decoder)).toBe('84')
  })

  test('tells inserts that no section acknowledged, all in one', () => {
    const decoder = newDecoder()
    decoder.receive(inserts(4096, 'a: 1', 'b: 2', 'c: 3'))
    decoder.decode(0, section(1, '80'))
    expect(instructionsOf(decoder)).toBe('8002')
    decoder.receive(fromHex('00'))
    expect(instructionsOf(decoder)).toBe('01')
  })

  test('tells of streams that are abandoned', () => {
    const decoder = newDecoder()
    decoder.cancel(8)
    decoder.cancel(100)
    expect(instructionsOf(decoder)).toBe('487f25')
  })

  test('says nothing of abandoned streams where there is no table', () => {
    const decoder = newDecoder({ maxTableCapacity: 0 })
    decoder.cancel(8)
    expect(decoder.takeInstructions()).toBeUndefined()
  })

  test('keeps little for a peer that does not read it', () => {
    const decoder = filled('a: 1')
    const flood = (): void => {
      for (let i = 0; i < 100_000; i++) decoder.decode(4, section(1, '80'))
    }
    expect(failure(flood)).toBe('H3_EXCESSIVE_LOAD')
    const cancels = newDecoder()
    expect(
      failure(() => {
        for (let i = 0; i < 100_000; i++) cancels.cancel(4)
      }),
    ).toBe('H3_EXCESSIVE_LOAD')
  })
})

describe('the limit of a section', () => {
  const line = (name: string, value: string): string =>
    toHex(written((writer) => writeInsertLiteral(writer, name, value)))

  test('counts 32 bytes for each line', () => {
    const lines = section(0, 'd1d1') // 2 * (7 + 3 + 32)
    expect(newDecoder({ maxFieldSectionSize: 84 }).decode(0, lines)?.fields).toHaveLength(2)
    expect(newDecoder({ maxFieldSectionSize: 83 }).decode(0, lines)).toEqual({ fields: [], isTooLarge: true })
  })

  test.each([
    ['a literal value', `510a${'61'.repeat(10)}`, 47],
    ['a literal name', `2703${'61'.repeat(10)}00`, 42],
    ['a Huffman-encoded value', `51${line('', 'a'.repeat(20)).slice(2)}`, 57],
  ])('is kept to the byte by %s', (_, hex, size) => {
    const lines = section(0, hex)
    expect(newDecoder({ maxFieldSectionSize: size }).decode(0, lines)).toMatchObject({ isTooLarge: false })
    expect(newDecoder({ maxFieldSectionSize: size - 1 }).decode(0, lines)).toEqual({ fields: [], isTooLarge: true })
  })

  //= rfc9204#7.4-p2-1
  test('lets a single field take all of it, as a literal and as an entry', () => {
    const size = 60_000
    const decoder = newDecoder({ maxFieldSectionSize: size, maxTableCapacity: size })
    for (const character of ['a', '\u00ff', '\u0000']) {
      const value = character.repeat(size - 33)
      const literal = written((writer) => writeString(writer, 0, 8, value))
      expect(fieldsOf(decoder, concat(fromHex('0000' + '2161'), literal))).toEqual([{ name: 'a', value }])
      decoder.receive(written((writer) => writeSetCapacity(writer, size)))
      decoder.receive(written((writer) => writeInsertLiteral(writer, 'a', value)))
      const count = ['a', '\u00ff', '\u0000'].indexOf(character) + 1
      expect(fieldsOf(decoder, section(count, '80', size))).toEqual([{ name: 'a', value }])
    }
  })

  test('leaves sections that exceed it acknowledged, and their references checked', () => {
    const decoder = new QpackDecoder({ maxTableCapacity: 4096, maxBlockedStreams: 0, maxFieldSectionSize: 50 })
    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.decode(4, section(1, '808080' + '2161017a'))).toEqual({ fields: [], isTooLarge: true })
    expect(instructionsOf(decoder)).toBe('84')
    expect(failure(() => decoder.decode(4, section(1, '808080' + '81')))).toBe('QPACK_DECOMPRESSION_FAILED')
    expect(failure(() => decoder.decode(4, section(1, '808080' + '2261')))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  test('keeps 64 kB of references to an entry of 4 kB from costing memory', () => {
    const decoder = newDecoder({ maxTableCapacity: 5000 })
    decoder.receive(inserts(5000, `a: ${'b'.repeat(4096)}`))
    const bomb = section(1, '80'.repeat(65_536), 5000)
    expect(decoder.decode(0, bomb)).toEqual({ fields: [], isTooLarge: true })
  })
})
