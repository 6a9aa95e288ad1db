import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { type DatagramFrame, FrameType } from '../wire/frame.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { type DatagramEvent, DatagramQueue } from './datagram-queue.ts'
import { type DatagramOptions, datagramSettings } from './datagram-settings.ts'
import { pattern, TestPacket } from './packets.fixtures.ts'

interface Setup extends DatagramOptions {
  readonly peerLimit?: number
  readonly maxFrameSize?: number
}

/** A queue that a peer with `peerLimit` is known to, on a path whose packets have room for 1,200 bytes. */
function make({ peerLimit = 65_535, maxFrameSize = 65_535, ...settings }: Setup = {}): {
  queue: DatagramQueue
  events: DatagramEvent[]
  path: { room: number }
} {
  const events: DatagramEvent[] = []
  const path = { room: 1200 }
  const queue = new DatagramQueue({
    maxFrameSize,
    settings: datagramSettings(settings),
    room: () => path.room,
    emit: (event) => events.push(event),
  })
  queue.onPeerParameters({ maxDatagramFrameSize: peerLimit })
  return { queue, events, path }
}

/** The datagrams in a packet. */
function payloads(packet: TestPacket): Uint8Array[] {
  return packet.frames.map((frame) => {
    if (frame.type !== FrameType.datagram) throw new Error(`Frame ${frame.type}`)
    return frame.buffer.slice(frame.start, frame.start + frame.length)
  })
}

/** One packet with what is to be sent. */
function packetOf(queue: DatagramQueue, now = 0, size = 1200): TestPacket {
  const packet = new TestPacket(size)
  queue.writeFrames(packet, now)
  return packet
}

