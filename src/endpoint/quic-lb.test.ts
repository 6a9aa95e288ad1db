import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { QuicLbIds } from './quic-lb.ts'
import { QuicLbCipher } from './quic-lb-cipher.ts'
import type { QuicLbConfig } from './quic-lb-config.ts'
import { QuicLbNonces } from './quic-lb-nonce.ts'
import { QuicLbRouter } from './quic-lb-router.ts'
import { TestRandom } from './test-pair.fixtures.ts'

/** Appendix B: the first octet, the server id, the nonce, and the id that they make. */
const KEY = '8f95f09245765f80256934e50c66207f'
const VECTORS = [
  { rotation: 0, serverId: 'c4605e', nonce: '4504cc4f', id: '07c4605e4504cc4f', key: undefined },
  // The draft prints server id and nonce of this one half a byte off.
  {
    rotation: 1,
    serverId: 'a350d28b42',
    nonce: '03487d970b',
    id: '2_a350d28b4203487d970b'.replace('_', '0'),
    key: undefined,
  },
  { rotation: 0, serverId: 'ed793a', nonce: 'ee080dbf', id: '0720b1d07b359d3c', key: KEY },
  {
    rotation: 1,
    serverId: 'ed793a51d49b8f5fab65',
    nonce: 'ee080dbf48',
    id: '2fcc381bc74cb4fbad2823a3d1f8fed2',
    key: KEY,
  },
  {
    rotation: 2,
    serverId: 'ed793a51d49b8f5f',
    nonce: 'ee080dbf48c0d1e5',
    id: '504dd2d05a7b0de9b2b9907afb5ecf8cc3',
    key: KEY,
  },
  {
    rotation: 3,
    serverId: 'ed793a51d49b8f5fab',
    nonce: 'ee080dbf48c0d1e55d',
    id: '125779c9cc86beb3a3a4a3ca96fce4bfe0cdbc',
    key: KEY,
  },
  // The example of §5.4.2.4.
  {
    rotation: 0,
    serverId: '31441a',
    nonce: '9c69c275',
    id: '0767947d29be054a',
    key: 'fdf726a9893ec05c0632d3956680baf0',
  },
] as const

/** Yields these bytes first, and zeros after them. */
function scripted(...values: readonly string[]): RandomSource {
  const queue = values.map(fromHex)
  return { fill: (bytes) => bytes.set(queue.shift()?.subarray(0, bytes.length) ?? new Uint8Array(bytes.length)) }
}

const random = (seed = 1): RandomSource => new TestRandom(seed)
const config = (options: Partial<QuicLbConfig> = {}): QuicLbConfig => ({
  id: 0,
  serverIdLength: 3,
  nonceLength: 4,
  key: fromHex(KEY),
  ...options,
})

describe('The vectors of the draft', () => {
  test.each(VECTORS)('$id is read', ({ id, key, nonce, rotation, serverId }) => {
    const bytes = fromHex(id)
    // In one vector the rotation bits are not those of the first octet as printed; the octet is not encrypted.
    const configId = (bytes[0] ?? 0) >> 5
    const router = new QuicLbRouter([
      {
        id: configId,
        serverIdLength: serverId.length / 2,
        nonceLength: nonce.length / 2,
        key: key === undefined ? undefined : fromHex(key),
      },
    ])
    const route = router.route(bytes)
    expect(route && [toHex(route.serverId), toHex(route.nonce)]).toEqual([serverId, nonce])
    expect([rotation, configId]).toContain(route?.configId)
  })

  test.each(VECTORS.filter(({ key }) => key !== undefined))('$id is made', ({ id, key, nonce, serverId }) => {
    const length = (serverId.length + nonce.length) / 2
    const block = fromHex(serverId + nonce)
    const cipher = new QuicLbCipher(fromHex(key ?? ''), length)
    cipher.encrypt(block)
    expect(toHex(block)).toBe(id.slice(2))
    cipher.decrypt(block)
    expect(toHex(block)).toBe(serverId + nonce)
  })

  test('the ids of a server are those of the draft, first octet included, where the nonce is', () => {
    const [, , first, , third] = VECTORS
    for (const { id, nonce, serverId, rotation } of [first, third]) {
      const ids = new QuicLbIds({
        random: scripted(nonce),
        config: config({ id: rotation, serverIdLength: serverId.length / 2, nonceLength: nonce.length / 2 }),
        serverId: fromHex(serverId),
      })
      const made = ids.generate().toString()
      expect(made.slice(2)).toBe(id.slice(2))
      expect(Number.parseInt(made.slice(0, 2), 16)).toBe((rotation << 5) | (id.length / 2 - 1))
    }
  })
})

