import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameType, type NewConnectionIdFrame } from '../wire/frame.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { idOf, packetFrom, violationOf } from './owners.fixtures.ts'
import { PeerIds } from './peer-ids.ts'

const { PROTOCOL_VIOLATION, CONNECTION_ID_LIMIT_ERROR } = TransportErrorCode

function newId(sequenceNumber: number, retirePriorTo = 0, content = sequenceNumber): NewConnectionIdFrame {
  return {
    type: FrameType.newConnectionId,
    sequenceNumber,
    retirePriorTo,
    connectionId: Uint8Array.of(1, 0, 0, 0, 0, 0, content >> 8, content & 0xff),
    statelessResetToken: new Uint8Array(16).fill(content),
  }
}

function setUp(options: { limit?: number; length?: number } = {}) {
  const tokens: string[] = []
  const ids = new PeerIds({
    initial: options.length === 0 ? idOf() : idOf(1, 0, 0, 0, 0, 0, 0, 0),
    limit: options.limit ?? 4,
    path: 0,
    tokenAdded: (token, path) => void tokens.push(`+${token[0]}@${path}`),
    tokenRemoved: (token, path) => void tokens.push(`-${token[0]}@${path}`),
  })
  return { ids, tokens }
}

function retired(ids: PeerIds): number[] {
  return packetFrom(ids).frames.map((frame) => ('sequenceNumber' in frame ? frame.sequenceNumber : -1))
}

const last = (ids: PeerIds, path: number): number | undefined => ids.idOf(path)?.bytes[7]

