import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { embeddedIpv4, isInRange, isPublic, parseIp, parseRange } from './ip-address.ts'

const ip = (text: string): Uint8Array => {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new Error(`${text} is no address`)
  return bytes
}

describe('literal addresses', () => {
  test.each([
    ['192.0.2.1', [192, 0, 2, 1]],
    ['::', new Array(16).fill(0)],
    ['::1', [...new Array(15).fill(0), 1]],
    ['2001:DB8::a', [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 10]],
    ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ['1::', [0, 1, ...new Array(14).fill(0)]],
    ['::ffff:192.0.2.1', [...new Array(10).fill(0), 255, 255, 192, 0, 2, 1]],
  ])('%s is read', (text, bytes) => {
    expect([...ip(text)]).toEqual(bytes)
  })

  test.each([
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0x7f000001',
    '0177.0.0.1',
    '127.0.0.01',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3',
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'fe80::1%eth0',
    '[::1]',
    '::ffff:1.2.3',
    '1.2.3.4::',
    '１２７.0.0.1',
  ])('%s is none', (text) => {
    expect(parseIp(text)).toBeUndefined()
  })

  test('reading never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdef:./%x') }), (text) => void parseRange(text)),
    )
  })
})

describe('ranges', () => {
  test('hold what has their prefix', () => {
    const range = parseRange('10.64.0.0/10') ?? expect.fail()
    expect(isInRange(ip('10.127.255.255'), range)).toBe(true)
    expect(isInRange(ip('10.128.0.0'), range)).toBe(false)
    expect(isInRange(ip('::10.64.0.1'), range)).toBe(false)
  })

  test.each(['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'a/8', '::1/129'])('%s is none', (text) => {
    expect(parseRange(text)).toBeUndefined()
  })

  test('an address alone is a range of one', () => {
    expect(parseRange('::1')?.bits).toBe(128)
  })
})

describe('addresses that are not public', () => {
  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fec0::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001:db8::1',
    // The same written otherwise: mapped, compatible, translated, NAT64, local NAT64, 6to4, Teredo.
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '::127.0.0.1',
    '::ffff:0:10.0.0.1',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::8.8.8.8',
    '2002:7f00:1::1',
    '2002:a9fe:a9fe::1',
    '2001:0:0:0:0:0:0:1',
  ])('%s', (text) => {
    expect(isPublic(ip(text))).toBe(false)
  })

  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'])(
    '%s is public',
    (text) => {
      expect(isPublic(ip(text))).toBe(true)
    },
  )

  test('an address of IPv6 tells which one of IPv4 it stands for', () => {
    expect([...(embeddedIpv4(ip('2002:c000:0204::')) ?? [])]).toEqual([192, 0, 2, 4])
    expect(embeddedIpv4(ip('2606:4700::1111'))).toBeUndefined()
    expect(embeddedIpv4(ip('8.8.8.8'))).toBeUndefined()
  })
})