describe('Every configuration', () => {
  const any = fc
    .tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 4, max: 18 }), fc.nat(6), fc.boolean(), fc.nat())
    .filter(([server, nonce]) => server + nonce <= 19)

  test('makes ids that its router reads, and that are all different', () => {
    fc.assert(
      fc.property(any, ([serverIdLength, nonceLength, id, hasKey, seed]) => {
        const source = random(seed)
        const serverId = new Uint8Array(serverIdLength)
        source.fill(serverId)
        const key = new Uint8Array(16)
        source.fill(key)
        const made: QuicLbConfig = { id, serverIdLength, nonceLength, key: hasKey ? key : undefined }
        const ids = new QuicLbIds({ random: source, config: made, serverId })
        const router = new QuicLbRouter([made], { checksLength: true })
        const seen = new Set<string>()
        for (let i = 0; i < 20; i++) {
          const each = ids.generate()
          expect(each.length).toBe(ids.length)
          expect(ids.lengthAt(each.bytes, 0, each.length)).toBe(each.length)
          expect(router.route(each.bytes)?.serverId).toEqual(serverId)
          seen.add(each.key)
        }
        expect(seen.size).toBe(20)
      }),
      { numRuns: 60 },
    )
  })

  test('encrypts and decrypts every length, each byte of the plaintext counting for all of it', () => {
    for (let length = 5; length <= 19; length++) {
      const cipher = new QuicLbCipher(fromHex(KEY), length)
      const plain = Uint8Array.from({ length }, (_, i) => i * 7)
      const other = plain.slice()
      other[length - 1] = (other[length - 1] ?? 0) ^ 1
      const [first, second] = [plain.slice(), other.slice()]
      cipher.encrypt(first)
      cipher.encrypt(second)
      const equal = first.filter((byte, i) => byte === second[i]).length
      expect(equal).toBeLessThan(length / 2)
      cipher.decrypt(first)
      expect(first).toEqual(plain)
    }
  })
})

describe('Nonces', () => {
  test('count from a random start, over the end, until they are used up', () => {
    const nonces = new QuicLbNonces(scripted('fffffffe'), 4, false)
    const taken: string[] = []
    const target = new Uint8Array(6)
    for (let i = 0; i < 4; i++) {
      expect(nonces.take(target, 2)).toBe(true)
      taken.push(toHex(target))
    }
    expect(taken).toEqual(['0000fffffffe', '0000ffffffff', '000000000000', '000000000001'])
    expect(nonces.left).toBe(2 ** 32 - 4)
  })

  test('that observers see have no visible order, and none comes twice', () => {
    const nonces = new QuicLbNonces(random(5), 4, true)
    const seen = new Set<string>()
    const steps = new Set<number>()
    let before = 0
    for (let i = 0; i < 20_000; i++) {
      const bytes = new Uint8Array(4)
      nonces.take(bytes, 0)
      seen.add(toHex(bytes))
      const value = new DataView(bytes.buffer).getUint32(0)
      steps.add(value - before)
      before = value
    }
    expect(seen.size).toBe(20_000)
    expect(steps.size).toBeGreaterThan(19_900)
  })

  test('go on where the same key comes again, under other rotation bits or after it was forgotten', () => {
    const ids = new QuicLbIds({ random: random(), config: config(), serverId: fromHex('000001') })
    const router = new QuicLbRouter([config(), config({ id: 1 })])
    const nonceOf = (): number =>
      new DataView(router.route(ids.generate().bytes)?.nonce.slice().buffer ?? new ArrayBuffer(4)).getUint32(0)
    const first = nonceOf()
    ids.configure(config({ id: 1 }), fromHex('000001'))
    expect(nonceOf()).toBe((first + 1) >>> 0)
    ids.forget(0)
    ids.configure(config(), fromHex('000001'))
    expect(nonceOf()).toBe((first + 2) >>> 0)
    expect(ids.noncesLeft).toBe(2 ** 32 - 3)
  })
})

describe('Ids without a configuration', () => {
  test('lead nowhere, tell their length, and are one for a connection', () => {
    const ids = new QuicLbIds({ random: random() })
    expect([ids.length, ids.isSingle, ids.noncesLeft]).toEqual([8, true, 0])
    const id = ids.generate()
    expect(id.bytes[0]).toBe(0xe7)
    expect(ids.lengthAt(id.bytes, 0, 8)).toBe(8)
    expect(new QuicLbRouter([config()]).route(id.bytes)).toBeUndefined()
    expect(ids.generate().equals(id)).toBe(false)
    ids.configure(config(), fromHex('010203'))
    expect([ids.length, ids.isSingle]).toEqual([8, false])
    ids.configure(undefined)
    expect(ids.isSingle).toBe(true)
  })

  test('take the place of those whose nonces are used up', () => {
    const ids = new QuicLbIds({ random: scripted('00000000'), config: config(), serverId: fromHex('010203') })
    // Nobody waits for 2^32 ids: a stand-in with the end in sight.
    const short = new QuicLbNonces(scripted('00'), 1, false)
    const target = new Uint8Array(1)
    for (let i = 0; i < 256; i++) expect(short.take(target, 0)).toBe(true)
    expect([short.take(target, 0), short.left]).toEqual([false, 0])
    expect(ids.noncesLeft).toBe(2 ** 32)
  })
})