/** A frame as it is received. */
function frameOf(bytes: Uint8Array): DatagramFrame {
  return { type: FrameType.datagram, buffer: bytes, start: 0, length: bytes.length }
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('Datagrams to be sent', () => {
  test('leave in order, as many as fit, and their bytes may be used again at once', () => {
    const { queue } = make()
    const own = bytes(1, 2)
    queue.send(own, undefined, 0)
    own.fill(9)
    queue.send(bytes(), undefined, 0)
    queue.send(pattern(1195), undefined, 0)
    queue.send(bytes(3), undefined, 0)
    expect(payloads(packetOf(queue))).toEqual([bytes(1, 2), bytes()])
    expect(payloads(packetOf(queue))).toEqual([pattern(1195)])
    expect(payloads(packetOf(queue))).toEqual([bytes(3)])
    expect(queue.wantsToSend).toBe(false)
  })

  test('are copied from the Buffers of Node as well, whose slices share memory', () => {
    class Shared extends Uint8Array<ArrayBuffer> {
      override slice(start?: number, end?: number): Shared {
        return this.subarray(start, end) as Shared
      }
    }
    const { queue } = make()
    const own = Shared.of(1, 2)
    queue.send(own, undefined, 0)
    own.fill(9)
    expect(payloads(packetOf(queue)).map((each) => [...each])).toEqual([[1, 2]])
  })

  //= rfc9221#3-p3-2
  test.each([
    [65_535, 1200, 1197],
    [1200, 1200, 1197],
    [100, 1200, 97],
    [66, 1200, 63],
    [65, 1200, 63],
    [3, 1200, 1],
    [2, 1200, 0],
    [1, 1200, 0],
    [0, 1200, 0],
    [65_535, 20, 18],
    [65_535, 30_000, 29_995],
  ])('are no longer than the peer’s %i bytes and a packet’s %i allow: %i', (peerLimit, room, limit) => {
    const { queue, path } = make({ peerLimit })
    path.room = room
    expect(queue.maxDatagramSize).toBe(limit)
    expect(() => queue.send(new Uint8Array(limit + 1), undefined, 0)).toThrow(RangeError)
    if (peerLimit < 2) return
    queue.send(pattern(limit), undefined, 0)
    expect(payloads(packetOf(queue, 0, room))).toEqual([pattern(limit)])
  })

  test('name the limit where they are too large', () => {
    const { queue } = make()
    expect(() => queue.send(new Uint8Array(1198), undefined, 0)).toThrow(
      'A datagram must have at most 1197 bytes, got 1198',
    )
    expect(() => make({ peerLimit: 0 }).queue.send(bytes(1), undefined, 0)).toThrow('The peer takes no datagrams')
  })

  //= rfc9221#3-p3-1
  test('wait until the peer has said that it takes them, and are dropped where it does not', () => {
    const { queue } = make()
    const fresh = new DatagramQueue({ maxFrameSize: 0, settings: queue.settings, room: () => 1200, emit: () => {} })
    expect([fresh.isSupported, fresh.maxDatagramSize]).toEqual([undefined, 1197])
    const message = fresh.send(bytes(1), undefined, 0)
    expect(fresh.wantsToSend).toBe(false)
    expect(payloads(packetOf(fresh))).toEqual([])
    fresh.onPeerParameters({ maxDatagramFrameSize: 0 })
    expect([fresh.isSupported, message.status, fresh.stats(0).droppedOutgoing]).toEqual([false, 'dropped', 1])
    expect(fresh.nextTimeout()).toBe(NEVER)
  })

  test('push the oldest out where the queue is full', () => {
    const { queue } = make({ outgoingHighWaterMark: 3 })
    const messages = [1, 2, 3, 4, 5].map((value) => queue.send(bytes(value), undefined, 0))
    expect(messages.map(({ status }) => status)).toEqual(['dropped', 'dropped', 'queued', 'queued', 'queued'])
    expect(payloads(packetOf(queue))).toEqual([bytes(3), bytes(4), bytes(5)])
    expect(queue.stats(0)).toMatchObject({ droppedOutgoing: 2, sent: 3 })
  })

  test('expire at their own age, or at that of the queue', () => {
    const { queue } = make({ outgoingMaxAge: 100 })
    const messages = [undefined, 30, 200, 50].map((age) => queue.send(bytes(1), age, 10))
    const states: unknown[] = []
    for (let at = queue.nextTimeout(); at !== NEVER; at = queue.nextTimeout()) {
      queue.onTimeout(at - 1)
      queue.onTimeout(at)
      states.push([at, ...messages.map(({ status }) => (status === 'expired' ? 'x' : '·'))].join(' '))
    }
    expect(states).toEqual(['40 · x · ·', '60 · x · x', '110 x x · x', '210 x x x x'])
    expect([queue.stats(0).expiredOutgoing, queue.queued]).toEqual([4, 0])
  })

  test('expire after five seconds where nobody says', () => {
    const { queue } = make()
    queue.send(bytes(1), undefined, 7)
    expect(queue.nextTimeout()).toBe(5007)
    expect(payloads(packetOf(queue, 5007))).toEqual([])
  })

  test('count their age from the write that they waited with', () => {
    const { queue } = make({ outgoingMaxAge: 10 })
    expect(queue.send(bytes(1), undefined, 20, 5).status).toBe('expired')
    expect(queue.send(bytes(1), undefined, 20, 15).status).toBe('queued')
    expect(queue.nextTimeout()).toBe(25)
  })

  test('give way where the path has become too narrow for them', () => {
    const { queue, path } = make()
    const large = queue.send(new Uint8Array(1100), undefined, 0)
    queue.send(bytes(1), undefined, 0)
    path.room = 500
    expect(payloads(packetOf(queue, 0, 500))).toEqual([bytes(1)])
    expect(large.status).toBe('dropped')
  })

  test('wait for the next packet where this one is nearly full', () => {
    const { queue } = make()
    const message = queue.send(new Uint8Array(1100), undefined, 0)
    expect(payloads(packetOf(queue, 0, 900))).toEqual([])
    expect([message.status, queue.wantsToSend]).toEqual(['queued', true])
  })

  test('follow new lengths and ages at once', () => {
    const { queue } = make()
    const messages = [0, 0, 50].map((at) => queue.send(bytes(1), undefined, at))
    queue.configure(datagramSettings({ outgoingHighWaterMark: 2, outgoingMaxAge: 40 }), 60)
    expect(messages.map(({ status }) => status)).toEqual(['dropped', 'expired', 'queued'])
    expect(queue.nextTimeout()).toBe(90)
  })

  test('tell of room once, if that was asked for', () => {
    const { queue, events } = make({ outgoingHighWaterMark: 1 })
    queue.send(bytes(1), undefined, 0)
    expect(queue.hasRoom).toBe(false)
    packetOf(queue)
    expect(events).toEqual([])
    queue.send(bytes(1), 5, 0)
    queue.wantRoom()
    queue.onTimeout(5)
    queue.onTimeout(6)
    expect(events).toEqual([{ type: 'datagram-writable' }])
  })
})

describe('Datagrams that were sent', () => {
  test('are acked or lost, each on its own, and never sent again', () => {
    const { queue } = make()
    const messages = [1, 2].map((value) => queue.send(bytes(value), undefined, 0))
    const [first, second] = [packetOf(queue, 0, 3), packetOf(queue, 0, 3)]
    expect(messages.map(({ status }) => status)).toEqual(['sent', 'sent'])
    first.lost()
    first.lost()
    second.acked()
    expect(messages.map(({ status }) => status)).toEqual(['lost', 'acked'])
    expect(queue.wantsToSend).toBe(false)
    expect(queue.stats(0)).toMatchObject({ sent: 2, lostOutgoing: 1, delivered: 1 })
    expect([queue.bytesSent, queue.bytesDelivered]).toEqual([2, 1])
  })

  test('may turn out not to be lost', () => {
    const { queue } = make()
    const message = queue.send(bytes(1), undefined, 0)
    const packet = packetOf(queue)
    packet.lost()
    packet.acked()
    packet.lost()
    expect([message.status, queue.stats(0).lostOutgoing, queue.stats(0).delivered]).toEqual(['acked', 1, 1])
  })

  test('tell what became of them only where that was asked for', () => {
    const { queue, events } = make()
    const [silent, told] = [queue.send(bytes(1), undefined, 0), queue.send(bytes(2), undefined, 0)]
    told.wantsNotice = true
    const packet = packetOf(queue)
    packet.lost()
    packet.acked()
    expect(events).toEqual([{ type: 'datagram-settled', datagram: told }])
    expect(silent.status).toBe('acked')
  })

  test('are lost with the connection, and those that wait are dropped', () => {
    const { queue } = make()
    const sent = queue.send(bytes(1), undefined, 0)
    packetOf(queue)
    const waiting = queue.send(bytes(2), undefined, 0)
    queue.close()
    queue.close()
    expect([sent.status, waiting.status, queue.send(bytes(3), undefined, 0).status]).toEqual([
      'lost',
      'dropped',
      'dropped',
    ])
    expect([queue.nextTimeout(), queue.wantsToSend]).toEqual([NEVER, false])
  })
})

describe('Datagrams that arrive', () => {
  test('are read in order, and announced once until there are none', () => {
    const { queue, events } = make()
    queue.onDatagram(frameOf(bytes(1)), 3, 0)
    queue.onDatagram(frameOf(bytes()), 2, 0)
    expect(events).toEqual([{ type: 'datagram-readable' }])
    expect([queue.read(0), queue.read(0), queue.read(0)]).toEqual([bytes(1), bytes(), undefined])
    queue.onDatagram(frameOf(bytes(2)), 3, 0)
    expect(events).toHaveLength(2)
  })

  test('own their bytes', () => {
    const { queue } = make()
    const buffer = bytes(0, 1, 2, 3)
    queue.onDatagram({ type: FrameType.datagram, buffer, start: 1, length: 2 }, 4, 0)
    buffer.fill(9)
    expect(queue.read(0)).toEqual(bytes(1, 2))
  })

  test('push the oldest out where nobody reads', () => {
    const { queue } = make({ incomingHighWaterMark: 2 })
    for (const value of [1, 2, 3, 4]) queue.onDatagram(frameOf(bytes(value)), 3, 0)
    expect([queue.read(0), queue.read(0), queue.read(0)]).toEqual([bytes(3), bytes(4), undefined])
    expect(queue.stats(0)).toMatchObject({ received: 4, droppedIncoming: 2 })
  })

  test('take no more than four megabytes, however large they are', () => {
    const { queue } = make()
    for (let count = 0; count < 100; count++) queue.onDatagram(frameOf(new Uint8Array(65_000)), 65_005, 0)
    expect([queue.readable, queue.stats(0).droppedIncoming]).toEqual([64, 36])
  })

  test('are not read once they are too old', () => {
    const { queue } = make({ incomingMaxAge: 10 })
    queue.onDatagram(frameOf(bytes(1)), 3, 0)
    queue.onDatagram(frameOf(bytes(2)), 3, 5)
    expect(queue.read(11)).toEqual(bytes(2))
    queue.onDatagram(frameOf(bytes(3)), 3, 12)
    expect(queue.stats(30)).toMatchObject({ expiredIncoming: 2, droppedIncoming: 0 })
    expect(queue.read(30)).toBe(undefined)
  })

  //= rfc9221#3-p3-3
  //= rfc9221#3-p3-4
  test.each([
    [0, 0, 1, false],
    [0, 5, 7, false],
    [10, 9, 10, true],
    [10, 8, 10, true],
    [10, 9, 11, false],
    [10, 2, 11, false],
  ])(
    'are a violation beyond our limit: limit %i, %i bytes in a frame of %i',
    (maxFrameSize, length, size, isAllowed) => {
      const { queue } = make({ maxFrameSize })
      const receive = (): void => queue.onDatagram(frameOf(new Uint8Array(length)), size, 0)
      if (isAllowed) return expect(receive).not.toThrow()
      expect(receive).toThrow(expect.objectContaining({ code: TransportErrorCode.PROTOCOL_VIOLATION }))
      expect(receive).toThrow(TransportError)
    },
  )

  test('can be read after the end of the connection, and none comes any more', () => {
    const { queue } = make()
    queue.onDatagram(frameOf(bytes(1)), 3, 0)
    queue.close()
    queue.onDatagram(frameOf(bytes(2)), 3, 0)
    expect([queue.read(0), queue.read(0)]).toEqual([bytes(1), undefined])
  })
})

describe('Lengths and ages', () => {
  test.each([
    [{ incomingHighWaterMark: 0 }, RangeError],
    [{ incomingHighWaterMark: 1.5 }, RangeError],
    [{ outgoingHighWaterMark: 2 ** 32 }, RangeError],
    [{ outgoingHighWaterMark: '3' }, TypeError],
    [{ incomingMaxAge: -1 }, RangeError],
    [{ outgoingMaxAge: Number.NaN }, RangeError],
    [{ outgoingMaxAge: '3' }, TypeError],
    [{ incomingMaxage: 3 }, TypeError],
    [3, TypeError],
  ])('are refused: %o', (options, error) => {
    expect(() => datagramSettings(options as DatagramOptions)).toThrow(error)
  })

  test('of 0 ms are none, and what is left out stays', () => {
    const base = datagramSettings({ incomingMaxAge: 5, outgoingHighWaterMark: 7 })
    expect(datagramSettings({ incomingMaxAge: 0, outgoingMaxAge: 9, outgoingHighWaterMark: undefined }, base)).toEqual({
      incomingHighWaterMark: 1024,
      outgoingHighWaterMark: 7,
      incomingMaxAge: undefined,
      outgoingMaxAge: 9,
    })
  })
})

test('Whatever happens, every datagram has one fate and the counts agree', () => {
  const step = fc.oneof(
    fc.record({
      act: fc.constant('send' as const),
      size: fc.nat(300),
      age: fc.option(fc.integer({ min: 1, max: 90 })),
    }),
    fc.record({ act: fc.constant('packet' as const), size: fc.integer({ min: 3, max: 1200 }) }),
    fc.record({ act: fc.constantFrom('acked' as const, 'lost' as const), which: fc.nat(20) }),
    fc.record({ act: fc.constant('pass' as const), time: fc.nat(40) }),
    fc.record({ act: fc.constant('narrow' as const), room: fc.integer({ min: 100, max: 1200 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { queue, path } = make({ outgoingHighWaterMark: 6, outgoingMaxAge: 60 })
      const messages: ReturnType<DatagramQueue['send']>[] = []
      const packets: TestPacket[] = []
      let now = 0
      for (const each of steps) {
        if (each.act === 'send' && each.size <= queue.maxDatagramSize) {
          messages.push(queue.send(new Uint8Array(each.size), each.age ?? undefined, now))
        } else if (each.act === 'packet') packets.push(packetOf(queue, now, Math.min(each.size, path.room)))
        else if (each.act === 'acked') packets[each.which]?.acked()
        else if (each.act === 'lost') packets[each.which]?.lost()
        else if (each.act === 'narrow') path.room = each.room
        else if (each.act === 'pass') {
          now += each.time
          if (queue.nextTimeout() <= now) queue.onTimeout(now)
        }
        queue.checkInvariants()
      }
      const of = (status: string): number => messages.filter((message) => message.status === status).length
      const stats = queue.stats(now)
      expect(of('queued')).toBe(queue.queued)
      expect(of('sent') + of('acked') + of('lost')).toBe(stats.sent)
      expect([of('expired'), of('dropped'), of('acked')]).toEqual([
        stats.expiredOutgoing,
        stats.droppedOutgoing,
        stats.delivered,
      ])
      expect(of('lost')).toBeLessThanOrEqual(stats.lostOutgoing)
    }),
  )
})
