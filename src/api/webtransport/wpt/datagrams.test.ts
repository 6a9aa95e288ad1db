/** Datagrams as streams (W3C WebTransport §4, §5). */
import { describe, expect, test } from 'vitest'
import { rejection } from '../../pipe.fixtures.ts'
import { WebTransportDatagramDuplexStream } from '../datagrams.ts'
import { WebTransportDatagramsWritable } from '../datagrams-writable.ts'
import { echo, SessionStage } from '../stage.fixtures.ts'

/** Up to `count` datagrams, as they come. */
async function take(readable: ReadableStream<Uint8Array>, count: number): Promise<Uint8Array[]> {
  const reader = readable.getReader()
  const taken: Uint8Array[] = []
  while (taken.length < count) {
    const { done, value } = await reader.read()
    if (done) break
    taken.push(value)
  }
  reader.releaseLock()
  return taken
}

test('datagrams come back', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const { datagrams } = session
  expect(datagrams).toBeInstanceOf(WebTransportDatagramDuplexStream)
  const writable = datagrams.createWritable()
  expect(writable).toBeInstanceOf(WebTransportDatagramsWritable)
  const writer = writable.getWriter()
  const sent = Array.from({ length: 5 }, (_, index) => new Uint8Array([index, 1]))
  await stage.environment.until(Promise.all(sent.map((datagram) => writer.write(datagram))))
  expect(await stage.environment.until(take(datagrams.readable, 5))).toEqual(sent)
  session.close()
})

test('an empty datagram is one', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  await stage.environment.until(session.datagrams.createWritable().getWriter().write(new Uint8Array(0)))
  expect(await stage.environment.until(take(session.datagrams.readable, 1))).toEqual([new Uint8Array(0)])
})

test('the writable of before is always the same', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const { datagrams } = session
  expect(datagrams.writable).toBe(datagrams.writable)
  await stage.environment.until(datagrams.writable.getWriter().write(new Uint8Array([5])))
  expect(await stage.environment.until(take(datagrams.readable, 1))).toEqual([new Uint8Array([5])])
})

test('what is written before the session is established is sent then', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = stage.begin()
  const writer = session.datagrams.createWritable().getWriter()
  for (const byte of [1, 2, 3]) void writer.write(new Uint8Array([byte]))
  expect(await stage.environment.until(take(session.datagrams.readable, 3))).toEqual(
    [1, 2, 3].map((b) => new Uint8Array([b])),
  )
})

test('what was written before the writable is closed is sent', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = stage.begin()
  const writer = session.datagrams.createWritable().getWriter()
  void writer.write(new Uint8Array([9]))
  await writer.close()
  expect(await stage.environment.until(take(session.datagrams.readable, 1))).toEqual([new Uint8Array([9])])
})

test('the longest datagram arrives, and a longer one is dropped without a word', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const { maxDatagramSize } = session.datagrams
  expect(maxDatagramSize).toBeGreaterThan(1000)
  const writer = session.datagrams.createWritable().getWriter()
  await stage.environment.until(writer.write(new Uint8Array(maxDatagramSize + 1)))
  await stage.environment.until(writer.write(new Uint8Array(maxDatagramSize).fill(7)))
  const [first] = await stage.environment.until(take(session.datagrams.readable, 1))
  expect(first).toEqual(new Uint8Array(maxDatagramSize).fill(7))
})

