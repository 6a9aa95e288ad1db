/** Bytes there and back, on streams of both kinds and both ways (W3C WebTransport §7, §9, §11). */
import { expect, test } from 'vitest'
import { bytesOf, readAll, rejection, writeAll } from '../../pipe.fixtures.ts'
import { WebTransportBidirectionalStream, WebTransportReceiveStream } from '../receive-stream.ts'
import { WebTransportSendStream, WebTransportWriter } from '../send-stream.ts'
import { echo, SessionStage } from '../stage.fixtures.ts'

test('a bidirectional stream of ours comes back', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const stream = await stage.environment.until(session.createBidirectionalStream())
  expect(stream).toBeInstanceOf(WebTransportBidirectionalStream)
  expect(stream.readable).toBeInstanceOf(WebTransportReceiveStream)
  expect(stream.readable).toBeInstanceOf(ReadableStream)
  expect(stream.writable).toBeInstanceOf(WebTransportSendStream)
  expect(stream.writable).toBeInstanceOf(WritableStream)
  expect(stream.readable).toBe(stream.readable)
  const writing = writeAll(stream.writable, bytesOf(1000))
  expect(await stage.environment.until(readAll(stream.readable))).toEqual(bytesOf(1000))
  await stage.environment.until(writing)
})

test('a unidirectional stream of ours comes back as one of the server', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  expect(writable).toBeInstanceOf(WebTransportSendStream)
  expect('readable' in writable).toBe(false)
  const writing = writeAll(writable, bytesOf(500))
  const { value } = await stage.environment.until(session.incomingUnidirectionalStreams.getReader().read())
  expect(value).toBeInstanceOf(WebTransportReceiveStream)
  expect(await stage.environment.until(readAll(value as WebTransportReceiveStream))).toEqual(bytesOf(500))
  await stage.environment.until(writing)
})

test('a bidirectional stream of the server is taken and answered', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const theirs = await stage.environment.until(peer.createBidirectionalStream())
  const writing = writeAll(theirs.writable, bytesOf(300))
  const { value: ours } = await stage.environment.until(session.incomingBidirectionalStreams.getReader().read())
  if (ours === undefined) throw new Error('There is no stream')
  expect(await stage.environment.until(readAll(ours.readable))).toEqual(bytesOf(300))
  const answering = writeAll(ours.writable, bytesOf(200))
  expect(await stage.environment.until(readAll(theirs.readable))).toEqual(bytesOf(200))
  await stage.environment.until(Promise.all([writing, answering]))
})

test('streams that are opened before the session is established wait for it', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = stage.begin()
  const [bidirectional, unidirectional] = await stage.environment.until(
    Promise.all([session.createBidirectionalStream(), session.createUnidirectionalStream()]),
  )
  expect(session.reliability).toBe('supports-unreliable')
  const writing = Promise.all([writeAll(bidirectional.writable, bytesOf(10)), writeAll(unidirectional, bytesOf(20))])
  expect(await stage.environment.until(readAll(bidirectional.readable))).toEqual(bytesOf(10))
  await stage.environment.until(writing)
})

test('a reader that brings its buffers is given what fits', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  const writing = writeAll(writable, bytesOf(100))
  const reader = readable.getReader({ mode: 'byob' })
  let content = new Uint8Array(0)
  for (;;) {
    const { value, done } = await stage.environment.until(reader.read(new Uint8Array(30)))
    if (done) break
    expect(value?.length).toBeLessThanOrEqual(30)
    content = Uint8Array.from([...content, ...(value ?? [])])
  }
  expect(content).toEqual(bytesOf(100))
  await stage.environment.until(writing)
})

test('chunks of every kind of buffer are taken, and nothing else', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  const writer = writable.getWriter()
  expect(writer).toBeInstanceOf(WebTransportWriter)
  const chunks = [
    new Uint8Array([1, 2]),
    new Uint8Array([3, 4]).buffer,
    new DataView(new Uint8Array([0, 5, 6, 0]).buffer, 1, 2),
    new Uint16Array([0x0807]),
    new Uint8Array(0),
  ]
  const writing = Promise.all([...chunks.map((chunk) => writer.write(chunk as Uint8Array)), writer.close()])
  expect(await stage.environment.until(readAll(readable))).toEqual(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))
  await stage.environment.until(writing)
  for (const chunk of ['text', 7, null, {}]) {
    const stream = await stage.environment.until(session.createUnidirectionalStream())
    const wrong = stream.getWriter()
    wrong.closed.catch(() => {})
    expect(await rejection(wrong.write(chunk as unknown as Uint8Array))).toBeInstanceOf(TypeError)
  }
})

test('several streams at once keep their bytes apart', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const all = Array.from({ length: 20 }, async (_, index) => {
    const { readable, writable } = await session.createBidirectionalStream()
    const content = bytesOf(1000 + index).map((byte) => byte ^ index)
    const [back] = await Promise.all([readAll(readable), writeAll(writable, content)])
    expect(back).toEqual(content)
  })
  await stage.environment.until(Promise.all(all))
})
