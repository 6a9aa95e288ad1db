import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  isBidirectional,
  isClientInitiated,
  MAX_STREAM_INDEX,
  type Role,
  type StreamDirection,
  streamDirection,
  streamId,
  streamIndex,
  streamInitiator,
} from './stream-id.ts'

// RFC 9000 Table 1.
test.each<[number, Role, StreamDirection]>([
  [0x00, 'client', 'bidirectional'],
  [0x01, 'server', 'bidirectional'],
  [0x02, 'client', 'unidirectional'],
  [0x03, 'server', 'unidirectional'],
])('stream %d is opened by the %s and %s', (id, initiator, direction) => {
  for (const other of [id, id + 4, id + 2 ** 33, Number.MAX_SAFE_INTEGER - 3 + id]) {
    expect(streamInitiator(other)).toBe(initiator)
    expect(streamDirection(other)).toBe(direction)
    expect(isClientInitiated(other)).toBe(initiator === 'client')
    expect(isBidirectional(other)).toBe(direction === 'bidirectional')
  }
})

test('index, initiator and direction make the id and come back', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat().map((index) => index % (MAX_STREAM_INDEX + 1)),
      fc.constantFrom<Role>('client', 'server'),
      fc.constantFrom<StreamDirection>('bidirectional', 'unidirectional'),
      (index, initiator, direction) => {
        const id = streamId(index, initiator, direction)
        expect(Number.isSafeInteger(id)).toBe(true)
        expect([streamIndex(id), streamInitiator(id), streamDirection(id)]).toEqual([index, initiator, direction])
      },
    ),
  )
})

test.each([-1, 0.5, MAX_STREAM_INDEX + 1, Number.NaN])('there is no stream number %d', (index) => {
  expect(() => streamId(index, 'client', 'bidirectional')).toThrow(RangeError)
})
