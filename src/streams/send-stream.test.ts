import { describe, expect, test } from 'vitest'
import { type Frame, FrameType, type StreamFrame } from '../wire/frame.ts'
import { LIMITS, parametersOf, pattern, Side, type TestPacket } from './packets.fixtures.ts'
import type { SendState, SendStream } from './send-stream.ts'
import type { Stream } from './stream.ts'
import { StreamClosedError } from './stream-error.ts'
import type { StreamLimitOptions } from './stream-options.ts'

interface Opened {
  readonly side: Side
  readonly stream: Stream
  readonly send: SendStream
}

/** A client's unidirectional stream, and what the peer lets it send. */
function opened(peer: Partial<StreamLimitOptions> = {}, own: Partial<StreamLimitOptions> = {}): Opened {
  const side = new Side('client', own)
  side.set.onPeerParameters(parametersOf({ ...LIMITS, ...peer }))
  const stream = side.set.open('unidirectional')
  if (stream?.send === undefined) throw new Error('No stream')
  return { side, stream, send: stream.send }
}

const stopSending = (side: Side, code = 9n): void => {
  side.set.onStopSending({ type: FrameType.stopSending, streamId: 2, errorCode: code })
}
const maxStreamData = (side: Side, maximum: number): void => {
  side.set.onMaxStreamData({ type: FrameType.maxStreamData, streamId: 2, maximum })
}
const typesOf = (packets: readonly TestPacket[]): number[] =>
  packets.flatMap((p) => p.frames.map((frame) => frame.type))
const only = (packet: TestPacket): Frame | undefined => packet.frames[0]

describe('the states of RFC 9000 §3.1', () => {
  // Each way is a list of steps; the state after each of them is given.
  const steps = {
    write: ({ send }: Opened) => void send.write(pattern(10)),
    finish: ({ send }: Opened) => send.finish(),
    reset: ({ send }: Opened) => send.reset(7n),
    stop: ({ side }: Opened) => stopSending(side),
    send: ({ side }: Opened, sent: TestPacket[]) => void sent.push(...side.flush()),
    ack: (_: Opened, sent: TestPacket[]) => {
      for (const packet of sent.splice(0)) packet.acked()
    },
    lose: (_: Opened, sent: TestPacket[]) => {
      for (const packet of sent.splice(0)) packet.lost()
    },
  } as const
  type Way = readonly (readonly [keyof typeof steps, SendState])[]
  const ways: Record<string, Way> = {
    'data and end': [
      ['write', 'ready'],
      ['send', 'send'],
      ['finish', 'send'],
      ['send', 'dataSent'],
      ['ack', 'dataReceived'],
    ],
    'the end alone': [
      ['finish', 'ready'],
      ['send', 'dataSent'],
      ['ack', 'dataReceived'],
    ],
    'an end that is lost': [
      ['write', 'ready'],
      ['finish', 'ready'],
      ['send', 'dataSent'],
      ['lose', 'dataSent'],
      ['send', 'dataSent'],
      ['ack', 'dataReceived'],
    ],
    'reset in Ready': [
      ['write', 'ready'],
      ['reset', 'resetSent'],
      ['send', 'resetSent'],
      ['ack', 'resetReceived'],
    ],
    'reset in Send': [
      ['write', 'ready'],
      ['send', 'send'],
      ['reset', 'resetSent'],
      ['lose', 'resetSent'],
      ['send', 'resetSent'],
      ['lose', 'resetSent'],
      ['send', 'resetSent'],
      ['ack', 'resetReceived'],
    ],
    'reset in Data Sent': [
      ['finish', 'ready'],
      ['send', 'dataSent'],
      ['reset', 'resetSent'],
      ['ack', 'resetSent'],
      ['send', 'resetSent'],
      ['ack', 'resetReceived'],
    ],
    'reset after all has arrived': [
      ['finish', 'ready'],
      ['send', 'dataSent'],
      ['ack', 'dataReceived'],
      ['reset', 'dataReceived'],
      ['stop', 'dataReceived'],
      ['send', 'dataReceived'],
    ],
    'stopped in Ready': [
      ['stop', 'resetSent'],
      ['send', 'resetSent'],
      ['ack', 'resetReceived'],
    ],
    'stopped in Send': [
      ['write', 'ready'],
      ['send', 'send'],
      ['stop', 'resetSent'],
    ],
    'stopped in Data Sent': [
      ['write', 'ready'],
      ['finish', 'ready'],
      ['send', 'dataSent'],
      ['stop', 'resetSent'],
      ['lose', 'resetSent'],
    ],
    'reset and stopped again': [
      ['reset', 'resetSent'],
      ['reset', 'resetSent'],
      ['stop', 'resetSent'],
      ['send', 'resetSent'],
      ['reset', 'resetSent'],
      ['ack', 'resetReceived'],
      ['reset', 'resetReceived'],
      ['stop', 'resetReceived'],
    ],
  }
  test.each(Object.entries(ways))('%s', (_name, way) => {
    const it = opened()
    const sent: TestPacket[] = []
    expect(it.send.state).toBe('ready')
    for (const [step, state] of way) {
      steps[step](it, sent)
      expect([step, it.send.state]).toEqual([step, state])
      expect(it.send.isTerminal).toBe(state === 'dataReceived' || state === 'resetReceived')
      expect(it.side.set.count).toBe(it.send.isTerminal ? 0 : 1)
      it.side.set.checkInvariants()
    }
  })
})

