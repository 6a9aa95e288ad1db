/** What becomes of streams that were opened and written by 0-RTT when that is refused (RFC 9001 §4.6.2, RFC 9000 §7.4.1). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameType } from '../wire/frame.ts'
import { LIMITS, parametersOf, pattern, Side, settle } from './packets.fixtures.ts'
import type { Stream } from './stream.ts'
import { StreamClosedError } from './stream-error.ts'
import type { StreamLimitOptions } from './stream-options.ts'

/** A client that relied on `remembered`, and a server that has heard nothing of it and grants `granted`. */
function afterRefusal(
  act: (client: Side) => void,
  granted: Partial<StreamLimitOptions> = {},
  remembered: Partial<StreamLimitOptions> = {},
  error?: Error,
): { client: Side; server: Side } {
  const client = new Side('client')
  client.set.onPeerParameters(parametersOf({ ...LIMITS, ...remembered }))
  act(client)
  for (const packet of client.flush()) packet.lost()
  client.set.checkInvariants()
  const server = new Side('server', granted)
  server.set.onPeerParameters(parametersOf(client.limits))
  client.takeEvents()
  client.set.restart(parametersOf(server.limits), error)
  client.set.checkInvariants()
  return { client, server }
}

function open(side: Side): Stream {
  const stream = side.set.open('bidirectional')
  if (stream === undefined) throw new Error('No stream')
  return stream
}

/** All that the server can read of its stream, and whether it has ended. */
function readAll(server: Side, id: number): { bytes: Uint8Array; ended: boolean } {
  const receive = server.set.get(id)?.receive
  const target = new Uint8Array(100_000)
  let length = 0
  for (let count = receive?.read(target) ?? 0; count > 0; count = receive?.read(target.subarray(length)) ?? 0)
    length += count
  return { bytes: target.slice(0, length), ended: receive?.isFinished ?? false }
}

test('what was sent and what was not is sent from the beginning, with its end', () => {
  const { client, server } = afterRefusal((side) => {
    const first = open(side)
    first.send?.write(pattern(5_000))
    first.send?.finish()
    open(side).send?.write(pattern(3_000))
  })
  settle(client, server)
  expect(readAll(server, 0)).toEqual({ bytes: pattern(5_000), ended: true })
  expect(readAll(server, 4)).toEqual({ bytes: pattern(3_000), ended: false })
  client.set.checkInvariants()
})

test('the smaller windows of the handshake hold, and grow as the server reads', () => {
  const granted = { initialMaxData: 1_000, initialMaxStreamDataBidiRemote: 600, maxReceiveWindow: 1_000 }
  const { client, server } = afterRefusal((side) => open(side).send?.write(pattern(20_000)), granted)
  let read = 0
  for (let turn = 0; turn < 200 && read < 20_000; turn++) {
    settle(client, server)
    const { bytes } = readAll(server, 0)
    expect(bytes).toEqual(pattern(bytes.length, read))
    expect(bytes.length).toBeLessThanOrEqual(1_000)
    read += bytes.length
    client.set.checkInvariants()
  }
  expect(read).toBe(20_000)
})

describe('where the server allows fewer streams than were opened', () => {
  const granted = { maxIncomingBidirectionalStreams: 2 }

  test('the others wait, and are not heard of, until it allows more', () => {
    const { client, server } = afterRefusal((side) => {
      for (let count = 0; count < 5; count++) {
        const stream = open(side)
        stream.send?.write(pattern(100))
        stream.send?.finish()
        if (count === 3) stream.receive?.stop(7n)
        if (count === 4) stream.send?.reset(9n)
      }
    }, granted)
    expect(client.set.open('bidirectional')).toBeUndefined()
    settle(client, server)
    expect(server.set.count).toBe(2)
    for (const id of [0, 4]) {
      expect(readAll(server, id)).toEqual({ bytes: pattern(100), ended: true })
      server.set.get(id)?.send?.finish()
    }
    settle(client, server)
    for (let id = 8; id < 20; id += 4) {
      server.set.get(id)?.abort(0n)
      settle(client, server)
    }
    expect(server.takeEvents().filter(({ type }) => type === 'stream-opened')).toHaveLength(5)
    expect(client.takeTypes()).toContain('streams-available')
    expect(client.set.open('bidirectional')?.id).toBe(20)
    client.set.checkInvariants()
  })

  test('what is done with a stream that waits is done when it may be', () => {
    const opened: Stream[] = []
    const { client, server } = afterRefusal((side) => {
      for (let count = 0; count < 3; count++) opened.push(open(side))
    }, granted)
    opened[2]?.send?.write(pattern(50))
    opened[2]?.receive?.stop(3n)
    expect(client.set.wantsToSend).toBe(false)
    client.set.onMaxStreams({ type: FrameType.maxStreamsBidi, maximum: 3 })
    const sent = client.flush().flatMap(({ frames }) => frames.map(({ type }) => type))
    expect(sent.sort()).toEqual([FrameType.stopSending, FrameType.stream].sort())
    expect(server.set.count).toBe(0)
  })
})

