/**
 * One suite, many engines: what every {@link PacketProvider} must do, in whichever runtime. The reference it is held to is
 * noble's documented `gcm` and `chacha20poly1305`, one packet at a time, and the packets of the RFCs.
 */
import { ecb, gcm } from '@noble/ciphers/aes.js'
import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { type RandomSource, randomBytes, randomInteger } from '../base/random.ts'
import { PACKET_VECTORS } from './packet-vectors.fixtures.ts'
import { type AeadName, type CipherSuite, type PacketBatch, type PacketProvider, PacketStatus } from './provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from './suites.ts'

const ARENA_BYTES = 1 << 18
const SUITES: readonly CipherSuite[] = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]

/** A source that gives the same bytes for the same seed (xorshift32). */
export function seededRandom(seed: number): RandomSource {
  let state = seed | 1
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        bytes[i] = state >>> 11
      }
    },
  }
}

/** A batch over an arena. */
export function batchOver(arena: Uint8Array, capacity: number): PacketBatch {
  return {
    arena,
    count: 0,
    start: new Int32Array(capacity),
    numberOffset: new Int32Array(capacity),
    end: new Int32Array(capacity),
    packetNumber: new Float64Array(capacity),
    status: new Uint8Array(capacity),
  }
}

/** One packet as it goes into a batch. */
interface PlainPacket {
  readonly header: Uint8Array
  readonly payload: Uint8Array
  readonly packetNumber: number
}

interface Keys {
  readonly suite: CipherSuite
  readonly key: Uint8Array
  readonly iv: Uint8Array
  readonly headerKey: Uint8Array
}

/** Writes a packet at `start` and adds it to the batch. */
function append(batch: PacketBatch, start: number, packet: PlainPacket): number {
  const index = batch.count
  const { header, payload } = packet
  batch.arena.set(header, start)
  batch.arena.set(payload, start + header.length)
  batch.start[index] = start
  batch.numberOffset[index] = start + header.length - (((header[0] ?? 0) & 3) + 1)
  batch.end[index] = start + header.length + payload.length
  batch.packetNumber[index] = packet.packetNumber
  batch.status[index] = PacketStatus.pending
  batch.count = index + 1
  return index
}

/** Turns a sealed batch into one to be opened. */
function expectArrival(batch: PacketBatch, largest: (index: number) => number): void {
  for (let index = 0; index < batch.count; index++) {
    batch.end[index] = (batch.end[index] ?? 0) + 16
    batch.packetNumber[index] = largest(index)
    batch.status[index] = PacketStatus.pending
  }
}

/** Seals as RFC 9001 §5.3 and §5.4 say, with noble's documented functions. */
function referenceSeal(keys: Keys, packet: PlainPacket): Uint8Array {
  const nonce = keys.iv.slice()
  let rest = packet.packetNumber
  for (let i = 11; i >= 4; i--, rest = Math.floor(rest / 256)) nonce[i] = (nonce[i] ?? 0) ^ (rest % 256)
  const aead = keys.suite.aead === 'chacha20-poly1305' ? chacha20poly1305 : gcm
  const sealed = concat(packet.header, aead(keys.key, nonce, packet.header).encrypt(packet.payload))
  const numberLength = ((packet.header[0] ?? 0) & 3) + 1
  const offset = packet.header.length - numberLength
  const mask = referenceMask(keys.suite.aead, keys.headerKey, sealed.slice(offset + 4, offset + 20))
  const bits = ((packet.header[0] ?? 0) & 0x80) === 0 ? 0x1f : 0x0f
  sealed[0] = (sealed[0] ?? 0) ^ ((mask[0] ?? 0) & bits)
  for (let i = 0; i < numberLength; i++) sealed[offset + i] = (sealed[offset + i] ?? 0) ^ (mask[1 + i] ?? 0)
  return sealed
}

function referenceMask(aead: AeadName, key: Uint8Array, sample: Uint8Array): Uint8Array {
  if (aead !== 'chacha20-poly1305') return ecb(key, { disablePadding: true }).encrypt(sample)
  const counter = new DataView(sample.buffer).getUint32(0, true)
  return chacha20(key, sample.slice(4), new Uint8Array(5), undefined, counter)
}

function randomKeys(suite: CipherSuite, random: RandomSource): Keys {
  return {
    suite,
    key: randomBytes(random, suite.keyLength),
    iv: randomBytes(random, 12),
    headerKey: randomBytes(random, suite.keyLength),
  }
}

