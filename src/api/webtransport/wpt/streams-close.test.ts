/** How streams end: well, by one side, by the other, with which code (W3C WebTransport §7.4, §9.5, §13). */
import { describe, expect, test } from 'vitest'
import { bytesOf, readAll, rejection } from '../../pipe.fixtures.ts'
import { WebTransportError } from '../error.ts'
import type { WebTransportReceiveStream } from '../receive-stream.ts'
import type { WebTransportServerSession } from '../request.ts'
import { SessionStage } from '../stage.fixtures.ts'

async function incoming(stage: SessionStage, peer: WebTransportServerSession): Promise<WebTransportReceiveStream> {
  const reader = peer.incomingUnidirectionalStreams.getReader()
  const { value } = await stage.environment.until(reader.read())
  reader.releaseLock()
  if (value === undefined) throw new Error('No stream has come')
  return value
}

test('close sends the end, and waits until all has arrived', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  await stage.environment.until(writer.write(bytesOf(10)))
  const closing = writer.close()
  const readable = await incoming(stage, peer)
  expect(await stage.environment.until(readAll(readable))).toEqual(bytesOf(10))
  await stage.environment.until(closing)
  await writer.closed
  expect(await writable.getStats()).toEqual({ bytesWritten: 10, bytesSent: 10, bytesAcknowledged: 10 })
})

test('the half that is not closed goes on', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const ours = await stage.environment.until(session.createBidirectionalStream())
  await stage.environment.until(ours.writable.getWriter().write(bytesOf(5)))
  const { value: theirs } = await stage.environment.until(peer.incomingBidirectionalStreams.getReader().read())
  await stage.environment.until(theirs?.writable.close() ?? Promise.reject(new Error('No stream')))
  expect(await stage.environment.until(readAll(ours.readable))).toEqual(new Uint8Array(0))
})

describe('an abort reaches the reader with its code', () => {
  test.each<[string, unknown, number]>([
    ['a WebTransportError with a code', new WebTransportError('x', { streamErrorCode: 137 }), 137],
    ['the largest code', new WebTransportError('x', { streamErrorCode: 4_294_967_295 }), 4_294_967_295],
    ['a code that is too large', new WebTransportError('x', { streamErrorCode: 4_294_967_296 }), 4_294_967_295],
    ['a code below 0', new WebTransportError('x', { streamErrorCode: -1 }), 0],
    ['a WebTransportError without one', new WebTransportError('x'), 0],
    ['another error', new Error('x'), 0],
    ['nothing', undefined, 0],
    ['an error of the platform of that kind', { name: 'WebTransportError', streamErrorCode: 9 }, 9],
  ])('%s', async (_, reason, code) => {
    const stage = new SessionStage()
    const { session, peer } = await stage.connected()
    const writable = await stage.environment.until(session.createUnidirectionalStream())
    const writer = writable.getWriter()
    await stage.environment.until(writer.write(bytesOf(3)))
    const readable = await incoming(stage, peer)
    const reader = readable.getReader()
    await stage.environment.until(reader.read())
    await stage.environment.until(writer.abort(reason))
    const error = await stage.environment.until(rejection(reader.read()))
    expect(error).toBeInstanceOf(WebTransportError)
    expect(error).toMatchObject({ source: 'stream', streamErrorCode: code })
  })
})

test('an abort at once still tells the peer of the stream', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  await stage.environment.until(writable.abort(new WebTransportError('', { streamErrorCode: 11 })))
  const readable = await incoming(stage, peer)
  const error = await stage.environment.until(rejection(readable.getReader().read()))
  expect(error).toMatchObject({ source: 'stream', streamErrorCode: 11 })
})

test('a cancel reaches the writer with its code', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  await stage.environment.until(writer.write(bytesOf(3)))
  const readable = await incoming(stage, peer)
  await stage.environment.until(readable.cancel(new WebTransportError('', { streamErrorCode: 52 })))
  const error = await stage.environment.until(rejection(writer.closed))
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'stream', streamErrorCode: 52 })
  expect(await stage.environment.until(rejection(writer.write(bytesOf(1))))).toBe(error)
})

test('a write that waits for room fails when the peer cancels', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writing = rejection(writable.getWriter().write(bytesOf(4_000_000)))
  const readable = await incoming(stage, peer)
  await stage.environment.until(readable.cancel(new WebTransportError('', { streamErrorCode: 4 })))
  expect(await stage.environment.until(writing)).toMatchObject({ streamErrorCode: 4 })
})

test('an abort ends a write and a close that wait', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  const writing = rejection(writer.write(bytesOf(4_000_000)))
  const reason = new WebTransportError('enough', { streamErrorCode: 1 })
  await stage.environment.until(writer.abort(reason))
  expect(await stage.environment.until(writing)).toBe(reason)
})

test('reset codes that are not of applications have no code', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  await stage.environment.until(writer.write(bytesOf(3)))
  const reader = (await incoming(stage, peer)).getReader()
  await stage.environment.until(reader.read())
  session.close()
  expect(await stage.environment.until(rejection(reader.read()))).toMatchObject({ streamErrorCode: null })
})

test('a stream that nobody takes is turned away', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  await stage.environment.until(peer.incomingUnidirectionalStreams.cancel())
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  const closed = rejection(writer.closed)
  writer.write(bytesOf(3)).catch(() => {})
  expect(await stage.environment.until(closed)).toMatchObject({ source: 'stream', streamErrorCode: 0 })
})

test('a stream that was reset before anybody took it is handed out all the same', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  await stage.environment.until(writer.write(bytesOf(3)))
  await stage.environment.pass(100)
  await stage.environment.until(writer.abort(new WebTransportError('', { streamErrorCode: 8 })))
  await stage.environment.pass(100)
  const readable = await incoming(stage, peer)
  expect(await stage.environment.until(rejection(readable.getReader().read()))).toMatchObject({ streamErrorCode: 8 })
})
