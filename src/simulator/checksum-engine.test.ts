import { expect, test } from 'vitest'
import { PacketStatus } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { checksumPackets } from './checksum-engine.ts'

const SUITE = TLS_AES_128_GCM_SHA256
const key = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)

/** A 1-RTT packet of `length` bytes, sealed at `start` of an engine's arena. */
function sealed(length: number, number: number, start: number): Uint8Array {
  const engine = checksumPackets.createEngine(8192)
  const batch = new PacketBatchBuffer(engine.arena)
  for (let at = 0; at < length; at++) engine.arena[start + at] = (at * 7) & 0xff
  engine.arena.set([0x43, 1, 2, 3, 4, 5, 6, 7, 8, number >>> 24, number >>> 16, number >>> 8, number], start)
  batch.clear(start)
  batch.append(start, start + 9, start + length, number)
  engine.createProtector(SUITE, key(1), key(2), key(3)).seal(batch, 0, 1)
  expect(batch.status[0]).toBe(PacketStatus.done)
  return engine.arena.slice(start, start + length + 16)
}

/** Whether it opens, at `start` of another arena. */
function opens(packet: Uint8Array, start = 0, keyByte = 1, largest = 0): boolean {
  const engine = checksumPackets.createEngine(8192)
  const batch = new PacketBatchBuffer(engine.arena)
  engine.arena.set(packet, start)
  batch.clear(start)
  batch.append(start, start + 9, start + packet.length, largest)
  const protector = engine.createProtector(SUITE, key(keyByte), key(2), key(3))
  protector.unmask(batch, 0, 1)
  protector.open(batch, 0, 1)
  return batch.status[0] === PacketStatus.done
}

test('what is sealed opens, wherever it lies', () => {
  for (const length of [13, 29, 64, 1200]) {
    for (const start of [0, 1, 2, 3]) expect(opens(sealed(length, 77, start), 3 - start)).toBe(true)
  }
})

test('no flipped bit goes unseen', () => {
  const packet = sealed(61, 77, 0)
  for (let bit = 0; bit < packet.length * 8; bit++) {
    const copy = packet.slice()
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(opens(copy), `bit ${bit}`).toBe(false)
  }
})

test('no other key and no other number opens it, and nothing too short', () => {
  const packet = sealed(200, 77, 0)
  expect(opens(packet, 0, 2)).toBe(false)
  expect(opens(packet, 0, 1, 2 ** 40)).toBe(false)
  expect(opens(packet.subarray(0, 28))).toBe(false)
})

test('a discarded protector does nothing more', () => {
  const engine = checksumPackets.createEngine(8192)
  const batch = new PacketBatchBuffer(engine.arena)
  const protector = engine.createProtector(SUITE, key(1), key(2), key(3))
  protector.discard()
  expect(() => protector.open(batch, 0, 0)).toThrow(TypeError)
})
