/** RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset) of both halves, without a connection around them. */
import { describe, expect, test } from 'vitest'
import { type Frame, FrameType, type ResetStreamAtFrame } from '../wire/frame.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import {
  codeOf,
  LIMITS,
  makePair,
  parametersOf,
  pattern,
  Side,
  seeded,
  settle,
  streamFrame,
  type TestPacket,
} from './packets.fixtures.ts'
import type { ReceiveStream } from './receive-stream.ts'
import type { SendStream } from './send-stream.ts'
import { StreamStateError } from './stream-error.ts'
import type { StreamLimitOptions } from './stream-options.ts'

function sender(peer: Partial<StreamLimitOptions> = {}): { side: Side; send: SendStream } {
  const side = new Side('client')
  side.set.onPeerParameters(parametersOf({ ...LIMITS, ...peer }))
  const send = side.set.open('unidirectional')?.send
  if (send === undefined) throw new Error('No stream')
  return { side, send }
}

function receiver(limits: Partial<StreamLimitOptions> = {}): { side: Side; half: () => ReceiveStream } {
  const side = new Side('server', limits)
  return {
    side,
    half: () => {
      const half = side.set.get(2)?.receive
      if (half === undefined) throw new Error('The stream has left')
      return half
    },
  }
}

const at = (finalSize: number, reliableSize: number, errorCode = 7n): ResetStreamAtFrame => ({
  type: FrameType.resetStreamAt,
  streamId: 2,
  errorCode,
  finalSize,
  reliableSize,
})
const framesOf = (packets: readonly TestPacket[]): Frame[] => packets.flatMap((packet) => packet.frames)
/** Offset and end of each STREAM frame, and the sizes of each reset. */
const shape = (packets: readonly TestPacket[]): (string | readonly number[])[] =>
  framesOf(packets).map((frame) => {
    if (frame.type === FrameType.stream) return [frame.offset, frame.offset + frame.length]
    if (frame.type === FrameType.resetStreamAt) return `at ${frame.finalSize} ${frame.reliableSize}`
    if (frame.type === FrameType.resetStream) return `reset ${frame.finalSize}`
    return `${frame.type}`
  })
const maxStreamData = (side: Side, maximum: number): void =>
  side.set.onMaxStreamData({ type: FrameType.maxStreamData, streamId: 2, maximum })