/** A packet with a header of either form, any length of packet number, a payload of up to `most` bytes, as short as may be. */
function randomPacket(random: RandomSource, packetNumber: number, most: number): PlainPacket {
  const numberLength = randomInteger(random, 4) + 1
  const header = randomBytes(random, 1 + randomInteger(random, 24) + numberLength)
  header[0] = ((header[0] ?? 0) & 0xfc) | (numberLength - 1)
  let rest = packetNumber
  for (let i = 1; i <= numberLength; i++, rest = Math.floor(rest / 256)) header[header.length - i] = rest % 256
  const least = 4 - numberLength
  return { header, payload: randomBytes(random, least + randomInteger(random, most - least)), packetNumber }
}

/** Holds an engine to the contract of `PacketProtector`. */
export function aeadSuite(name: string, provider: PacketProvider): void {
  describe(`${name} protects packets`, () => {
    vectorTests(provider)
    for (const suite of SUITES) {
      describe(suite.name, () => {
        agreementTests(provider, suite)
        failureTests(provider, suite)
      })
    }
    misuseTests(provider)
  })
}

function vectorTests(provider: PacketProvider): void {
  for (const vector of PACKET_VECTORS) {
    const suite = SUITES.find((candidate) => candidate.aead === vector.aead) ?? TLS_AES_128_GCM_SHA256
    const { packetNumber } = vector
    const packet = { header: fromHex(vector.header), payload: fromHex(vector.payload), packetNumber }
    const protect = (): [PacketBatch, ReturnType<ReturnType<PacketProvider['createEngine']>['createProtector']>] => {
      const engine = provider.createEngine(4096)
      const keys = [fromHex(vector.key), fromHex(vector.iv), fromHex(vector.headerKey)] as const
      return [batchOver(engine.arena, 1), engine.createProtector(suite, ...keys)]
    }

    test(`${vector.name} is sealed as printed`, () => {
      const [batch, protector] = protect()
      append(batch, 13, packet)
      protector.seal(batch, 0, 1)
      expect(batch.status[0]).toBe(PacketStatus.done)
      expect(toHex(batch.arena.subarray(13, 13 + vector.packet.length / 2))).toBe(vector.packet)
    })

    test(`${vector.name} is opened as printed`, () => {
      const [batch, protector] = protect()
      const bytes = fromHex(vector.packet)
      append(batch, 13, packet)
      batch.arena.set(bytes, 13)
      expectArrival(batch, () => vector.packetNumber - 1)
      protector.unmask(batch, 0, 1)
      expect(batch.packetNumber[0]).toBe(vector.packetNumber)
      protector.open(batch, 0, 1)
      expect(batch.status[0]).toBe(PacketStatus.done)
      expect(toHex(batch.arena.subarray(13, 13 + bytes.length - 16))).toBe(vector.header + vector.payload)
    })
  }
}

