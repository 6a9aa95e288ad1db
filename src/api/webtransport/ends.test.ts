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
      for (let count = 0; count < 200; count++) await sink.write(bytesOf(2000))
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
