import { expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { FrameType } from '../wire/frame.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { codeOf, TestPacket } from './packets.fixtures.ts'
import { CHURN_ALLOWANCE, CHURN_INTERVAL, IncomingStreamLimit, StreamLimits } from './stream-limits.ts'

function written(limits: StreamLimits, now = 0): TestPacket {
  const packet = new TestPacket()
  limits.writeFrames(packet, now)
  return packet
}

//= rfc9000#4.6-p3-2
//= rfc9000#19.11-p7-2
test('a stream beyond the limit is a STREAM_LIMIT_ERROR, the last within it is not', () => {
  const limit = new IncomingStreamLimit(3)
  expect(limit.open(2)).toBe(3)
  expect(limit.open(0)).toBe(0)
  expect(codeOf(() => limit.open(3))).toBe(TransportErrorCode.STREAM_LIMIT_ERROR)
})

//= rfc9000#4.6-p6-2
test('credit returns for streams that ended, without being asked for', () => {
  const limit = new IncomingStreamLimit(100)
  limit.open(49)
  for (let i = 0; i < 12; i++) limit.onEnded(false)
  expect(limit.wantsUpdate).toBe(false)
  limit.onEnded(false)
  expect(limit.wantsUpdate).toBe(true)
  expect(limit.takeUpdate(0)).toBe(113)
  expect(limit.wantsUpdate).toBe(false)
})

test('a peer with many long-lived streams gets each credit back at once', () => {
  const limit = new IncomingStreamLimit(100)
  limit.open(99)
  limit.onEnded(false)
  expect(limit.wantsUpdate).toBe(true)
  expect(limit.takeUpdate(0)).toBe(101)
})

test('credit of streams that the peer cuts short returns at a bounded rate', () => {
  const maximum = 4 * CHURN_ALLOWANCE
  const limit = new IncomingStreamLimit(maximum)
  const returned: number[] = []
  let now = 0
  for (let round = 0; round < 5; round++) {
    for (let used = limit.opened; used < limit.limit; used++) {
      limit.open(used)
      limit.onEnded(true)
    }
    const before = limit.limit
    while (limit.wantsUpdate) limit.takeUpdate(now)
    returned.push(limit.limit - before)
    expect(limit.nextTimeout()).toBe(now + CHURN_INTERVAL)
    now = limit.nextTimeout()
    limit.onTimeout(now - 1)
    expect(limit.wantsUpdate).toBe(false)
    limit.onTimeout(now)
    limit.checkInvariants()
  }
  expect(returned).toEqual([100, 100, 100, 100, 100])
})

test('a small number of streams cut short waits for nothing', () => {
  const limit = new IncomingStreamLimit(10)
  limit.open(9)
  for (let i = 0; i < 10; i++) limit.onEnded(true)
  expect(limit.wantsUpdate).toBe(true)
  expect(limit.takeUpdate(0)).toBe(20)
  expect(limit.nextTimeout()).toBe(NEVER)
})

test('a new maximum takes effect and takes nothing back', () => {
  const limit = new IncomingStreamLimit(10)
  limit.setMaximum(20)
  expect(limit.wantsUpdate).toBe(true)
  expect(limit.takeUpdate(0)).toBe(20)
  limit.setMaximum(5)
  limit.open(9)
  for (let i = 0; i < 10; i++) limit.onEnded(false)
  expect([limit.limit, limit.wantsUpdate]).toEqual([20, false])
  limit.checkInvariants()
})

//= rfc9000#4.6-p3-1
//= rfc9000#19.11-p7-1
//= rfc9000#4.6-p6-1
//= rfc9000#19.14-p1-1
test('streams are opened up to the limit of the peer, which then hears once that we are blocked', () => {
  const limits = new StreamLimits('unidirectional', 1)
  expect(limits.onMaxStreams(2)).toBe(false)
  expect([limits.open(), limits.open(), limits.open(), limits.open()]).toEqual([0, 1, undefined, undefined])
  const packet = written(limits)
  expect(packet.frames).toEqual([{ type: FrameType.streamsBlockedUni, limit: 2 }])
  expect(limits.wantsToSend).toBe(false)
  packet.lost()
  expect(written(limits).frames).toEqual([{ type: FrameType.streamsBlockedUni, limit: 2 }])
  expect(limits.onMaxStreams(3)).toBe(true)
  expect(limits.open()).toBe(2)
})

//= rfc9000#4.6-p4-1
//= rfc9000#19.11-p6-1
test('MAX_STREAMS that does not increase the limit is ignored', () => {
  const limits = new StreamLimits('bidirectional', 1)
  limits.onMaxStreams(2)
  limits.open()
  limits.open()
  limits.open()
  expect(limits.onMaxStreams(1)).toBe(false)
  expect(limits.onMaxStreams(2)).toBe(false)
  expect(limits.open()).toBe(undefined)
})

test('STREAMS_BLOCKED is not repeated once the limit was raised, MAX_STREAMS only in its newest form', () => {
  const limits = new StreamLimits('bidirectional', 8)
  limits.open()
  const blocked = written(limits)
  limits.onMaxStreams(1)
  blocked.lost()
  expect(limits.wantsToSend).toBe(false)
  limits.incoming.open(7)
  limits.incoming.onEnded(false)
  const first = written(limits)
  expect(first.frames).toEqual([{ type: FrameType.maxStreamsBidi, maximum: 9 }])
  limits.incoming.onEnded(false)
  const second = written(limits)
  first.lost()
  expect(limits.wantsToSend).toBe(false)
  second.lost()
  expect(written(limits).frames).toEqual([{ type: FrameType.maxStreamsBidi, maximum: 10 }])
})