describe('The sending half', () => {
  //= draft-ietf-quic-reliable-stream-reset#5-p2-1
  //= draft-ietf-quic-reliable-stream-reset#5-p2-2
  //= draft-ietf-quic-reliable-stream-reset#5-p2-3
  test('sends lost bytes below the reliable size again, and none above', () => {
    const { side, send } = sender()
    send.write(pattern(3000))
    const data = side.flush()
    send.resetAt(7n, 1500)
    expect(send.state).toBe('send')
    const reset = side.flush()
    expect([shape(reset), send.state]).toEqual([['at 3000 1500'], 'dataSent'])
    for (const packet of data) packet.lost()
    const again = side.flush()
    expect(shape(again).at(-1)).toEqual([expect.any(Number), 1500])
    expect(framesOf(again).reduce((sum, frame) => sum + ('length' in frame ? frame.length : 0), 0)).toBe(1500)
    side.set.checkInvariants()
    for (const packet of again) packet.acked()
    expect([send.state, side.set.count]).toEqual(['dataSent', 1])
    for (const packet of reset) packet.acked()
    expect([send.state, side.set.count, send.bytesAcknowledged]).toEqual(['dataReceived', 0, 1500])
    expect(side.takeTypes()).toEqual(['stream-send-finished'])
  })

  //= draft-ietf-quic-reliable-stream-reset#4-p6-1
  test('sends new bytes below the reliable size first, and drops those above', () => {
    const { side, send } = sender({ initialMaxStreamDataUni: 1000 })
    send.write(pattern(5000))
    const first = side.flush()
    expect(shape(first)).toEqual([[0, 1000], `${FrameType.streamDataBlocked}`])
    send.resetAt(7n, 2500)
    expect([side.set.queuedBytes, send.bytesWritten]).toEqual([1500, 5000])
    // No credit: neither the bytes nor a frame that counts them.
    expect(shape(side.flush())).toEqual([])
    maxStreamData(side, 2000)
    expect(shape(side.flush())).toEqual([[1000, 2000], `${FrameType.streamDataBlocked}`])
    maxStreamData(side, 9000)
    const rest = side.flush()
    expect(shape(rest)).toEqual([[2000, 2500], 'at 2500 2500'])
    side.set.checkInvariants()
    for (const packet of [...first, ...rest]) packet.acked()
    expect(send.isTerminal).toBe(false)
  })

  //= draft-ietf-quic-reliable-stream-reset#4-p7-2
  test('repeats the frame until it is acknowledged, and not after all has arrived', () => {
    const { side, send } = sender()
    send.write(pattern(100))
    for (const packet of side.flush()) packet.acked()
    send.resetAt(7n, 100)
    for (let round = 0; round < 3; round++) {
      const sent = side.flush()
      expect(shape(sent)).toEqual(['at 100 100'])
      sent[0]?.lost()
      if (round < 2) continue
      const last = side.flush()
      last[0]?.acked()
      sent[0]?.lost()
      last[0]?.lost()
    }
    expect([send.state, side.set.wantsToSend]).toEqual(['dataReceived', false])
  })

  //= draft-ietf-quic-reliable-stream-reset#5.2-p1-1
  test('that says less repeats only the smallest, whose acknowledgement alone counts', () => {
    const { side, send } = sender()
    send.write(pattern(1000))
    const data = side.flush()
    send.resetAt(7n, 800)
    const first = side.flush()
    send.resetAt(7n, 300)
    const second = side.flush()
    expect(shape([...first, ...second])).toEqual(['at 1000 800', 'at 1000 300'])
    for (const packet of data) packet.acked()
    first[0]?.acked()
    expect(send.isTerminal).toBe(false)
    first[0]?.lost()
    expect(side.set.wantsToSend).toBe(false)
    second[0]?.lost()
    const third = side.flush()
    expect(shape(third)).toEqual(['at 1000 300'])
    third[0]?.acked()
    expect(send.state).toBe('dataReceived')
  })

  test('before anything was told may still lower what it counts', () => {
    const { side, send } = sender({ initialMaxStreamDataUni: 10 })
    send.write(pattern(1000))
    side.flush()
    send.resetAt(7n, 800)
    side.flush()
    send.resetAt(7n, 5)
    expect(shape(side.flush())).toEqual(['at 10 5'])
  })

  test('after FIN keeps the final size, and needs no FIN any more', () => {
    const { side, send } = sender()
    send.write(pattern(500))
    send.finish()
    const data = side.flush()
    send.resetAt(7n, 200)
    const reset = side.flush()
    expect(shape(reset)).toEqual(['at 500 200'])
    data[0]?.lost()
    const again = side.flush()
    expect(framesOf(again)).toMatchObject([{ offset: 0, length: 200, fin: false }])
    again[0]?.acked()
    // FIN and all bytes have arrived after all: no reset is needed to end the stream.
    data[0]?.acked()
    expect(send.state).toBe('dataReceived')
    reset[0]?.lost()
    expect(side.set.wantsToSend).toBe(false)
  })

  test('before FIN was sent takes it back', () => {
    const { side, send } = sender({ initialMaxStreamDataUni: 100 })
    send.write(pattern(500))
    send.finish()
    side.flush()
    send.resetAt(7n, 200)
    maxStreamData(side, 1000)
    const rest = side.flush()
    expect(framesOf(rest)).toMatchObject([
      { offset: 100, length: 100, fin: false },
      { finalSize: 200, reliableSize: 200 },
    ])
  })

  //= draft-ietf-quic-reliable-stream-reset#5.2-p5-1
  test('may be reset altogether, with the same code and final size', () => {
    const { side, send } = sender()
    send.write(pattern(500))
    const data = side.flush()
    send.resetAt(7n, 200)
    const partly = side.flush()
    expect(() => send.reset(8n)).toThrow(
      new RangeError('code must stay 7, with which stream 2 was reset before, got 8'),
    )
    send.reset(7n)
    const reset = side.flush()
    expect(shape(reset)).toEqual(['reset 500'])
    data[0]?.lost()
    partly[0]?.lost()
    expect(side.set.wantsToSend).toBe(false)
    partly[0]?.acked()
    expect(send.state).toBe('resetSent')
    reset[0]?.acked()
    expect([send.state, side.set.count]).toEqual(['resetReceived', 0])
  })

  test('with a reliable size of 0 is RESET_STREAM', () => {
    const { side, send } = sender()
    send.write(pattern(500))
    send.resetAt(7n, 0)
    expect(shape(side.flush())).toEqual(['reset 0'])
  })

  //= draft-ietf-quic-reliable-stream-reset#5.4-p1-1
  test('answers STOP_SENDING by RESET_STREAM, with the code that it said before', () => {
    const { side, send } = sender()
    send.write(pattern(500))
    side.flush()
    send.resetAt(7n, 200)
    side.flush()
    side.set.onStopSending({ type: FrameType.stopSending, streamId: 2, errorCode: 99n })
    expect(framesOf(side.flush())).toEqual([
      { type: FrameType.resetStream, streamId: 2, errorCode: 7n, finalSize: 500 },
    ])
    // Who did not hear of it yet does nothing wrong.
    send.resetAt(7n, 400)
    expect(shape(side.flush())).toEqual([])
  })

  test('takes no bytes any more, and gives up its place in the budget', () => {
    const { send, side } = sender()
    send.write(pattern(5000))
    send.resetAt(7n, 10)
    expect([send.isWritable, send.writableBytes, side.set.queuedBytes]).toEqual([false, 0, 10])
    expect(() => send.write(pattern(1))).toThrow('Stream 2 was reset, code 7')
    expect(() => send.finish()).toThrow('Stream 2 was reset, code 7')
  })

  //= draft-ietf-quic-reliable-stream-reset#5.2-p2-1
  test.each([
    ['a negative size', -1, 'reliableSize must be an integer from 0 to 500, got -1'],
    ['half a byte', 0.5, 'reliableSize must be an integer from 0 to 500, got 0.5'],
    ['more than was written', 501, 'reliableSize must be an integer from 0 to 500, got 501'],
    ['no number', Number.NaN, 'reliableSize must be an integer from 0 to 500, got NaN'],
  ])('refuses %s, and does nothing', (_name, size, message) => {
    const { side, send } = sender()
    send.write(pattern(500))
    expect(() => send.resetAt(7n, size)).toThrow(new RangeError(message))
    expect(() => send.resetAt(1n << 62n, 1)).toThrow('code must be from 0 to 2^62-1')
    expect([send.isWritable, shape(side.flush())]).toEqual([true, [[0, 500]]])
  })

  //= draft-ietf-quic-reliable-stream-reset#5.2-p2-1
  //= draft-ietf-quic-reliable-stream-reset#5.2-p5-1
  test('refuses to promise more than before, and to change the code', () => {
    const { side, send } = sender()
    send.write(pattern(500))
    send.resetAt(7n, 200)
    expect(() => send.resetAt(7n, 201)).toThrow('reliableSize must be an integer from 0 to 200, got 201')
    expect(() => send.resetAt(8n, 100)).toThrow('code must stay 7')
    send.resetAt(7n, 200)
    expect(shape(side.flush())).toEqual([[0, 200], 'at 200 200'])
    const { send: other } = sender()
    other.write(pattern(500))
    other.reset(1n)
    expect(() => other.resetAt(1n, 5)).toThrow('reliableSize must be an integer from 0 to 0, got 5')
    other.resetAt(1n, 0)
  })

  test('refuses where the peer did not offer it', () => {
    const side = new Side('client')
    const early = side.set
    side.set.onPeerParameters({ ...parametersOf(LIMITS), resetStreamAt: false })
    const send = early.open('unidirectional')?.send
    send?.write(pattern(10))
    expect(() => send?.resetAt(1n, 5)).toThrow(StreamStateError)
  })

  test('becomes RESET_STREAM where a server that refused 0-RTT does not take it any more', () => {
    const { side, send } = sender()
    send.write(pattern(100))
    side.flush()
    send.resetAt(7n, 50)
    const early = side.flush()
    side.set.onPeerParameters({ ...parametersOf(LIMITS), resetStreamAt: false })
    early[0]?.lost()
    expect(shape(side.flush())).toEqual(['reset 100'])
  })

  test('does nothing to a stream that has arrived, or whose connection is over', () => {
    const { side, send } = sender()
    send.write(pattern(100))
    send.finish()
    for (const packet of side.flush()) packet.acked()
    send.resetAt(7n, 50)
    const { side: over, send: lost } = sender()
    lost.write(pattern(100))
    over.set.close(new Error('over'))
    lost.resetAt(7n, 50)
    expect([side.set.wantsToSend, send.state, over.set.wantsToSend]).toEqual([false, 'dataReceived', false])
  })
})

