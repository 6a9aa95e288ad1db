import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeName, encodeName, isMapped, nameSize } from './socket-name.ts'

/** What a literal reads as after a walk through the structure. */
function walk(family: 4 | 6, address: string, port: number): { address: string; port: number } | undefined {
  const name = encodeName(family, { address, port })
  return name === undefined ? undefined : decodeName(name, 0)
}

describe('a literal address', () => {
  test.each([
    [4, '127.0.0.1', '127.0.0.1'],
    [4, '255.254.0.9', '255.254.0.9'],
    [6, '::', '::'],
    [6, '::1', '::1'],
    [6, '1::', '1::'],
    [6, '2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    [6, '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    [6, '1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    [6, '::ffff:10.0.0.7', '::ffff:10.0.0.7'],
    [6, '::ffff:a00:7', '::ffff:10.0.0.7'],
    [6, '64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    [6, 'fe80::1%0', 'fe80::1'],
    [6, 'fe80::1%999999', 'fe80::1%999999'],
  ] as const)('of IPv%s, %s, is read as %s', (family, address, read) => {
    expect(walk(family, address, 4433)).toEqual({ address: read, port: 4433 })
  })

  test.each([
    [4, '::1'],
    [4, 'localhost'],
    [4, '127.0.0.256'],
    [6, '127.0.0.1'],
    [6, ':::'],
    [6, ''],
  ] as const)('that is none of IPv%s, %s, has no structure', (family, address) => {
    expect(encodeName(family, { address, port: 1 })).toBeUndefined()
  })

  test('of IPv4 lies in the structure as Linux wants it', () => {
    expect([...(encodeName(4, { address: '192.0.2.1', port: 0x1234 }) ?? [])]).toEqual([
      2, 0, 0x12, 0x34, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0,
    ])
  })

  test('of IPv6 lies in the structure as Linux wants it', () => {
    const name = encodeName(6, { address: '2001:db8::7%3', port: 0x1234 }) ?? []
    const address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]
    expect([...name]).toEqual([10, 0, 0x12, 0x34, 0, 0, 0, 0, ...address, 3, 0, 0, 0])
  })

  test('mapped into IPv6 is told from others', () => {
    const of = (family: 4 | 6, address: string): boolean =>
      isMapped(encodeName(family, { address, port: 1 }) ?? new Uint8Array())
    expect([of(6, '::ffff:1.2.3.4'), of(6, '::1.2.3.4'), of(6, '::1'), of(4, '1.2.3.4')]).toEqual([
      true,
      false,
      false,
      false,
    ])
  })
})

test('each address comes back as it was', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV4(), fc.nat(0xffff), (six, four, port) => {
      expect(walk(4, four, port)).toEqual({ address: four, port })
      const first = walk(6, six, port)
      expect(first?.port).toBe(port)
      // Many texts are one address; the text that is read is read as itself.
      expect(walk(6, first?.address ?? '', port)).toEqual(first)
      expect(new URL(`http://[${six}]/`).hostname).toBe(new URL(`http://[${first?.address}]/`).hostname)
    }),
  )
})

test('whatever the kernel wrote is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 28, maxLength: 28 }), (bytes) => {
      const { address, port } = decodeName(bytes, 0)
      expect(typeof address).toBe('string')
      expect(port).toBeLessThanOrEqual(0xffff)
    }),
  )
  expect([nameSize(4), nameSize(6)]).toEqual([16, 28])
})
