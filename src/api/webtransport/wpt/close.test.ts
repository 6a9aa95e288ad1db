/** How a session ends (W3C WebTransport §6.4 `close`, §6.6, §6.7). */
import { expect, test } from 'vitest'
import { rejection, strays } from '../../pipe.fixtures.ts'
import { WebTransportError } from '../error.ts'
import type { WebTransportCloseInfo } from '../session-core.ts'
import { SessionStage } from '../stage.fixtures.ts'

async function received(given: WebTransportCloseInfo | undefined): Promise<WebTransportCloseInfo> {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  session.close(given)
  return stage.environment.until(peer.closed)
}

test('the client closes with a code and a reason', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  session.close({ closeCode: 99, reason: 'reason X' })
  expect(await session.closed).toEqual({ closeCode: 99, reason: 'reason X' })
  expect(await stage.environment.until(peer.closed)).toEqual({ closeCode: 99, reason: 'reason X' })
})

test('the client closes with a code alone, and with nothing', async () => {
  expect(await received({ closeCode: 1234 })).toEqual({ closeCode: 1234, reason: '' })
  expect(await received(undefined)).toEqual({ closeCode: 0, reason: '' })
  expect(await received({})).toEqual({ closeCode: 0, reason: '' })
})

test('a code is taken modulo 2^32', async () => {
  expect(await received({ closeCode: 2 ** 32 - 1 })).toMatchObject({ closeCode: 2 ** 32 - 1 })
  expect(await received({ closeCode: 2 ** 32 + 5 })).toMatchObject({ closeCode: 5 })
  expect(await received({ closeCode: -1 })).toMatchObject({ closeCode: 2 ** 32 - 1 })
})

test('a reason is cut at 1,024 bytes, between characters', async () => {
  expect(await received({ reason: 'x'.repeat(1024) })).toMatchObject({ reason: 'x'.repeat(1024) })
  expect(await received({ reason: 'x'.repeat(1025) })).toMatchObject({ reason: 'x'.repeat(1024) })
  expect(await received({ reason: 'あ'.repeat(342) })).toMatchObject({ reason: 'あ'.repeat(341) })
  expect(await received({ reason: `${'x'.repeat(1023)}é` })).toMatchObject({ reason: 'x'.repeat(1023) })
  expect(await received({ reason: '😀'.repeat(257) })).toMatchObject({ reason: '😀'.repeat(256) })
})

test('what is no Unicode in a reason becomes the replacement character', async () => {
  expect(await received({ reason: 'a\ud800b' })).toMatchObject({ reason: 'a\ufffdb' })
})

test('the server closes with a code and a reason', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  peer.close({ closeCode: 123, reason: 'Server initiated' })
  expect(await stage.environment.until(session.closed)).toEqual({ closeCode: 123, reason: 'Server initiated' })
})

test('a server that ends its connection abruptly rejects closed', async () => {
  const stage = new SessionStage()
  const { server, session } = await stage.connected()
  for (const connection of server.quic.connections) void connection.close({ closeCode: 0x101, reason: 'gone' })
  const error = await stage.environment.until(rejection(session.closed))
  expect(error).toBeInstanceOf(WebTransportError)
  expect(error).toMatchObject({ source: 'session', streamErrorCode: null })
})

test('a transport that is gone rejects closed, and all streams fail', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  const reading = rejection(readable.getReader().read())
  const writer = writable.getWriter()
  const closing = rejection(writer.closed)
  stage.near.close()
  const error = await stage.environment.until(rejection(session.closed))
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await stage.environment.until(reading)).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await stage.environment.until(closing)).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await rejection(session.getStats())).toMatchObject({ name: 'InvalidStateError' })
})

test('a close before the session is established rejects ready and closed with one error', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = stage.begin()
  session.close({ closeCode: 5, reason: 'not any more' })
  const error = await rejection(session.ready)
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session', streamErrorCode: null })
  expect(await rejection(session.closed)).toBe(error)
  expect(await rejection(session.incomingUnidirectionalStreams.getReader().read())).toBe(error)
  expect(await rejection(session.incomingBidirectionalStreams.getReader().read())).toBe(error)
  expect(await rejection(session.datagrams.readable.getReader().read())).toBe(error)
  await stage.environment.pass(1000)
})

test('a close in the middle of the handshake takes the connection with it', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(() => {})
  const session = stage.begin()
  while (server.quic.connections.size === 0) await Promise.resolve()
  session.close()
  await stage.environment.pass(20_000)
  expect(server.quic.connections.size).toBe(0)
})

