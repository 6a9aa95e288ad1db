import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { type Frame, FrameType } from '../wire/frame.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import {
  codeOf,
  LIMITS,
  makePair,
  parametersOf,
  pattern,
  receiveFrame,
  Side,
  settle,
  streamFrame,
  type TestPacket,
} from './packets.fixtures.ts'
import { StreamClosedError } from './stream-error.ts'

const { STREAM_STATE_ERROR, STREAM_LIMIT_ERROR } = TransportErrorCode
const framesOf = (packets: readonly TestPacket[]): Frame[] => packets.flatMap((packet) => packet.frames)

/** The five frames that speak of one stream; the first three come from its sender. */
const about = {
  STREAM: (id: number): Frame => streamFrame(id, 0, 1),
  RESET_STREAM: (id: number): Frame => ({ type: FrameType.resetStream, streamId: id, errorCode: 0n, finalSize: 0 }),
  STREAM_DATA_BLOCKED: (id: number): Frame => ({ type: FrameType.streamDataBlocked, streamId: id, limit: 0 }),
  STOP_SENDING: (id: number): Frame => ({ type: FrameType.stopSending, streamId: id, errorCode: 0n }),
  MAX_STREAM_DATA: (id: number): Frame => ({ type: FrameType.maxStreamData, streamId: id, maximum: 1 }),
}

describe('frames that may not be', () => {
  const OF_SENDER = ['STREAM', 'RESET_STREAM', 'STREAM_DATA_BLOCKED'] as const
  const OF_RECEIVER = ['STOP_SENDING', 'MAX_STREAM_DATA'] as const

  //= rfc9000#19.4-p3-1
  //= rfc9000#19.8-p3-1
  //= rfc9000#19.13-p2-1
  test.each(OF_SENDER)(
    '%s for a stream that only we send is STREAM_STATE_ERROR, open, ended or never opened',
    (name) => {
      const { client } = makePair()
      const stream = client.set.open('unidirectional')
      expect(codeOf(() => receiveFrame(client.set, about[name](2)))).toBe(STREAM_STATE_ERROR)
      expect(codeOf(() => receiveFrame(client.set, about[name](6)))).toBe(STREAM_STATE_ERROR)
      stream?.send?.reset(0n)
      for (const packet of client.flush()) packet.acked()
      expect(client.set.count).toBe(0)
      expect(codeOf(() => receiveFrame(client.set, about[name](2)))).toBe(STREAM_STATE_ERROR)
    },
  )

  //= rfc9000#19.5-p2-2
  //= rfc9000#19.10-p2-2
  test.each(OF_RECEIVER)('%s for a stream that only the peer sends is STREAM_STATE_ERROR', (name) => {
    const { client } = makePair()
    expect(codeOf(() => receiveFrame(client.set, about[name](3)))).toBe(STREAM_STATE_ERROR)
    receiveFrame(client.set, about.STREAM(3))
    expect(codeOf(() => receiveFrame(client.set, about[name](3)))).toBe(STREAM_STATE_ERROR)
  })

  //= rfc9000#19.5-p2-1
  //= rfc9000#19.8-p3-1
  //= rfc9000#19.10-p2-1
  test.each(Object.keys(about) as (keyof typeof about)[])(
    '%s for a stream of ours not opened yet is STREAM_STATE_ERROR',
    (name) => {
      const { client, server } = makePair()
      client.set.open('bidirectional')
      receiveFrame(client.set, about[name](0))
      expect(codeOf(() => receiveFrame(client.set, about[name](4)))).toBe(STREAM_STATE_ERROR)
      expect(codeOf(() => receiveFrame(server.set, about[name](1)))).toBe(STREAM_STATE_ERROR)
    },
  )

  //= rfc9000#4.6-p3-2
  test.each(Object.keys(about) as (keyof typeof about)[])(
    '%s for a stream beyond our limit is STREAM_LIMIT_ERROR',
    (name) => {
      const server = new Side('server', { maxIncomingBidirectionalStreams: 3 })
      receiveFrame(server.set, about[name](8))
      expect(codeOf(() => receiveFrame(server.set, about[name](12)))).toBe(STREAM_LIMIT_ERROR)
      expect(codeOf(() => receiveFrame(server.set, about[name](2 ** 53 - 4)))).toBe(STREAM_LIMIT_ERROR)
    },
  )

  test('the numbers of both directions are counted apart', () => {
    const server = new Side('server', { maxIncomingBidirectionalStreams: 1, maxIncomingUnidirectionalStreams: 0 })
    receiveFrame(server.set, about.STREAM(0))
    expect(codeOf(() => receiveFrame(server.set, about.STREAM(2)))).toBe(STREAM_LIMIT_ERROR)
  })
})