//= rfc9000#3.3-p2-1
//= rfc9000#3.3-p2-2
test('after a reset nothing but RESET_STREAM leaves, and after its ack nothing at all', () => {
  const { side, send } = opened({ initialMaxStreamDataUni: 1000 })
  send.write(pattern(5000))
  const data = side.flush()
  expect(typesOf(data)).toContain(FrameType.streamDataBlocked)
  send.reset(7n)
  for (const packet of data) packet.lost()
  const reset = side.flush()
  expect(reset.flatMap((packet) => packet.frames)).toEqual([
    { type: FrameType.resetStream, streamId: 2, errorCode: 7n, finalSize: 1000 },
  ])
  maxStreamData(side, 9000)
  expect(side.set.wantsToSend).toBe(false)
  for (const packet of reset) packet.acked()
  for (const packet of [...data, ...reset]) packet.lost()
  expect(side.flush()).toEqual([])
  expect([side.set.count, side.set.queuedBytes]).toEqual([0, 0])
})

//= rfc9000#13.3-p3.4-1
test('a RESET_STREAM that is sent again is the same, whatever was asked for meanwhile', () => {
  const { side, send } = opened()
  send.write(pattern(10))
  side.flush()
  send.reset(7n)
  const first = side.packet()
  send.reset(8n)
  stopSending(side, 9n)
  first.lost()
  first.lost()
  const second = side.packet()
  expect(only(second)).toEqual(only(first))
  expect(only(second)).toEqual({ type: FrameType.resetStream, streamId: 2, errorCode: 7n, finalSize: 10 })
  expect(side.takeTypes()).toEqual([])
})

//= rfc9000#3.5-p4-1
//= rfc9000#3.5-p5-1
test('STOP_SENDING is answered by RESET_STREAM with its code, and the application hears of it', () => {
  const { side, stream, send } = opened()
  send.write(pattern(10))
  stopSending(side, 99n)
  expect(side.takeEvents()).toEqual([{ type: 'stream-stopped', stream, code: 99n }])
  expect(only(side.packet())).toEqual({ type: FrameType.resetStream, streamId: 2, errorCode: 99n, finalSize: 0 })
  expect(send.stopCode).toBe(99n)
  expect(() => send.write(pattern(1))).toThrow(StreamClosedError)
  stopSending(side, 98n)
  expect(side.takeEvents()).toEqual([])
})

//= rfc9000#3.5-p4-2
test('data that is lost after STOP_SENDING is not sent again', () => {
  const { side, send } = opened()
  send.write(pattern(3000))
  send.finish()
  const data = side.flush()
  stopSending(side)
  for (const packet of data) packet.lost()
  expect(typesOf(side.flush())).toEqual([FrameType.resetStream])
})

