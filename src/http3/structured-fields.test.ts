import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatString, type Member, parseDictionary, parseItem, parseList } from './structured-fields.ts'

/** A member without its types, as short as can be. */
function plain(member: Member): unknown {
  const value = 'item' in member ? member.item.value : member.items.map(plain)
  const parameters = [...member.parameters].map(([key, item]) => `${key}=${item.value}`)
  return parameters.length === 0 ? value : [value, ...parameters]
}

function item(text: string): unknown {
  const parsed = parseItem(text)
  return parsed && `${parsed.item.type} ${parsed.item.value}`
}

describe('an Item', () => {
  test.each([
    ['42', 'integer 42'],
    ['-0', 'integer 0'],
    ['042', 'integer 42'],
    ['-999999999999999', 'integer -999999999999999'],
    ['4.5', 'decimal 4.5'],
    ['1.0', 'decimal 1'],
    ['-123456789012.125', 'decimal -123456789012.125'],
    ['"hello \\"world\\" \\\\"', 'string hello "world" \\'],
    ['""', 'string '],
    ['foo123/456', 'token foo123/456'],
    ['*a:b', 'token *a:b'],
    [':cHJldGVuZA==:', 'bytes cHJldGVuZA=='],
    ['::', 'bytes '],
    ['?1', 'boolean true'],
    ['?0', 'boolean false'],
    ['@1659578233', 'date 1659578233'],
    ['%"f%c3%bc%22"', 'display-string fü"'],
    ['  1  ', 'integer 1'],
  ])('%s is understood', (text, wanted) => {
    expect(item(text)).toBe(wanted)
  })

  test.each([
    '',
    ' ',
    '-',
    '--1',
    '1.',
    '.5',
    '1.2345',
    '1234567890123.1',
    '1000000000000000',
    '"open',
    '"a\\b"',
    '"a\\',
    '"tab\t"',
    '"é"',
    ':a',
    ':*:',
    ':a=b:',
    '?',
    '?2',
    '?true',
    '@1.5',
    '@',
    '%"%C3"',
    '%"%c',
    '%"open',
    '%a',
    '1 2',
    '1,2',
    '1;',
    '1;=2',
    '1;A=2',
    '1 ;a',
    '\t1',
    '()',
    'a b',
    '{}',
  ])('%j is malformed', (text) => {
    expect(item(text)).toBe(undefined)
  })

  test('has parameters, the last of each name', () => {
    const parsed = parseItem('tok;a=1; b;c="x";a=?0')
    expect(parsed && plain(parsed)).toEqual(['tok', 'a=false', 'b=true', 'c=x'])
  })
})

describe('a Dictionary', () => {
  test.each([
    ['', {}],
    ['  ', {}],
    ['u=1', { u: 1 }],
    ['u=1, i', { u: 1, i: true }],
    ['u=1\t,\t i ', { u: 1, i: true }],
    ['u=1\t', { u: 1 }],
    ['a=1,a=2', { a: 2 }],
    ['a;x=1, b=?0;y', { a: [true, 'x=1'], b: [false, 'y=true'] }],
    ['a=(1 2);q, *_-.9=()', { a: [[1, 2], 'q=true'], '*_-.9': [] }],
    ['a=( "x";p  tok ) ', { a: [['x', 'p=true'], 'tok'] }],
  ])('%j is understood', (text, wanted) => {
    const members = parseDictionary(text)
    expect(members && Object.fromEntries([...members].map(([key, member]) => [key, plain(member)]))).toEqual(wanted)
  })

  test.each([
    'u=',
    'u=1,',
    ',u=1',
    'u=1,,i',
    'u=1 i',
    'U=1',
    '1=1',
    'a=(1',
    'a=(1,2)',
    'a=(1"x")',
    'a=((1))',
    'ü=1',
    'a = 1',
  ])('%j is malformed as a whole', (text) => {
    expect(parseDictionary(text)).toBe(undefined)
  })
})

describe('a List', () => {
  test.each([
    ['', []],
    ['"a", "b";x', ['a', ['b', 'x=true']]],
    ['(a b), c', [['a', 'b'], 'c']],
  ])('%j is understood', (text, wanted) => {
    expect(parseList(text)?.map(plain)).toEqual(wanted)
  })

  test.each(['a,', 'a b', ',', 'a;b=(1)'])('%j is malformed as a whole', (text) => {
    expect(parseList(text)).toBe(undefined)
  })
})

test('a String is read as it was written', () => {
  const visible = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
  fc.assert(
    fc.property(visible, (value) => {
      expect(parseItem(formatString(value))?.item).toEqual({ type: 'string', value })
    }),
  )
  expect(() => formatString('a\n')).toThrow(TypeError)
  expect(() => formatString('é')).toThrow(TypeError)
})

test('any text is understood or refused, and nothing is thrown', () => {
  const pieces = fc.constantFrom(...'ui=,;()"\\:?*%@-.019az \tA'.split(''), 'é', '\0', 'u=1', '%c3', '?1')
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (value) => {
      for (const parsed of [parseDictionary(value), parseList(value), parseItem(value)]) {
        expect(typeof parsed === 'object' || parsed === undefined).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})