describe('opening', () => {
  //= rfc9000#3.2-p6-1
  test.each(Object.keys(about) as (keyof typeof about)[])(
    '%s opens its stream and all lower ones of its kind, in order',
    (name) => {
      const server = new Side('server')
      receiveFrame(server.set, about[name](8))
      const events = server.takeEvents()
      const openings = events.filter((event) => event.type === 'stream-opened')
      expect(openings.map((event) => [event.stream.id, event.stream.isLocal])).toEqual([
        [0, false],
        [4, false],
        [8, false],
      ])
      expect(events.slice(0, 3)).toEqual(openings)
      receiveFrame(server.set, about.STREAM(4))
      expect(server.takeTypes()).toEqual(['stream-readable'])
    },
  )

  //= rfc9000#2.1-p2-1
  test('ids follow one another in each kind and are never used again', () => {
    const { client, server } = makePair()
    const ids = (side: Side, direction: 'bidirectional' | 'unidirectional'): (number | undefined)[] =>
      Array.from({ length: 3 }, () => side.set.open(direction)?.id)
    expect([ids(client, 'bidirectional'), ids(client, 'unidirectional')]).toEqual([
      [0, 4, 8],
      [2, 6, 10],
    ])
    expect([ids(server, 'bidirectional'), ids(server, 'unidirectional')]).toEqual([
      [1, 5, 9],
      [3, 7, 11],
    ])
    client.set.get(8)?.send?.reset(0n)
    client.set.get(10)?.send?.reset(0n)
    settle(client, server)
    expect(ids(client, 'unidirectional')).toEqual([14, 18, 22])
  })

  test('opening waits for the limits of the peer, and hears when they come', () => {
    const client = new Side('client')
    expect(client.set.open('bidirectional')).toBe(undefined)
    client.set.onPeerParameters(parametersOf({ ...LIMITS, maxIncomingBidirectionalStreams: 1 }))
    expect(client.takeEvents()).toEqual([{ type: 'streams-available', direction: 'bidirectional' }])
    expect(client.set.wantsToSend).toBe(false)
    expect(client.set.open('bidirectional')?.id).toBe(0)
    expect(client.set.open('bidirectional')).toBe(undefined)
    expect(framesOf(client.flush())).toEqual([{ type: FrameType.streamsBlockedBidi, limit: 1 }])
    client.set.onMaxStreams({ type: FrameType.maxStreamsUni, maximum: 500 })
    expect(client.takeEvents()).toEqual([])
    client.set.onMaxStreams({ type: FrameType.maxStreamsBidi, maximum: 2 })
    expect(client.takeEvents()).toEqual([{ type: 'streams-available', direction: 'bidirectional' }])
    expect(client.set.open('bidirectional')?.id).toBe(4)
  })

  test('parameters that come a second time raise limits, of open streams too, and never lower them', () => {
    const client = new Side('client')
    const remembered = { ...LIMITS, initialMaxData: 5000, initialMaxStreamDataUni: 1000 }
    client.set.onPeerParameters(parametersOf(remembered))
    const send = client.set.open('unidirectional')?.send
    send?.write(pattern(10_000))
    client.flush()
    expect(send?.bytesSent).toBe(1000)
    client.set.onPeerParameters(parametersOf({ ...remembered, initialMaxStreamDataUni: 2000, initialMaxData: 4000 }))
    client.flush()
    expect(send?.bytesSent).toBe(2000)
    client.set.onMaxStreamData({ type: FrameType.maxStreamData, streamId: 2, maximum: 9000 })
    client.flush()
    expect(send?.bytesSent).toBe(5000)
  })

  test('each kind of stream gets the limit that its receiver names for it', () => {
    const limits = {
      initialMaxStreamDataBidiLocal: 100,
      initialMaxStreamDataBidiRemote: 200,
      initialMaxStreamDataUni: 300,
    }
    const { client, server } = makePair({ client: limits, server: limits })
    for (const side of [client, server]) {
      for (const direction of ['bidirectional', 'unidirectional'] as const) {
        side.set.open(direction)?.send?.write(pattern(1000))
      }
    }
    const sent = (side: Side): (number | undefined)[] => [...side.set.values()].map((stream) => stream.send?.bytesSent)
    for (const packet of client.flush()) server.receive(packet)
    for (const packet of server.flush()) client.receive(packet)
    for (const side of [client, server]) expect(sent(side).slice(0, 2)).toEqual([200, 300])
    // The opener of a bidirectional stream is its local side.
    server.set.get(0)?.send?.write(pattern(1000))
    for (const packet of server.flush()) client.receive(packet)
    expect(server.set.get(0)?.send?.bytesSent).toBe(100)
  })
})