//= rfc9000#4.1-p3-1
//= rfc9000#19.10-p8-1
//= rfc9000#4.1-p10-1
//= rfc9000#19.13-p1-1
test('a stream sends up to its limit, says once that it is blocked, and goes on when it is raised', () => {
  const { side, send } = opened({ initialMaxStreamDataUni: 2000 })
  expect(send.write(pattern(5000))).toBe(5000)
  const packets = side.flush()
  expect(send.bytesSent).toBe(2000)
  expect(packets.flatMap((p) => p.frames).filter((f) => f.type !== FrameType.stream)).toEqual([
    { type: FrameType.streamDataBlocked, streamId: 2, limit: 2000 },
  ])
  send.write(pattern(1))
  expect(side.set.wantsToSend).toBe(false)
  maxStreamData(side, 2000)
  maxStreamData(side, 1999)
  expect(side.set.wantsToSend).toBe(false)
  maxStreamData(side, 3000)
  side.flush()
  expect(send.bytesSent).toBe(3000)
})

test('STREAM_DATA_BLOCKED is sent again when lost, but only while blocked on the same limit', () => {
  const { side, send } = opened({ initialMaxStreamDataUni: 100 })
  send.write(pattern(300))
  side.packet()
  const blocked = side.packet()
  expect(only(blocked)?.type).toBe(FrameType.streamDataBlocked)
  blocked.lost()
  const again = side.packet()
  expect(only(again)).toEqual({ type: FrameType.streamDataBlocked, streamId: 2, limit: 100 })
  maxStreamData(side, 200)
  again.lost()
  expect(typesOf(side.flush())).toEqual([FrameType.stream, FrameType.streamDataBlocked])
})

//= rfc9000#4.5-p4-1
test('nothing is sent beyond the final size', () => {
  const { side, send } = opened()
  send.write(pattern(10))
  send.finish()
  send.finish()
  expect(() => send.write(pattern(10))).toThrow('Stream 2 was finished before')
  const frames = side.flush().flatMap((packet) => packet.frames) as StreamFrame[]
  expect(frames.map(({ offset, length, fin }) => ({ offset, length, fin }))).toEqual([
    { offset: 0, length: 10, fin: true },
  ])
})

//= rfc9000#13.3-p4-1
test('lost bytes go before new ones', () => {
  const { side, send } = opened()
  send.write(pattern(1000))
  const first = side.packet()
  send.write(pattern(500, 1000))
  first.lost()
  const frames = side.packet().frames as StreamFrame[]
  expect(frames.map(({ offset, length }) => [offset, length])[0]).toEqual([0, 1000])
  expect(frames[1]?.offset).toBe(1000)
})

test('a lost end goes with the last bytes if those are lost too, else alone', () => {
  const { side, send } = opened()
  send.write(pattern(100))
  send.finish()
  const first = side.packet()
  first.lost()
  const second = side.packet()
  expect(second.frames).toMatchObject([{ offset: 0, length: 100, fin: true }])
  // The bytes have arrived by the first packet; only then is the second lost: nothing is left to send.
  first.acked()
  second.lost()
  expect([side.set.wantsToSend, send.state]).toEqual([false, 'dataReceived'])
})

test('an end that was sent alone is sent again when lost', () => {
  const { side, send } = opened()
  send.finish()
  const first = side.packet()
  first.lost()
  expect(side.packet().frames).toMatchObject([{ offset: 0, length: 0, fin: true }])
  first.acked()
  expect(send.state).toBe('dataReceived')
})

test('the end that follows its data is sent alone', () => {
  const { side, send } = opened()
  send.write(pattern(100))
  side.flush()
  send.finish()
  expect(side.packet().frames).toMatchObject([{ offset: 100, length: 0, fin: true }])
})

test('the end needs no credit', () => {
  const { side, send } = opened({ initialMaxStreamDataUni: 100, initialMaxData: 100 })
  send.write(pattern(100))
  side.flush()
  send.finish()
  expect(side.flush().flatMap((packet) => packet.frames)).toMatchObject([{ offset: 100, length: 0, fin: true }])
})