describe('The receiving half', () => {
  const into = new Uint8Array(5000)

  test('gives the bytes below the reliable size, then the reset', () => {
    const { side, half } = receiver()
    side.set.onStream(streamFrame(2, 0, pattern(100)), 0)
    side.set.onResetStreamAt(at(1000, 300), 0)
    expect(side.takeTypes()).toEqual(['stream-opened', 'stream-readable'])
    expect([half().state, half().readableBytes, half().resetCode]).toEqual(['sizeKnown', 100, undefined])
    const kept = half()
    expect(kept.read(into)).toBe(100)
    expect([kept.read(into), side.takeTypes()]).toEqual([0, []])
    // Data above the reliable size may come all the same.
    side.set.onStream(streamFrame(2, 100, pattern(900, 100)), 0)
    expect([side.takeTypes(), kept.readableBytes]).toEqual([['stream-readable'], 200])
    side.set.checkInvariants()
    expect(kept.read(into.subarray(0, 150))).toBe(150)
    expect(kept.read(into)).toBe(50)
    expect(into.subarray(0, 50)).toEqual(pattern(50, 250))
    expect(side.takeEvents()).toEqual([{ type: 'stream-reset', stream: expect.anything(), code: 7n }])
    expect([kept.state, kept.bytesRead, side.set.count]).toEqual(['resetRead', 1000, 0])
    expect(() => kept.read(into)).toThrow('Stream 2 was reset, code 7')
  })

  test('tells the reset at once where the promised bytes were read before, or none are promised', () => {
    for (const [size, promised] of [
      [0, 0],
      [50, 50],
      [100, 20],
    ] as const) {
      const { side, half } = receiver()
      side.set.onStream(streamFrame(2, 0, pattern(size)), 0)
      const kept = half()
      kept.read(into)
      side.takeEvents()
      side.set.onResetStreamAt(at(200, promised), 0)
      expect([side.takeTypes(), kept.state, side.set.count]).toEqual([['stream-reset'], 'resetRead', 0])
    }
  })

  //= draft-ietf-quic-reliable-stream-reset#5.2-p3-1
  //= draft-ietf-quic-reliable-stream-reset#5.2-p4-1
  test('follows the reliable size down, and never up', () => {
    const { side, half } = receiver()
    side.set.onStream(streamFrame(2, 0, pattern(100)), 0)
    side.set.onResetStreamAt(at(1000, 300), 0)
    side.set.onResetStreamAt(at(1000, 100), 0)
    side.set.onResetStreamAt(at(1000, 700), 0)
    const kept = half()
    expect(kept.read(into)).toBe(100)
    expect(kept.state).toBe('resetRead')
    const other = receiver()
    other.side.set.onStream(streamFrame(2, 0, pattern(100)), 0)
    other.half().read(into)
    other.side.set.onResetStreamAt(at(1000, 300), 0)
    other.side.takeEvents()
    other.side.set.onResetStreamAt(at(1000, 60), 0)
    expect(other.side.takeTypes()).toEqual(['stream-reset'])
  })

  test('obeys a plain RESET_STREAM after it at once', () => {
    const { side, half } = receiver()
    side.set.onStream(streamFrame(2, 0, pattern(100)), 0)
    side.set.onResetStreamAt(at(1000, 300), 0)
    const kept = half()
    side.takeEvents()
    side.set.onResetStream({ type: FrameType.resetStream, streamId: 2, errorCode: 7n, finalSize: 1000 }, 0)
    expect([side.takeTypes(), kept.readableBytes, side.set.count]).toEqual([['stream-reset'], 0, 0])
  })

  test('prefers an end that came whole to the reset', () => {
    const { side, half } = receiver()
    side.set.onStream(streamFrame(2, 0, pattern(100), true), 0)
    side.set.onResetStreamAt(at(100, 20), 0)
    const kept = half()
    expect([kept.read(into), kept.isFinished]).toEqual([100, true])
    expect(side.takeTypes()).toEqual(['stream-opened', 'stream-readable'])
  })

  test('whose reader wants no more lets go of the promised bytes', () => {
    const { side, half } = receiver()
    side.set.onStream(streamFrame(2, 0, pattern(100)), 0)
    const kept = half()
    kept.stop(3n)
    side.takeEvents()
    side.set.onResetStreamAt(at(1000, 300), 0)
    expect([side.takeTypes(), kept.state, side.set.count]).toEqual([[], 'resetRead', 0])
    const late = receiver()
    late.side.set.onStream(streamFrame(2, 0, pattern(100)), 0)
    late.side.set.onResetStreamAt(at(1000, 300), 0)
    const half2 = late.half()
    half2.stop(3n)
    const stop = late.side.flush()
    expect(framesOf(stop)).toEqual([{ type: FrameType.stopSending, streamId: 2, errorCode: 3n }])
    late.side.set.onStream(streamFrame(2, 100, pattern(10)), 0)
    stop[0]?.acked()
    expect(late.side.set.count).toBe(0)
    late.side.set.checkInvariants()
  })

  //= draft-ietf-quic-reliable-stream-reset#4-p6-2
  test('counts the final size for both credits, and returns all of it at the end', () => {
    const { side, half } = receiver({ initialMaxData: 1000, initialMaxStreamDataUni: 900 })
    // The window stays as it is.
    side.rtt = 0
    expect(codeOf(() => side.set.onResetStreamAt(at(901, 1), 0))).toBe(TransportErrorCode.FLOW_CONTROL_ERROR)
    side.set.onResetStreamAt(at(900, 5), 0)
    expect(codeOf(() => side.set.onStream(streamFrame(6, 0, pattern(101)), 0))).toBe(
      TransportErrorCode.FLOW_CONTROL_ERROR,
    )
    side.set.onStream(streamFrame(2, 0, pattern(5)), 0)
    half().read(into)
    expect(framesOf(side.flush())).toEqual([{ type: FrameType.maxData, maximum: 1900 }])
  })
})

