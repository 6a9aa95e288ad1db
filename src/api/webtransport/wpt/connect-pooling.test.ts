/** Sessions that share a connection, and those that do not (W3C WebTransport §6.2, `allowPooling`). */
import { expect, test } from 'vitest'
import { readAll, rejection, testCrypto, writeAll } from '../../pipe.fixtures.ts'
import { echo, SessionStage } from '../stage.fixtures.ts'

test('sessions that may share a connection do', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(echo)
  const first = stage.begin({ allowPooling: true }, 'https://server.test/a')
  const second = stage.begin({ allowPooling: true }, 'https://server.test/b')
  await stage.environment.until(Promise.all([first.ready, second.ready]))
  expect(server.quic.connections.size).toBe(1)
  for (const session of [first, second]) {
    const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
    const writing = writeAll(writable, new Uint8Array([1, 2, 3]))
    expect(await stage.environment.until(readAll(readable))).toEqual(new Uint8Array([1, 2, 3]))
    await stage.environment.until(writing)
  }
})

test('the end of one is not that of the other, and that of the last is that of the connection', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(echo)
  const first = await stage.connect({ allowPooling: true })
  const second = await stage.connect({ allowPooling: true })
  first.close()
  await stage.environment.pass(1000)
  const stream = await stage.environment.until(second.createUnidirectionalStream())
  expect(stream.locked).toBe(false)
  expect(server.quic.connections.size).toBe(1)
  second.close()
  await stage.environment.pass(10_000)
  expect(server.quic.connections.size).toBe(0)
})

test('a session that gives up before it is established leaves the others alone', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const first = stage.begin({ allowPooling: true })
  const second = stage.begin({ allowPooling: true })
  await stage.environment.until(first.ready)
  const third = stage.begin({ allowPooling: true })
  third.close()
  await rejection(third.ready)
  await stage.environment.until(second.ready)
  await stage.environment.pass(100)
  expect(await stage.environment.until(first.createUnidirectionalStream())).toBeInstanceOf(WritableStream)
})

test('datagrams and incoming streams come to their own session', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const sessions = server.sessions.getReader()
  const first = await stage.connect({ allowPooling: true }, 'https://server.test/a')
  const second = await stage.connect({ allowPooling: true }, 'https://server.test/b')
  for (const mine of [first, second]) {
    const { value: peer } = await stage.environment.until(sessions.read())
    if (peer === undefined) throw new Error('The server has no session')
    const mark = new TextEncoder().encode(peer.request.path)
    await stage.environment.until(peer.datagrams.createWritable().getWriter().write(mark))
    const opened = await stage.environment.until(peer.createUnidirectionalStream())
    const writing = writeAll(opened, mark)
    const { value: datagram } = await stage.environment.until(mine.datagrams.readable.getReader().read())
    const { value: stream } = await stage.environment.until(mine.incomingUnidirectionalStreams.getReader().read())
    const path = mine === first ? '/a' : '/b'
    expect(new TextDecoder().decode(datagram)).toBe(path)
    const content = await stage.environment.until(readAll(stream ?? new ReadableStream()))
    expect(new TextDecoder().decode(content)).toBe(path)
    await stage.environment.until(writing)
  }
})

test('sessions of several connections share one endpoint, where they do not share a connection', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(echo)
  const transport = stage.endpoint
  const first = stage.begin({ transport })
  const second = stage.begin({ transport })
  await stage.environment.until(Promise.all([first.ready, second.ready]))
  expect(server.quic.connections.size).toBe(2)
  first.close()
  await stage.environment.pass(5000)
  expect(server.quic.connections.size).toBe(1)
  expect(await stage.environment.until(second.createUnidirectionalStream())).toBeInstanceOf(WritableStream)
})

test('whoever trusts otherwise, or wants another origin, has a connection of its own', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(echo)
  const transport = stage.endpoint
  const options = { transport, allowPooling: true }
  const first = stage.begin(options)
  const other = stage.begin({ ...options, crypto: testCrypto() })
  const elsewhere = stage.begin({ ...options, serverName: 'server.test' }, 'https://server.test:4433/')
  await stage.environment.until(Promise.all([first.ready, other.ready, elsewhere.ready]))
  expect(server.quic.connections.size).toBe(3)
})

test('a server that goes away gets no more sessions on its connection', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(echo)
  const first = await stage.connect({ transport: stage.endpoint, allowPooling: true })
  const closing = server.close({ graceful: true, timeout: 1000 })
  await stage.environment.until(first.draining)
  const second = stage.begin({ transport: stage.endpoint, allowPooling: true, handshakeTimeout: 500 })
  expect(await stage.environment.until(rejection(second.ready))).toMatchObject({ source: 'session' })
  await stage.environment.until(closing)
})
