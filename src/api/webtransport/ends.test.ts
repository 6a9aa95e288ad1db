import { expect, test } from 'vitest'
import { bytesOf, rejection } from '../pipe.fixtures.ts'
import { SessionStage } from './stage.fixtures.ts'

test('whoever reads and writes at the moment of the end hears of it as everybody does', async () => {
  for (const ends of ['connection', 'session', 'own connection'] as const) {
    const stage = new SessionStage()
    stage.environment.defersByTurns = true
    const { server, session, peer } = await stage.connected()
    const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
    const writer = writable.getWriter()
    await stage.environment.until(writer.write(bytesOf(1)))
    const { value: theirs } = await stage.environment.until(peer.incomingBidirectionalStreams.getReader().read())
    if (theirs === undefined) throw new Error('No stream has come')
    const sink = theirs.writable.getWriter()
    sink.closed.catch(() => {})
    const sending = (async () => {
      for (let count = 0; count < 60; count++) await sink.write(bytesOf(2000))
    })()
    sending.catch(() => {})
    const reader = readable.getReader()
    const reading = rejection(
      (async () => {
        for (;;) await reader.read()
      })(),
    )
    const writing = rejection(
      (async () => {
        for (;;) await writer.write(bytesOf(5000))
      })(),
    )
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0))
    if (ends === 'connection')
      for (const connection of server.quic.connections) void connection.close({ closeCode: 0x101 })
    else if (ends === 'session') peer.close({ closeCode: 7 })
    else stage.near.close()
    for (const each of [reading, writing]) {
      const error = await stage.environment.until(each)
      expect(error, ends).toMatchObject({ name: 'WebTransportError', source: 'session' })
    }
    await stage.environment.pass(100)
  }
})

test('a client that vanishes leaves nothing at the server', async () => {
  const stage = new SessionStage()
  const { server, session, peer } = await stage.connected()
  const { writable } = await stage.environment.until(session.createBidirectionalStream())
  await stage.environment.until(writable.getWriter().write(bytesOf(10)))
  const { value: theirs } = await stage.environment.until(peer.incomingBidirectionalStreams.getReader().read())
  const reader = theirs?.readable.getReader()
  await stage.environment.until(reader?.read() ?? Promise.reject(new Error('No stream has come')))
  const reading = rejection(reader?.read() ?? Promise.resolve())
  stage.near.send = () => true
  if (stage.near.sendBatch !== undefined) stage.near.sendBatch = () => true
  const error = await stage.environment.until(rejection(peer.closed))
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await reading).toMatchObject({ source: 'session' })
  await stage.environment.pass(1000)
  expect(server.quic.connections.size).toBe(0)
  await stage.environment.until(server.close())
})

test('a client that asks for sessions without end has its limit, though nobody takes them', async () => {
  const stage = new SessionStage({ server: { maxSessions: 3 } })
  const server = await stage.listen()
  const options = { allowPooling: true, drafts: [2] as const }
  const sessions = Array.from({ length: 6 }, () => stage.begin(options))
  const outcomes = await stage.environment.until(Promise.allSettled(sessions.map(({ ready }) => ready)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(3)
  await stage.environment.until(server.close())
  await stage.environment.pass(1000)
  for (const session of sessions) await session.closed.catch(() => {})
})

test('a connection that was shared is forgotten with its end, and the next session has another', async () => {
  const stage = new SessionStage()
  const server = await stage.serve(() => {})
  const transport = stage.endpoint
  const first = await stage.connect({ transport, allowPooling: true })
  for (const connection of server.quic.connections) void connection.close({ closeCode: 0x100 })
  await stage.environment.until(first.closed.catch(() => {}))
  const second = await stage.connect({ transport, allowPooling: true })
  expect(second.reliability).toBe('supports-unreliable')
  second.close()
  await stage.environment.pass(10_000)
  expect(server.quic.connections.size).toBe(0)
})