describe('sending', () => {
  //= rfc9000#2.2-p6-1
  //= rfc9000#19.12-p1-1
  test('all streams together stay within the credit of the connection, which is told once that it is used up', () => {
    const { client } = makePair({ server: { initialMaxData: 3000 } })
    const streams = [0, 1, 2].map(() => client.set.open('unidirectional'))
    for (const stream of streams) stream?.send?.write(pattern(2000))
    const blocked = framesOf(client.flush()).filter((frame) => frame.type === FrameType.dataBlocked)
    expect(blocked).toEqual([{ type: FrameType.dataBlocked, limit: 3000 }])
    expect(streams.map((stream) => stream?.send?.bytesSent)).toEqual([2000, 1000, 0])
    client.set.checkInvariants()
    client.set.onMaxData({ type: FrameType.maxData, maximum: 3000 })
    client.set.onMaxData({ type: FrameType.maxData, maximum: 10 })
    expect(client.set.wantsToSend).toBe(false)
    client.set.onMaxData({ type: FrameType.maxData, maximum: 5000 })
    client.flush()
    expect(streams.map((stream) => stream?.send?.bytesSent)).toEqual([2000, 2000, 1000])
  })

  test('DATA_BLOCKED is sent again when lost, but only while blocked on the same limit', () => {
    const { client } = makePair({ server: { initialMaxData: 100 } })
    client.set.open('unidirectional')?.send?.write(pattern(300))
    client.packet()
    const blocked = client.packet()
    expect(blocked.frames).toEqual([{ type: FrameType.dataBlocked, limit: 100 }])
    blocked.lost()
    const again = client.packet()
    expect(again.frames).toEqual([{ type: FrameType.dataBlocked, limit: 100 }])
    client.set.onMaxData({ type: FrameType.maxData, maximum: 1000 })
    again.lost()
    expect(framesOf(client.flush()).map((frame) => frame.type)).toEqual([FrameType.stream])
  })

  test('bytes lost are sent again without credit of the connection', () => {
    const { client } = makePair({ server: { initialMaxData: 1000 } })
    const stream = client.set.open('unidirectional')
    stream?.send?.write(pattern(2000))
    const [packet] = client.flush()
    packet?.lost()
    expect(client.packet().frames).toMatchObject([{ type: FrameType.stream, offset: 0, length: 1000 }])
  })

  test('urgent streams go first, incremental ones share', () => {
    const { client } = makePair()
    const ids = [0, 1, 2, 3].map(() => {
      const stream = client.set.open('bidirectional')
      stream?.send?.write(pattern(3000))
      return stream
    })
    for (const index of [2, 3]) {
      const stream = ids[index]
      if (stream !== undefined) stream.priority = { urgency: 1, incremental: true }
    }
    const order = framesOf(client.flush(0, 1100)).flatMap((frame) =>
      frame.type === FrameType.stream ? [frame.streamId] : [],
    )
    expect(order.filter((id, index) => id !== order[index - 1])).toEqual([8, 12, 8, 12, 8, 12, 0, 4])
    const last = ids[3]
    expect(() => {
      if (last !== undefined) last.priority = { urgency: 8, incremental: false }
    }).toThrow(RangeError)
  })

  test('an urgent stream with new bytes goes before the lost ones of another', () => {
    const { client } = makePair()
    const [slow, fast] = [client.set.open('bidirectional'), client.set.open('bidirectional')]
    slow?.send?.write(pattern(1000))
    const packet = client.packet()
    if (fast !== undefined) fast.priority = { urgency: 0, incremental: false }
    fast?.send?.write(pattern(100))
    packet.lost()
    expect(client.packet().frames).toMatchObject([{ streamId: 4 }, { streamId: 0 }])
  })

  test('a frame that does not fit waits for the next packet, control frames too', () => {
    const { client } = makePair()
    const stream = client.set.open('bidirectional')
    stream?.receive?.stop(2n ** 60n)
    stream?.send?.reset(2n ** 60n)
    const small = client.packet(0, 12)
    expect(small.frames.length).toBe(1)
    expect(client.set.wantsToSendControl).toBe(true)
    expect(client.packet(0, 12).frames.length).toBe(1)
    expect(client.set.wantsToSend).toBe(false)
    expect(client.packet(0, 0).frames).toEqual([])
  })

  test('no packet of whatever size is overrun', () => {
    for (let size = 0; size < 100; size++) {
      const { client } = makePair()
      for (let i = 0; i < 3; i++) client.set.open('bidirectional')?.send?.write(pattern(40))
      client.set.get(4)?.send?.finish()
      client.packet(0, size)
      client.set.checkInvariants()
    }
  })
})

