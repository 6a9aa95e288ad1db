import { describe, expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { Routing } from './routing.ts'
import { ownerOfTrain } from './train.ts'

const IDS: ConnectionIdGenerator = { length: 8, generate: () => ConnectionId.from(new Uint8Array(8)) }
const NO_IDS: ConnectionIdGenerator = { length: 0, generate: () => ConnectionId.from(new Uint8Array(0)) }

const SIZE = 40
const one = { name: 'one' }
const other = { name: 'other' }

function routing(): Routing<{ name: string }> {
  const made = new Routing<{ name: string }>(new Uint8Array(32))
  made.addId(ConnectionId.from(new Uint8Array(8).fill(1)), one)
  made.addId(ConnectionId.from(new Uint8Array(8).fill(2)), other)
  made.addId(ConnectionId.from(new Uint8Array(8).fill(3)), one)
  return made
}

/** A 1-RTT packet to the id of eight bytes of `id`; with `first` another packet. */
function packet(id: number, size = SIZE, first = 0x40): Uint8Array {
  const bytes = new Uint8Array(size).fill(id, 1, 9)
  bytes[0] = first
  return bytes
}

const ownerOf = (...datagrams: Uint8Array[]): unknown => ownerOfTrain(routing(), IDS, concat(...datagrams), SIZE)

describe('a train', () => {
  test('is the connection’s that all its datagrams name, by any of its ids', () => {
    expect(ownerOf(packet(1), packet(1))).toBe(one)
    expect(ownerOf(packet(3), packet(1), packet(3, 20))).toBe(one)
    expect(ownerOf(packet(2), packet(2))).toBe(other)
  })

  test('has no owner where one of them names another connection, or none', () => {
    expect(ownerOf(packet(1), packet(2))).toBe(undefined)
    expect(ownerOf(packet(1), packet(9), packet(1))).toBe(undefined)
    expect(ownerOf(packet(9), packet(9))).toBe(undefined)
  })

  test('has none where one of them has a long header, or is too short for an id', () => {
    expect(ownerOf(packet(1), packet(1, SIZE, 0xc0))).toBe(undefined)
    expect(ownerOf(packet(1), packet(1).subarray(0, 8))).toBe(undefined)
    expect(ownerOf(packet(1), packet(1).subarray(0, 9))).toBe(one)
  })

  test('has none where ids have no length, or there are more datagrams than a burst takes', () => {
    const many = (count: number): Uint8Array => concat(...Array.from({ length: count }, () => packet(1)))
    expect(ownerOfTrain(routing(), NO_IDS, many(2), SIZE)).toBe(undefined)
    expect(ownerOfTrain(routing(), IDS, many(64), SIZE)).toBe(one)
    expect(ownerOfTrain(routing(), IDS, many(65), SIZE)).toBe(undefined)
  })
})
