import { expect, test } from 'vitest'
import { noblePackets } from '../crypto/noble/packets.ts'
import { type CipherSuite, PacketStatus } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { PacketBatchBuffer } from './packet-batch.ts'
import { IntegrityCounter, PacketKeys } from './packet-keys.ts'

const SECRET = new Uint8Array(32).fill(7)

function codeOf(run: () => void): bigint | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return error instanceof TransportError ? error.code : -1n
  }
}

/** A batch of `count` short-header packets of 40 bytes, numbered from `first`. */
function plainBatch(arena: Uint8Array, count: number, first = 0): PacketBatchBuffer {
  const batch = new PacketBatchBuffer(arena, 64)
  for (let i = 0; i < count; i++) {
    const at = 64 * i
    arena[at] = 0x41
    arena[at + 1] = 0
    arena[at + 2] = first + i
    batch.append(at, at + 1, at + 43, first + i)
  }
  return batch
}

function arrive(batch: PacketBatchBuffer, largest: number): void {
  for (let i = 0; i < batch.count; i++) {
    batch.end[i] = (batch.end[i] ?? 0) + 16
    batch.packetNumber[i] = largest
    batch.status[i] = PacketStatus.pending
  }
}

test('what one end seals the other opens, and the count of sealed packets is kept', () => {
  const engine = noblePackets.createEngine(4096)
  for (const version of [VERSION_1, VERSION_2]) {
    const sender = new PacketKeys(engine, TLS_AES_128_GCM_SHA256, version, SECRET)
    const integrity = new IntegrityCounter()
    const receiver = new PacketKeys(engine, TLS_AES_128_GCM_SHA256, version, SECRET, integrity)
    const batch = plainBatch(engine.arena, 3)
    sender.seal(batch, 0, 2)
    sender.seal(batch, 2, 3)
    expect(sender.sealed).toBe(3)
    arrive(batch, -1)
    receiver.unmaskAndOpen(batch, 0, 3)
    expect(Array.from(batch.status.subarray(0, 3))).toEqual([1, 1, 1])
    expect(Array.from(batch.packetNumber.subarray(0, 3))).toEqual([0, 1, 2])
    expect(integrity.failed).toBe(0)
  }
})

test('versions do not understand each other', () => {
  const engine = noblePackets.createEngine(4096)
  const integrity = new IntegrityCounter()
  const batch = plainBatch(engine.arena, 1)
  new PacketKeys(engine, TLS_AES_128_GCM_SHA256, VERSION_1, SECRET).seal(batch, 0, 1)
  arrive(batch, -1)
  new PacketKeys(engine, TLS_AES_128_GCM_SHA256, VERSION_2, SECRET, integrity).unmaskAndOpen(batch, 0, 1)
  expect(batch.status[0]).toBe(PacketStatus.failed)
  expect(integrity.failed).toBe(1)
})

//= rfc9001#6.6-p4-1
//= rfc9001#6.6-p4-2
//= rfc9001#6.6-p4-4
test('no packet is sealed beyond the confidentiality limit', () => {
  const engine = noblePackets.createEngine(4096)
  const suite: CipherSuite = { ...TLS_AES_128_GCM_SHA256, confidentialityLimit: 4 }
  const keys = new PacketKeys(engine, suite, VERSION_1, SECRET)
  const batch = plainBatch(engine.arena, 3)
  keys.seal(batch, 0, 3)
  const before = engine.arena.slice()
  expect(codeOf(() => keys.seal(plainBatch(engine.arena, 2, 3), 0, 2))).toBe(TransportErrorCode.AEAD_LIMIT_REACHED)
  // Nothing but the headers that the test itself wrote has changed.
  expect(engine.arena.subarray(3, 64)).toEqual(before.subarray(3, 64))
  expect(keys.sealed).toBe(3)
  keys.seal(plainBatch(engine.arena, 1, 3), 0, 1)
  expect(keys.sealed).toBe(4)
})

//= rfc9001#6.6-p6-1
//= rfc9001#6.6-p6-2
test('forgeries are counted over all keys, and one too many ends the connection', () => {
  const engine = noblePackets.createEngine(4096)
  const integrity = new IntegrityCounter()
  const suite: CipherSuite = { ...TLS_AES_128_GCM_SHA256, integrityLimit: 5 }
  const initial = new PacketKeys(engine, suite, VERSION_1, SECRET, integrity)
  const handshake = new PacketKeys(engine, suite, VERSION_1, new Uint8Array(32).fill(9), integrity)
  const forge = (count: number): PacketBatchBuffer => {
    const batch = plainBatch(engine.arena, count)
    arrive(batch, -1)
    return batch
  }
  initial.unmaskAndOpen(forge(3), 0, 3)
  handshake.unmaskAndOpen(forge(2), 0, 2)
  expect(integrity.failed).toBe(5)
  const last = forge(1)
  expect(codeOf(() => initial.unmaskAndOpen(last, 0, 1))).toBe(TransportErrorCode.AEAD_LIMIT_REACHED)
  expect(last.status[0]).toBe(PacketStatus.failed)
})

test('a packet too short to be sampled is no forgery', () => {
  const engine = noblePackets.createEngine(4096)
  const integrity = new IntegrityCounter()
  const keys = new PacketKeys(engine, TLS_CHACHA20_POLY1305_SHA256, VERSION_1, SECRET, integrity)
  const batch = new PacketBatchBuffer(engine.arena, 1)
  batch.append(0, 1, 20, -1)
  keys.unmaskAndOpen(batch, 0, 1)
  expect(batch.status[0]).toBe(PacketStatus.failed)
  expect(integrity.failed).toBe(0)
})

test('the secret may be wiped once the keys are made', () => {
  const engine = noblePackets.createEngine(4096)
  const secret = SECRET.slice()
  const keys = new PacketKeys(engine, TLS_AES_128_GCM_SHA256, VERSION_1, secret)
  secret.fill(0)
  const batch = plainBatch(engine.arena, 1)
  keys.seal(batch, 0, 1)
  arrive(batch, -1)
  new PacketKeys(engine, TLS_AES_128_GCM_SHA256, VERSION_1, SECRET).unmaskAndOpen(batch, 0, 1)
  expect(batch.status[0]).toBe(PacketStatus.done)
  keys.discard()
})