function agreementTests(provider: PacketProvider, suite: CipherSuite): void {
  test('batches of any size, form and place are sealed as by the reference, and nothing beside them is written', () => {
    const random = seededRandom(suite.id)
    const engine = provider.createEngine(ARENA_BYTES)
    for (const count of [1, 3, 80]) {
      const keys = randomKeys(suite, random)
      const protector = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
      const batch = batchOver(engine.arena, count)
      random.fill(engine.arena)
      const expected = new Uint8Array(ARENA_BYTES)
      let at = randomInteger(random, 20)
      const packets: PlainPacket[] = []
      for (let i = 0; i < count; i++) {
        const packet = randomPacket(random, i === 0 ? 2 ** 53 - 2 : randomInteger(random, 2 ** 31), 1500)
        packets.push(packet)
        append(batch, at, packet)
        at += packet.header.length + packet.payload.length + 16 + randomInteger(random, 5)
      }
      expected.set(engine.arena)
      packets.forEach((packet, i) => {
        expected.set(referenceSeal(keys, packet), batch.start[i])
      })
      protector.seal(batch, 0, count)
      expect(Array.from(batch.status)).toEqual(Array.from({ length: count }, () => PacketStatus.done))
      expect(toHex(engine.arena) === toHex(expected)).toBe(true)

      packets.forEach((packet, i) => {
        expected.set(packet.header, batch.start[i])
        expected.set(packet.payload, (batch.start[i] ?? 0) + packet.header.length)
      })
      expectArrival(batch, (i) => (packets[i]?.packetNumber ?? 0) - 1)
      protector.unmask(batch, 0, count)
      expect(Array.from(batch.packetNumber)).toEqual(packets.map(({ packetNumber }) => packetNumber))
      protector.open(batch, 0, count)
      expect(Array.from(batch.status)).toEqual(Array.from({ length: count }, () => PacketStatus.done))
      expect(toHex(engine.arena) === toHex(expected)).toBe(true)
    }
  })

  test('packets of 16 KiB and more are sealed and opened', () => {
    const random = seededRandom(5)
    const engine = provider.createEngine(ARENA_BYTES)
    const keys = randomKeys(suite, random)
    const protector = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
    const batch = batchOver(engine.arena, 1)
    const packet = { header: fromHex('41aabbcc0007'), payload: randomBytes(random, 65_001), packetNumber: 7 }
    append(batch, 3, packet)
    protector.seal(batch, 0, 1)
    const sealed = engine.arena.slice(3, 3 + 6 + 65_001 + 16)
    expect(toHex(sealed) === toHex(referenceSeal(keys, packet))).toBe(true)
    expectArrival(batch, () => 6)
    protector.unmask(batch, 0, 1)
    protector.open(batch, 0, 1)
    expect(batch.status[0]).toBe(PacketStatus.done)
    expect(toHex(engine.arena.subarray(9, 9 + 65_001)) === toHex(packet.payload)).toBe(true)
  })

  test('only the packets from the first up to the last are touched', () => {
    const random = seededRandom(77)
    const engine = provider.createEngine(ARENA_BYTES)
    const keys = randomKeys(suite, random)
    const protector = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
    const batch = batchOver(engine.arena, 4)
    for (let i = 0; i < 4; i++) append(batch, 200 * i, randomPacket(random, i, 100))
    const before = engine.arena.slice()
    protector.seal(batch, 1, 3)
    expect(Array.from(batch.status)).toEqual([0, 1, 1, 0])
    expect(toHex(engine.arena.subarray(0, 200))).toBe(toHex(before.subarray(0, 200)))
    expect(toHex(engine.arena.subarray(600))).toBe(toHex(before.subarray(600)))
  })

  test('keys are copied, so the caller may wipe its own', () => {
    const random = seededRandom(78)
    const engine = provider.createEngine(4096)
    const keys = randomKeys(suite, random)
    const packet = randomPacket(random, 1, 100)
    const expected = referenceSeal(keys, packet)
    const protector = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
    for (const bytes of [keys.key, keys.iv, keys.headerKey]) bytes.fill(0)
    const batch = batchOver(engine.arena, 1)
    append(batch, 0, packet)
    protector.seal(batch, 0, 1)
    expect(toHex(engine.arena.subarray(0, expected.length))).toBe(toHex(expected))
  })
}

function failureTests(provider: PacketProvider, suite: CipherSuite): void {
  test('a changed packet fails, keeps its ciphertext and tag, and leaves the others be', () => {
    const random = seededRandom(suite.id + 1)
    const engine = provider.createEngine(8192)
    const keys = randomKeys(suite, random)
    const protector = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
    const packets = [0, 1, 2].map((number) => randomPacket(random, number, 300))
    // The middle packet is changed: in its tag, in its payload, in the header that is authenticated with it.
    const { header, payload } = packets[1] ?? { header: new Uint8Array(), payload: new Uint8Array() }
    const size = header.length + payload.length + 16
    const places = [size - 1, size - 16, header.length + 4, Math.min(1, header.length - 5)].filter((at) => at > 0)
    for (const place of places) {
      const batch = batchOver(engine.arena, 3)
      packets.forEach((packet, i) => {
        append(batch, 1000 * i + 1, packet)
      })
      protector.seal(batch, 0, 3)
      engine.arena[1001 + place] = (engine.arena[1001 + place] ?? 0) ^ 0x40
      expectArrival(batch, (i) => i - 1)
      protector.unmask(batch, 0, 3)
      const before = engine.arena.slice(1001, 1001 + size)
      protector.open(batch, 0, 3)
      expect(Array.from(batch.status)).toEqual([PacketStatus.done, PacketStatus.failed, PacketStatus.done])
      expect(toHex(engine.arena.subarray(1001, 1001 + size))).toBe(toHex(before))
    }
  })

  test('a packet under another key, IV or number fails', () => {
    const random = seededRandom(suite.id + 2)
    const engine = provider.createEngine(4096)
    const keys = randomKeys(suite, random)
    const sealing = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
    const packet = randomPacket(random, 9, 300)
    const batch = batchOver(engine.arena, 1)
    const opensWith = (key: Uint8Array, iv: Uint8Array, largest: number): boolean => {
      batch.count = 0
      append(batch, 0, packet)
      sealing.seal(batch, 0, 1)
      expectArrival(batch, () => largest)
      const opening = engine.createProtector(suite, key, iv, keys.headerKey)
      opening.unmask(batch, 0, 1)
      opening.open(batch, 0, 1)
      return batch.status[0] === PacketStatus.done
    }
    expect(opensWith(keys.key, keys.iv, 8)).toBe(true)
    expect(opensWith(randomBytes(random, suite.keyLength), keys.iv, 8)).toBe(false)
    expect(opensWith(keys.key, randomBytes(random, 12), 8)).toBe(false)
    expect(opensWith(keys.key, keys.iv, 2 ** 40)).toBe(false)
  })

  //= rfc9001#5.4.2-p3-1
  test('a packet too short for a sample fails and is passed over', () => {
    const engine = provider.createEngine(4096)
    const keys = randomKeys(suite, seededRandom(3))
    const protector = engine.createProtector(suite, keys.key, keys.iv, keys.headerKey)
    seededRandom(4).fill(engine.arena)
    const before = engine.arena.slice()
    for (let length = 1; length < 25; length++) {
      const batch = batchOver(engine.arena, 1)
      batch.count = 1
      // At the very end of the arena, where a sample would reach beyond.
      batch.start[0] = 4096 - length
      batch.numberOffset[0] = 4096 - length + 1
      batch.end[0] = 4096
      batch.packetNumber[0] = -1
      protector.unmask(batch, 0, 1)
      const hasSample = length >= 1 + 4 + 16
      expect(batch.status[0]).toBe(hasSample ? PacketStatus.done : PacketStatus.failed)
      if (hasSample) continue
      protector.open(batch, 0, 1)
      expect(batch.status[0]).toBe(PacketStatus.failed)
      expect(toHex(engine.arena)).toBe(toHex(before))
    }
  })
}

