/** §2 of the contract: functions of a connection as a whole. */
import { expect } from 'vitest'
import { QuicApplicationError, type QuicStream } from '../../src/index.ts'
import { Pair } from '../../src/simulator.ts'
import { above, between, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

export const CONTROLS: Section = {
  title: '2 · Functions: the connection',
  file: 'e2e/contract/controls.ts',
  rows: [
    row(
      '`connection.close({ closeCode, reason })`',
      'sends CONNECTION_CLOSE and drops what streams still hold',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ server: { initialMaxData: 5000 } })
        await client.handshakeConfirmed
        const stream = await client.createUnidirectionalStream()
        const ended = stream.closed.catch((error: unknown) => error)
        stream.tryWrite(bytesOf(50_000))
        const began = scene.now()
        await client.close({ closeCode: 2n ** 62n - 1n, reason: 'bye' })
        expect(scene.now() - began).toBeLessThan(5000)
        expect(await ended).toBeInstanceOf(Error)
        const error = await rejection(peer.closed)
        expect(error).toBeInstanceOf(QuicApplicationError)
        expect(error).toMatchObject({ code: 2n ** 62n - 1n, reason: 'bye', side: 'remote' })
        await log.client.sent('connection_close', {
          error_space: 'application',
          error_code: String(2n ** 62n - 1n),
          reason: 'bye',
        })
        expect(client.inspect()?.queuedBytes).toBe(0)
      },
      { interop: ['close'] },
    ),
    row(
      '`connection.close()` before the handshake is confirmed',
      'says APPLICATION_ERROR (0x1c) in the packets of the handshake',
      async (scene) => {
        const { client, log } = await scene.dial(await scene.listenInSilence())
        await scene.until(() => log.events('packet_sent').length > 1)
        await Promise.all([client.close({ closeCode: 9, reason: 'secret' }), client.ready.catch(() => {})])
        await log.sent('connection_close', { error_space: 'transport', error: 'application_error' })
        expect(log.frames('packet_sent', 'connection_close', { reason: 'secret' })).toEqual([])
      },
      { link: { delay: 20, loss: 0.5 } },
    ),
    row(
      'sans-IO: `Connection.onTimeout(now)`, `nextTimeout()`, `pollDatagram`, `pollEvent`',
      'run the whole protocol without a promise, and honour the time that they are given',
      async (scene) => {
        const log = scene.log('client')
        const observer = (destination: Parameters<typeof log.observer>[0], role: 'client' | 'server') =>
          role === 'client' ? log.observer(destination, role) : undefined
        const pair = new Pair({ seed: 3, link: { delay: 20, loss: 0.2 }, observer })
        const { client } = pair.handshake()
        const at = client.nextTimeout()
        expect(at).toBeGreaterThan(pair.now)
        client.onTimeout(pair.now)
        expect(client.nextTimeout()).toBe(at)
        pair.run(() => client.state === 'closed', 120_000)
        expect(client.closeReason).toMatchObject({ kind: 'idle-timeout' })
        await log.shows('connection_closed', { trigger: 'idle_timeout' })
        await scene.meet()
      },
      { over: ['lossy'], because: 'the core knows no transports' },
    ),
    row(
      '`connection.state`, `connection.inspect()`',
      'is a snapshot of plain data: ids, role, windows, queues, timers',
      async (scene) => {
        const { client, log } = await scene.meet()
        await client.handshakeConfirmed
        const stream = await client.createUnidirectionalStream({ urgency: 1 })
        stream.tryWrite(bytesOf(100))
        const seen = client.inspect()
        expect(seen).toMatchObject({ role: 'client', version: 1, alpn: 'contract', isHandshakeConfirmed: true })
        expect(seen?.streams).toMatchObject([{ id: 2, direction: 'unidirectional', urgency: 1 }])
        expect(seen?.timers.idle).toBeGreaterThan(0)
        expect(structuredClone(seen)).toEqual(seen)
        const [id] = seen?.peerIds ?? []
        await log.client.shows('packet_sent', { header: { packet_type: '1RTT', dcid: id } })
      },
    ),
    row(
      '`peerCertificates`',
      'are the peer’s, leaf first, and undefined before the handshake',
      async (scene) => {
        const host = await scene.serve()
        const { client, log } = await scene.dial(host.server)
        expect(client.peerCertificates).toBeUndefined()
        await client.ready
        expect(client.peerCertificates).toEqual([scene.certificate.certificateDer])
        expect((await host.next()).peerCertificates).toBeUndefined()
        await log.shows('parameters_set', { tls_cipher: (value: unknown) => typeof value === 'string' })
      },
      { interop: ['handshake'] },
    ),
    row(
      '`connection.serve({ stream, datagram })`',
      'may be replaced at any time, and nothing that arrived is lost in the change',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        const heard: string[] = []
        const handlers = (name: string) => ({
          stream: async (stream: QuicStream) =>
            void heard.push(`${name} ${stream.id} ${(await readAll(stream)).length}`),
          datagram: (bytes: Uint8Array) => void heard.push(`${name} datagram ${bytes.length}`),
        })
        const send = async (): Promise<void> => {
          await writeAll(await client.createUnidirectionalStream(), bytesOf(10))
          let status = ''
          while (status !== 'acked') status = await client.datagrams.send(bytesOf(5)).settled
        }
        await send()
        peer.serve(handlers('one'))
        await scene.until(() => heard.length >= 2)
        peer.serve({})
        await send()
        peer.serve(handlers('other'))
        await scene.until(() => heard.length >= 4)
        const streams = heard.filter((text) => !text.includes('datagram'))
        expect(streams).toEqual(['one 2 10', 'other 6 10'])
        expect(heard).toContain('one datagram 5')
        expect(heard).toContain('other datagram 5')
        await log.server.received('datagram')
      },
    ),
    row('`configure({ keepAlive })`', 'takes effect at once', async (scene) => {
      const { client, log } = await scene.meet({ client: { maxIdleTimeout: 1000 } })
      await client.handshakeConfirmed
      client.configure({ keepAlive: 50 })
      await scene.sleep(1500)
      expect(client.state).toBe('connected')
      await log.client.sent('ping')
      expect(log.client.frames('packet_sent', 'ping').length).toBeGreaterThan(5)
    }),
    row(
      '`configure({ maxIdleTimeout })`',
      'only goes below what was advertised, and its expiry then sends CONNECTION_CLOSE',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ client: { maxIdleTimeout: 20_000 } })
        await client.handshakeConfirmed
        expect(() => client.configure({ maxIdleTimeout: 20_001 })).toThrow(RangeError)
        client.configure({ maxIdleTimeout: 300 })
        expect(await rejection(client.closed)).toMatchObject({ name: 'QuicIdleTimeoutError' })
        expect(await peer.closed).toMatchObject({ closeCode: 0n })
        await log.client.shows('connection_closed', { trigger: 'idle_timeout' })
        await log.client.sent('connection_close')
      },
    ),
    row(
      '`configure({ maxIncomingBidirectionalStreams, maxIncomingUnidirectionalStreams })`',
      'gives credit, and takes none back',
      async (scene) => {
        const { client, peer, log } = await scene.meet({
          server: { maxIncomingBidirectionalStreams: 1, maxIncomingUnidirectionalStreams: 1 },
        })
        peer.configure({ maxIncomingBidirectionalStreams: 3, maxIncomingUnidirectionalStreams: 2 })
        for (let count = 0; count < 3; count++) await client.createBidirectionalStream()
        await client.createUnidirectionalStream()
        expect((await client.createUnidirectionalStream()).id).toBe(6)
        await log.server.sent('max_streams', { stream_type: 'bidirectional', maximum: 3 })
        await log.server.sent('max_streams', { stream_type: 'unidirectional', maximum: 2 })
        peer.configure({ maxIncomingBidirectionalStreams: 0 })
        expect(log.server.frames('packet_sent', 'max_streams', { maximum: 0 })).toEqual([])
      },
    ),
    row('`configure({ maxReceiveWindow })`', 'bounds what windows may grow to', async (scene) => {
      const { client, peer, log } = await scene.meet({
        server: { initialMaxData: 50_000, initialMaxStreamDataUni: 50_000 },
      })
      peer.configure({ maxReceiveWindow: 60_000 })
      const stream = await client.createUnidirectionalStream()
      const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
      await Promise.all([writeAll(stream, bytesOf(250_000)), reading])
      await log.server.sent('max_data', { maximum: above(200_000) })
      const credits = log.server.frames('packet_sent', 'max_data').map(({ maximum }) => Number(maximum))
      expect(Math.max(...credits)).toBeLessThanOrEqual(310_000)
    }),
    row('`configure({ pacing })`', 'lets bursts go', async (scene) => {
      const { client, peer, log } = await scene.meet({ client: { mtu: { max: 1200 } } })
      await client.handshakeConfirmed
      await scene.sleep(200)
      client.configure({ pacing: false })
      const before = log.client.times('packet_sent').length
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(9000))
      await readAtLeast(await first(peer.incomingUnidirectionalStreams), 9000)
      const times = log.client.times('packet_sent').slice(before)
      expect(times.filter((time) => time - (times[0] ?? 0) <= 1).length).toBeGreaterThanOrEqual(7)
      await log.client.sent('stream', { stream_id: 2, offset: above(6000) })
    }),
    row('`configure({ datagrams })`', 'sets queue lengths and ages', async (scene) => {
      const { client, peer, log } = await scene.meet()
      peer.configure({ datagrams: { incomingHighWaterMark: 2 } })
      expect(peer.datagrams.incomingHighWaterMark).toBe(2)
      for (let size = 1; size <= 40; size++) client.datagrams.send(bytesOf(size))
      await scene.until(() => peer.inspect()?.datagrams.readable === 2)
      await scene.until(() => log.server.frames('packet_received', 'datagram').length > 20)
      expect((await peer.getStats()).datagrams.droppedIncoming).toBeGreaterThan(18)
      await log.server.received('datagram', { raw: { payload_length: between(30, 40) } })
    }),
    row('`configure` with what cannot be changed', 'throws, and changes nothing', async (scene) => {
      const { client, log } = await scene.meet()
      expect(() => client.configure({ keepAlive: 10, alpn: ['x'] } as object)).toThrow(TypeError)
      expect(() => client.configure({ keepAlive: 10, datagrams: { outgoingHighWaterMark: 0 } })).toThrow(RangeError)
      await client.handshakeConfirmed
      await scene.sleep(300)
      const { timers } = client.inspect() ?? {}
      expect(timers?.idle).toBeGreaterThan(5000)
      await log.client.shows('parameters_set', { initiator: 'local', max_idle_timeout: 30_000 })
    }),
    row(
      '`peerTransportParameters`',
      'are the peer’s, unknown ones as bytes',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { initialMaxData: 123_456, activeConnectionIdLimit: 7 } })
        const parameters = client.peerTransportParameters
        expect(parameters).toMatchObject({ initialMaxData: 123_456, activeConnectionIdLimit: 7 })
        for (const value of parameters?.unknown.values() ?? []) expect(value).toBeInstanceOf(Uint8Array)
        await log.client.shows('parameters_set', {
          initiator: 'remote',
          initial_max_data: 123_456,
          active_connection_id_limit: 7,
        })
      },
      { interop: ['handshake'] },
    ),
    row(
      '`connection.ping({ signal })`',
      'fulfils with the round trip in ms when PING is acknowledged',
      async (scene) => {
        const { client, log } = await scene.meet()
        await client.handshakeConfirmed
        const round = await client.ping()
        expect(round).toBeGreaterThan(scene.network === 'lossy' ? 39 : 0)
        await log.client.sent('ping')
        const abort = new AbortController()
        const waiting = client.ping({ signal: abort.signal })
        abort.abort(new Error('Enough'))
        expect(await rejection(waiting)).toEqual(new Error('Enough'))
      },
    ),
    row(
      '`connection.updateKeys()`',
      'moves to new keys, fulfils when they are confirmed, and is refused before the handshake is and while one is under way',
      async (scene) => {
        const host = await scene.serve()
        const { client, log } = await scene.dial(host.server)
        expect(await rejection(client.updateKeys())).toMatchObject({ name: 'InvalidStateError' })
        await client.handshakeConfirmed
        await client.ping()
        const updating = client.updateKeys()
        expect(await rejection(client.updateKeys())).toMatchObject({ name: 'InvalidStateError' })
        await Promise.all([updating, client.ping()])
        await log.shows('key_updated', { key_type: 'client_1rtt_secret', key_phase: 1, trigger: 'local_update' })
        await log.shows('packet_received', { header: { packet_type: '1RTT', key_phase: 1 } })
      },
      { interop: ['keyupdate'] },
    ),
    row(
      '`connection.issueConnectionIds()`',
      'replaces our ids, beside the spares that the peer has up to its `activeConnectionIdLimit`',
      async (scene) => {
        const { client, peer, log } = await scene.meet({ client: { activeConnectionIdLimit: 5 } })
        await client.handshakeConfirmed
        await log.server.sent('new_connection_id', { sequence_number: 4, retire_prior_to: 0 })
        await scene.until(() => peer.inspect()?.localIds.length === 5)
        const before = peer.inspect()?.localIds
        await client.ping()
        expect(peer.issueConnectionIds()).toBe(true)
        await log.server.sent('new_connection_id', { retire_prior_to: 5 })
        await log.client.sent('retire_connection_id', { sequence_number: 4 })
        await scene.until(() => !peer.inspect()?.localIds.some((id) => before?.includes(id)))
        expect(await client.ping()).toBeGreaterThan(0)
      },
    ),
    row('`addEventListener`, `removeEventListener`', 'tell of facts: here `mtuchange`', async (scene) => {
      const { client, log } = await scene.meet()
      const heard: string[] = []
      const never = (): void => void heard.push('never')
      client.addEventListener('mtuchange', () => void heard.push('mtu'))
      client.addEventListener('mtuchange', never)
      client.removeEventListener('mtuchange', never)
      await scene.until(() => heard.length > 0)
      expect(heard).not.toContain('never')
      await log.client.shows('mtu_updated', { new: above(1200) })
    }),
    row('`await using`', 'closes connection and server', async (scene) => {
      const { client, server, log } = await scene.meet()
      await client[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      expect(client.state).not.toBe('connected')
      await log.client.sent('connection_close')
    }),
    row(
      'A peer that updates its keys twice',
      'before the first update was answered, is KEY_UPDATE_ERROR',
      async (scene) => {
        const { peer, log } = scene.forger('client', { server: { mtu: { max: 1200 } } })
        peer.connect('connected')
        peer.send([0x00], { generation: 1 })
        peer.send([0x00], { generation: 2 })
        await log.sent('connection_close', { error: 'key_update_error' })
      },
      { over: ['forger'] },
    ),
    row(
      '`signal`',
      'ends every wait with its reason: `ping`, `drained`, `updateKeys`, `getStats`, `close`, `whenReadable`, `whenWritable`',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        await client.handshakeConfirmed
        const reason = new Error('Given up')
        const signal = AbortSignal.abort(reason)
        const stream = await client.createBidirectionalStream()
        const waits = [
          () => client.ping({ signal }),
          () => client.drained({ signal }),
          () => client.updateKeys({ signal }),
          () => client.getStats({ signal }),
          () => stream.whenReadable({ signal }),
          () => stream.whenWritable({ signal }),
          () => stream.close({ signal }),
          () => client.createUnidirectionalStream({ signal }),
        ]
        for (const wait of waits) expect(await rejection(wait())).toBe(reason)
        expect(await rejection(peer.close({ signal }))).toBe(reason)
        await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
      },
    ),
  ],
}

async function readAtLeast(stream: QuicStream, count: number): Promise<void> {
  const into = new Uint8Array(count)
  for (let at = 0; at < count; ) {
    await stream.whenReadable()
    at += stream.read(into.subarray(at))
  }
}
