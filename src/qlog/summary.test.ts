import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf, quicEventType, versionOf } from './facts.ts'
import { readQlog } from './reader.ts'
import { eventsOf, SCENES } from './scenarios.fixtures.ts'
import type { QlogEvent, QlogObject } from './schema.ts'
import { QlogSummarizer } from './summary.ts'
import type { QlogSummary } from './summary-types.ts'

function summaryOf(log: string): QlogSummary {
  const [trace] = readQlog(log).traces
  const summarizer = new QlogSummarizer()
  for (const event of trace?.events ?? []) summarizer.add(event)
  return summarizer.summary(trace)
}

function summaryOfEvents(...events: readonly (readonly [time: number, name: string, data: QlogObject])[]): QlogSummary {
  const summarizer = new QlogSummarizer()
  for (const [time, name, data] of events) summarizer.add({ time, name, data })
  return summarizer.summary()
}

function scene(name: string, side: 'client' | 'server', version?: '0.3'): QlogSummary {
  const play = SCENES[name]
  if (play === undefined) throw new Error(`There is no scene ${name}`)
  return summaryOf(play(1, { version })[side])
}

describe('The summary of a log of our own', () => {
  test.each([undefined, '0.3'] as const)('counts what the log has: version %s', (version) => {
    const play = SCENES['a transfer that loses packets']
    const log = play?.(1, { version }).client ?? ''
    const summary = summaryOf(log)
    const named = (pattern: RegExp): QlogEvent[] => eventsOf(log).filter(({ name }) => pattern.test(name))
    expect(summary).toMatchObject({
      role: 'client',
      writer: 'isoquic',
      groupId: 'abababababababab',
      version: 1,
      alpn: 'test',
      events: eventsOf(log).length,
      sent: { packets: named(/:packet_sent$/).length },
      received: { packets: named(/:packet_received$/).length },
      lost: { packets: named(/:packet_lost$/).length },
      dropped: { packets: named(/:packet_dropped$/).length },
      streams: 1,
      streamBytesSent: 150_000,
      streamBytesReceived: 150_000,
      keyUpdates: 0,
      migrations: 0,
      close: { initiator: 'local', cause: 'application', code: 7, reason: 'done' },
      notes: [],
    })
    expect(summary.lost.packets).toBeGreaterThan(2)
    expect(summary.lost.bytes).toBeGreaterThan(1200 * (summary.lost.packets - 1))
    expect(summary.lossEvents).toBeGreaterThan(0)
    expect(summary.lossEvents).toBeLessThanOrEqual(summary.lost.packets)
    expect(summary.retransmitted.bytes).toBeGreaterThan(1000)
    expect(Object.values(summary.lossReasons).reduce((sum, count) => sum + count, 0)).toBe(summary.lost.packets)
    expect(summary.rtt?.least).toBeGreaterThan(0)
    expect(summary.rtt?.least).toBeLessThanOrEqual(summary.rtt?.median ?? 0)
    expect(summary.rtt?.median).toBeLessThanOrEqual(summary.rtt?.most ?? 0)
    expect(summary.series.losses.reduce((sum, { count }) => sum + count, 0)).toBe(summary.lost.packets)
    expect(summary.series.congestionWindow.length).toBeGreaterThan(5)
    expect(summary.bytesInFlight?.most).toBeLessThanOrEqual(summary.congestionWindow?.most ?? 0)
    expect(summary.handshakeComplete).toBeLessThanOrEqual(summary.handshakeConfirmed ?? 0)
    expect(summary.handshakeConfirmed).toBeLessThan(summary.duration)
    expect(Object.keys(summary.congestionStates)).toContain('recovery')
  })

  test('tells of key updates, paths, probes, marks and ends', () => {
    for (const side of ['client', 'server'] as const) expect(scene('new keys', side).keyUpdates).toBe(1)
    expect(scene('new keys', 'client', '0.3').keyUpdates).toBe(1)
    const moved = scene('a peer that moves', 'server')
    expect(moved).toMatchObject({ role: 'server', migrations: 1 })
    expect(moved.paths.map(({ remote }) => remote)).toEqual([expect.any(String), '[2001:db8::9]:1000'])
    expect(moved.paths[1]?.packetsReceived).toBeGreaterThan(5)
    expect(scene('a black hole', 'client').ptoProbes).toBeGreaterThan(1)
    expect(scene('a path that marks, then erases marks', 'server').ecn).toBe('failed')
    expect(scene('silence in the end', 'client').close).toMatchObject({ cause: 'idle_timeout' })
    expect(scene('no protocol in common', 'client').close).toMatchObject({ initiator: 'remote' })
    expect(scene('a network that spoils everything', 'client').dropped.packets).toBeGreaterThan(0)
    expect(scene('version negotiation', 'client')).toMatchObject({ version: 1, versionsOffered: [1, 0x6b3343cf] })
  })
})