function misuseTests(provider: PacketProvider): void {
  const make = (bytes: number): ReturnType<PacketProvider['createEngine']> => provider.createEngine(bytes)
  const suite = TLS_AES_128_GCM_SHA256

  test('a packet that could not be sampled, or has no room for its tag, is not sealed at all', () => {
    const engine = make(64)
    const protector = engine.createProtector(suite, new Uint8Array(16), new Uint8Array(12), new Uint8Array(16))
    const batch = batchOver(engine.arena, 2)
    append(batch, 0, { header: fromHex('4000'), payload: new Uint8Array(8), packetNumber: 0 })
    append(batch, 30, { header: fromHex('4001'), payload: new Uint8Array(2), packetNumber: 1 })
    const before = engine.arena.slice()
    expect(() => protector.seal(batch, 0, 2)).toThrow(/must have at least 4 bytes, got 3/)
    batch.end[1] = 49
    expect(() => protector.seal(batch, 0, 2)).toThrow(/leaves no room for its tag/)
    expect(toHex(engine.arena)).toBe(toHex(before))
    batch.end[1] = 48
    protector.seal(batch, 0, 2)
    expect(Array.from(batch.status)).toEqual([PacketStatus.done, PacketStatus.done])
  })

  test('a batch in another arena is refused', () => {
    const engine = make(64)
    const protector = engine.createProtector(suite, new Uint8Array(16), new Uint8Array(12), new Uint8Array(16))
    const batch = batchOver(new Uint8Array(64), 1)
    expect(() => protector.seal(batch, 0, 0)).toThrow(TypeError)
    expect(() => protector.unmask(batch, 0, 0)).toThrow(TypeError)
    expect(() => protector.open(batch, 0, 0)).toThrow(TypeError)
  })

  test('a discarded protector seals and opens nothing any more; discarding twice is harmless', () => {
    for (const each of SUITES) {
      const key = new Uint8Array(each.keyLength)
      const engine = make(64)
      const protector = engine.createProtector(each, key, new Uint8Array(12), key)
      protector.discard()
      protector.discard()
      const batch = batchOver(engine.arena, 1)
      append(batch, 0, { header: fromHex('4000'), payload: new Uint8Array(20), packetNumber: 0 })
      for (const use of ['seal', 'unmask', 'open'] as const) {
        expect(() => protector[use](batch, 0, 1)).toThrow('The protector was discarded')
      }
      expect(toHex(engine.arena)).toBe(`4000${'00'.repeat(62)}`)
    }
  })

  //= rfc9001#5.3-p2-1
  //= rfc9001#5.4.1-p8-1
  //= rfc9001#6.6-p10-1
  //= rfc9001#6.6-p10-2
  test('every suite on offer has header protection and limits', () => {
    expect(provider.suites.length).toBeGreaterThan(0)
    for (const offered of provider.suites) {
      expect(SUITES).toContain(offered)
      expect(offered.confidentialityLimit).toBeGreaterThan(0)
      expect(offered.integrityLimit).toBeGreaterThan(0)
    }
  })
}
