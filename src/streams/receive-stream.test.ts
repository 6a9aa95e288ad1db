import { describe, expect, test } from 'vitest'
import { type Frame, FrameType } from '../wire/frame.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { codeOf, pattern, Side, streamFrame, type TestPacket } from './packets.fixtures.ts'
import type { ReceiveState, ReceiveStream } from './receive-stream.ts'
import { StreamClosedError } from './stream-error.ts'
import type { StreamLimitOptions } from './stream-options.ts'

// A client's unidirectional stream, as the server sees it.
const ID = 2

interface Opened {
  readonly side: Side
  readonly receive: ReceiveStream
}

/** A server with the client's stream open and its events read. */
function opened(limits: Partial<StreamLimitOptions> = {}): Opened {
  const side = new Side('server', limits)
  side.set.onStreamDataBlocked({ type: FrameType.streamDataBlocked, streamId: ID, limit: 0 })
  const receive = side.set.get(ID)?.receive
  if (receive === undefined) throw new Error('No stream')
  side.takeEvents()
  return { side, receive }
}

const data = ({ side }: Opened, offset: number, length: number, fin = false, now = 0): void =>
  side.set.onStream(streamFrame(ID, offset, pattern(length, offset), fin), now)
const reset = ({ side }: Opened, finalSize: number, errorCode = 5n): void =>
  side.set.onResetStream({ type: FrameType.resetStream, streamId: ID, errorCode, finalSize }, 0)
const framesOf = (packets: readonly TestPacket[]): Frame[] => packets.flatMap((packet) => packet.frames)
const { FINAL_SIZE_ERROR, FLOW_CONTROL_ERROR } = TransportErrorCode

function readAll(receive: ReceiveStream): Uint8Array {
  const into = new Uint8Array(receive.readableBytes + 1)
  return into.subarray(0, Math.max(0, receive.read(into)))
}

describe('the states of RFC 9000 §3.2', () => {
  const steps = {
    data: (it: Opened) => data(it, 0, 10),
    rest: (it: Opened) => data(it, 10, 10),
    end: (it: Opened) => data(it, 20, 0, true),
    'all but a gap': (it: Opened) => data(it, 10, 10, true),
    read: ({ receive }: Opened) => void readAll(receive),
    reset: (it: Opened) => reset(it, 20),
    stop: ({ receive }: Opened) => receive.stop(1n),
    flush: ({ side }: Opened, sent: TestPacket[]) => void sent.push(...side.flush()),
    ack: (_: Opened, sent: TestPacket[]) => {
      for (const packet of sent.splice(0)) packet.acked()
    },
    lose: (_: Opened, sent: TestPacket[]) => {
      for (const packet of sent.splice(0)) packet.lost()
    },
  } as const
  type Way = readonly (readonly [keyof typeof steps, ReceiveState])[]
  const ways: Record<string, Way> = {
    'in order, read as it comes': [
      ['data', 'receive'],
      ['read', 'receive'],
      ['rest', 'receive'],
      ['read', 'receive'],
      ['end', 'dataReceived'],
      ['read', 'dataRead'],
    ],
    'the end before the rest': [
      ['all but a gap', 'sizeKnown'],
      ['read', 'sizeKnown'],
      ['data', 'dataReceived'],
      ['read', 'dataRead'],
    ],
    'reset in Recv': [
      ['data', 'receive'],
      ['reset', 'resetRead'],
    ],
    'reset in Size Known': [
      ['all but a gap', 'sizeKnown'],
      ['reset', 'resetRead'],
    ],
    'reset when all has arrived': [
      ['all but a gap', 'sizeKnown'],
      ['data', 'dataReceived'],
      ['reset', 'dataReceived'],
      ['read', 'dataRead'],
    ],
    'stopped in Recv, then reset': [
      ['data', 'receive'],
      ['stop', 'receive'],
      ['flush', 'receive'],
      ['ack', 'receive'],
      ['reset', 'resetRead'],
    ],
    'stopped in Recv, then ended': [
      ['stop', 'receive'],
      ['flush', 'receive'],
      ['ack', 'receive'],
      ['all but a gap', 'dataRead'],
    ],
    'stopped in Recv, ended before that is known to have arrived': [
      ['stop', 'receive'],
      ['flush', 'receive'],
      ['all but a gap', 'sizeKnown'],
      ['lose', 'sizeKnown'],
      ['flush', 'sizeKnown'],
      ['ack', 'dataRead'],
    ],
    'stopped in Size Known': [
      ['all but a gap', 'sizeKnown'],
      ['stop', 'sizeKnown'],
      ['flush', 'sizeKnown'],
      ['lose', 'sizeKnown'],
      ['flush', 'sizeKnown'],
      ['ack', 'dataRead'],
    ],
    'stopped when all has arrived': [
      ['all but a gap', 'sizeKnown'],
      ['data', 'dataReceived'],
      ['stop', 'dataRead'],
    ],
  }
  test.each(Object.entries(ways))('%s', (_name, way) => {
    const it = opened()
    const sent: TestPacket[] = []
    for (const [step, state] of way) {
      steps[step](it, sent)
      expect([step, it.receive.state]).toEqual([step, state])
      expect(it.receive.isTerminal).toBe(state === 'dataRead' || state === 'resetRead')
      expect(it.side.set.count).toBe(it.receive.isTerminal ? 0 : 1)
      it.side.set.checkInvariants()
    }
    // However it ended, all credit has returned, no byte is kept, and late frames are of no consequence.
    expect([it.receive.bytesRead, it.receive.heldBytes]).toEqual([it.receive.bytesReceived, 0])
    data(it, 0, 20, true)
    reset(it, 20)
    it.side.takeEvents()
    for (const packet of sent) packet.lost()
    expect(it.side.flush()).toEqual([])
  })
})

