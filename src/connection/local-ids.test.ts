import { describe, expect, test } from 'vitest'
import type { ConnectionId } from '../wire/connection-id.ts'
import { FrameType, type NewConnectionIdFrame } from '../wire/frame.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { LocalIds } from './local-ids.ts'
import { idOf, packetFrom, violationOf } from './owners.fixtures.ts'

function setUp(options: { length?: number; taken?: (id: ConnectionId) => boolean } = {}) {
  const routed = new Map<string, ConnectionId>()
  let next = 0
  const ids = new LocalIds({
    initial: options.length === 0 ? idOf() : idOf(0, 0, 0, 0, 0, 0, 0, 0),
    host: {
      idGenerator: { length: options.length ?? 8, generate: () => idOf(9, 9, 9, 9, 9, 9, 9, ++next) },
      resetToken: (id) => new Uint8Array(16).fill(id.bytes[7] ?? 0),
      register: (id) => {
        if (options.taken?.(id) === true || routed.has(id.key)) return false
        routed.set(id.key, id)
        return true
      },
      unregister: (id) => void routed.delete(id.key),
    },
  })
  return { ids, routed }
}

function issued(ids: LocalIds): NewConnectionIdFrame[] {
  return packetFrom(ids).frames as NewConnectionIdFrame[]
}

function retire(ids: LocalIds, sequenceNumber: number, destination = 'another'): void {
  ids.onRetireConnectionId({ type: FrameType.retireConnectionId, sequenceNumber }, destination)
}

