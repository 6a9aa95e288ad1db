/** §4 of the contract: congestion control, pacing, loss, ECN, and the frequency of acknowledgements. */
import { expect } from 'vitest'
import type { QuicConnection } from '../../src/index.ts'
import { gentle } from '../../src/recovery/congestion/gentle.fixtures.ts'
import { above, between, bytesOf, first, readAll, writeAll } from './bytes.ts'
import type { ConnectionLog } from './log.ts'
import { row, type Section } from './row.ts'
import type { Meeting, Scene } from './scene.ts'

/** A link that loses nothing by chance: what is lost there is what the row loses. */
const CLEAR = { delay: 20 }
const NO_PROBES = { mtu: { max: 1200 } } as const
const ACK_FREQUENCY = { frame_type_bytes: 0xaf }
const IMMEDIATE_ACK = { frame_type_bytes: 0x1f }

/** Sends `length` bytes to the peer, and waits until they are read. */
async function upload({ client, peer }: Pick<Meeting, 'client' | 'peer'>, length: number): Promise<void> {
  const stream = await client.createUnidirectionalStream()
  const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
  await Promise.all([writeAll(stream, bytesOf(length)), reading])
}

/** Loses the next datagram with so many bytes that the client sends. */
function loseOne(scene: Scene): void {
  let isDone = false
  scene.first('client').fate = (bytes) => {
    if (isDone || bytes.length < 1000) return 'send'
    isDone = true
    return 'lose'
  }
}

/** What the first congestion event leaves of the window that was logged before it. */
function reduction(log: ConnectionLog): number {
  let window = 0
  for (const { congestion_window: next, ssthresh } of log.events('recovery_metrics_updated')) {
    if (ssthresh !== undefined && Number(ssthresh) < 0.95 * window) return Number(ssthresh) / window
    if (next !== undefined) window = Number(next)
  }
  return Number.NaN
}

/** A transfer in which one datagram is lost after the window has grown. */
async function withOneLoss(scene: Scene, meeting: Meeting): Promise<void> {
  await meeting.client.handshakeConfirmed
  await upload(meeting, 40_000)
  loseOne(scene)
  await upload(meeting, 120_000)
  await meeting.log.client.shows('packet_lost', { header: { packet_type: '1RTT' } })
}

const algorithm = (name: 'newreno' | 'cubic', factor: number) =>
  row(
    `\`congestionControl: '${name}'\``,
    `leaves ${factor} of the window after a loss`,
    async (scene) => {
      const meeting = await scene.meet({ client: { ...NO_PROBES, congestionControl: name } })
      await withOneLoss(scene, meeting)
      expect(meeting.client.congestionControl).toBe(name)
      const { log } = meeting
      await log.client.shows('congestion_state_updated', { new: 'recovery' })
      expect(reduction(log.client)).toBeGreaterThan(factor - 0.06)
      expect(reduction(log.client)).toBeLessThan(factor + 0.06)
      await log.client.shows('recovery_metrics_updated', { ssthresh: between(2400, 1e6) })
    },
    { link: CLEAR, interop: name === 'cubic' ? ['transferloss'] : [] },
  )

/** A transfer of which a datagram is kept until it counts as lost. */
async function withOneLate(scene: Scene, client: QuicConnection, transfer: () => Promise<void>): Promise<void> {
  let isHeld = false
  scene.first('client').fate = (bytes) => {
    if (isHeld || bytes.length < 1000) return 'send'
    isHeld = true
    return 'hold'
  }
  const transferring = transfer()
  await scene.until(() => (client.inspect()?.paths[0]?.bytesLost ?? 0) > 0)
  scene.first('client').release()
  await transferring
}

