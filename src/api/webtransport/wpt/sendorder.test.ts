/** Send orders and groups of streams (W3C WebTransport §4.4, §7, §8). */
import { expect, test } from 'vitest'
import { bytesOf, rejection } from '../../pipe.fixtures.ts'
import { WebTransportSendGroup } from '../send-group.ts'
import { SessionStage } from '../stage.fixtures.ts'

test('a stream has the order that it was opened with, 0 by default', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const plain = await stage.environment.until(session.createUnidirectionalStream())
  expect([plain.sendOrder, plain.sendGroup]).toEqual([0, null])
  const ordered = await stage.environment.until(session.createUnidirectionalStream({ sendOrder: 3 }))
  expect(ordered.sendOrder).toBe(3)
  const { writable } = await stage.environment.until(session.createBidirectionalStream({ sendOrder: -7 }))
  expect(writable.sendOrder).toBe(-7)
  writable.sendOrder = 5
  expect(writable.sendOrder).toBe(5)
})

test('an order is taken as a long long', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const stream = await stage.environment.until(session.createUnidirectionalStream())
  for (const [given, taken] of [
    [2.9, 2],
    [-2.9, -2],
    [Number.NaN, 0],
    [Infinity, 0],
    ['4', 4],
    [null, 0],
  ] as const) {
    stream.sendOrder = given as number
    expect(stream.sendOrder).toBe(taken)
  }
})

test('a stream is of the group that it was opened with, or given to', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const group = session.createSendGroup()
  expect(group).toBeInstanceOf(WebTransportSendGroup)
  const stream = await stage.environment.until(session.createUnidirectionalStream({ sendGroup: group }))
  expect(stream.sendGroup).toBe(group)
  const other = session.createSendGroup()
  stream.sendGroup = other
  expect(stream.sendGroup).toBe(other)
  stream.sendGroup = null
  expect(stream.sendGroup).toBeNull()
})

test('a group of another session is refused', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const sendGroup = peer.createSendGroup()
  expect(await rejection(session.createUnidirectionalStream({ sendGroup }))).toBeInstanceOf(TypeError)
  expect(await rejection(session.createBidirectionalStream({ sendGroup }))).toBeInstanceOf(TypeError)
  expect(await rejection(session.createBidirectionalStream({ sendGroup: {} as never }))).toBeInstanceOf(TypeError)
  const stream = await stage.environment.until(session.createUnidirectionalStream())
  expect(() => {
    stream.sendGroup = sendGroup
  }).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  expect(() => {
    stream.sendGroup = {} as never
  }).toThrow(TypeError)
  expect(stream.sendGroup).toBeNull()
})

test('bytes of a higher order arrive before those of a lower one that were written first', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const low = await stage.environment.until(session.createUnidirectionalStream({ sendOrder: 1 }))
  const high = await stage.environment.until(session.createUnidirectionalStream({ sendOrder: 2 }))
  const order: number[] = []
  const reading = (async () => {
    const streams = peer.incomingUnidirectionalStreams.getReader()
    const readers: Promise<void>[] = []
    while (readers.length < 2) {
      const { value } = await streams.read()
      readers.push(
        (async () => {
          const reader = value?.getReader()
          for (;;) {
            const chunk = await reader?.read()
            if (chunk === undefined || chunk.done) return
            order.push(chunk.value[0] ?? -1)
          }
        })(),
      )
    }
    await Promise.all(readers)
  })()
  const [lower, higher] = [low.getWriter(), high.getWriter()]
  void lower.write(new Uint8Array(200_000).fill(1))
  void higher.write(new Uint8Array(200_000).fill(2))
  const closing = Promise.all([lower.close(), higher.close()])
  await stage.environment.until(reading)
  await stage.environment.until(closing)
  expect(order.lastIndexOf(2), 'the higher one is over first').toBeLessThan(order.lastIndexOf(1))
})

test('with waitUntilAvailable a stream waits for the limit, without it fails there', async () => {
  const stage = new SessionStage({ server: { maxIncomingUnidirectionalStreams: 2 } })
  const { session, peer } = await stage.connected()
  const first = await stage.environment.until(session.createUnidirectionalStream())
  for (;;) {
    // The transport's limit has room for what HTTP/3 may open beside the sessions.
    const more = await session.createUnidirectionalStream().catch((error: unknown) => error)
    if (more instanceof DOMException) {
      expect(more.name).toBe('QuotaExceededError')
      break
    }
  }
  const waiting = session.createUnidirectionalStream({ waitUntilAvailable: true })
  let isOpen = false
  void waiting.then(() => {
    isOpen = true
  })
  await stage.environment.pass(100)
  expect(isOpen).toBe(false)
  await stage.environment.until(first.getWriter().write(bytesOf(1)))
  const { value } = await stage.environment.until(peer.incomingUnidirectionalStreams.getReader().read())
  await stage.environment.until(first.abort().catch(() => {}))
  value?.cancel().catch(() => {})
  await stage.environment.until(waiting)
  const last = rejection(session.createUnidirectionalStream({ waitUntilAvailable: true }))
  session.close()
  expect(await last).toMatchObject({ name: 'InvalidStateError' })
})