describe('LocalIds', () => {
  //= rfc9000#5.1.1-p4-1
  //= rfc9000#5.1.1-p4-2
  //= rfc9000#5.1.1-p2-1
  //= rfc9000#5.1.1-p7-1
  //= rfc9000#9.5-p9-1
  test('issues ids up to the limit of the peer, each with the next number, its token and a route', () => {
    const { ids, routed } = setUp()
    expect(ids.wantsToSend).toBe(false)
    ids.setPeerLimit(4)
    expect(ids.wantsToSend).toBe(true)
    const frames = issued(ids)
    expect(frames.map((frame) => frame.sequenceNumber)).toEqual([1, 2, 3])
    expect(frames.map((frame) => frame.retirePriorTo)).toEqual([0, 0, 0])
    expect(frames.map((frame) => frame.statelessResetToken[0])).toEqual([1, 2, 3])
    expect(ids.wantsToSend).toBe(false)
    expect(ids.active.length).toBe(4)
    expect(routed.size).toBe(3)
  })

  test('issues at most eight, whatever the peer would take', () => {
    const { ids } = setUp()
    ids.setPeerLimit(2 ** 50)
    expect(ids.active.length).toBe(8)
  })

  //= rfc9000#5.1-p4-2
  test('tries another id where one is taken, and does without after eight', () => {
    const { ids } = setUp({ taken: (id) => (id.bytes[7] ?? 0) < 3 })
    ids.setPeerLimit(2)
    expect(ids.active[1]?.bytes[7]).toBe(3)
    const none = setUp({ taken: () => true })
    none.ids.setPeerLimit(4)
    expect(none.ids.active.length).toBe(1)
  })

  //= rfc9000#5.1.1-p6-1
  //= rfc9000#5.1.1-p3-1
  test('takes a retired id off the routes and issues another one', () => {
    const { ids, routed } = setUp()
    ids.setPeerLimit(3)
    const [first] = issued(ids)
    retire(ids, 1)
    expect([...routed.values()].some((id) => id.bytes[7] === first?.connectionId[7])).toBe(false)
    expect(issued(ids).map((frame) => frame.sequenceNumber)).toEqual([3])
    expect(ids.active.length).toBe(3)
    retire(ids, 1)
    expect(ids.wantsToSend).toBe(false)
  })

  //= rfc9000#19.16-p7-1
  test('closes when an id is retired that was never sent', () => {
    const { ids } = setUp()
    ids.setPeerLimit(3)
    expect(violationOf(() => retire(ids, 1))).toBe(TransportErrorCode.PROTOCOL_VIOLATION)
    issued(ids)
    expect(violationOf(() => retire(ids, 3))).toBe(TransportErrorCode.PROTOCOL_VIOLATION)
    retire(ids, 2)
  })

  //= rfc9000#19.16-p8-1
  test('closes when an id is retired by a packet that is addressed to it', () => {
    const { ids } = setUp()
    ids.setPeerLimit(4)
    issued(ids)
    const third = ids.active[2]
    expect(violationOf(() => retire(ids, 2, third?.key ?? ''))).toBe(TransportErrorCode.PROTOCOL_VIOLATION)
    expect(ids.active.length).toBe(4)
  })

  test('survives a packet that retires every id but the one it is addressed to', () => {
    const { ids } = setUp()
    ids.setPeerLimit(4)
    issued(ids)
    for (const sequence of [1, 2, 3]) retire(ids, sequence, ids.initial.key)
    expect(ids.active.length).toBe(4)
    expect(violationOf(() => retire(ids, 0, ids.initial.key))).toBe(TransportErrorCode.PROTOCOL_VIOLATION)
  })

  //= rfc9000#19.16-p9-1
  //= rfc9000#19.15-p6-1
  test('neither issues nor takes back ids of zero length', () => {
    const { ids } = setUp({ length: 0 })
    ids.setPeerLimit(4)
    expect(ids.wantsToSend).toBe(false)
    expect(ids.rotate()).toBe(false)
    expect(violationOf(() => retire(ids, 0))).toBe(TransportErrorCode.PROTOCOL_VIOLATION)
  })

  test('sends a lost id again, unless it was acknowledged or retired meanwhile', () => {
    const { ids } = setUp()
    ids.setPeerLimit(3)
    const packet = packetFrom(ids)
    packet.lost()
    expect(ids.wantsToSend).toBe(true)
    packet.lost()
    const again = packetFrom(ids)
    expect(again.frames).toEqual(packet.frames)
    packet.acked()
    again.lost()
    expect(ids.wantsToSend).toBe(false)
    retire(ids, 1)
    packetFrom(ids).lost()
    retire(ids, 3)
    expect(issued(ids).map((frame) => frame.sequenceNumber)).toEqual([4])
    expect(ids.wantsToSend).toBe(false)
  })

  test('an acknowledgement after a loss calls the repetition off', () => {
    const { ids } = setUp()
    ids.setPeerLimit(2)
    const packet = packetFrom(ids)
    packet.lost()
    packet.acked()
    expect(ids.wantsToSend).toBe(false)
    expect(packetFrom(ids).frames).toEqual([])
  })

  test('writes what fits and keeps the rest', () => {
    const { ids } = setUp()
    ids.setPeerLimit(4)
    expect(packetFrom(ids, { size: 60 }).frames.length).toBe(2)
    expect(ids.wantsToSend).toBe(true)
    expect(issued(ids).length).toBe(1)
  })

  //= rfc9000#5.1.2-p4-1
  //= rfc9000#5.1.2-p7-1
  test('rotates all ids at once, and not again before the old ones are retired', () => {
    const { ids, routed } = setUp()
    ids.setPeerLimit(3)
    issued(ids)
    expect(ids.rotate()).toBe(true)
    const frames = issued(ids)
    expect(frames.map((frame) => [frame.sequenceNumber, frame.retirePriorTo])).toEqual([
      [3, 3],
      [4, 3],
      [5, 3],
    ])
    expect(routed.size).toBe(5)
    expect(ids.rotate()).toBe(false)
    for (const sequence of [0, 1, 2]) retire(ids, sequence)
    expect(ids.active.length).toBe(3)
    expect(ids.wantsToSend).toBe(false)
    expect(ids.rotate()).toBe(true)
  })

  test('has no routes left once it is closed', () => {
    const { ids, routed } = setUp()
    ids.setPeerLimit(4)
    ids.close()
    ids.close()
    expect(routed.size).toBe(0)
    expect(ids.wantsToSend).toBe(false)
    expect(ids.rotate()).toBe(false)
  })
})