describe('room', () => {
  test('a stream takes bytes up to its mark, and tells when half of that is free', () => {
    const { side, send, stream } = opened({}, { maxStreamSendBuffer: 10_000 })
    expect(send.writableBytes).toBe(10_000)
    expect(send.write(pattern(12_000))).toBe(10_000)
    expect(send.write(pattern(1))).toBe(0)
    for (let i = 0; i < 4; i++) side.packet()
    expect(side.takeEvents()).toEqual([])
    for (let i = 0; i < 4; i++) side.packet()
    expect(side.takeEvents()).toEqual([{ type: 'stream-writable', stream }])
    expect(send.writableBytes).toBeGreaterThanOrEqual(5000)
  })

  test('bytes that are sent and not acknowledged take no room', () => {
    const { side, send } = opened({}, { maxStreamSendBuffer: 1000 })
    expect(send.write(pattern(1000))).toBe(1000)
    side.flush()
    expect(send.write(pattern(1000, 1000))).toBe(1000)
  })

  test('all streams together take bytes up to the mark of the connection, and those that wait hear of room', () => {
    const { side, send } = opened({}, { maxSendBuffer: 10_000 })
    const other = side.set.open('unidirectional')
    expect(send.write(pattern(8000))).toBe(8000)
    expect(other?.send?.write(pattern(8000))).toBe(2000)
    expect([side.set.queuedBytes, send.writableBytes]).toEqual([10_000, 0])
    expect(send.write(pattern(1))).toBe(0)
    side.flush()
    expect(side.takeTypes()).toEqual(['stream-writable', 'stream-writable'])
    expect(side.set.queuedBytes).toBe(0)
  })

  test('a reset gives the room of what was not sent back', () => {
    const { side, send } = opened({}, { maxSendBuffer: 10_000 })
    const other = side.set.open('unidirectional')
    send.write(pattern(10_000))
    expect(other?.send?.write(pattern(1))).toBe(0)
    send.reset(0n)
    expect(side.takeEvents()).toEqual([{ type: 'stream-writable', stream: other }])
  })

  test('what waits takes no credit of the connection', () => {
    const { side, send } = opened({ initialMaxData: 3000, initialMaxStreamDataUni: 1000 })
    const other = side.set.open('unidirectional')
    send.write(pattern(200_000))
    other?.send?.write(pattern(1000))
    side.flush()
    expect([send.bytesSent, other?.send?.bytesSent]).toEqual([1000, 1000])
  })
})

test('codes that cannot be sent are refused', () => {
  const { send } = opened()
  expect(() => send.reset(-1n)).toThrow(RangeError)
  expect(() => send.reset(2n ** 62n)).toThrow('code must be from 0 to 2^62-1, got 4611686018427387904')
  expect(send.state).toBe('ready')
  send.reset(2n ** 62n - 1n)
  expect(send.state).toBe('resetSent')
})

test('calls on a half that has ended say how it ended', () => {
  const reason = (it: Opened): unknown => {
    try {
      it.send.write(pattern(1))
    } catch (error) {
      if (error instanceof StreamClosedError) return [error.reason, error.code, error.streamId]
    }
    return undefined
  }
  const finished = opened()
  finished.send.finish()
  expect(reason(finished)).toEqual(['finished', undefined, 2])
  const reset = opened()
  reset.send.reset(4n)
  expect(reason(reset)).toEqual(['reset', 4n, 2])
  const stopped = opened()
  stopSending(stopped.side, 5n)
  expect(reason(stopped)).toEqual(['stopped', 5n, 2])
  expect(() => stopped.send.finish()).toThrow(StreamClosedError)
  const closed = opened()
  closed.side.set.close(new Error('Gone'))
  expect(reason(closed)).toEqual(['connection', undefined, 2])
  closed.send.reset(1n)
  expect([closed.send.isWritable, closed.send.writableBytes]).toEqual([false, 0])
})
