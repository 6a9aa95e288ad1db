/** Keying material of a session (W3C WebTransport §6.4 `exportKeyingMaterial`). */
import { expect, test } from 'vitest'
import { rejection } from '../../pipe.fixtures.ts'
import { SessionStage } from '../stage.fixtures.ts'

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

test('both ends derive the same, and other labels, contexts, lengths and sessions other material', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const sessions = server.sessions.getReader()
  const first = await stage.connect({ allowPooling: true })
  const { value: peer } = await stage.environment.until(sessions.read())
  const second = await stage.connect({ allowPooling: true })
  const material = await first.exportKeyingMaterial(bytes('label'), bytes('context'), 32)
  expect(material).toBeInstanceOf(Uint8Array)
  expect(material.length).toBe(32)
  expect(await peer?.exportKeyingMaterial(bytes('label'), bytes('context').buffer, 32)).toEqual(material)
  const others = [
    await first.exportKeyingMaterial(bytes('label2'), bytes('context'), 32),
    await first.exportKeyingMaterial(bytes('label'), bytes(''), 32),
    await second.exportKeyingMaterial(bytes('label'), bytes('context'), 32),
    (await first.exportKeyingMaterial(bytes('label'), bytes('context'), 4096)).subarray(0, 32),
  ]
  for (const other of others) expect(other).not.toEqual(material)
})

test('it waits for a session that is not established yet', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = stage.begin()
  const material = session.exportKeyingMaterial(bytes('label'), bytes(''), 16)
  expect((await stage.environment.until(material)).length).toBe(16)
})

test('what is too long, or nothing, is a RangeError, and what is no buffer a TypeError', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const [fits, long] = [new Uint8Array(255), new Uint8Array(256)]
  expect((await session.exportKeyingMaterial(fits, fits, 4096)).length).toBe(4096)
  expect(await rejection(session.exportKeyingMaterial(long, fits, 32))).toBeInstanceOf(RangeError)
  expect(await rejection(session.exportKeyingMaterial(fits, long, 32))).toBeInstanceOf(RangeError)
  expect(await rejection(session.exportKeyingMaterial(fits, fits, 0))).toBeInstanceOf(RangeError)
  expect(await rejection(session.exportKeyingMaterial(fits, fits, 100_000))).toBeInstanceOf(RangeError)
  expect(await rejection(session.exportKeyingMaterial('label' as never, fits, 32))).toBeInstanceOf(TypeError)
})

test('after the end, or where the end comes first, it is an InvalidStateError', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  session.close()
  expect(await rejection(session.exportKeyingMaterial(bytes('a'), bytes(''), 32))).toMatchObject({
    name: 'InvalidStateError',
  })
  const begun = new SessionStage().begin()
  const waiting = rejection(begun.exportKeyingMaterial(bytes('a'), bytes(''), 32))
  begun.close()
  expect(await waiting).toMatchObject({ name: 'InvalidStateError' })
})
