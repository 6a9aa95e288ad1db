import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { hostBytes, hostOf, hostText, joinAddress, readAddress, splitAddress } from './path-address.ts'

describe('host and port', () => {
  test.each([
    ['127.0.0.1:4433', '127.0.0.1', 4433],
    ['[2001:db8::1]:443', '2001:db8::1', 443],
    ['[fe80::1%eth0]:0', 'fe80::1%eth0', 0],
    ['example.org:65535', 'example.org', 65535],
  ])('%s', (address, host, port) => {
    expect(splitAddress(address)).toEqual({ host, port })
    expect(joinAddress(host, port)).toBe(address)
    expect(hostOf(address)).toBe(host)
  })

  test.each(['', 'host', 'host:', 'host:65536', 'host:-1', 'host:1e3', '::1:443', 'host: 1'])(
    '%j has none',
    (address) => {
      expect(splitAddress(address)).toBeUndefined()
      expect(hostOf(address)).toBe(address)
    },
  )
})

describe('IP addresses', () => {
  test.each([
    ['192.0.2.1', 'c0000201'],
    ['0.0.0.0', '00000000'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['1:0:0:2::', '00010000000000020000000000000000'],
    ['1::2:0:0:3', '00010000000000000002000000000003'],
    ['::ffff:192.0.2.128', '00000000000000000000ffffc0000280'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ])('%s is %s and back', (text, hex) => {
    expect(toHex(hostBytes(text) ?? new Uint8Array(0))).toBe(hex)
    expect(hostText(fromHex(hex))).toBe(text)
  })

  test.each(['1:2:3:4:5:6:7::', '64:ff9b::192.0.2.33', 'FE80::1', 'fe80::1%eth0'])('%s is read too', (text) => {
    expect(hostBytes(text)).toHaveLength(16)
  })

  test.each([
    '',
    'example.org',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '1.2.3.-4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '12345::',
    'g::',
    '1.2.3.4::',
    '::1.2.3',
  ])('%j is none', (text) => {
    expect(hostBytes(text)).toBeUndefined()
  })

  test('text and bytes come back from each other', () => {
    const word = fc.oneof(fc.constant(0), fc.nat(0xffff))
    const bytes = fc
      .array(word, { minLength: 8, maxLength: 8 })
      .map((words) => Uint8Array.from(words.flatMap((value) => [value >> 8, value & 0xff])))
    fc.assert(
      fc.property(bytes, (address) => {
        expect(hostBytes(hostText(address))).toEqual(address)
      }),
    )
  })

  test('an address that is all zero stands for none', () => {
    expect(readAddress(new Reader(fromHex('000000000000')), 4)).toBeUndefined()
    expect(readAddress(new Reader(fromHex('7f0000011151')), 4)).toBe('127.0.0.1:4433')
    expect(readAddress(new Reader(fromHex(`${'00'.repeat(15)}0101bb`)), 16)).toBe('[::1]:443')
    expect(readAddress(new Reader(fromHex('7f0000')), 4)).toBeUndefined()
  })
})
