import { expect, test } from 'vitest'
import { PacketBatchBuffer } from './packet-batch.ts'

test('a batch begins at its slot, takes what fits, and forgets', () => {
  const batch = new PacketBatchBuffer(new Uint8Array(4096), 2)
  batch.clear(1000)
  expect([batch.slotStart, batch.used, batch.count, batch.isFull]).toEqual([1000, 1000, 0, false])
  expect(batch.append(1000, 1009, 1100, 5)).toBe(0)
  expect(batch.append(1116, 1125, 1200, 6)).toBe(1)
  expect(batch.isFull).toBe(true)
  expect(Array.from(batch.packetNumber)).toEqual([5, 6])
  expect(() => batch.append(0, 0, 0, 0)).toThrow('The batch is full at 2 packets')
  batch.clear(0)
  expect(batch.count).toBe(0)
})

test('a packet finds nothing left over from the one before it in its place', () => {
  const batch = new PacketBatchBuffer(new Uint8Array(64), 1)
  batch.append(1, 2, 3, 4)
  batch.status[0] = 2
  batch.type[0] = 4
  batch.generation[0] = 7
  batch.ecn[0] = 3
  batch.receivedAt[0] = 1234.5
  batch.clear(0)
  batch.append(1, 2, 3, 4)
  expect([batch.status[0], batch.type[0], batch.generation[0], batch.ecn[0], batch.receivedAt[0]]).toEqual([
    0, 0, 0, 0, 0,
  ])
})

test('a batch holds 192 packets unless told otherwise', () => {
  expect(new PacketBatchBuffer(new Uint8Array(0)).capacity).toBe(192)
})
