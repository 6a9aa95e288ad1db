/** §1 of the contract: how a connection comes, goes, and settles everything that waits. */
import { expect } from 'vitest'
import { QuicIdleTimeoutError, QuicTransportError } from '../../src/index.ts'
import { bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

export const LIFE_CYCLE: Section = {
  title: '1 · Life cycle',
  file: 'e2e/contract/life-cycle.ts',
  rows: [
    row(
      "`state: 'connecting'`, `ready`",
      'is pending while TLS shakes hands; streams asked for wait',
      async (scene) => {
        const host = await scene.serve()
        const { client, log } = await scene.dial(host.server)
        expect(client.state).toBe('connecting')
        const opening = client.createBidirectionalStream()
        const seen = Promise.race([client.ready.then(() => 'ready'), Promise.resolve('pending')])
        expect(await seen).toBe('pending')
        await log.shows('connection_state_updated', { new: 'attempted' })
        await log.shows('connection_state_updated', { new: 'handshake_started' })
        expect((await opening).id).toBe(0)
        expect(log.frames('packet_sent', 'stream')).toEqual([])
      },
      { interop: ['handshake', 'handshakeloss', 'handshakecorruption'] },
    ),
    row(
      "`state: 'connected'`, `ready`, `alpn`, `version`",
      'fulfils with protocol, version, and whether anything was resumed',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ client: { alpn: ['other', 'contract'] } })
        const facts = { alpn: 'contract', version: 1, resumed: false, earlyDataAccepted: false }
        expect(await client.ready).toEqual(facts)
        expect(await peer.ready).toEqual(facts)
        expect([client.state, client.alpn, client.version, client.role, peer.role]).toEqual([
          'connected',
          'contract',
          1,
          'client',
          'server',
        ])
        await log.client.shows('alpn_information', { chosen_alpn: { string_value: 'contract' } })
        await log.client.shows('version_information', { chosen_version: '00000001' })
      },
      { interop: ['handshake', 'multiconnect'] },
    ),
    row(
      '`handshakeConfirmed`',
      'fulfils when the peer is known to be done as well',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        await Promise.all([client.handshakeConfirmed, peer.handshakeConfirmed])
        await log.client.received('handshake_done')
        await log.client.shows('connection_state_updated', { new: 'handshake_confirmed' })
      },
      { interop: ['handshake'] },
    ),
    row(
      "`state: 'closing'`, `closed`",
      'settles when we close, before the peer has heard',
      async (scene) => {
        const { client, log } = await scene.meet()
        const gone = client.close({ closeCode: 7, reason: 'enough' })
        expect(client.state).toBe('closing')
        expect(await client.closed).toEqual({ closeCode: 7n, reason: 'enough' })
        await log.client.shows('connection_closed', { initiator: 'local', error_code: 7, reason: 'enough' })
        await gone
        await log.client.shows('connection_state_updated', { new: 'closed' })
        expect(client.state).toBe('closed')
      },
      { interop: ['close'] },
    ),
    row("`state: 'draining'`", 'is where the peer’s close leads, and nothing is sent from there', async (scene) => {
      const { client, peer, log } = await scene.meet()
      await client.handshakeConfirmed
      void client.close({ closeCode: 0 })
      expect(await peer.closed).toEqual({ closeCode: 0n, reason: '' })
      await log.server.received('connection_close', { error_space: 'application', error_code: 0 })
      expect(['draining', 'closed']).toContain(peer.state)
      const sent = log.server.events('packet_sent').length
      await peer.close()
      expect(log.server.events('packet_sent').length).toBe(sent)
      await log.server.shows('connection_state_updated', { new: 'draining' })
    }),
    row(
      "`state: 'closed'`",
      'releases timers, ids and buffers, and an idle timeout leads straight there',
      async (scene) => {
        const { client, log, server } = await scene.meet({ client: { maxIdleTimeout: 300 } })
        const error = await rejection(client.closed)
        expect(error).toBeInstanceOf(QuicIdleTimeoutError)
        expect(client.state).toBe('closed')
        await log.client.shows('connection_closed', { trigger: 'idle_timeout' })
        await log.client.shows('connection_state_updated', { new: 'closed' })
        expect(log.client.frames('packet_sent', 'connection_close')).toEqual([])
        const { timers, streams } = client.inspect() ?? {}
        expect(Object.values(timers ?? { left: 1 }).filter((left) => left !== undefined)).toEqual([])
        expect(streams).toEqual([])
        await scene.until(() => server.stats().connections === 0)
        expect((await scene.endpoint()).stats().connections).toBe(0)
      },
    ),
    row('Every promise', 'settles when the connection ends, and none is dropped without a word', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: { maxIncomingUnidirectionalStreams: 0 } })
      const stream = await client.createBidirectionalStream()
      const writer = stream.writable.getWriter()
      const waiting = [
        // More than the peer, which reads nothing, gives credit for, and what waits to be sent may be.
        writer.write(bytesOf(4_000_000)),
        stream.readable.getReader().read(),
        client.createUnidirectionalStream(),
        stream.closed,
        client.datagrams.readable.getReader().read(),
        first(client.incomingBidirectionalStreams),
      ]
      const outcomes = Promise.allSettled(waiting)
      await log.client.sent('streams_blocked', { stream_type: 'unidirectional', limit: 0 })
      await peer.close({ closeCode: 5 })
      const settled = await outcomes
      expect(settled.slice(0, 4).map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
      expect(settled.length).toBe(6)
      await log.client.received('connection_close', { error_code: 5 })
    }),
    row(
      'The fatal path',
      'sends CONNECTION_CLOSE with the code of the violation and leaves `connected` in the same step',
      async (scene) => {
        // A certificate that is not pinned is a violation that only the client sees.
        const host = await scene.serve()
        const pins = { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(32) }] } as const
        const { client, log } = await scene.dial(host.server, pins)
        const error = await rejection(client.ready)
        expect(error).toBeInstanceOf(QuicTransportError)
        expect(client.state).toBe('closing')
        await log.shows('connection_closed', { initiator: 'local' })
        await log.sent('connection_close', { error_space: 'transport', error: 'crypto_error_0x12e' })
        expect(log.frames('packet_sent', 'stream')).toEqual([])
      },
    ),
    row(
      'Streams',
      'carry bytes both ways, whole, whatever is lost',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        const stream = await client.createBidirectionalStream()
        const answered = (async () => {
          const other = await first(peer.incomingBidirectionalStreams)
          const bytes = await readAll(other)
          await writeAll(other, bytes)
        })()
        const [, echoed] = await Promise.all([writeAll(stream, bytesOf(50_000)), readAll(stream), answered])
        expect(echoed).toEqual(bytesOf(50_000))
        await log.client.sent('stream', { stream_id: 0, fin: true })
        await log.client.received('stream', { stream_id: 0, fin: true })
      },
      { interop: ['transfer', 'transferloss', 'transfercorruption'] },
    ),
    row(
      'A closing connection',
      'answers late packets with CONNECTION_CLOSE again, at a limited rate',
      async (scene) => {
        const { peer, log } = scene.forger('client')
        peer.connect('connected')
        // A stream that only the server may open (RFC 9000 §19.8), and then PING after PING.
        peer.send([0x0a, 3, 1, 0x61])
        await log.shows('connection_closed', { initiator: 'local', connection_error: 'stream_state_error' })
        for (let count = 0; count < 100; count++) peer.send([0x01])
        const closes = log.frames('packet_sent', 'connection_close').length
        expect(closes).toBeGreaterThan(1)
        expect(closes).toBeLessThan(20)
        await log.sent('connection_close', { error: 'stream_state_error' })
      },
      { over: ['forger'] },
    ),
  ],
}
