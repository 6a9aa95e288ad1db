/** The readable of datagrams cancelled at every moment. */
import { expect, test } from 'vitest'
import { SessionStage } from '../stage.fixtures.ts'

test('before the session is established', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = stage.begin()
  await session.datagrams.readable.cancel()
  await stage.environment.until(session.ready)
  session.close()
  expect(await session.closed).toMatchObject({ closeCode: 0 })
})

test('with a read that waits, and datagrams that come afterwards', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const reader = session.datagrams.readable.getReader()
  const reading = reader.read()
  await reader.cancel()
  expect(await reading).toMatchObject({ done: true })
  await stage.environment.until(peer.datagrams.createWritable().getWriter().write(new Uint8Array(3)))
  await stage.environment.pass(100)
  session.close()
  expect(await stage.environment.until(peer.closed)).toMatchObject({ closeCode: 0 })
})

test('of bytes, with a read that waits, and after the end', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected({ datagramsReadableType: 'bytes' })
  const reader = session.datagrams.readable.getReader({ mode: 'byob' })
  const reading = reader.read(new Uint8Array(10))
  await reader.cancel()
  expect(await reading).toMatchObject({ done: true })
  session.close()
  reader.releaseLock()
  await session.datagrams.readable.cancel()
})