describe('The summary of logs of others', () => {
  test('takes sizes, ids, roles and ends from wherever they stand', () => {
    const frames = [{ frame_type: 'connection_close', error_space: 'application', raw_error_code: 3, reason: 'bye' }]
    const summary = summaryOfEvents(
      [10, 'transport:packet_received', { packet_type: 'initial', header: { packet_size: 1252, packet_number: 0 } }],
      [12, 'transport:packet_sent', { header: { packet_type: '1RTT', packet_number: 1, length: 99 } }],
      [13, 'recovery:packet_lost', { type: '1RTT', packet_number: 1 }],
      [14, 'http:frame_created', { stream_id: 0 }],
      [20, 'transport:packet_received', { header: { packet_type: '1RTT', packet_number: 2 }, frames }],
    )
    expect(summary).toMatchObject({
      role: 'server',
      firstTime: 10,
      duration: 10,
      events: 5,
      handshakeComplete: 10,
      sent: { packets: 1, bytes: 99 },
      received: { packets: 2, bytes: 1252 },
      lost: { packets: 1, bytes: 99 },
      close: { time: 10, initiator: 'remote', cause: 'application', code: 3, reason: 'bye' },
    })
  })

  test('knows seconds by the guess that the log begins with', () => {
    const summary = summaryOfEvents(
      [0, 'recovery:metrics_updated', { smoothed_rtt: 0.333, latest_rtt: 0.333, rtt_variance: 0.1665 }],
      [1, 'transport:packet_received', { header: { packet_type: 'initial', packet_number: 0 } }],
      [2, 'recovery:metrics_updated', { smoothed_rtt: 0.05, latest_rtt: 0.05 }],
      [3, 'recovery:metrics_updated', { smoothed_rtt: 0.05, latest_rtt: 0.05 }],
    )
    expect(summary.rtt).toEqual({ samples: 1, least: 50, median: 50, most: 50, smoothed: 50 })
    expect(summary.notes).toEqual([expect.stringMatching(/^Round trips are taken as seconds/)])
  })

  test('knows events, addresses and versions in all their shapes', () => {
    expect(quicEventType('recovery:metrics_updated')).toBe('recovery_metrics_updated')
    expect(quicEventType('quic:packet_sent')).toBe('packet_sent')
    expect(quicEventType('recovery:parameters_set')).toBe('recovery_parameters_set')
    expect(quicEventType('transport:parameters_set')).toBe('parameters_set')
    expect(quicEventType('security:key_retired')).toBe('key_discarded')
    expect(['http3:frame_parsed', 'packet_sent', ''].map(quicEventType)).toEqual([undefined, undefined, undefined])
    expect(addressOf({ ip_v4: '192.0.2.1', port_v4: 5 })).toBe('192.0.2.1:5')
    expect(addressOf({ address_v6: { ip: '::1', port: 7 } })).toBe('[::1]:7')
    expect(addressOf({ src_ip: '192.0.2.1', dst_ip: '192.0.2.2', dst_port: 9 }, 'dst')).toBe('192.0.2.2:9')
    expect(addressOf({})).toBeUndefined()
    expect([1, '1', '0x6b3343cf', '6b3343cf', 'x', undefined].map(versionOf)).toEqual([
      1,
      1,
      0x6b3343cf,
      0x6b3343cf,
      undefined,
      undefined,
    ])
  })

  test('is made of any events, without an error and in a bounded memory', () => {
    const names = ['packet_sent', 'packet_received', 'packet_lost', 'recovery_metrics_updated', 'parameters_set']
    const more = ['connection_closed', 'connection_started', 'key_updated', 'tuple_assigned', 'version_information']
    const data = fc.oneof(
      fc.jsonValue().filter((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
      fc.record({
        header: fc.jsonValue(),
        frames: fc.array(fc.record({ frame_type: fc.constantFrom('stream', 'crypto', 'ack'), offset: fc.jsonValue() })),
        raw: fc.record({ length: fc.jsonValue() }),
      }),
    )
    const event = fc.record({
      time: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e15 }),
      name: fc.constantFrom(...names, ...more).map((name) => `quic:${name}`),
      data: data as fc.Arbitrary<QlogObject>,
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const summarizer = new QlogSummarizer()
        for (const each of events) summarizer.add(each)
        expect(summarizer.summary().events).toBe(events.length)
      }),
    )
    const summarizer = new QlogSummarizer()
    for (let index = 0; index < 5000; index++) {
      const id = index.toString(16).padStart(16, '0')
      const frames = [{ frame_type: `type ${index}` }]
      summarizer.add({ time: index, name: 'quic:packet_sent', tuple: id, data: { header: { scid: id }, frames } })
    }
    const summary = summarizer.summary()
    expect([summary.paths.length, summary.localIds.length]).toEqual([64, 16])
    expect(Object.keys(summary.framesSent).length).toBeLessThanOrEqual(65)
  })
})
