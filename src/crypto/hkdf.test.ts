import { describe, expect, test } from 'vitest'
import { concat, encodeUtf8, fromHex, toHex } from '../base/bytes.ts'
import {
  deriveSecret,
  hashLength,
  hashOf,
  hkdfExpand,
  hkdfExpandLabel,
  hkdfExpandLabels,
  hkdfExtract,
  hmac,
  incrementalHash,
} from './hkdf.ts'

describe('RFC 5869 Appendix A', () => {
  test('A.1: basic, with SHA-256', () => {
    const key = hkdfExtract('sha256', fromHex('000102030405060708090a0b0c'), new Uint8Array(22).fill(11))
    expect(toHex(key)).toBe('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5')
    expect(toHex(hkdfExpand('sha256', key, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42))).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    )
  })

  test('A.3: empty salt and info', () => {
    const key = hkdfExtract('sha256', new Uint8Array(0), new Uint8Array(22).fill(11))
    expect(toHex(key)).toBe('19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04')
    expect(toHex(hkdfExpand('sha256', key, new Uint8Array(0), 42))).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    )
  })
})

test('an expanded length reaches from 0 to 255 digests', () => {
  const key = new Uint8Array(48)
  expect(hkdfExpand('sha256', key, new Uint8Array(0), 0).length).toBe(0)
  expect(hkdfExpand('sha384', key, new Uint8Array(0), 255 * 48).length).toBe(255 * 48)
  expect(() => hkdfExpand('sha256', key, new Uint8Array(0), 255 * 32 + 1)).toThrow(
    'length must be at most 8160 bytes, got 8161',
  )
})

test('a label is expanded with its length, prefix and context', () => {
  const secret = new Uint8Array(48).fill(3)
  // RFC 9001 A.1 prints the info of `quic key`.
  const info = fromHex('00100e746c7331332071756963206b657900')
  expect(hkdfExpandLabel('sha256', secret, 'quic key', new Uint8Array(0), 16)).toEqual(
    hkdfExpand('sha256', secret, info, 16),
  )
  const transcript = hashOf('sha384', encodeUtf8('messages'))
  const withContext = concat(
    fromHex('0030'),
    fromHex('12'),
    encodeUtf8('tls13 c hs traffic'),
    fromHex('30'),
    transcript,
  )
  expect(deriveSecret('sha384', secret, 'c hs traffic', transcript)).toEqual(
    hkdfExpand('sha384', secret, withContext, 48),
  )
})

test('hashes, whole and piece by piece', () => {
  expect(toHex(hashOf('sha256', encodeUtf8('abc')))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
  expect(toHex(hashOf('sha384', encodeUtf8('abc')))).toBe(
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  )
  for (const name of ['sha256', 'sha384'] as const) {
    const hash = incrementalHash(name)
    expect(hash.digest()).toEqual(hashOf(name, new Uint8Array(0)))
    hash.update(encodeUtf8('a'))
    const fork = hash.clone()
    expect(hash.digest()).toEqual(hashOf(name, encodeUtf8('a')))
    hash.update(encodeUtf8('bc'))
    fork.update(encodeUtf8('!'))
    expect(hash.digest()).toEqual(hashOf(name, encodeUtf8('abc')))
    expect(fork.digest()).toEqual(hashOf(name, encodeUtf8('a!')))
    expect(hash.digest().length).toBe(hashLength(name))
  }
})

test('a computation that throws leaves nothing behind for the next one', () => {
  const secret = new Uint8Array(32).fill(1)
  expect(() => hkdfExpandLabels('sha256', secret, new Uint8Array(0), [['key', -1]])).toThrow(RangeError)
  const mac = hmac('sha256', encodeUtf8('Jefe'), encodeUtf8('what do ya want for nothing?'))
  expect(toHex(mac)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
})

test('HMAC of RFC 4231, test case 2', () => {
  expect(toHex(hmac('sha256', encodeUtf8('Jefe'), encodeUtf8('what do ya want for nothing?')))).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
})