describe('events', () => {
  test('readable is told once until all there is was read', () => {
    const it = opened()
    data(it, 10, 10)
    expect(it.side.takeTypes()).toEqual([])
    data(it, 0, 10)
    data(it, 20, 10)
    expect(it.side.takeTypes()).toEqual(['stream-readable'])
    expect(it.receive.read(new Uint8Array(25))).toBe(25)
    data(it, 30, 10)
    expect(it.side.takeTypes()).toEqual([])
    expect(it.receive.read(new Uint8Array(15))).toBe(15)
    data(it, 40, 10)
    expect(it.side.takeTypes()).toEqual(['stream-readable'])
    expect(it.receive.readableBytes).toBe(10)
  })

  test('the end alone is told too, and is -1 from then on', () => {
    const it = opened()
    data(it, 0, 10)
    readAll(it.receive)
    it.side.takeEvents()
    data(it, 10, 0, true)
    expect(it.side.takeTypes()).toEqual(['stream-readable'])
    expect(it.receive.isFinished).toBe(false)
    expect([it.receive.read(new Uint8Array(5)), it.receive.read(new Uint8Array(5))]).toEqual([-1, -1])
    expect([it.receive.isFinished, it.receive.finalSize]).toEqual([true, 10])
  })

  test('a reset is told with its code, and drops what was not read', () => {
    const it = opened()
    data(it, 0, 10)
    const [readable] = it.side.takeEvents()
    expect(readable?.type).toBe('stream-readable')
    reset(it, 10_000, 77n)
    expect(it.side.takeEvents()).toMatchObject([{ type: 'stream-reset', code: 77n }])
    expect([it.receive.resetCode, it.receive.readableBytes]).toEqual([77n, 0])
    expect(() => it.receive.read(new Uint8Array(1))).toThrow('Stream 2 was reset, code 77')
  })

  test('of a stream that was stopped nothing is told', () => {
    const it = opened()
    it.receive.stop(3n)
    data(it, 0, 10)
    reset(it, 10)
    expect(it.side.takeTypes()).toEqual([])
    expect(() => it.receive.read(new Uint8Array(1))).toThrow(StreamClosedError)
  })
})