test('a reset counts no bytes that nobody has seen', () => {
  const { client } = afterRefusal((side) => {
    const stream = open(side)
    stream.send?.write(pattern(4_000))
    side.flush()
    stream.send?.reset(5n)
  })
  const frames = client.flush().flatMap(({ frames }) => frames)
  expect(frames).toEqual([{ type: FrameType.resetStream, streamId: 0, errorCode: 5n, finalSize: 0 }])
})

test('RESET_STREAM_AT keeps its promise to a server that takes it, and becomes a reset for one that does not', () => {
  const promise = (side: Side): void => {
    const stream = open(side)
    stream.send?.write(pattern(4_000))
    for (const packet of side.flush()) packet.lost()
    stream.send?.resetAt(5n, 1_000)
  }
  const { client, server } = afterRefusal(promise)
  settle(client, server)
  const target = new Uint8Array(2_000)
  expect(server.set.get(0)?.receive?.read(target)).toBe(1_000)
  expect(target.subarray(0, 1_000)).toEqual(pattern(1_000))
  expect(server.takeTypes()).toContain('stream-reset')
  const other = new Side('client')
  other.set.onPeerParameters(parametersOf(LIMITS))
  promise(other)
  other.set.restart({ ...parametersOf(LIMITS), resetStreamAt: false }, undefined)
  expect(other.flush().flatMap(({ frames }) => frames.map(({ type }) => type))).toEqual([FrameType.resetStream])
  other.set.checkInvariants()
})

test('where nothing may be sent anew the streams end, and new ones begin from the first', () => {
  const streams: Stream[] = []
  const error = new Error('another protocol')
  const { client, server } = afterRefusal(
    (side) => {
      const stream = open(side)
      stream.send?.write(pattern(100))
      streams.push(stream)
    },
    {},
    {},
    error,
  )
  expect(client.set.wantsToSend).toBe(false)
  expect(() => streams[0]?.send?.write(pattern(1))).toThrow(StreamClosedError)
  const next = open(client)
  expect(next.id).toBe(0)
  next.send?.write(pattern(10))
  settle(client, server)
  expect(readAll(server, 0).bytes).toEqual(pattern(10))
})

test('somebody who waited for a stream hears of the larger limit', () => {
  const { client } = afterRefusal(
    (side) => {
      open(side)
      expect(side.set.open('bidirectional')).toBeUndefined()
    },
    {},
    { maxIncomingBidirectionalStreams: 1 },
  )
  expect(client.takeTypes()).toContain('streams-available')
})

test('whatever was done before and is granted after, all of it arrives', () => {
  const actions = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 0, max: 3_000 }), fc.boolean()), { maxLength: 12 })
  const limit = fc.integer({ min: 0, max: 5_000 })
  fc.assert(
    fc.property(actions, limit, limit, fc.nat(4), (done, initialMaxData, window, count) => {
      const written = [0, 0, 0, 0]
      const granted = {
        initialMaxData,
        initialMaxStreamDataBidiRemote: window,
        maxIncomingBidirectionalStreams: count,
      }
      const { client } = afterRefusal((side) => {
        const streams = [open(side), open(side), open(side), open(side)]
        for (const [index, length, isSent] of done) {
          const bytes = pattern(length, written[index])
          written[index] = (written[index] ?? 0) + (streams[index]?.send?.write(bytes) ?? 0)
          if (isSent) for (const packet of side.flush()) packet.lost()
        }
        for (const stream of streams) stream.send?.finish()
      }, granted)
      // What the server would grant as its application reads, at once.
      client.set.onPeerParameters(parametersOf(LIMITS))
      client.set.checkInvariants()
      const generous = new Side('server')
      settle(client, generous)
      for (let index = 0; index < 4; index++) {
        expect(readAll(generous, 4 * index)).toEqual({ bytes: pattern(written[index] ?? 0), ended: true })
      }
      client.set.checkInvariants()
    }),
    { numRuns: 60 },
  )
})
