/** §11 of the contract: statistics, qlog, key log. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { keyLogFile, qlogFolder } from '../../src/api/log-files.ts'
import { parseKeyLog, type QlogRecordSink, qlogTo, readQlog } from '../../src/qlog.ts'
import { above, bytesOf, first, readAll, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Meeting, Scene } from './scene.ts'

async function upload({ client, peer }: Meeting, length: number): Promise<void> {
  const stream = await client.createUnidirectionalStream()
  const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
  await Promise.all([writeAll(stream, bytesOf(length)), reading])
}

/** Calls `body` with a folder that is gone afterwards. */
async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-contract-'))
  try {
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A log of a connection that is over, read again: its events are evidence like those of any other. */
async function reread(scene: Scene, text: string): Promise<void> {
  const { traces, skipped } = readQlog(text)
  const [trace] = traces
  expect([traces.length, skipped, trace?.vantagePoint]).toEqual([1, 0, 'client'])
  const sent = trace?.events.find(({ name }) => name.endsWith('packet_sent'))
  expect(sent?.data['header']).toMatchObject({ packet_type: 'initial', packet_number: 0 })
  scene.note({ by: 'client', event: sent?.name ?? '', data: { header: { packet_type: 'initial', packet_number: 0 } } })
}

export const OBSERVING: Section = {
  title: '11 · Statistics, qlog, key log',
  file: 'e2e/contract/observing.ts',
  rows: [
    row('`connection.getStats()`', 'has W3C’s numbers, and they are those of the log', async (scene) => {
      const meeting = await scene.meet()
      const { client, log } = meeting
      await upload(meeting, 20_000)
      const stats = await client.getStats()
      expect(stats).toMatchObject({ bytesSent: 20_000, bytesAcknowledged: 20_000 })
      expect(stats.packetsSent).toBe(log.client.events('packet_sent').length)
      expect(stats.bytesSentOverhead).toBeGreaterThan(1000)
      expect(stats.packetsReceived).toBeGreaterThanOrEqual(log.client.events('packet_received').length)
      expect(stats.minRtt).toBeGreaterThan(scene.network === 'lossy' ? 39 : 0)
      expect(stats.smoothedRtt).toBeGreaterThanOrEqual(stats.minRtt)
      expect(stats.estimatedSendRate).toBeGreaterThan(1000)
      await log.client.sent('stream', { stream_id: 2, fin: true })
    }),
    row(
      '`getStats().quic`',
      'has packets, losses, RTT, window, PTO count, paths, streams and the send queue',
      async (scene) => {
        const meeting = await scene.meet({ client: { mtu: { max: 1200 } } })
        const { client, log } = meeting
        let count = 0
        await client.handshakeConfirmed
        scene.first('client').fate = (bytes) => (bytes.length > 1000 && count++ === 3 ? 'lose' : 'send')
        await upload(meeting, 60_000)
        const lost = await log.client.shows('packet_lost', { trigger: (value: unknown) => typeof value === 'string' })
        expect(lost).toBeDefined()
        const open = await client.createUnidirectionalStream()
        const { quic } = await client.getStats()
        expect(quic.packetsLost).toBe(log.client.events('packet_lost').length)
        expect(quic.streams.map(({ id }) => id)).toContain(open.id)
        expect(quic.paths).toMatchObject([{ state: 'active', mtu: 1200 }])
        expect(quic.sendQueue).toMatchObject({ queuedBytes: 0, congested: false })
        const windows = log.client.events('recovery_metrics_updated').map((data) => data['congestion_window'])
        const shown = windows.filter((window) => window !== undefined).at(-1)
        expect(Math.floor(quic.congestionWindow)).toBe(shown)
        await log.client.shows('recovery_metrics_updated', { congestion_window: shown })
      },
    ),
    row(
      '`observer: qlogTo(open)` to a callback',
      'writes JSON-SEQ records of the current drafts',
      async (scene) => {
        const records: string[] = []
        const observer = qlogTo(() => (record) => records.push(record))
        const { client } = await scene.meet({ client: { observer } })
        await client.close()
        expect(records.every((record) => record.startsWith('\u001e') && record.endsWith('\n'))).toBe(true)
        expect(JSON.parse((records[0] ?? '').slice(1))).toMatchObject({
          file_schema: 'urn:ietf:params:qlog:file:sequential',
        })
        await reread(scene, records.join(''))
      },
      { also: ['src/qlog/cddl.node.test.ts', 'the logs of %s are right'] },
    ),
    row('`qlogTo(open)` to a `WritableStream`', 'closes it at the end of the connection', async (scene) => {
      const parts: Uint8Array[] = []
      let isClosed = false
      const sink = new WritableStream<Uint8Array>({
        write: (part) => void parts.push(part.slice()),
        close: () => {
          isClosed = true
        },
      })
      const { client } = await scene.meet({ client: { observer: qlogTo(() => sink) } })
      await client.close()
      await scene.until(() => isClosed)
      await reread(scene, Buffer.concat(parts).toString())
    }),
    row('`qlogTo(open)` to a sink with an end', 'tells it when the connection is gone', async (scene) => {
      const records: string[] = []
      let isClosed = false
      const sink: QlogRecordSink = {
        write: (record) => records.push(record),
        close: () => {
          isClosed = true
        },
      }
      const { client } = await scene.meet({ client: { observer: qlogTo(() => sink) } })
      await client.close()
      await scene.until(() => isClosed)
      await reread(scene, records.join(''))
    }),
    row('`observer: qlogFolder(folder)` of `isoquic/qlog/files`', 'writes a file for each connection', (scene) => {
      return withFolder(async (folder) => {
        const { client } = await scene.meet({ client: { observer: qlogFolder(folder) } })
        await client.close()
        await scene.until(() => client.state === 'closed', 30_000)
        const [name = ''] = readdirSync(folder)
        expect(name).toMatch(/^[0-9a-f]+_client\.sqlog$/)
        await scene.sleep(300)
        await reread(scene, readFileSync(join(folder, name), 'utf8'))
      })
    }),
    row("`qlogTo(open, { version: '0.3' })`", 'writes what qvis reads', async (scene) => {
      const records: string[] = []
      const observer = qlogTo(() => (record) => records.push(record), { version: '0.3' })
      const { client } = await scene.meet({ client: { observer } })
      await client.close()
      const file = readQlog(records.join(''))
      expect(file.schema).toBe('0.3')
      expect(file.traces[0]?.events.some(({ name }) => name === 'transport:packet_sent')).toBe(true)
      scene.note({ by: 'client', event: 'transport:packet_sent', data: { qlog_version: '0.3' } })
    }),
    row('qlog', 'tells connection, packets, recovery with the cause of losses, and keys', async (scene) => {
      const meeting = await scene.meet()
      await upload(meeting, 60_000)
      await meeting.client.close()
      const { client } = meeting.log
      await client.shows('connection_started')
      await client.shows('packet_sent', { header: { packet_type: '1RTT' }, raw: { length: above(1000) } })
      await client.shows('recovery_metrics_updated', { smoothed_rtt: above(0) })
      await client.shows('key_updated', { key_type: 'server_1rtt_secret' })
      await client.shows('key_discarded', { key_type: 'client_handshake_secret' })
      await client.shows('connection_closed', { initiator: 'local' })
    }),
    row('`keyLog: keyLogFile(path)`', 'appends NSS lines to a file', (scene) => {
      return withFolder(async (folder) => {
        const path = join(folder, 'keys.log')
        const { log } = await scene.meet({ client: { keyLog: keyLogFile(path) } })
        const labels = parseKeyLog(readFileSync(path, 'utf8')).map(({ label }) => label)
        expect(labels).toContain('CLIENT_HANDSHAKE_TRAFFIC_SECRET')
        await log.client.shows('key_updated', { key_type: 'client_handshake_secret' })
      })
    }),
  ],
}
