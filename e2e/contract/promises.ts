/** §14 of the contract: what another library promised and did not hold; each promise has its test here, named after it. */
import { expect } from 'vitest'
import {
  MemoryStore,
  QuicAddressError,
  QuicHandshakeTimeoutError,
  QuicIdleTimeoutError,
  QuicStatelessResetError,
  QuicTlsError,
} from '../../src/index.ts'
import { QuicLbIds, QuicLbRouter } from '../../src/quic-lb.ts'
import { SeededRandom } from '../../src/simulator.ts'
import { above, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { identityOf } from './identities.ts'
import { row, type Section } from './row.ts'

type Header = { readonly packet_type: string; readonly packet_number: number }

export const PROMISES: Section = {
  title: '14 · Eighteen promises to keep',
  file: 'e2e/contract/promises.ts',
  rows: [
    row(
      '1',
      'the peer is authenticated',
      async (scene) => {
        const { ca } = identityOf({ now: scene.wallClock() })
        const host = await scene.serve()
        const { client, log } = await scene.dial(host.server, { ca, serverName: 'localhost' })
        expect(await rejection(client.ready)).toBeInstanceOf(QuicTlsError)
        await log.sent('connection_close', { error: 'crypto_error_0x130' })
      },
      { interop: ['handshake'] },
    ),
    row('2', 'a flow-control refusal never reuses a packet number (nonce)', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: { initialMaxData: 3000, maxReceiveWindow: 6000 } })
      const stream = await client.createUnidirectionalStream()
      const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
      await Promise.all([writeAll(stream, bytesOf(40_000)), reading])
      await log.client.sent('data_blocked')
      const headers = log.client.events('packet_sent').map(({ header }) => header as Header)
      const numbers = headers.map(({ packet_type: type, packet_number: number }) => `${type} ${number}`)
      expect(new Set(numbers).size).toBe(numbers.length)
    }),
    row('3', 'the datagram receive queue really drops', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: { datagrams: { incomingHighWaterMark: 4 } } })
      for (let size = 1; size <= 40; size++) client.datagrams.send(bytesOf(size))
      await log.server.received('datagram', { raw: { payload_length: above(35) } })
      await scene.sleep(100)
      expect(peer.inspect()?.datagrams.readable).toBe(4)
      expect((await first(peer.datagrams.readable)).length).toBeGreaterThan(30)
    }),
    row('4', 'stateless resets are sent', async (scene) => {
      const resetKey = bytesOf(32)
      const { client, log } = await scene.meet({ server: { resetKey } })
      await client.handshakeConfirmed
      await log.client.received('new_connection_id')
      await scene.serve({ resetKey }, scene.first('server').successor())
      client.ping().catch(() => {})
      expect(await rejection(client.closed)).toBeInstanceOf(QuicStatelessResetError)
      await log.client.shows('connection_closed', { trigger: 'stateless_reset' })
    }),
    row(
      '5',
      'Retry completes',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { retry: 'always' } })
        expect(client.state).toBe('connected')
        await log.client.shows('packet_received', { header: { packet_type: 'retry' } })
        await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
      },
      { interop: ['retry'] },
    ),
    row(
      '6',
      'spare connection ids are issued',
      async (scene) => {
        const { log } = await scene.meet({ client: { activeConnectionIdLimit: 6 } })
        for (const number of [1, 5]) await log.client.received('new_connection_id', { sequence_number: number })
      },
      { interop: ['connectionmigration'] },
    ),
    row('7', 'options set at run time take effect', async (scene) => {
      const { client, log } = await scene.meet()
      await client.handshakeConfirmed
      client.configure({ keepAlive: 40 })
      await log.client.sent('ping')
      client.configure({ keepAlive: false, maxIdleTimeout: 300 })
      expect(await rejection(client.closed)).toBeInstanceOf(QuicIdleTimeoutError)
      await log.client.shows('connection_closed', { trigger: 'idle_timeout' })
    }),
    row('8', 'timeouts honour the given time', async (scene) => {
      const host = await scene.serve()
      await scene.endpoint()
      scene.first('client').fate = () => 'lose'
      for (const handshakeTimeout of [200, 500]) {
        const began = scene.now()
        const { client, log } = await scene.dial(host.server, { handshakeTimeout })
        expect(await rejection(client.ready)).toBeInstanceOf(QuicHandshakeTimeoutError)
        expect(scene.now() - began).toBeGreaterThanOrEqual(handshakeTimeout - 1)
        if (scene.network === 'lossy') expect(scene.now() - began).toBeLessThan(handshakeTimeout + 5)
        const reason = `The handshake was not complete after ${handshakeTimeout} ms`
        await log.shows('connection_closed', { reason })
      }
    }),
    row('9', 'a migration that fails is noticed and undone', async (scene) => {
      const { client, log } = await scene.meet()
      await client.handshakeConfirmed
      await log.client.received('new_connection_id')
      const before = client.localAddress
      const deaf = await scene.transport('client')
      deaf.fate = () => 'lose'
      expect(await rejection(client.migrate(deaf, { timeout: 200 }))).toMatchObject({ failure: 'timeout' })
      expect(client.localAddress).toBe(before)
      expect(await client.ping()).toBeGreaterThan(0)
      await log.client.shows('migration_state_updated', { new: 'probing_abandoned' })
    }),
    row(
      '10',
      'changing the congestion controller keeps the connection’s state, and migration keeps the algorithm',
      async (scene) => {
        const { client, log } = await scene.meet({ client: { congestionControl: 'bbr', mtu: { max: 1200 } } })
        await client.handshakeConfirmed
        await log.client.received('new_connection_id')
        const before = (await client.getStats()).quic
        client.congestionControl = 'newreno'
        const after = (await client.getStats()).quic
        expect(after.smoothedRtt).toBe(before.smoothedRtt)
        expect(after.bytesInFlight).toBe(before.bytesInFlight)
        expect(after.congestionWindow).toBeLessThanOrEqual(before.congestionWindow)
        await client.migrate(await scene.transport('client'))
        expect(client.congestionControl).toBe('newreno')
        await log.client.shows('migration_state_updated', { new: 'migration_complete' })
      },
    ),
    row(
      '11',
      '0-RTT interoperates',
      async (scene) => {
        const stores = { sessionStore: new MemoryStore(), earlyData: true }
        const host = await scene.serve({ earlyData: true })
        const one = await scene.visit(host, stores)
        await one.client.handshakeConfirmed
        await scene.sleep(300)
        const { client, log } = await scene.dial(host.server, stores)
        const stream = await client.createUnidirectionalStream()
        await Promise.all([writeAll(stream, bytesOf(100)), host.next()])
        expect(await client.earlyDataAccepted).toBe(true)
        await log.shows('packet_sent', { header: { packet_type: '0RTT' } })
      },
      { interop: ['zerortt'] },
    ),
    row(
      '12',
      'incremental priority has effect',
      async (scene) => {
        const { client, log } = await scene.meet({ client: { mtu: { max: 1200 } } })
        await client.handshakeConfirmed
        const streams = []
        for (let count = 0; count < 2; count++)
          streams.push(await client.createUnidirectionalStream({ incremental: true }))
        for (const stream of streams) stream.tryWrite(bytesOf(9000))
        await log.client.sent('stream', { stream_id: 2, offset: above(6000) })
        await log.client.sent('stream', { stream_id: 6, offset: above(6000) })
        const ids = log.client.frames('packet_sent', 'stream').map(({ stream_id: id }) => id)
        expect(ids.indexOf(6)).toBeLessThan(ids.lastIndexOf(2))
      },
      { link: { delay: 20 } },
    ),
    row('13', 'back-pressure signals are sent', async (scene) => {
      const server = { initialMaxData: 2000, initialMaxStreamDataUni: 1500, maxReceiveWindow: 2000 }
      const { client, log } = await scene.meet({ server: { ...server, maxIncomingBidirectionalStreams: 0 } })
      const opening = client.createBidirectionalStream().catch(() => {})
      for (let count = 0; count < 2; count++) (await client.createUnidirectionalStream()).tryWrite(bytesOf(5000))
      await log.client.sent('stream_data_blocked', { stream_id: 2, limit: 1500 })
      await log.client.sent('data_blocked', { limit: 2000 })
      await log.client.sent('streams_blocked', { stream_type: 'bidirectional', limit: 0 })
      await Promise.all([client.close(), opening])
    }),
    row(
      '14',
      'QUIC-LB follows the draft',
      async (scene) => {
        const config = { id: 0, serverIdLength: 2, nonceLength: 6, key: bytesOf(16) }
        const ids = new QuicLbIds({ random: new SeededRandom(3), config, serverId: Uint8Array.of(7, 9) })
        const router = new QuicLbRouter([config])
        const { client } = await scene.meet({ server: { connectionIdGenerator: ids } })
        await client.handshakeConfirmed
        await client.ping()
        await scene.sees('client', 'a short header whose id leads to server 0709', (bytes) => {
          const route = (bytes[0] ?? 0x80) < 0x80 ? router.routeDatagram(bytes) : undefined
          return route?.serverId[0] === 7 && route.serverId[1] === 9
        })
      },
      {
        also: [
          'src/endpoint/quic-lb.test.ts',
          'the ids of a server are those of the draft, first octet included, where the nonce is',
        ],
      },
    ),
    row(
      '15',
      'a transfer larger than every window completes, and short or reset streams leave memory flat',
      async (scene) => {
        const server = { initialMaxData: 8000, initialMaxStreamDataUni: 4000, maxReceiveWindow: 30_000 }
        const { client, peer, log } = await scene.meet({ server, client: { maxStreamSendBuffer: 10_000 } })
        const stream = await client.createUnidirectionalStream()
        const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
        await writeAll(stream, bytesOf(150_000))
        expect((await reading).length).toBe(150_000)
        peer.serve({ stream: async (each) => void (await readAll(each).catch(() => {})) })
        for (let count = 0; count < 150; count++) {
          const brief = await client.createUnidirectionalStream()
          brief.tryWrite(bytesOf(10))
          if (count % 2 === 0) brief.reset()
          else brief.finish()
        }
        await scene.until(() => client.inspect()?.streams.length === 0 && peer.inspect()?.streams.length === 0)
        await log.server.sent('max_streams', { stream_type: 'unidirectional', maximum: above(140) })
      },
      {
        interop: ['transfer'],
        also: ['e2e/stress/stream-churn.node.test.ts', 'streams, half of them reset, leave no state behind'],
      },
    ),
    row('17', 'the idle timeout is negotiated and silent', async (scene) => {
      const { client, peer, log } = await scene.meet({ server: { maxIdleTimeout: 350 } })
      const ends = await Promise.all([rejection(client.closed), rejection(peer.closed)])
      for (const error of ends) expect(error).toBeInstanceOf(QuicIdleTimeoutError)
      await log.client.shows('connection_closed', { trigger: 'idle_timeout' })
      const closes = [log.client, log.server].flatMap((each) => each.frames('packet_sent', 'connection_close'))
      expect(closes).toEqual([])
    }),
    row('18', 'an unknown host fails', async (scene) => {
      const { client: other, log } = await scene.meet()
      const endpoint = await scene.endpoint()
      const before = scene.wire.length
      const client = endpoint.connect('unknown.invalid:443', scene.clientOptions())
      expect(await rejection(client.ready)).toBeInstanceOf(QuicAddressError)
      const strangers = scene.wire
        .slice(before)
        .filter(({ from, to }) => from === 'client' && to !== other.remoteAddress)
      expect(strangers).toEqual([])
      await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
    }),
  ],
}
