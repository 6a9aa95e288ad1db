import { describe, expect, test } from 'vitest'
import { fromHex } from '../../base/bytes.ts'
import { failure, field, inserts, newDecoder, section } from './qpack.fixtures.ts'

describe('blocked streams', () => {
  test('wait for their inserts, and leave oldest first', () => {
    const decoder = newDecoder({ maxBlockedStreams: 3 })
    decoder.receive(inserts(4096))
    expect(decoder.decode(8, section(2, '80'))).toBeUndefined()
    expect(decoder.decode(4, section(1, '80'))).toBeUndefined()
    expect(decoder.decode(0, section(2, '81'))).toBeUndefined()
    expect(decoder.takeUnblocked()).toBeUndefined()
    expect(decoder.takeInstructions()).toBeUndefined()

    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.takeUnblocked()).toEqual({ streamId: 4, section: { fields: [field('a: 1')], isTooLarge: false } })
    expect(decoder.takeUnblocked()).toBeUndefined()

    decoder.receive(inserts(4096, 'b: 2'))
    expect(decoder.takeUnblocked()).toMatchObject({ streamId: 8, section: { fields: [field('b: 2')] } })
    expect(decoder.takeUnblocked()).toMatchObject({ streamId: 0, section: { fields: [field('a: 1')] } })
    expect(decoder.takeUnblocked()).toBeUndefined()
  })

  test('keep the order of their sections, those too that need nothing', () => {
    const decoder = newDecoder()
    decoder.decode(0, section(1, '80'))
    expect(decoder.decode(0, fromHex('0000d1'))).toBeUndefined()
    expect(decoder.decode(0, section(2, '80'))).toBeUndefined()
    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.takeUnblocked()?.section.fields).toEqual([field('a: 1')])
    // One that comes meanwhile is the last all the same.
    expect(decoder.decode(0, fromHex('0000d9'))).toBeUndefined()
    expect(decoder.takeUnblocked()?.section.fields).toEqual([field(':method: GET')])
    expect(decoder.takeUnblocked()).toBeUndefined()
    decoder.receive(inserts(4096, 'b: 2'))
    expect(decoder.takeUnblocked()?.section.fields).toEqual([field('b: 2')])
    expect(decoder.takeUnblocked()?.section.fields).toEqual([field(':status: 200')])
    expect(decoder.takeUnblocked()).toBeUndefined()
  })

  test('leave nothing of the bytes of the caller', () => {
    const decoder = newDecoder()
    const bytes = section(1, '80')
    decoder.decode(0, bytes)
    bytes.fill(0xff)
    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.takeUnblocked()?.section.fields).toEqual([field('a: 1')])
  })

  //= rfc9204#2.1.2-p4-2
  test('are no more than was promised', () => {
    const decoder = newDecoder({ maxBlockedStreams: 2 })
    decoder.decode(0, section(1, '80'))
    decoder.decode(4, section(1, '80'))
    // Another section on a stream that is blocked already is no other stream.
    expect(decoder.decode(4, section(1, '80'))).toBeUndefined()
    expect(failure(() => decoder.decode(8, section(1, '80')))).toBe('QPACK_DECOMPRESSION_FAILED')
    expect(failure(() => newDecoder({ maxBlockedStreams: 0 }).decode(0, section(1, '80')))).toBe(
      'QPACK_DECOMPRESSION_FAILED',
    )
  })

  test('that were unblocked or cancelled leave their places to others', () => {
    const decoder = newDecoder({ maxBlockedStreams: 2 })
    decoder.decode(0, section(1, '80'))
    decoder.decode(4, section(2, '80'))
    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.decode(8, section(3, '80'))).toBeUndefined()
    decoder.cancel(4)
    expect(decoder.decode(12, section(3, '80'))).toBeUndefined()
    expect(failure(() => decoder.decode(16, section(3, '80')))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  test('are counted again when their next section has to wait', () => {
    const decoder = newDecoder({ maxBlockedStreams: 1 })
    decoder.decode(0, section(1, '80'))
    decoder.decode(0, section(2, '80'))
    decoder.receive(inserts(4096, 'a: 1'))
    expect(decoder.decode(4, section(2, '80'))).toBeUndefined()
    expect(failure(() => decoder.takeUnblocked())).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  test('that are cancelled bring nothing', () => {
    const decoder = newDecoder({ maxBlockedStreams: 3 })
    for (const streamId of [0, 4, 8]) decoder.decode(streamId, section(1, '80'))
    decoder.cancel(0)
    decoder.receive(inserts(4096, 'a: 1'))
    decoder.cancel(4)
    expect(decoder.takeUnblocked()?.streamId).toBe(8)
    expect(decoder.takeUnblocked()).toBeUndefined()
  })

  test('hold few sections each', () => {
    const decoder = newDecoder()
    for (let i = 0; i < 16; i++) decoder.decode(0, section(1, '80'))
    expect(failure(() => decoder.decode(0, section(1, '80')))).toBe('H3_EXCESSIVE_LOAD')
  })

  test('whose entries have left meanwhile are an error of the peer', () => {
    const decoder = newDecoder({ maxTableCapacity: 40 })
    decoder.decode(0, section(1, '80', 40))
    decoder.receive(inserts(40, 'a: 1', 'b: 2'))
    expect(failure(() => decoder.takeUnblocked())).toBe('QPACK_DECOMPRESSION_FAILED')
  })
})