test('Whatever is lost, doubled and reordered, the promised bytes arrive and the reset after them', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed)
    const pick = (below: number): number => Math.floor(random() * below)
    const { client, server } = makePair({ server: { initialMaxStreamDataUni: 2000 + pick(4000) } })
    const send = client.set.open('unidirectional')?.send
    if (send === undefined) throw new Error('No stream')
    const written = 1 + pick(9000)
    send.write(pattern(written))
    if (pick(3) === 0) send.finish()
    let promised = written
    let flying: TestPacket[] = []
    let read = 0
    const into = new Uint8Array(700)
    let half: ReceiveStream | undefined
    let resets = pick(3) + 1
    for (let round = 0; round < 400; round++) {
      if (resets > 0 && pick(6) === 0 && !send.isTerminal) {
        promised = pick(promised + 1)
        send.resetAt(7n, promised)
        resets--
      }
      flying.push(...client.flush(round, 300 + pick(900)), ...server.flush(round))
      const index = pick(flying.length)
      const packet = flying[index]
      if (packet !== undefined) {
        const isFromClient = packet.frames.some((frame) => 'finalSize' in frame || frame.type === FrameType.stream)
        const fate = pick(4)
        if (fate === 0) packet.lost(round)
        else
          (isFromClient || packet.frames[0]?.type === FrameType.streamDataBlocked ? server : client).receive(
            packet,
            round,
          )
        if (fate > 1) packet.acked(round)
        if (fate === 1) packet.lost(round)
        flying = flying.filter((_, each) => each !== index)
      }
      half ??= server.takeEvents().find((event) => event.type === 'stream-opened')?.stream.receive
      if (half !== undefined && half.resetCode === undefined && !half.isTerminal) {
        const length = half.read(into)
        if (length > 0) {
          expect(into.subarray(0, length)).toEqual(pattern(length, read))
          read += length
        }
      }
      client.set.checkInvariants()
      server.set.checkInvariants()
    }
    for (const packet of flying) packet.lost()
    settle(client, server)
    for (let more = true; more && half !== undefined && !half.isTerminal; settle(client, server)) {
      const length = half.read(into)
      more = length > 0
      read += Math.max(0, length)
    }
    const isWhole = half?.isFinished === true
    expect([seed, client.set.count, server.set.count]).toEqual([seed, 0, 0])
    expect(read).toBeGreaterThanOrEqual(isWhole ? written : promised)
    expect(isWhole || half?.resetCode === 7n).toBe(true)
  }
})