describe('final size', () => {
  //= rfc9000#4.5-p5-1
  test('a final size that changes is a FINAL_SIZE_ERROR', () => {
    const changes: ((it: Opened) => void)[] = [
      (it) => data(it, 0, 19, true),
      (it) => data(it, 0, 21, true),
      (it) => data(it, 20, 1, true),
      (it) => reset(it, 19),
      (it) => reset(it, 21),
    ]
    for (const change of changes) {
      const it = opened()
      data(it, 10, 10, true)
      expect(codeOf(() => change(it))).toBe(FINAL_SIZE_ERROR)
    }
  })

  //= rfc9000#4.5-p5-2
  test('data beyond the final size is a FINAL_SIZE_ERROR, up to it it is not', () => {
    const it = opened()
    data(it, 10, 10, true)
    data(it, 19, 1)
    data(it, 20, 0)
    expect(codeOf(() => data(it, 20, 1))).toBe(FINAL_SIZE_ERROR)
    expect(codeOf(() => data(it, 21, 0))).toBe(FINAL_SIZE_ERROR)
  })

  test('a final size below what has arrived is a FINAL_SIZE_ERROR', () => {
    const it = opened()
    data(it, 10, 10)
    expect(codeOf(() => data(it, 0, 19, true))).toBe(FINAL_SIZE_ERROR)
    expect(codeOf(() => reset(it, 19))).toBe(FINAL_SIZE_ERROR)
    reset(it, 20)
    expect(it.receive.finalSize).toBe(20)
  })

  test('the final size of a reset holds for what comes later, while the stream is there', () => {
    const side = new Side('server')
    side.set.onStream(streamFrame(0, 0, 10), 0)
    side.set.onResetStream({ type: FrameType.resetStream, streamId: 0, errorCode: 1n, finalSize: 10 }, 0)
    expect(side.set.count).toBe(1)
    side.set.onStream(streamFrame(0, 0, 10, true), 0)
    expect(codeOf(() => side.set.onStream(streamFrame(0, 0, 11), 0))).toBe(FINAL_SIZE_ERROR)
  })

  //= rfc9000#4.5-p3-1
  //= rfc9000#19.9-p6-1
  test('the final size of a reset counts for the connection as if all had arrived, and its credit returns', () => {
    const it = opened({ initialMaxData: 1000, maxReceiveWindow: 1000 })
    data(it, 0, 100)
    reset(it, 900)
    it.side.set.checkInvariants()
    expect(framesOf(it.side.flush())).toContainEqual({ type: FrameType.maxData, maximum: 1900 })
  })
})

describe('flow control', () => {
  //= rfc9000#19.10-p8-2
  //= rfc9000#4.1-p8-1
  test('bytes beyond the limit of the stream are a FLOW_CONTROL_ERROR, wherever the gap is', () => {
    const limits = { initialMaxStreamDataUni: 100, maxReceiveWindow: 100 }
    const it = opened(limits)
    data(it, 99, 1)
    expect(codeOf(() => data(it, 100, 1))).toBe(FLOW_CONTROL_ERROR)
    expect(codeOf(() => data(opened(limits), 100, 1))).toBe(FLOW_CONTROL_ERROR)
    expect(codeOf(() => reset(opened(limits), 101))).toBe(FLOW_CONTROL_ERROR)
    //= rfc9000#19.8-p9-1
    expect(codeOf(() => data(opened(limits), Number.MAX_SAFE_INTEGER, 1))).toBe(FLOW_CONTROL_ERROR)
  })

  //= rfc9000#19.9-p6-2
  test('bytes beyond the limit of the connection are a FLOW_CONTROL_ERROR, resets included', () => {
    const connection = (): Side => {
      const side = new Side('server', { initialMaxData: 100, maxReceiveWindow: 100 })
      side.set.onStream(streamFrame(2, 0, 60), 0)
      side.set.onStream(streamFrame(6, 0, 40), 0)
      return side
    }
    expect(codeOf(() => connection().set.onStream(streamFrame(10, 0, 1), 0))).toBe(FLOW_CONTROL_ERROR)
    const resetFrame = { type: FrameType.resetStream, streamId: 6, errorCode: 0n, finalSize: 41 }
    expect(codeOf(() => connection().set.onResetStream(resetFrame, 0))).toBe(FLOW_CONTROL_ERROR)
  })

  test('bytes that come twice count once', () => {
    const it = opened({ initialMaxData: 100, initialMaxStreamDataUni: 100, maxReceiveWindow: 100 })
    for (let i = 0; i < 5; i++) data(it, 0, 100)
    expect(it.receive.bytesReceived).toBe(100)
  })

  test('credit returns as the application reads, not before', () => {
    const it = opened({ initialMaxData: 1000, initialMaxStreamDataUni: 1000, maxReceiveWindow: 1000 })
    data(it, 0, 1000)
    expect(it.side.set.wantsToSend).toBe(false)
    it.receive.read(new Uint8Array(499))
    expect(it.side.set.wantsToSend).toBe(false)
    it.receive.read(new Uint8Array(1))
    expect(framesOf(it.side.flush(1e6))).toEqual([
      { type: FrameType.maxData, maximum: 1500 },
      { type: FrameType.maxStreamData, streamId: ID, maximum: 1500 },
    ])
  })

  //= rfc9000#13.3-p3.8-1
  test('no limit is told for a stream whose size is known, nor a lost one sent again', () => {
    const it = opened({ initialMaxStreamDataUni: 1000, maxReceiveWindow: 1000 })
    data(it, 0, 1000)
    readAll(it.receive)
    const packets = it.side.flush(1e6)
    expect(framesOf(packets).map((frame) => frame.type)).toContain(FrameType.maxStreamData)
    data(it, 1000, 900, true)
    for (const packet of packets) packet.lost()
    it.receive.read(new Uint8Array(800))
    expect(framesOf(it.side.flush(2e6)).map((frame) => frame.type)).not.toContain(FrameType.maxStreamData)
  })

  test('of limits that are lost only the newest is sent again', () => {
    const it = opened({ initialMaxData: 1e6, initialMaxStreamDataUni: 1000, maxReceiveWindow: 1000 })
    data(it, 0, 1000)
    it.receive.read(new Uint8Array(500))
    const first = it.side.packet(1e6)
    it.receive.read(new Uint8Array(500))
    const second = it.side.packet(2e6)
    first.lost()
    expect(it.side.set.wantsToSend).toBe(false)
    second.lost()
    second.lost()
    expect(framesOf(it.side.flush())).toEqual([{ type: FrameType.maxStreamData, streamId: ID, maximum: 2000 }])
  })

  test('a growing stream window takes the window of the connection with it', () => {
    const limits = { initialMaxData: 1000, initialMaxStreamDataUni: 1000, maxReceiveWindow: 100_000 }
    const it = opened(limits)
    data(it, 0, 1000)
    readAll(it.receive)
    it.side.flush(1)
    data(it, 1000, 2000, false, 2)
    readAll(it.receive)
    // 1.5 times the 2,000 of the stream, doubled by its own tuning: 6,000 beyond the 3,000 read.
    expect(framesOf(it.side.flush(3))).toEqual([
      { type: FrameType.maxData, maximum: 9000 },
      { type: FrameType.maxStreamData, streamId: ID, maximum: 7000 },
    ])
  })

  test('single bytes at rising offsets in every stream cost no more than their credit and a page of each', () => {
    const side = new Side('server', { initialMaxStreamDataUni: 20_000 })
    for (let index = 0; index < 50; index++) {
      for (let offset = 1; offset < 20_000; offset += 2) side.set.onStream(streamFrame(index * 4 + 2, offset, 1), 0)
    }
    let held = 0
    for (const stream of side.set.values()) held += stream.receive?.heldBytes ?? 0
    expect(held).toBeLessThanOrEqual(50 * (20_000 + 16_384) * 1.125)
    side.set.checkInvariants()
  })
})