describe('ages and lengths', () => {
  test('have their defaults, and take what W3C lets them', async () => {
    const { datagrams } = new SessionStage().begin()
    expect(datagrams.incomingMaxAge).toBeNull()
    expect(datagrams.outgoingMaxAge).toBeNull()
    for (const name of ['incomingMaxAge', 'outgoingMaxAge'] as const) {
      datagrams[name] = 5
      expect(datagrams[name]).toBe(5)
      datagrams[name] = 0
      expect(datagrams[name]).toBeNull()
      datagrams[name] = Infinity
      expect(datagrams[name]).toBe(Infinity)
      datagrams[name] = null
      expect(datagrams[name]).toBeNull()
      for (const wrong of [-1, Number.NaN, -Infinity]) {
        expect(() => {
          datagrams[name] = wrong
        }).toThrow(RangeError)
      }
    }
    for (const name of ['incomingMaxBufferedDatagrams', 'outgoingMaxBufferedDatagrams'] as const) {
      expect(datagrams[name]).toBeGreaterThanOrEqual(1)
      datagrams[name] = 0
      expect(datagrams[name]).toBe(1)
      datagrams[name] = 0.5
      expect(datagrams[name]).toBe(1)
      datagrams[name] = 12
      expect(datagrams[name]).toBe(12)
    }
    datagrams.incomingHighWaterMark = 3
    datagrams.outgoingHighWaterMark = 4
    expect([datagrams.incomingMaxBufferedDatagrams, datagrams.outgoingMaxBufferedDatagrams]).toEqual([3, 4])
  })

  test('the oldest of too many that nobody reads are dropped, and counted', async () => {
    const stage = new SessionStage()
    const { session, peer } = await stage.connected()
    session.datagrams.incomingMaxBufferedDatagrams = 2
    const writer = peer.datagrams.createWritable().getWriter()
    for (const byte of [1, 2, 3, 4]) await stage.environment.until(writer.write(new Uint8Array([byte])))
    await stage.environment.pass(50)
    expect(await stage.environment.until(take(session.datagrams.readable, 2))).toEqual(
      [3, 4].map((b) => new Uint8Array([b])),
    )
    expect((await session.getStats()).datagrams.droppedIncoming).toBe(2)
  })

  test('what is too old is not read, and counted', async () => {
    const stage = new SessionStage()
    const { session, peer } = await stage.connected()
    session.datagrams.incomingMaxAge = 50
    const writer = peer.datagrams.createWritable().getWriter()
    await stage.environment.until(writer.write(new Uint8Array([1])))
    await stage.environment.pass(100)
    await stage.environment.until(writer.write(new Uint8Array([2])))
    expect(await stage.environment.until(take(session.datagrams.readable, 1))).toEqual([new Uint8Array([2])])
    expect((await session.getStats()).datagrams.expiredIncoming).toBe(1)
  })

  test('what is too old before the session is established is not sent, and counted', async () => {
    const stage = new SessionStage()
    const server = await stage.listen()
    const incoming = server.incoming.getReader()
    const session = stage.begin()
    session.datagrams.outgoingMaxAge = 100
    const writer = session.datagrams.createWritable().getWriter()
    const { value: request } = await stage.environment.until(incoming.read())
    await writer.write(new Uint8Array([1]))
    await stage.environment.pass(200)
    await writer.write(new Uint8Array([2]))
    const peer = request?.accept()
    if (peer === undefined) throw new Error('No request')
    expect(await stage.environment.until(take(peer.datagrams.readable, 1))).toEqual([new Uint8Array([2])])
    expect((await session.getStats()).datagrams.expiredOutgoing).toBe(1)
  })

  test('a writer waits where its queue is full', async () => {
    const stage = new SessionStage()
    const session = stage.begin()
    session.datagrams.outgoingMaxBufferedDatagrams = 3
    const writer = session.datagrams.createWritable().getWriter()
    await writer.write(new Uint8Array(1))
    await writer.write(new Uint8Array(1))
    let isSettled = false
    void writer.write(new Uint8Array(1)).then(() => {
      isSettled = true
    })
    await stage.environment.pass(0)
    expect(isSettled).toBe(false)
    session.datagrams.outgoingMaxBufferedDatagrams = 4
    await stage.environment.pass(0)
    expect(isSettled).toBe(true)
    session.close()
  })
})