describe('the end', () => {
  test('a stream leaves when both halves have ended, and frames for it are of no consequence', () => {
    const { client, server } = makePair()
    const stream = client.set.open('bidirectional')
    stream?.send?.write(pattern(100))
    stream?.send?.finish()
    settle(client, server)
    const remote = server.set.get(0)
    expect(remote?.receive?.read(new Uint8Array(200))).toBe(100)
    remote?.send?.write(pattern(50))
    remote?.send?.finish()
    expect([client.set.count, server.set.count]).toEqual([1, 1])
    settle(client, server)
    expect([client.set.count, server.set.count]).toEqual([1, 0])
    expect(stream?.receive?.read(new Uint8Array(200))).toBe(50)
    expect(client.set.count).toBe(0)
    for (const frame of Object.values(about)) {
      receiveFrame(client.set, frame(0))
      receiveFrame(server.set, frame(0))
    }
    expect([client.set.count, server.set.count, client.set.get(0)]).toEqual([0, 0, undefined])
    expect(client.takeTypes()).toEqual(['stream-send-finished', 'stream-readable'])
    expect(server.takeTypes()).toEqual(['stream-opened', 'stream-readable', 'stream-send-finished'])
    // The object stays good for whoever holds it.
    expect([stream?.receive?.read(new Uint8Array(1)), stream?.send?.state]).toEqual([-1, 'dataReceived'])
  })

  //= rfc9000#4.4-p3-1
  test('a reset ends one direction; the other goes on with its credit', () => {
    const { client, server } = makePair({ client: { initialMaxStreamDataBidiLocal: 1000, maxReceiveWindow: 1000 } })
    const stream = client.set.open('bidirectional')
    stream?.send?.reset(1n)
    settle(client, server)
    const remote = server.set.get(0)?.send
    const got: number[] = []
    for (let written = 0; written < 5000; ) {
      written += remote?.write(pattern(5000 - written, written)) ?? 0
      settle(client, server)
      const into = new Uint8Array(1000)
      const length = stream?.receive?.read(into) ?? 0
      got.push(...into.subarray(0, length))
    }
    for (let i = 0; i < 10; i++) {
      settle(client, server)
      const into = new Uint8Array(1000)
      got.push(...into.subarray(0, Math.max(0, stream?.receive?.read(into) ?? 0)))
    }
    expect(Uint8Array.from(got)).toEqual(pattern(5000))
  })

  test('closing drops everything at once: nothing is sent, nothing told, calls throw with the cause', () => {
    const { client, server } = makePair()
    const stream = client.set.open('bidirectional')
    stream?.send?.write(pattern(10_000))
    const remote = server.set.open('bidirectional')
    remote?.send?.write(pattern(10))
    for (const packet of server.flush()) client.receive(packet)
    const packets = [client.packet(), client.packet()]
    client.set.get(1)?.receive?.stop(0n)
    client.takeEvents()
    const cause = new Error('Lost in the woods')
    client.set.close(cause)
    client.set.close(new Error('Another'))
    expect([client.set.count, client.set.queuedBytes, client.set.wantsToSend]).toEqual([0, 0, false])
    for (const packet of packets) {
      packet.lost()
      packet.acked()
    }
    receiveFrame(client.set, about.STREAM(1))
    receiveFrame(client.set, about.STOP_SENDING(0))
    receiveFrame(client.set, { type: FrameType.maxData, maximum: 1e9 })
    receiveFrame(client.set, { type: FrameType.maxStreamsBidi, maximum: 1e9 })
    expect([client.flush(), client.takeEvents(), client.set.nextTimeout()]).toEqual([[], [], NEVER])
    const calls = [
      () => stream?.send?.write(pattern(1)),
      () => stream?.send?.finish(),
      () => stream?.receive?.read(new Uint8Array(1)),
      () => client.set.open('bidirectional'),
    ]
    for (const call of calls) {
      expect(call).toThrow(StreamClosedError)
      expect(call).toThrow(expect.objectContaining({ reason: 'connection', cause }))
    }
    stream?.send?.reset(0n)
    stream?.receive?.stop(0n)
    expect(client.set.wantsToSend).toBe(false)
  })
})