test('a second close, and one after the end, do nothing', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  session.close({ closeCode: 1 })
  session.close({ closeCode: 2 })
  expect(await session.closed).toMatchObject({ closeCode: 1 })
  expect(await stage.environment.until(peer.closed)).toMatchObject({ closeCode: 1 })
  peer.close({ closeCode: 3 })
  expect(await peer.closed).toMatchObject({ closeCode: 1 })
})

test('after a clean end what comes in ends, what is open fails, and nothing more can be opened', async () => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const stream = await stage.environment.until(session.createBidirectionalStream())
  const group = session.createSendGroup()
  const writable = session.datagrams.createWritable()
  const writer = writable.getWriter()
  const incoming = session.incomingBidirectionalStreams.getReader()
  const reading = incoming.read()
  const datagrams = session.datagrams.readable.getReader()
  const datagram = datagrams.read()
  session.close({ closeCode: 3 })
  expect(await reading).toEqual({ done: true, value: undefined })
  expect(await datagram).toEqual({ done: true, value: undefined })
  expect(await session.incomingUnidirectionalStreams.getReader().read()).toMatchObject({ done: true })
  await writer.closed
  expect(await rejection(stream.readable.getReader().read())).toMatchObject({ name: 'AbortError' })
  expect(await rejection(stream.writable.getWriter().closed)).toMatchObject({ name: 'AbortError' })
  for (const refused of [session.createBidirectionalStream(), session.createUnidirectionalStream()]) {
    expect(await rejection(refused)).toMatchObject({ name: 'InvalidStateError' })
  }
  expect(() => session.createSendGroup()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  expect(() => session.datagrams.createWritable()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  expect(await group.getStats()).toEqual({ bytesWritten: 0, bytesSent: 0, bytesAcknowledged: 0 })
  expect((await session.getStats()).packetsSent).toBeGreaterThan(0)
})

test('the streams of a session that the server closes fail with an error of the session', async () => {
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  const reading = rejection(readable.getReader().read())
  const writing = rejection(writable.getWriter().closed)
  peer.close({ closeCode: 7 })
  for (const each of [reading, writing]) {
    expect(await stage.environment.until(each)).toMatchObject({ name: 'WebTransportError', source: 'session' })
  }
  expect(await stage.environment.until(session.closed)).toMatchObject({ closeCode: 7 })
})

test('the connection of a session that was closed goes with it', async () => {
  const stage = new SessionStage()
  const { server, session } = await stage.connected()
  expect(server.quic.connections.size).toBe(1)
  session.close()
  await stage.environment.pass(10_000)
  expect(server.quic.connections.size).toBe(0)
})

test('nothing that nobody waits for is an unhandled rejection', async () => {
  const found = await strays(async () => {
    const stage = new SessionStage()
    const { session } = await stage.connected()
    await stage.environment.until(session.createBidirectionalStream())
    void session.datagrams.writable
    void session.datagrams.readable
    void session.incomingBidirectionalStreams
    stage.near.close()
    await stage.environment.pass(1000)
  })
  expect(found).toEqual([])
})

test('a server that goes away drains its sessions', async () => {
  const stage = new SessionStage()
  const { server, session, peer } = await stage.connected()
  const closing = server.close({ graceful: true })
  expect(await stage.environment.until(session.draining)).toBeUndefined()
  const stream = await stage.environment.until(session.createUnidirectionalStream())
  expect(stream.locked).toBe(false)
  session.close({ reason: 'as asked' })
  expect(await stage.environment.until(peer.closed)).toMatchObject({ reason: 'as asked' })
  await stage.environment.until(closing)
})

test('a server that does not wait closes its sessions', async () => {
  const stage = new SessionStage()
  const { server, session } = await stage.connected()
  const closing = server.close()
  expect(await stage.environment.until(session.closed)).toEqual({ closeCode: 0, reason: '' })
  await stage.environment.until(closing)
})

test('a graceful close does not wait for ever', async () => {
  const stage = new SessionStage()
  const { server, session } = await stage.connected()
  const start = stage.environment.now()
  await stage.environment.until(server.close({ graceful: true, timeout: 500 }))
  expect(stage.environment.now() - start).toBeGreaterThanOrEqual(500)
  expect(await session.closed).toEqual({ closeCode: 0, reason: '' })
})
