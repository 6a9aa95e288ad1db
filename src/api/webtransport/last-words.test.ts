import { expect, test } from 'vitest'
import type { DatagramTransport } from '../../transport.ts'
import { bytesOf, rejection } from '../pipe.fixtures.ts'
import { SessionStage } from './stage.fixtures.ts'

/** Counts what leaves by `transport`, as long as `lets` says that it may. */
function counted(transport: DatagramTransport, lets: () => boolean): { readonly sent: number } {
  const { send, sendBatch } = transport
  const count = { sent: 0 }
  const counting = (): boolean => {
    if (lets()) count.sent += 1
    return lets()
  }
  transport.send = (...args) => counting() && send.apply(transport, args)
  if (sendBatch !== undefined) transport.sendBatch = (...args) => counting() && sendBatch.apply(transport, args)
  return count
}

/** What `count` has come to when `promise` settles, seen by whoever goes at once. */
function sentBy(promise: Promise<unknown>, count: { readonly sent: number }): Promise<number> {
  const look = (): number => count.sent
  return promise.then(look, look)
}

test('who waits for the end of a session that it closes may go: its last word has left', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  await stage.environment.pass(1000)
  const count = counted(stage.near, () => true)
  const sent = sentBy(session.closed, count)
  session.close({ closeCode: 7, reason: 'bye' })
  expect(count.sent).toBe(0)
  expect(await stage.environment.until(sent)).toBe(1)
  expect(await session.closed).toEqual({ closeCode: 7, reason: 'bye' })
  expect(await stage.environment.until(peer.closed)).toEqual({ closeCode: 7, reason: 'bye' })
})

test('the same at the server', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  await stage.environment.pass(1000)
  const count = counted(stage.far, () => true)
  const sent = sentBy(peer.closed, count)
  peer.close({ closeCode: 7, reason: 'bye' })
  expect(await stage.environment.until(sent)).toBe(1)
  expect(await stage.environment.until(session.closed)).toEqual({ closeCode: 7, reason: 'bye' })
})

test('the same where the session was not established yet', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin()
  await stage.environment.until(incoming.read())
  const count = counted(stage.near, () => true)
  const sent = sentBy(session.closed, count)
  session.close()
  expect(await stage.environment.until(sent)).toBeGreaterThan(0)
  expect(await rejection(session.ready)).toMatchObject({ source: 'session' })
  await stage.environment.pass(1000)
  expect(server.quic.connections.size).toBe(0)
})

test('before there is a connection nothing is to be said, and nothing waited for', async () => {
  const stage = new SessionStage()
  const session = stage.begin()
  session.close()
  expect(await rejection(session.closed)).toMatchObject({ source: 'session' })
})

test('a word that cannot leave, as the transport takes nothing, holds nobody for more than five seconds', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  let isOpen = true
  const count = counted(stage.near, () => isOpen)
  const { writable } = await stage.environment.until(session.createBidirectionalStream())
  isOpen = false
  writable
    .getWriter()
    .write(bytesOf(100))
    .catch(() => {})
  await stage.environment.pass(1)
  const began = stage.environment.now()
  const before = count.sent
  const sent = sentBy(session.closed, count)
  session.close()
  expect(await stage.environment.until(sent)).toBe(before)
  expect(stage.environment.now() - began).toBeGreaterThan(1000)
  expect(stage.environment.now() - began).toBeLessThanOrEqual(5001)
})

test('a peer that has vanished, or a connection that is over, holds nobody', async () => {
  for (const ends of ['vanished', 'closed'] as const) {
    const stage = new SessionStage()
    const { session } = await stage.connected()
    if (ends === 'vanished') {
      stage.near.send = () => true
      if (stage.near.sendBatch !== undefined) stage.near.sendBatch = () => true
    }
    const began = stage.environment.now()
    session.close()
    if (ends === 'closed') stage.near.close()
    expect(await stage.environment.until(session.closed)).toMatchObject({ closeCode: 0 })
    expect(stage.environment.now() - began).toBeLessThan(100)
  }
})