describe('changes at run time', () => {
  test('more streams may be opened at once', () => {
    const { client, server } = makePair({ server: { maxIncomingBidirectionalStreams: 1 } })
    expect([client.set.open('bidirectional')?.id, client.set.open('bidirectional')]).toEqual([0, undefined])
    server.set.configure({ maxIncomingBidirectionalStreams: 5, maxIncomingUnidirectionalStreams: 500 })
    settle(client, server)
    expect(client.takeTypes()).toEqual(['streams-available'])
    expect(Array.from({ length: 5 }, () => client.set.open('bidirectional')?.id)).toEqual([4, 8, 12, 16, undefined])
  })

  test('windows grow to the new maximum, of open streams and of the connection', () => {
    const limits = { initialMaxData: 1000, initialMaxStreamDataUni: 1000, maxReceiveWindow: 1000 }
    const { client, server } = makePair({ server: limits })
    const send = client.set.open('unidirectional')?.send
    let now = 0
    const round = (): number => {
      send?.write(pattern(20_000))
      for (const packet of client.flush(now)) server.receive(packet, now)
      const length = server.set.get(2)?.receive?.read(new Uint8Array(20_000)) ?? 0
      now += 1
      for (const packet of server.flush(now)) client.receive(packet, now)
      return length
    }
    expect([round(), round(), round()]).toEqual([1000, 1000, 1000])
    server.set.configure({ maxReceiveWindow: 4000 })
    expect([round(), round(), round(), round()]).toEqual([1000, 2000, 4000, 4000])
  })
})

describe('churn', () => {
  /** A client opens `count` streams and `act` ends each of them; the most streams that either side kept is returned. */
  function churn(count: number, act: (client: Side, server: Side, index: number) => void): number {
    const { client, server } = makePair()
    let most = 0
    let now = 0
    for (let index = 0; index < count; index++) {
      act(client, server, index)
      settle(client, server, now)
      while (server.set.nextTimeout() <= now + 1000 && client.takeTypes().includes('streams-available') === false) {
        now = server.set.nextTimeout()
        server.set.onTimeout(now)
        settle(client, server, now)
      }
      server.takeEvents()
      most = Math.max(most, client.set.count, server.set.count)
    }
    client.set.checkInvariants()
    server.set.checkInvariants()
    expect([client.set.count, server.set.count, client.set.queuedBytes]).toEqual([0, 0, 0])
    return most
  }

  const into = new Uint8Array(64)
  const message = pattern(20)

  test('10^5 short streams, finished or reset, leave nothing behind', () => {
    const most = churn(100_000, (client, server, index) => {
      const stream = client.set.open(index % 3 === 0 ? 'unidirectional' : 'bidirectional')
      if (stream?.send === undefined) throw new Error(`Stream ${index} was not opened`)
      stream.send.write(message)
      if (index % 2 === 0) stream.send.finish()
      settle(client, server)
      if (index % 2 === 1) stream.send.reset(1n)
      settle(client, server)
      const remote = server.set.get(stream.id)
      if (index % 2 === 0) expect(remote?.receive?.read(into)).toBe(20)
      remote?.send?.reset(2n)
    })
    expect(most).toBe(0)
  })

  test('streams opened and reset at once by the peer come at a bounded rate', () => {
    const server = new Side('server')
    let opened = 0
    let now = 0
    let limit = 100
    // An attacker: each stream is opened, reset and stopped in one packet, as fast as credit comes, for a second.
    while (now < 1000) {
      for (; opened < limit; opened++) {
        receiveFrame(server.set, about.RESET_STREAM(opened * 4), now)
        receiveFrame(server.set, about.STOP_SENDING(opened * 4), now)
      }
      for (const packet of server.flush(now)) {
        for (const frame of packet.frames) if (frame.type === FrameType.maxStreamsBidi) limit = frame.maximum
        packet.acked(now)
      }
      server.takeEvents()
      expect(server.set.count).toBe(0)
      now += 0.5
      if (server.set.nextTimeout() <= now) server.set.onTimeout(now)
    }
    expect(opened).toBeGreaterThan(5000)
    expect(opened).toBeLessThan(12_000)
  })

  test('streams that are only opened cost no more than the limit', () => {
    const server = new Side('server')
    receiveFrame(server.set, about.STREAM_DATA_BLOCKED(4 * 99))
    expect([server.set.count, server.takeEvents().length]).toEqual([100, 100])
    expect(server.flush()).toEqual([])
  })
})