export const CONGESTION: Section = {
  title: '4 · Congestion control',
  file: 'e2e/contract/congestion.ts',
  rows: [
    algorithm('newreno', 0.5),
    algorithm('cubic', 0.7),
    row("`congestionControl: 'bbr'`", 'sends by a rate, and a loss alone does not end it', async (scene) => {
      const meeting = await scene.meet({ client: { ...NO_PROBES, congestionControl: 'bbr' } })
      await upload(meeting, 300_000)
      expect(meeting.client.congestionControl).toBe('bbr')
      await meeting.log.client.shows('recovery_metrics_updated', { pacing_rate: above(0) })
    }),
    row('A `CongestionController` of one’s own', 'decides the window', async (scene) => {
      let made = 0
      const own = (options: Parameters<typeof gentle>[0]) => {
        made++
        return gentle({ ...options, initialWindow: 7777 })
      }
      const meeting = await scene.meet({ client: { ...NO_PROBES, congestionControl: own } })
      expect(meeting.client.congestionControl).toBe(own)
      await upload(meeting, 50_000)
      expect(made).toBeGreaterThan(0)
      await meeting.log.client.shows('recovery_metrics_updated', { congestion_window: 7777 })
    }),
    row(
      '`connection.congestionControl = …`, `configure({ congestionControl })`',
      'switches a live connection: bytes in flight and RTT go on, the window is no larger than it was',
      async (scene) => {
        const meeting = await scene.meet({ client: { ...NO_PROBES, congestionControl: 'cubic' } })
        const { client, log } = meeting
        await client.handshakeConfirmed
        await upload(meeting, 100_000)
        const stream = await client.createUnidirectionalStream()
        stream.tryWrite(bytesOf(20_000))
        const before = (await client.getStats()).quic
        client.congestionControl = 'newreno'
        const after = (await client.getStats()).quic
        expect(client.congestionControl).toBe('newreno')
        expect([after.bytesInFlight, after.smoothedRtt]).toEqual([before.bytesInFlight, before.smoothedRtt])
        expect(after.congestionWindow).toBeLessThanOrEqual(before.congestionWindow)
        const reading = first(meeting.peer.incomingUnidirectionalStreams).then(readAll)
        stream.finish()
        await reading
        loseOne(scene)
        await upload(meeting, 100_000)
        expect(reduction(log.client)).toBeLessThan(0.56)
        await log.client.shows('recovery_metrics_updated', { ssthresh: above(2399) })
      },
      { link: CLEAR },
    ),
    row('`initialWindow`, `minimumWindow`, `initialRtt`', 'are RFC 9002’s unless they are given', async (scene) => {
      const { log } = await scene.meet({ client: NO_PROBES })
      await log.client.shows('recovery_parameters_set', {
        initial_congestion_window: 12_000,
        minimum_congestion_window: 2400,
        initial_rtt: 333,
      })
      const given = { ...NO_PROBES, initialWindow: 20_000, minimumWindow: 5000, initialRtt: 100 }
      const other = await scene.meet({ client: given })
      await other.log.client.shows('recovery_parameters_set', {
        initial_congestion_window: 20_000,
        minimum_congestion_window: 5000,
        initial_rtt: 100,
      })
    }),
    row(
      'HyStart++',
      'ends slow start when queues grow, before anything is lost',
      async (scene) => {
        const meeting = await scene.meet({ client: NO_PROBES })
        await upload(meeting, 900_000)
        await meeting.log.client.shows('recovery_metrics_updated', { ssthresh: above(12_000) })
        expect(meeting.log.client.events('packet_lost', { header: { packet_type: '1RTT' } })).toEqual([])
      },
      {
        over: ['lossy'],
        because: 'loopback has no queue that grows',
        link: { delay: 5, bandwidth: 10_000_000, queue: { bytes: 2_000_000 } },
      },
    ),
    row(
      '`pacing` (true)',
      'spreads the window over the round trip instead of sending it at once',
      async (scene) => {
        const spans: number[] = []
        for (const pacing of [true, false]) {
          const meeting = await scene.meet({ client: { ...NO_PROBES, pacing } })
          await meeting.client.handshakeConfirmed
          await upload(meeting, 100_000)
          const { log } = meeting
          const before = log.client.times('packet_sent').length
          const stream = await meeting.client.createUnidirectionalStream()
          stream.tryWrite(bytesOf(60_000))
          await scene.until(() => stream.getStats().bytesSent === 60_000)
          const times = log.client.times('packet_sent').slice(before, before + 45)
          spans.push((times.at(-1) ?? 0) - (times[0] ?? 0))
          await log.client.sent('stream', { stream_id: 6, offset: above(50_000) })
        }
        expect(spans[0]).toBeGreaterThan(4)
        expect(spans[1]).toBe(0)
      },
      { over: ['lossy'], because: 'a round trip on loopback is shorter than a tick of the timer', link: CLEAR },
    ),
    row(
      'Persistent congestion',
      'leaves the minimum window',
      async (scene) => {
        const meeting = await scene.meet({ client: { ...NO_PROBES, minimumWindow: 3000 } })
        await upload(meeting, 50_000)
        const near = scene.first('client')
        near.fate = () => 'lose'
        const stream = await meeting.client.createUnidirectionalStream()
        stream.tryWrite(bytesOf(30_000))
        const sent = (): number => meeting.log.client.events('packet_sent', { trigger: 'pto_probe' }).length
        const before = sent()
        await scene.until(() => sent() >= before + 6, 30_000)
        near.fate = () => 'send'
        await meeting.log.client.shows('recovery_metrics_updated', {
          congestion_window: between(3000, 6600),
          ssthresh: above(9000),
        })
      },
      { link: CLEAR },
    ),
    row(
      'A sender with little to say',
      'does not grow its window',
      async (scene) => {
        const { client, log } = await scene.meet({ client: NO_PROBES })
        await client.handshakeConfirmed
        for (let count = 0; count < 15; count++) await client.ping()
        const windows = log.client
          .events('recovery_metrics_updated')
          .map((data) => Number(data['congestion_window'] ?? 0))
        expect(Math.max(...windows)).toBe(12_000)
        await log.client.shows('recovery_metrics_updated', { congestion_window: 12_000 })
      },
      { link: CLEAR },
    ),
    row(
      'A loss that was none',
      'is undone',
      async (scene) => {
        const meeting = await scene.meet({ client: { ...NO_PROBES, ackFrequency: false } })
        const { client, log } = meeting
        await client.handshakeConfirmed
        await upload(meeting, 60_000)
        const before = client.sendQueue.congestionWindow
        await withOneLate(scene, client, () => upload(meeting, 30_000))
        await scene.until(() => (client.inspect()?.paths[0]?.bytesLost ?? 1) === 0)
        expect((await client.getStats()).quic.spuriousLosses).toBeGreaterThan(0)
        expect(client.sendQueue.congestionWindow).toBeGreaterThanOrEqual(before)
        const { header } = await log.client.shows('packet_lost', { header: { packet_number: above(0) } })
        const { packet_number: number } = header as { readonly packet_number: number }
        await log.client.shows('packets_acked', {
          packet_numbers: (numbers: unknown) => (numbers as readonly number[]).includes(number),
        })
      },
      { link: CLEAR },
    ),
    row(
      'Loss detection',
      'repeats what is lost, by order and by time, and probes when nothing comes back',
      async (scene) => {
        const meeting = await scene.meet({ client: NO_PROBES })
        await withOneLoss(scene, meeting)
        scene.first('client').fate = () => 'lose'
        const pinging = meeting.client.ping()
        await meeting.log.client.shows('packet_sent', { trigger: 'pto_probe' })
        scene.first('client').fate = () => 'send'
        await pinging
        await meeting.log.client.shows('packet_lost', { trigger: 'reordering_threshold' })
      },
      { interop: ['transferloss', 'handshakeloss', 'blackhole', 'longrtt'] },
    ),
    row(
      'ECN',
      'is validated by the peer’s counts where the transport carries marks',
      async (scene) => {
        const meeting = await scene.meet()
        await upload(meeting, 30_000)
        await meeting.log.client.shows('ecn_state_updated', { new: 'capable' })
        await meeting.log.client.received('ack', { ect0: above(0), ce: 0 })
        expect(scene.wire.some(({ ecn }) => ecn === 2)).toBe(true)
      },
      { over: ['lossy', 'pipe'], because: 'Node hides the marks of UDP', properties: { ecn: true } },
    ),
    row(
      'A CE mark',
      'is a congestion event, without a loss',
      async (scene) => {
        const meeting = await scene.meet({ client: NO_PROBES })
        const { client, log } = meeting
        await client.handshakeConfirmed
        await upload(meeting, 60_000)
        let isDone = false
        scene.first('client').mark = (ecn) => {
          if (isDone || ecn === 0) return ecn
          isDone = true
          return 3
        }
        await upload(meeting, 30_000)
        await log.client.received('ack', { ce: 1 })
        await log.client.shows('congestion_state_updated', { new: 'recovery' })
        expect(log.client.events('packet_lost', { header: { packet_type: '1RTT' } })).toEqual([])
      },
      { over: ['lossy', 'pipe'], because: 'Node hides the marks of UDP', link: CLEAR, properties: { ecn: true } },
    ),
    row(
      '`ackFrequency` (true): receiving',
      'is offered by `min_ack_delay`, and `false` neither offers nor asks',
      async (scene) => {
        const offers = (parameters: unknown): boolean =>
          (parameters as readonly { readonly id: number }[] | undefined)?.some(({ id }) => id === 0xff04de1b) ?? false
        const on = await scene.meet()
        await on.log.client.shows('parameters_set', { initiator: 'local', unknown_parameters: offers })
        const off = await scene.meet({ client: { ackFrequency: false } })
        const isLocal = { initiator: 'local', unknown_parameters: offers }
        expect(off.log.client.events('parameters_set', isLocal)).toEqual([])
        await upload(off, 200_000)
        expect(off.log.client.frames('packet_sent', 'unknown', ACK_FREQUENCY)).toEqual([])
      },
    ),
    row(
      'ACK_FREQUENCY',
      'is sent in bulk transfers, and saves acknowledgements',
      async (scene) => {
        const acks: number[] = []
        for (const ackFrequency of [true, false]) {
          const meeting = await scene.meet({ client: { ...NO_PROBES, ackFrequency } })
          await upload(meeting, 60_000)
          loseOne(scene)
          await upload(meeting, 500_000)
          if (ackFrequency) await meeting.log.client.sent('unknown', ACK_FREQUENCY)
          acks.push(meeting.log.server.frames('packet_sent', 'ack').length)
        }
        if (scene.network === 'lossy') expect(acks[0]).toBeLessThan(0.9 * (acks[1] ?? 0))
      },
      { seed: 1, link: { delay: 20, bandwidth: 30_000_000, queue: { bytes: 100_000 }, loss: 0.002 } },
    ),
    row('IMMEDIATE_ACK', 'goes with pings, and is obeyed at once', async (scene) => {
      const { client, log } = await scene.meet()
      await client.handshakeConfirmed
      await client.ping()
      await log.client.sent('unknown', IMMEDIATE_ACK)
      await log.server.received('unknown', IMMEDIATE_ACK)
    }),
    row(
      'ACK_FREQUENCY with a delay below `min_ack_delay`',
      'is PROTOCOL_VIOLATION',
      async (scene) => {
        const { peer, log } = scene.forger('client')
        peer.connect('connected')
        peer.send([0x40, 0xaf, 0, 1, 0, 0])
        await log.shows('connection_closed', { connection_error: 'protocol_violation' })
        await log.sent('connection_close', { error: 'protocol_violation' })
      },
      { over: ['forger'] },
    ),
    row(
      'An ACK of what was never sent',
      'is PROTOCOL_VIOLATION',
      async (scene) => {
        const { peer, log } = scene.forger('client')
        peer.connect('connected')
        peer.send([0x02, 0x7f, 0xff, 0, 0, 0])
        await log.sent('connection_close', { error: 'protocol_violation' })
      },
      { over: ['forger'] },
    ),
  ],
}