describe('The first octet', () => {
  test('tells the length, or has random bits', () => {
    const told = new QuicLbIds({ random: random(), config: config({ id: 5 }), serverId: fromHex('010203') })
    expect(told.generate().bytes[0]).toBe((5 << 5) | 7)
    const silent = new QuicLbIds({
      random: random(),
      config: config({ id: 5 }),
      serverId: fromHex('010203'),
      describesLength: false,
    })
    const octets = new Set(Array.from({ length: 200 }, () => silent.generate().bytes[0] ?? 0))
    expect(octets.size).toBeGreaterThan(25)
    for (const octet of octets) expect(octet >> 5).toBe(5)
  })
})

describe('A router', () => {
  const ids = new QuicLbIds({ random: random(), config: config({ id: 2 }), serverId: fromHex('0a0b0c') })
  const router = new QuicLbRouter([config({ id: 2 })], { checksLength: true })

  test('reads the destination id of long and short headers', () => {
    const id = ids.generate()
    const short = Uint8Array.of(0x43, ...id.bytes, ...new Uint8Array(30))
    expect(router.routeDatagram(short)?.serverId).toEqual(fromHex('0a0b0c'))
    const long = Uint8Array.of(0xc3, 0, 0, 0, 1, id.length, ...id.bytes, 0, ...new Uint8Array(30))
    expect(router.routeDatagram(long)?.serverId).toEqual(fromHex('0a0b0c'))
    // Of any version (RFC 8999).
    long.set([0xfa, 0xce, 0xb0, 0x0c], 1)
    expect(router.routeDatagram(long)?.configId).toBe(2)
  })

  test('finds no way for ids of other configurations, ids that are too short, and lengths that do not agree', () => {
    const id = ids.generate()
    const other = id.bytes.slice()
    other[0] = (other[0] ?? 0) ^ 0x20
    expect(router.route(other)).toBeUndefined()
    expect(router.route(id.bytes.subarray(0, 7))).toBeUndefined()
    expect(router.route(new Uint8Array(0))).toBeUndefined()
    const longer = Uint8Array.of(0xc3, 0, 0, 0, 1, 9, ...id.bytes, 0, 0)
    expect(router.routeDatagram(longer)).toBeUndefined()
    const truncated = Uint8Array.of(0xc3, 0, 0, 0, 1, 8, ...id.bytes.subarray(0, 5))
    expect(router.routeDatagram(truncated)).toBeUndefined()
    const removed = new QuicLbRouter([config({ id: 2 })])
    removed.delete(2)
    expect(removed.route(id.bytes)).toBeUndefined()
  })

  test('leaves datagrams as they are, those of Node too, whose slices share memory', () => {
    class Shared extends Uint8Array<ArrayBuffer> {
      override slice(start?: number, end?: number): Shared {
        return this.subarray(start, end) as Shared
      }
    }
    const bytes = Shared.of(0x43, ...ids.generate().bytes, 1, 2, 3)
    const before = [...bytes]
    expect(router.routeDatagram(bytes)?.serverId).toEqual(fromHex('0a0b0c'))
    expect([...bytes]).toEqual(before)
  })

  test('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const route = router.routeDatagram(bytes)
        expect(route === undefined || route.serverId.length === 3).toBe(true)
      }),
    )
  })
})

describe('What is no configuration is refused', () => {
  test.each([
    [{ id: 7 }, RangeError],
    [{ id: -1 }, RangeError],
    [{ id: 0.5 }, RangeError],
    [{ serverIdLength: 0 }, RangeError],
    [{ nonceLength: 3 }, RangeError],
    [{ serverIdLength: 16 }, RangeError],
    [{ key: new Uint8Array(15) }, RangeError],
    [{ key: 'secret' as unknown as Uint8Array }, TypeError],
  ] as const)('%j', (wrong, error) => {
    const bad = config(wrong)
    expect(() => new QuicLbRouter([bad])).toThrow(error)
    expect(
      () => new QuicLbIds({ random: random(), config: bad, serverId: new Uint8Array(bad.serverIdLength) }),
    ).toThrow(error)
  })

  test('a server id of another length, or none', () => {
    expect(() => new QuicLbIds({ random: random(), config: config(), serverId: new Uint8Array(2) })).toThrow(RangeError)
    expect(() => new QuicLbIds({ random: random(), config: config() })).toThrow(TypeError)
  })

  test('rotation bits that stand for another configuration, until that one is forgotten', () => {
    const ids = new QuicLbIds({ random: random(), config: config(), serverId: fromHex('010203') })
    const other = config({ serverIdLength: 2 })
    expect(() => ids.configure(other, fromHex('0102'))).toThrow(RangeError)
    expect(() => ids.forget(0)).toThrow(RangeError)
    ids.configure(config({ id: 1 }), fromHex('010203'))
    ids.forget(0)
    ids.configure(other, fromHex('0102'))
    expect(ids.length).toBe(7)
  })
})
