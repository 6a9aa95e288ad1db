/** §6 of the contract: datagrams. */
import { expect } from 'vitest'
import type { QuicConnection } from '../../src/index.ts'
import { above, bytesOf, first, rejection } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Scene } from './scene.ts'

/** Reads datagrams until none has come for a while. */
function listen(peer: QuicConnection): Uint8Array[] {
  const heard: Uint8Array[] = []
  peer.serve({ datagram: (bytes) => void heard.push(bytes) })
  return heard
}

/** Two ends; what the client sends from now on waits in its queue until its transport drains. */
async function blocked(scene: Scene): Promise<Awaited<ReturnType<Scene['meet']>>> {
  const meeting = await scene.meet()
  await meeting.client.handshakeConfirmed
  await scene.sleep(300)
  scene.first('client').isFull = true
  // The one that is still taken.
  const last = meeting.client.datagrams.send(bytesOf(9))
  await scene.until(() => last.status !== 'queued')
  return meeting
}

export const DATAGRAMS: Section = {
  title: '6 · Datagrams',
  file: 'e2e/contract/datagrams.ts',
  rows: [
    row(
      '`datagrams.send(bytes)`, `status`, `settled`',
      'sends one, and tells whether it was acknowledged or lost',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        await client.handshakeConfirmed
        const heard = listen(peer)
        expect(await client.datagrams.send(bytesOf(1), { maxAge: 60_000 }).settled).toMatch(/acked|lost/)
        let handle = client.datagrams.send(bytesOf(77))
        expect(handle.status).toMatch(/queued|sent/)
        while ((await handle.settled) !== 'acked') handle = client.datagrams.send(bytesOf(77))
        expect(heard).toContainEqual(bytesOf(77))
        scene.first('client').fate = (bytes) => (bytes.length > 500 && bytes.length < 600 ? 'lose' : 'send')
        const lost = client.datagrams.send(bytesOf(500))
        for (let count = 0; count < 6; count++) await client.datagrams.send(bytesOf(5)).settled
        expect(await lost.settled).toBe('lost')
        await log.client.sent('datagram', { raw: { payload_length: 77 } })
        await log.server.received('datagram', { raw: { payload_length: 77 } })
      },
      { interop: ['datagrams'] },
    ),
    row(
      '`datagrams.writable`, `createWritable()`, `readable`',
      'take and give a datagram for each chunk',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        const [one, other] = [client.datagrams.writable.getWriter(), client.datagrams.createWritable().getWriter()]
        const reader = peer.datagrams.readable.getReader()
        const reading = reader.read()
        for (let count = 0; count < 20; count++) await Promise.all([one.write(bytesOf(31)), other.write(bytesOf(32))])
        expect([31, 32]).toContain((await reading).value?.length)
        await log.server.received('datagram', { raw: { payload_length: 31 } })
        await log.server.received('datagram', { raw: { payload_length: 32 } })
        expect(client.datagrams.writable).toBe(client.datagrams.writable)
      },
    ),
    row(
      '`maxDatagramFrameSize` (65,535), `datagrams.maxDatagramSize`',
      'is the smaller of the peer’s limit and of what fits into a packet now',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { maxDatagramFrameSize: 500 } })
        await log.client.shows('parameters_set', { initiator: 'remote', max_datagram_frame_size: 500 })
        expect(client.datagrams.maxDatagramSize).toBe(497)
        const wide = await scene.meet()
        await wide.log.client.shows('parameters_set', { initiator: 'remote', max_datagram_frame_size: 65_535 })
        const before = wide.client.datagrams.maxDatagramSize
        await wide.log.client.shows('mtu_updated', { new: 1452 })
        await scene.until(() => wide.client.datagrams.maxDatagramSize > 1400)
        expect(before).toBeLessThan(1452)
        const { maxDatagramSize } = wide.client.datagrams
        const handles = [0, 0, 0, 0].map(() => wide.client.datagrams.send(bytesOf(maxDatagramSize)))
        await Promise.all(handles.map(({ settled }) => settled))
        await wide.log.server.received('datagram', { raw: { payload_length: maxDatagramSize } })
      },
    ),
    row('`maxDatagramFrameSize: 0`', 'turns datagrams off, and sending throws', async (scene) => {
      const { client, log } = await scene.meet({ server: { maxDatagramFrameSize: 0 } })
      expect(client.datagrams.maxDatagramSize).toBe(0)
      expect(() => client.datagrams.send(bytesOf(1))).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
      await log.client.shows('parameters_set', {
        initiator: 'remote',
        max_datagram_frame_size: (value: unknown) => value === undefined || value === 0,
      })
    }),
    row('A datagram that is too large', 'throws with the limit in the message, and fails a writer', async (scene) => {
      const { client, log } = await scene.meet({ server: { maxDatagramFrameSize: 203 } })
      const words = 'at most 200 bytes, got 201'
      expect(() => client.datagrams.send(bytesOf(201))).toThrow(words)
      const error = await rejection(client.datagrams.createWritable().getWriter().write(bytesOf(201)))
      expect(error).toBeInstanceOf(RangeError)
      client.datagrams.send(bytesOf(200))
      await log.client.sent('datagram', { raw: { payload_length: 200 } })
    }),
    row('`outgoingHighWaterMark` (256)', 'bounds the queue: `send` drops the oldest, a writer waits', async (scene) => {
      const { client, log } = await blocked(scene)
      client.datagrams.outgoingHighWaterMark = 2
      const handles = [1, 2, 3, 4].map((size) => client.datagrams.send(bytesOf(size)))
      expect(handles.map(({ status }) => status)).toEqual(['dropped', 'dropped', 'queued', 'queued'])
      const writing = client.datagrams.writable.getWriter().write(bytesOf(5))
      expect(await Promise.race([writing, scene.sleep(1).then(() => 'waits')])).toBe('waits')
      expect((await client.getStats()).datagrams.droppedOutgoing).toBeGreaterThanOrEqual(2)
      scene.first('client').drain()
      await writing
      await log.client.sent('datagram', { raw: { payload_length: 4 } })
      expect(log.client.frames('packet_sent', 'datagram', { raw: { payload_length: 1 } })).toEqual([])
    }),
    row('`maxAge`, `outgoingMaxAge`', 'lets what waits too long expire unsent', async (scene) => {
      const { client, log } = await blocked(scene)
      const brief = client.datagrams.send(bytesOf(71), { maxAge: 30 })
      client.datagrams.outgoingMaxAge = 60
      const middling = client.datagrams.send(bytesOf(72))
      const lasting = client.datagrams.send(bytesOf(73), { maxAge: 60_000 })
      expect(await brief.settled).toBe('expired')
      expect(await middling.settled).toBe('expired')
      expect((await client.getStats()).datagrams.expiredOutgoing).toBeGreaterThanOrEqual(2)
      scene.first('client').drain()
      expect(['acked', 'lost']).toContain(await lasting.settled)
      await log.client.sent('datagram', { raw: { payload_length: 73 } })
      expect(log.client.frames('packet_sent', 'datagram', { raw: { payload_length: 71 } })).toEqual([])
    }),
    row('Datagrams', 'go before the data of streams', async (scene) => {
      const { client, log } = await blocked(scene)
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(bytesOf(20_000))
      client.datagrams.send(bytesOf(88), { maxAge: 60_000 })
      scene.first('client').drain()
      await log.client.sent('stream', { stream_id: 2 })
      await log.client.sent('datagram', { raw: { payload_length: 88 } })
      const packets = log.client.events('packet_sent').map(({ frames }) => frames as { frame_type: string }[])
      const types = packets.flat().map(({ frame_type: type }) => type)
      expect(types.lastIndexOf('datagram')).toBeLessThan(types.indexOf('stream'))
    }),
    row('Datagrams beyond the window', 'wait: they are congestion controlled', async (scene) => {
      const { client, log } = await scene.meet({ client: { mtu: { max: 1200 } } })
      await client.handshakeConfirmed
      scene.first('client').fate = () => 'lose'
      const { congestionWindow } = client.sendQueue
      for (let size = 0; size < congestionWindow * 2; size += 1000) client.datagrams.send(bytesOf(1000))
      await scene.sleep(1)
      const sent = log.client.frames('packet_sent', 'datagram').length
      expect(sent * 1000).toBeLessThanOrEqual(congestionWindow)
      expect(client.inspect()?.datagrams.queued).toBeGreaterThan(sent - 1)
      await log.client.sent('datagram', { raw: { payload_length: 1000 } })
    }),
    row(
      '`incomingHighWaterMark` (1,024), `incomingMaxAge`',
      'bound what waits to be read; the oldest go',
      async (scene) => {
        const { client, peer, log } = await scene.meet()
        peer.datagrams.incomingHighWaterMark = 3
        for (let size = 1; size <= 30; size++) client.datagrams.send(bytesOf(size))
        await log.server.received('datagram', { raw: { payload_length: above(25) } })
        await scene.until(() => peer.inspect()?.datagrams.readable === 3)
        await scene.sleep(100)
        expect((await first(peer.datagrams.readable)).length).toBeGreaterThan(20)
        expect((await peer.getStats()).datagrams.droppedIncoming).toBeGreaterThan(10)
        peer.datagrams.incomingMaxAge = 40
        await scene.sleep(60)
        const stats = (await peer.getStats()).datagrams
        expect(stats.expiredIncoming).toBeGreaterThanOrEqual(1)
      },
    ),
    row('`getStats().datagrams`', 'counts what was sent, delivered, lost, expired and dropped', async (scene) => {
      const { client, peer, log } = await scene.meet()
      const heard = listen(peer)
      const handles = Array.from({ length: 40 }, () => client.datagrams.send(bytesOf(300)))
      const fates = await Promise.all(handles.map(({ settled }) => settled))
      const { datagrams } = await client.getStats()
      const count = (fate: string): number => fates.filter((each) => each === fate).length
      expect(datagrams).toMatchObject({ sent: 40, delivered: count('acked'), lostOutgoing: count('lost') })
      expect(heard.length).toBeGreaterThanOrEqual(count('acked'))
      await log.client.sent('datagram', { raw: { payload_length: 300 } })
    }),
    row(
      'A DATAGRAM frame that was not negotiated',
      'is PROTOCOL_VIOLATION',
      async (scene) => {
        const { peer, log } = scene.forger('client', { server: { maxDatagramFrameSize: 0 } })
        peer.connect('connected')
        peer.send([0x30, 1, 2, 3])
        await log.sent('connection_close', { error: 'protocol_violation' })
      },
      { over: ['forger'] },
    ),
    row(
      'A DATAGRAM frame that is too large',
      'is PROTOCOL_VIOLATION',
      async (scene) => {
        const { peer, log } = scene.forger('server', { client: { maxDatagramFrameSize: 50 } })
        peer.connect('connected')
        peer.send([0x30, ...bytesOf(50)])
        await log.sent('connection_close', { error: 'protocol_violation' })
      },
      { over: ['forger'] },
    ),
  ],
}