describe('PeerIds', () => {
  //= rfc9000#9.5-p3-1
  //= rfc9000#9.5-p4-1
  test('gives each path an id that no other path ever had', () => {
    const { ids } = setUp()
    for (const sequence of [1, 2, 3]) ids.onNewConnectionId(newId(sequence))
    expect(ids.takeSpare(1)?.bytes[7]).toBe(1)
    expect(ids.takeSpare(1)?.bytes[7]).toBe(1)
    expect(ids.takeSpare(2)?.bytes[7]).toBe(2)
    ids.retire(1)
    expect(ids.idOf(1)).toBeUndefined()
    expect(ids.takeSpare(3)?.bytes[7]).toBe(3)
    expect(ids.hasSpare).toBe(false)
    expect(ids.takeSpare(4)).toBeUndefined()
    expect(retired(ids)).toEqual([1])
  })

  test('hands the next id that arrives to the path that waits longest', () => {
    const { ids } = setUp()
    expect(ids.takeSpare(5)).toBeUndefined()
    expect(ids.takeSpare(6)).toBeUndefined()
    ids.onNewConnectionId(newId(1))
    expect(last(ids, 5)).toBe(1)
    expect(ids.idOf(6)).toBeUndefined()
    ids.onNewConnectionId(newId(2))
    expect(last(ids, 6)).toBe(2)
  })

  test('keeps a shared id until neither path needs it', () => {
    const { ids } = setUp()
    expect(ids.share(0, 1)?.bytes[7]).toBe(0)
    ids.retire(0)
    expect(retired(ids)).toEqual([])
    expect(last(ids, 1)).toBe(0)
    ids.retire(1)
    expect(retired(ids)).toEqual([0])
  })

  //= rfc9000#7.2-p8-1
  test('sends to the id that the server chose', () => {
    const { ids } = setUp()
    ids.replaceInitial(idOf(7, 7))
    expect(ids.idOf(0)?.toString()).toBe('0707')
  })

  //= rfc9000#5.1.2-p5-1
  test('retires first and adds then, so that all ids can be replaced within the limit', () => {
    const { ids } = setUp()
    for (const sequence of [1, 2, 3]) ids.onNewConnectionId(newId(sequence))
    ids.onNewConnectionId(newId(4, 4))
    expect(last(ids, 0)).toBe(4)
    expect(retired(ids)).toEqual([0, 1, 2, 3])
    expect(ids.count).toBe(1)
  })

  //= rfc9000#5.1.1-p5-1
  test('closes on more ids than were asked for', () => {
    const { ids } = setUp()
    for (const sequence of [1, 2, 3]) ids.onNewConnectionId(newId(sequence))
    expect(violationOf(() => ids.onNewConnectionId(newId(4)))).toBe(CONNECTION_ID_LIMIT_ERROR)
  })

  //= rfc9000#19.15-p7-1
  test('takes the same frame any number of times', () => {
    const { ids } = setUp()
    for (let count = 0; count < 5; count++) ids.onNewConnectionId(newId(1))
    expect(ids.count).toBe(2)
    ids.takeSpare(1)
    ids.retire(1)
    ids.onNewConnectionId(newId(1))
    expect(ids.count).toBe(1)
    expect(retired(ids)).toEqual([1])
  })

  test('closes on a frame that contradicts an earlier one', () => {
    const { ids } = setUp()
    ids.onNewConnectionId(newId(1))
    expect(violationOf(() => ids.onNewConnectionId(newId(2, 0, 1)))).toBe(PROTOCOL_VIOLATION)
    expect(violationOf(() => ids.onNewConnectionId(newId(1, 0, 9)))).toBe(PROTOCOL_VIOLATION)
    const sameIdOtherToken = { ...newId(1), statelessResetToken: new Uint8Array(16) }
    expect(violationOf(() => ids.onNewConnectionId(sameIdOtherToken))).toBe(PROTOCOL_VIOLATION)
    expect(violationOf(() => ids.onNewConnectionId(newId(5, 0, 0)))).toBe(PROTOCOL_VIOLATION)
  })

  //= rfc9000#19.15-p10-1
  test('ignores a retire_prior_to that does not rise', () => {
    const { ids } = setUp()
    ids.onNewConnectionId(newId(3, 2))
    expect(retired(ids)).toEqual([0])
    ids.onNewConnectionId(newId(4, 1))
    expect(retired(ids)).toEqual([])
    expect(ids.count).toBe(2)
  })

  //= rfc9000#19.15-p11-1
  test('retires an id that came too late at once, and only once', () => {
    const { ids } = setUp()
    ids.onNewConnectionId(newId(5, 5))
    expect(retired(ids)).toEqual([0])
    ids.onNewConnectionId(newId(2))
    ids.onNewConnectionId(newId(2))
    expect(retired(ids)).toEqual([2])
    expect(ids.count).toBe(1)
  })

  //= rfc9000#19.15-p6-2
  test('closes on NEW_CONNECTION_ID from a peer without ids', () => {
    const { ids } = setUp({ length: 0 })
    expect(violationOf(() => ids.onNewConnectionId(newId(1)))).toBe(PROTOCOL_VIOLATION)
    expect(ids.takeSpare(1)?.length).toBe(0)
    ids.retire(0)
    expect(ids.wantsToSend).toBe(false)
  })

  //= rfc9000#5.1.2-p6-1
  //= rfc9000#5.1.2-p6-2
  //= rfc9000#5.1.2-p6-3
  test('bounds the retired ids in want of an acknowledgement, and forgets none', () => {
    const { ids } = setUp()
    let sequence = 1
    const flood = (): void => {
      for (; sequence < 1000; sequence++) {
        ids.onNewConnectionId(newId(sequence, sequence))
        packetFrom(ids)
      }
    }
    expect(violationOf(flood)).toBe(CONNECTION_ID_LIMIT_ERROR)
    expect(sequence).toBeGreaterThan(2 * 4)
    expect(sequence).toBeLessThan(32)
  })

  test('a peer that acknowledges may replace its ids for ever', () => {
    const { ids } = setUp()
    for (let sequence = 1; sequence < 1000; sequence++) {
      ids.onNewConnectionId(newId(sequence, sequence))
      packetFrom(ids).acked()
    }
    expect(ids.count).toBe(1)
    expect(last(ids, 0)).toBe(999 & 0xff)
  })

  test('repeats a lost RETIRE_CONNECTION_ID until it is acknowledged', () => {
    const { ids } = setUp()
    ids.onNewConnectionId(newId(1, 1))
    const packet = packetFrom(ids)
    packet.lost()
    packet.lost()
    const again = packetFrom(ids)
    expect(again.frames.length).toBe(1)
    again.acked()
    packet.lost()
    expect(ids.wantsToSend).toBe(false)
  })

  test('an acknowledgement after a loss calls the repetition off', () => {
    const { ids } = setUp()
    ids.onNewConnectionId(newId(1, 1))
    const packet = packetFrom(ids)
    packet.lost()
    packet.acked()
    expect(ids.wantsToSend).toBe(false)
    expect(retired(ids)).toEqual([])
  })

  test('moves a path to another id on demand', () => {
    const { ids } = setUp()
    expect(ids.change(0)).toBe(false)
    ids.onNewConnectionId(newId(1))
    expect(ids.change(0)).toBe(true)
    expect(last(ids, 0)).toBe(1)
    expect(retired(ids)).toEqual([0])
  })

  //= rfc9000#10.3.1-p3-1
  test('knows the reset tokens of ids in use, neither of unused nor of retired ones', () => {
    const { ids, tokens } = setUp()
    ids.setInitialResetToken(new Uint8Array(16).fill(77))
    ids.setInitialResetToken(new Uint8Array(16).fill(78))
    for (const sequence of [1, 2]) ids.onNewConnectionId(newId(sequence))
    const datagram = (fill: number): Uint8Array => Uint8Array.of(0x41, 2, 3, 4, 5, ...new Uint8Array(16).fill(fill))
    expect(ids.isResetToken(datagram(77), 21, 0)).toBe(true)
    expect(ids.isResetToken(datagram(1), 21, 0)).toBe(false)
    expect(ids.isResetToken(datagram(77), 21, 1)).toBe(false)
    expect(ids.isResetToken(datagram(77), 15, 0)).toBe(false)
    ids.takeSpare(1)
    expect(ids.isResetToken(datagram(1), 21, 1)).toBe(true)
    ids.retire(1)
    expect(ids.isResetToken(datagram(1), 21, 1)).toBe(false)
    ids.close()
    expect(tokens).toEqual(['+77@0', '+1@1', '-1@1', '-77@0'])
  })

  test('keeps its books whatever a peer sends', () => {
    const step = fc.record({
      kind: fc.constantFrom('new', 'spare', 'retire', 'ack', 'lose'),
      sequence: fc.nat(12),
      prior: fc.nat(12),
      path: fc.nat(4),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { ids } = setUp()
        let packet = packetFrom(ids)
        try {
          for (const { kind, sequence, prior, path } of steps) {
            if (kind === 'new') ids.onNewConnectionId(newId(sequence + 1, Math.min(prior, sequence + 1)))
            else if (kind === 'spare') ids.takeSpare(path)
            else if (kind === 'retire') ids.retire(path)
            else if (kind === 'ack') packet.acked()
            else packet.lost()
            if (ids.wantsToSend) {
              packet = packetFrom(ids)
              expect(packet.frames.length).toBeGreaterThan(0)
            }
            const inUse = [0, 1, 2, 3, 4].map((each) => ids.idOf(each)?.key).filter((key) => key !== undefined)
            expect(new Set(inUse).size).toBe(inUse.length)
            expect(ids.count).toBeLessThanOrEqual(4)
          }
        } catch (error) {
          if (!(error instanceof TransportError)) throw error
        }
      }),
    )
  })
})
