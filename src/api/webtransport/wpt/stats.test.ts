/** Numbers of sessions, streams and groups (W3C WebTransport §6.4 `getStats`, §6.12, §6.13, §7.5, §9.6). */
import { expect, test } from 'vitest'
import { bytesOf, readAll, rejection, writeAll } from '../../pipe.fixtures.ts'
import { echo, SessionStage } from '../stage.fixtures.ts'

test('the numbers of a session are there, and true', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  await stage.environment.until(Promise.all([writeAll(writable, bytesOf(50_000)), readAll(readable)]))
  const stats = await session.getStats()
  expect(stats.bytesSent).toBeGreaterThanOrEqual(50_000)
  expect(stats.bytesSentOverhead).toBeGreaterThan(0)
  expect(stats.bytesAcknowledged).toBeGreaterThanOrEqual(50_000)
  expect(stats.bytesAcknowledged).toBeLessThanOrEqual(stats.bytesSent ?? 0)
  expect(stats.packetsSent).toBeGreaterThan(30)
  expect(stats.bytesReceived).toBeGreaterThan(50_000)
  expect(stats.packetsReceived).toBeGreaterThan(30)
  expect([stats.bytesLost, stats.packetsLost]).toEqual([0, 0])
  for (const time of [stats.smoothedRtt, stats.rttVariation, stats.minRtt]) expect(time).toBeGreaterThanOrEqual(0)
  expect(typeof stats.atSendCapacity).toBe('boolean')
  expect(stats.datagrams).toEqual({ droppedIncoming: 0, expiredIncoming: 0, expiredOutgoing: 0, lostOutgoing: 0 })
})

test('they are asked for before the session is established, and come then', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = stage.begin()
  const stats = await stage.environment.until(session.getStats())
  expect(session.reliability).toBe('supports-unreliable')
  expect(stats.packetsSent).toBeGreaterThan(0)
})

test('after a clean end they are the last ones, after another there are none', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  session.close()
  expect((await session.getStats()).packetsSent).toBeGreaterThan(0)
  const failed = new SessionStage().begin({ transport: () => Promise.reject(new Error('no')) })
  const waiting = rejection(failed.getStats())
  await rejection(failed.ready)
  expect(await waiting).toMatchObject({ name: 'InvalidStateError' })
  expect(await rejection(failed.getStats())).toMatchObject({ name: 'InvalidStateError' })
})

test('of a connection that may be shared only what W3C marks is told', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = await stage.connect({ allowPooling: true })
  const stats = await session.getStats()
  expect(Object.keys(stats).sort()).toEqual(
    ['atSendCapacity', 'datagrams', 'estimatedSendRate', 'minRtt', 'rttVariation', 'smoothedRtt'].sort(),
  )
  expect(stats.datagrams).toEqual({})
})

test('those of a stream count its bytes, without the header of the session', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  expect(await writable.getStats()).toEqual({ bytesWritten: 0, bytesSent: 0, bytesAcknowledged: 0 })
  expect(await readable.getStats()).toEqual({ bytesReceived: 0, bytesRead: 0 })
  await stage.environment.until(writable.getWriter().write(bytesOf(1000)))
  await stage.environment.pass(200)
  expect(await writable.getStats()).toEqual({ bytesWritten: 1000, bytesSent: 1000, bytesAcknowledged: 1000 })
  const { value: theirs } = await stage.environment.until(peer.incomingBidirectionalStreams.getReader().read())
  if (theirs === undefined) throw new Error('No stream has come')
  expect(await theirs.readable.getStats()).toEqual({ bytesReceived: 1000, bytesRead: 0 })
  await stage.environment.until(theirs.readable.getReader({ mode: 'byob' }).read(new Uint8Array(400)))
  expect(await theirs.readable.getStats()).toEqual({ bytesReceived: 1000, bytesRead: 400 })
})

test('those of a group are the sums of its streams, ended ones included', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const sendGroup = session.createSendGroup()
  const one = await stage.environment.until(session.createUnidirectionalStream({ sendGroup }))
  const other = await stage.environment.until(session.createUnidirectionalStream({ sendGroup }))
  const foreign = await stage.environment.until(session.createUnidirectionalStream())
  await stage.environment.until(writeAll(one, bytesOf(100)))
  await stage.environment.until(other.getWriter().write(bytesOf(20)))
  await stage.environment.until(foreign.getWriter().write(bytesOf(3)))
  await stage.environment.pass(200)
  expect(await sendGroup.getStats()).toEqual({ bytesWritten: 120, bytesSent: 120, bytesAcknowledged: 120 })
})
