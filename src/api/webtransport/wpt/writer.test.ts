/** WebTransportWriter: writes that are sent whole or not at all, and bytes that arrive whatever happens (W3C WebTransport §12). */
import { expect, test } from 'vitest'
import { bytesOf, rejection } from '../../pipe.fixtures.ts'
import { WebTransportError } from '../error.ts'
import { SessionStage } from '../stage.fixtures.ts'

test('an atomic write that fits is sent', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  await stage.environment.until(writer.atomicWrite(bytesOf(100)))
  const { value } = await stage.environment.until(peer.incomingUnidirectionalStreams.getReader().read())
  expect((await stage.environment.until(value?.getReader().read() ?? Promise.reject(new Error('none')))).value).toEqual(
    bytesOf(100),
  )
})

test('one that does not fit rejects with an AbortError, and the stream lives on', async () => {
  const stage = new SessionStage({ server: { initialMaxStreamDataUni: 1000 } })
  const { session } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  expect(await stage.environment.until(rejection(writer.atomicWrite(bytesOf(2000))))).toMatchObject({
    name: 'AbortError',
  })
  await stage.environment.until(writer.atomicWrite(bytesOf(500)))
  expect(await writable.getStats()).toMatchObject({ bytesWritten: 500 })
})

test('what waits behind it goes with it, and a plain write there fails the stream', async () => {
  const stage = new SessionStage({ server: { initialMaxStreamDataUni: 1000 } })
  const { session } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  writer.closed.catch(() => {})
  const first = rejection(writer.atomicWrite(bytesOf(2000)))
  const second = rejection(writer.atomicWrite(bytesOf(10)))
  expect(await stage.environment.until(first)).toMatchObject({ name: 'AbortError' })
  expect(await stage.environment.until(second)).toMatchObject({ name: 'AbortError' })
  const third = rejection(writer.atomicWrite(bytesOf(2000)))
  const plain = rejection(writer.write(bytesOf(10)))
  expect(await stage.environment.until(third)).toMatchObject({ name: 'AbortError' })
  expect(await stage.environment.until(plain)).toMatchObject({ name: 'AbortError' })
  expect(await stage.environment.until(rejection(writer.closed))).toMatchObject({ name: 'AbortError' })
})

test('committed bytes arrive though the stream is aborted', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  await stage.environment.until(writer.write(bytesOf(100)))
  writer.commit()
  void writer.write(bytesOf(200)).catch(() => {})
  await stage.environment.until(writer.abort(new WebTransportError('', { streamErrorCode: 6 })))
  const { value } = await stage.environment.until(peer.incomingUnidirectionalStreams.getReader().read())
  const reader = value?.getReader()
  if (reader === undefined) throw new Error('No stream has come')
  let length = 0
  const reading = (async () => {
    for (;;) {
      const { value: chunk } = await reader.read()
      length += chunk?.length ?? 0
    }
  })()
  expect(await stage.environment.until(rejection(reading))).toMatchObject({ streamErrorCode: 6 })
  expect(length).toBeGreaterThanOrEqual(100)
})

test('a writer that was released commits nothing and writes nothing', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const writable = await stage.environment.until(session.createUnidirectionalStream())
  const writer = writable.getWriter()
  writer.releaseLock()
  expect(() => writer.commit()).toThrow(TypeError)
  expect(await rejection(writer.atomicWrite(bytesOf(1)))).toBeInstanceOf(TypeError)
  expect(await rejection(writer.write(bytesOf(1)))).toBeInstanceOf(TypeError)
  expect(() => writable.getWriter()).not.toThrow()
  expect(() => writable.getWriter()).toThrow(TypeError)
})
