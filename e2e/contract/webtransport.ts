/** W3C's class, where it differs from the connections below it: §2 and §6 of the contract. */
import { expect } from 'vitest'
import { WebTransport, WebTransportServer, type WebTransportServerSession } from '../../src/webtransport.ts'
import { bytesOf, rejection } from './bytes.ts'
import type { ConnectionLog } from './log.ts'
import { row, type Section } from './row.ts'
import type { Scene } from './scene.ts'

interface Sessions {
  readonly session: WebTransport
  readonly peer: WebTransportServerSession
  readonly log: ConnectionLog
}

/** Both ends of a session, and the log of the client. */
async function open(
  scene: Scene,
  options: { readonly maxIncomingUnidirectionalStreams?: number } = {},
): Promise<Sessions> {
  const patience = { handshakeTimeout: 25_000 }
  const server = await WebTransportServer.listen(await scene.transport('server'), {
    ...scene.options,
    ...patience,
    ...options,
    certificate: scene.certificate,
  })
  const log = scene.log('client')
  const session = new WebTransport(`https://${server.address}/`, {
    ...scene.options,
    ...patience,
    transport: await scene.endpoint(),
    serverCertificateHashes: [scene.certificate.hash],
    observer: log.observer,
  })
  const { value: peer } = await server.sessions.getReader().read()
  if (peer === undefined) throw new Error('The server has no session')
  await session.ready
  return { session, peer, log }
}

export const WEBTRANSPORT: Section = {
  title: '2, 6 · The W3C class',
  file: 'e2e/contract/webtransport.ts',
  rows: [
    row(
      '`WebTransport`, `createUnidirectionalStream({ waitUntilAvailable })` (`false`)',
      'rejects with a `QuotaExceededError` at the limit unless it is told to wait',
      async (scene) => {
        const { session, peer, log } = await open(scene, { maxIncomingUnidirectionalStreams: 2 })
        await log.shows('parameters_set', { initiator: 'remote', initial_max_streams_uni: 10 })
        const opened = []
        let refusal: unknown
        while (refusal === undefined && opened.length < 20) {
          const stream = await session.createUnidirectionalStream().catch((error: unknown) => error)
          if (stream instanceof WritableStream) opened.push(stream)
          else refusal = stream
        }
        expect(refusal).toMatchObject({ name: 'QuotaExceededError' })
        const waiting = session.createUnidirectionalStream({ waitUntilAvailable: true })
        await opened[0]?.getWriter().close()
        const { value } = await peer.incomingUnidirectionalStreams.getReader().read()
        expect((await value?.getReader().read())?.done).toBe(true)
        expect(await waiting).toBeInstanceOf(WritableStream)
        await log.received('max_streams', { stream_type: 'unidirectional' })
      },
    ),
    row(
      '`WebTransport`, `datagrams.createWritable()`',
      'drops a datagram that is too large without a word',
      async (scene) => {
        const { session, peer, log } = await open(scene)
        const writer = session.datagrams.createWritable().getWriter()
        await writer.write(new Uint8Array(session.datagrams.maxDatagramSize + 500))
        const reading = peer.datagrams.readable.getReader().read()
        let heard = false
        void reading.then(() => {
          heard = true
        })
        while (!heard) {
          await writer.write(bytesOf(76))
          await scene.sleep(20)
        }
        expect((await reading).value).toEqual(bytesOf(76))
        await log.sent('datagram', { raw: { payload_length: 77 } })
      },
    ),
    row(
      '`WebTransport`, `close({ closeCode, reason })`',
      'tells the other end both, and ends the connection',
      async (scene) => {
        const { session, peer, log } = await open(scene)
        const stream = await session.createBidirectionalStream()
        session.close({ closeCode: 99, reason: 'enough' })
        expect(await peer.closed).toEqual({ closeCode: 99, reason: 'enough' })
        expect(await rejection(stream.readable.getReader().read())).toMatchObject({ name: 'AbortError' })
        await log.sent('connection_close', {})
      },
    ),
  ],
}
