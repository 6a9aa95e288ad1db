import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { FrameType } from '../wire/frame.ts'
import { type Deadline, type DeadlineAction, StreamDeadlines } from './deadlines.ts'
import { makePair, pattern, type Side, settle, streamFrame } from './packets.fixtures.ts'
import type { Stream } from './stream.ts'

const deadline = (at: number, action: DeadlineAction = 'both', code = 0xffn): Deadline => ({ at, action, code })

function opened(kind: 'bidirectional' | 'unidirectional' = 'bidirectional'): {
  client: Side
  server: Side
  stream: Stream
} {
  const { client, server } = makePair()
  const stream = client.set.open(kind)
  if (stream === undefined) throw new Error('No stream')
  return { client, server, stream }
}
const typesOf = (side: Side): number[] => side.flush().flatMap((packet) => packet.frames.map(({ type }) => type))

test('Deadlines come out in the order of their times, each once, and never after they were cleared or replaced', () => {
  const step = fc.record({ id: fc.nat(5), at: fc.nat(50), kind: fc.constantFrom('set', 'clear', 'pass') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const deadlines = new StreamDeadlines<number>()
      const model = new Map<number, number>()
      for (const { id, at, kind } of steps) {
        if (kind === 'set') {
          deadlines.set(id, deadline(at))
          model.set(id, at)
        } else if (kind === 'clear') {
          deadlines.clear(id)
          model.delete(id)
        } else {
          let last = -1
          for (let due = deadlines.takeDue(at); due !== undefined; due = deadlines.takeDue(at)) {
            expect(due.deadline.at).toBe(model.get(due.stream))
            expect(due.deadline.at).toBeGreaterThanOrEqual(last)
            last = due.deadline.at
            model.delete(due.stream)
          }
        }
        expect(deadlines.size).toBe(model.size)
        expect(deadlines.nextTimeout()).toBe(Math.min(NEVER, ...model.values()))
        expect(deadlines.get(id)?.at).toBe(model.get(id))
      }
    }),
  )
})

describe('A stream whose deadline passes', () => {
  test('tells first, then resets what it sends, drops what waits, and stops what it receives', () => {
    const { client, stream } = opened()
    stream.send?.write(pattern(3000))
    client.packet()
    stream.deadline = deadline(100)
    expect([client.set.nextTimeout(), stream.deadline]).toEqual([100, deadline(100)])
    client.set.onTimeout(99)
    expect([client.takeTypes(), stream.hasEnded]).toEqual([[], false])
    client.set.onTimeout(100)
    expect(client.takeEvents()).toEqual([{ type: 'stream-deadline', stream, action: 'both', code: 0xffn }])
    expect([client.set.queuedBytes, stream.hasEnded, stream.deadline]).toEqual([0, true, undefined])
    expect(typesOf(client)).toEqual([FrameType.resetStream, FrameType.stopSending])
    expect(client.set.nextTimeout()).toBe(NEVER)
    client.set.checkInvariants()
  })

  test('only tells where that was asked for', () => {
    const { client, stream } = opened()
    stream.send?.write(pattern(10))
    stream.deadline = deadline(100, 'notify')
    client.set.onTimeout(1000)
    expect(client.takeTypes()).toEqual(['stream-deadline'])
    expect(typesOf(client)).toEqual([FrameType.stream])
    expect([stream.send?.isWritable, stream.deadline, client.set.nextTimeout()]).toEqual([true, undefined, NEVER])
  })

  test('after RESET_STREAM_AT gives up the promised bytes as well, under the code that was told', () => {
    const { client, stream } = opened('unidirectional')
    stream.send?.write(pattern(10))
    stream.send?.resetAt(5n, 10)
    client.flush()
    stream.deadline = deadline(100, 'reset', 9n)
    client.set.onTimeout(100)
    const frames = client.flush().flatMap((packet) => packet.frames)
    expect(frames).toEqual([{ type: FrameType.resetStream, streamId: 2, errorCode: 5n, finalSize: 10 }])
  })
})

describe('A deadline is gone', () => {
  test('when it is cleared or replaced', () => {
    const { client, stream } = opened()
    stream.deadline = deadline(100)
    stream.deadline = deadline(200, 'notify')
    client.set.onTimeout(150)
    expect([client.takeTypes(), client.set.nextTimeout()]).toEqual([[], 200])
    stream.deadline = undefined
    client.set.onTimeout(1000)
    expect([client.takeTypes(), client.set.nextTimeout(), stream.deadline]).toEqual([[], NEVER, undefined])
  })

  test('when the stream has ended well', () => {
    const { client, server, stream } = opened()
    stream.deadline = deadline(100)
    stream.send?.finish()
    settle(client, server)
    const peer = server.set.get(0)
    peer?.send?.finish()
    settle(client, server)
    expect(client.set.nextTimeout()).toBe(100)
    stream.receive?.read(new Uint8Array(1))
    expect([client.set.count, client.set.nextTimeout(), stream.deadline]).toEqual([0, NEVER, undefined])
    stream.deadline = deadline(200)
    expect(client.set.nextTimeout()).toBe(NEVER)
  })

  test('when both halves were given up, though the peer does not know yet', () => {
    const { client, stream } = opened()
    stream.deadline = deadline(100)
    stream.abort(1n)
    expect(stream.deadline).toBeUndefined()
    client.takeEvents()
    client.set.onTimeout(100)
    expect(client.takeTypes()).toEqual([])
  })

  test('not when all was written and sent: it is about what arrives', () => {
    const { client, stream } = opened('unidirectional')
    stream.send?.write(pattern(10))
    stream.send?.finish()
    client.flush()
    stream.deadline = deadline(100)
    client.set.onTimeout(100)
    expect(typesOf(client)).toEqual([FrameType.resetStream])
  })

  test('when the connection is over', () => {
    const { client, stream } = opened()
    stream.deadline = deadline(100)
    client.set.close(new Error('over'))
    expect([client.set.nextTimeout(), stream.deadline]).toEqual([NEVER, undefined])
  })
})

test('A receiver may set a deadline, too', () => {
  const { server } = opened('unidirectional')
  server.set.onStream(streamFrame(2, 0, pattern(10)), 0)
  const stream = server.set.get(2)
  if (stream === undefined) throw new Error('No stream')
  stream.deadline = deadline(50, 'reset', 4n)
  server.set.onTimeout(60)
  const frames = server.flush().flatMap((packet) => packet.frames)
  expect(frames).toEqual([{ type: FrameType.stopSending, streamId: 2, errorCode: 4n }])
})

test('A hundred thousand deadlines are set, replaced and fired in no time', () => {
  const deadlines = new StreamDeadlines<number>()
  const count = 100_000
  const began = performance.now()
  for (let id = 0; id < count; id++) deadlines.set(id, deadline((id * 7919) % count))
  for (let id = 0; id < count; id += 2) deadlines.set(id, deadline(count + id))
  let fired = 0
  while (deadlines.takeDue(3 * count) !== undefined) fired++
  expect([fired, deadlines.size]).toEqual([count, 0])
  // A quadratic heap would need minutes.
  expect(performance.now() - began).toBeLessThan(5000)
})