describe('a readable of bytes', () => {
  test('gives each datagram to a read of its own', async () => {
    const stage = new SessionStage({ client: { datagramsReadableType: 'bytes' } })
    await stage.serve(echo)
    const session = await stage.connect()
    const writer = session.datagrams.createWritable().getWriter()
    for (const length of [3, 0, 5]) await stage.environment.until(writer.write(new Uint8Array(length).fill(length)))
    const reader = session.datagrams.readable.getReader({ mode: 'byob' })
    const first = await stage.environment.until(reader.read(new Uint8Array(100)))
    expect(first.value).toEqual(new Uint8Array([3, 3, 3]))
    const second = await stage.environment.until(reader.read(new Uint8Array(100)))
    expect(second.value, 'an empty one is lost').toEqual(new Uint8Array(5).fill(5))
    const reading = reader.read(new Uint8Array(100))
    session.close()
    expect(await stage.environment.until(reading)).toMatchObject({ done: true })
  })

  test('fails where the buffer is too short', async () => {
    const stage = new SessionStage({ client: { datagramsReadableType: 'bytes' } })
    await stage.serve(echo)
    const session = await stage.connect()
    await stage.environment.until(session.datagrams.createWritable().getWriter().write(new Uint8Array(10)))
    const reader = session.datagrams.readable.getReader({ mode: 'byob' })
    expect(await stage.environment.until(rejection(reader.read(new Uint8Array(9))))).toBeInstanceOf(RangeError)
  })

  test('serves a reader without buffers as well', async () => {
    const stage = new SessionStage({ client: { datagramsReadableType: 'bytes' } })
    await stage.serve(echo)
    const session = await stage.connect()
    await stage.environment.until(
      session.datagrams
        .createWritable()
        .getWriter()
        .write(new Uint8Array([4, 2])),
    )
    expect(await stage.environment.until(take(session.datagrams.readable, 1))).toEqual([new Uint8Array([4, 2])])
  })
})

describe('order', () => {
  test('of two writables that wait, that of the higher order goes first', async () => {
    const stage = new SessionStage()
    await stage.serve(echo)
    const session = stage.begin()
    const low = session.datagrams.createWritable({ sendOrder: 1 })
    const high = session.datagrams.createWritable({ sendOrder: 2 })
    expect([low.sendOrder, high.sendOrder, low.sendGroup]).toEqual([1, 2, null])
    const [lower, higher] = [low.getWriter(), high.getWriter()]
    for (const byte of [1, 2]) void lower.write(new Uint8Array([byte]))
    for (const byte of [11, 12]) void higher.write(new Uint8Array([byte]))
    const order = (await stage.environment.until(take(session.datagrams.readable, 4))).map(([byte]) => byte)
    expect(order).toEqual([11, 12, 1, 2])
  })

  test('groups take turns', async () => {
    const stage = new SessionStage()
    await stage.serve(echo)
    const session = stage.begin()
    const one = session.datagrams.createWritable({ sendGroup: session.createSendGroup(), sendOrder: 100 })
    const other = session.datagrams.createWritable({ sendGroup: session.createSendGroup() })
    const [first, second] = [one.getWriter(), other.getWriter()]
    for (const byte of [1, 2]) void first.write(new Uint8Array([byte]))
    for (const byte of [11, 12]) void second.write(new Uint8Array([byte]))
    const order = (await stage.environment.until(take(session.datagrams.readable, 4))).map(([byte]) => byte)
    expect(order).toEqual([1, 11, 2, 12])
  })

  test('a group of another session is refused', async () => {
    const stage = new SessionStage()
    const session = stage.begin()
    const foreign = new SessionStage().begin().createSendGroup()
    expect(() => session.datagrams.createWritable({ sendGroup: foreign })).toThrow(TypeError)
    const writable = session.datagrams.createWritable()
    expect(() => {
      writable.sendGroup = foreign
    }).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
    const own = session.createSendGroup()
    writable.sendGroup = own
    expect(writable.sendGroup).toBe(own)
    writable.sendOrder = -3
    expect(writable.sendOrder).toBe(-3)
  })
})