describe('STOP_SENDING', () => {
  //= rfc9000#3.5-p2-1
  test('a stream that nobody wants is stopped, again if that is lost, and its credit returns at once', () => {
    const it = opened({ initialMaxData: 1000, maxReceiveWindow: 1000 })
    data(it, 100, 600)
    it.receive.stop(42n)
    it.receive.stop(43n)
    const frame = { type: FrameType.stopSending, streamId: ID, errorCode: 42n }
    const packet = it.side.packet(1e6)
    expect(packet.frames).toEqual([{ type: FrameType.maxData, maximum: 1700 }, frame])
    packet.lost()
    expect(it.side.packet().frames).toContainEqual(frame)
    data(it, 700, 300)
    it.side.set.checkInvariants()
    expect([it.receive.bytesRead, it.receive.heldBytes]).toEqual([1000, 0])
  })

  //= rfc9000#3.5-p6-1
  test('a stream that was reset, or has arrived whole, is not stopped', () => {
    for (const end of [(it: Opened) => reset(it, 0), (it: Opened) => data(it, 0, 10, true)]) {
      const it = opened()
      end(it)
      it.receive.stop(1n)
      expect(it.side.flush()).toEqual([])
    }
  })

  test('a stop that crosses the reset is not repeated', () => {
    const it = opened()
    it.receive.stop(1n)
    const packet = it.side.packet()
    reset(it, 10)
    packet.lost()
    expect(it.side.flush()).toEqual([])
    expect(it.side.set.count).toBe(0)
  })
})

test('what has arrived whole is read after the end of the connection as well, and nothing else is', () => {
  const whole = opened()
  data(whole, 0, 10, true)
  whole.side.set.close(new Error('over'))
  expect(readAll(whole.receive)).toEqual(pattern(10))
  expect(whole.receive.read(new Uint8Array(1))).toBe(-1)
  expect([whole.side.takeEvents(), whole.side.flush()]).toEqual([
    [expect.objectContaining({ type: 'stream-readable' })],
    [],
  ])
  for (const stops of [false, true]) {
    const part = opened()
    data(part, 0, 10, stops)
    if (stops) part.receive.stop(1n)
    part.side.set.close(new Error('over'))
    expect(() => readAll(part.receive)).toThrow(StreamClosedError)
    expect(part.receive.heldBytes).toBe(0)
  }
})
