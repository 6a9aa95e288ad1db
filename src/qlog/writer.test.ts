import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectionId } from '../wire/connection-id.ts'
import type { ObservedMetrics, ObservedPacket, Observer } from '../wire/observer.ts'
import { EncryptionLevel, PacketSpace, PacketType } from '../wire/packet-type.ts'
import { DEFAULT_TRANSPORT_PARAMETERS } from '../wire/transport-parameters.ts'
import { frame } from './arbitraries.fixtures.ts'
import { qlogTo } from './qlog-to.ts'
import { eventsOf, recordsOf } from './scenarios.fixtures.ts'
import type { QlogObject } from './schema.ts'
import type { SafeSink } from './sink.ts'
import { QlogWriter, type QlogWriterOptions } from './writer.ts'

const ID = ConnectionId.from(Uint8Array.of(1, 2, 3, 4))
const TRACE = { originalDestination: '01020304', role: 'client', fileName: '01020304_client.sqlog' } as const

function writer(options: QlogWriterOptions = {}): {
  writer: Required<Pick<QlogWriter, keyof Observer & keyof QlogWriter>>
  log(): string
} {
  let log = ''
  const sink: SafeSink = {
    write(record) {
      log += record
      return true
    },
    close() {},
  }
  return { writer: new QlogWriter(sink, TRACE, options), log: () => log }
}

const METRICS: ObservedMetrics = {
  path: 0,
  smoothedRtt: 333,
  minRtt: 0,
  latestRtt: 0,
  rttVariance: 166.5,
  congestionWindow: 12_000,
  bytesInFlight: 0,
  slowStartThreshold: Infinity,
  ptoCount: 0,
  pacingRate: undefined,
  congestionState: 'slow_start',
}

function packet(path = 0, extra: Partial<ObservedPacket> = {}): ObservedPacket {
  return {
    type: PacketType.oneRtt,
    packetNumber: 7,
    size: 1200,
    path: { id: path, carrier: { localAddress: '192.0.2.1:1000' }, remoteAddress: `[2001:db8::${path}]:443` },
    destination: ID,
    keyGeneration: 0,
    ...extra,
  }
}

describe('Metrics', () => {
  test('are logged when they change, and only those that did', () => {
    const { writer: qlog, log } = writer()
    qlog.metricsUpdated(METRICS, 0)
    qlog.metricsUpdated(METRICS, 1)
    qlog.metricsUpdated({ ...METRICS, bytesInFlight: 1200, minRtt: 9.87654, latestRtt: 9.87654 }, 2)
    qlog.metricsUpdated(
      {
        ...METRICS,
        bytesInFlight: 1200,
        minRtt: 9.87654,
        latestRtt: 9.87654,
        slowStartThreshold: 6000.5,
        pacingRate: 12.5,
      },
      3,
    )
    expect(eventsOf(log(), 'quic:recovery_metrics_updated').map(({ data }) => data)).toEqual([
      { smoothed_rtt: 333, rtt_variance: 166.5, pto_count: 0, congestion_window: 12_000, bytes_in_flight: 0 },
      { min_rtt: 9.877, latest_rtt: 9.877, bytes_in_flight: 1200 },
      { ssthresh: 6000, pacing_rate: 100_000 },
    ])
  })

  test('begin anew on another path, by its name', () => {
    const { writer: qlog, log } = writer()
    qlog.metricsUpdated(METRICS, 0)
    qlog.metricsUpdated({ ...METRICS, path: 3 }, 1)
    const [first, second] = eventsOf(log(), 'quic:recovery_metrics_updated')
    expect([first?.tuple, second?.tuple]).toEqual([undefined, '3'])
    expect(second?.data).toEqual(first?.data)
  })

  test('tell the congestion state where it is another', () => {
    const { writer: qlog, log } = writer()
    for (const congestionState of ['slow_start', 'slow_start', 'recovery', 'congestion_avoidance'] as const) {
      qlog.metricsUpdated({ ...METRICS, congestionState }, 0)
    }
    expect(eventsOf(log(), 'quic:congestion_state_updated').map(({ data }) => data)).toEqual([
      { new: 'slow_start' },
      { old: 'slow_start', new: 'recovery' },
      { old: 'recovery', new: 'congestion_avoidance' },
    ])
  })
})

describe('Times', () => {
  test('begin with the first event, and never go back', () => {
    const { writer: qlog, log } = writer()
    for (const now of [5000.1234, 5002, 5001, 5002.5]) qlog.alpnChosen('a', now)
    expect(eventsOf(log()).map(({ time }) => time)).toEqual([0, 1.877, 1.877, 2.377])
    expect(recordsOf(log())[0]).not.toHaveProperty('trace.common_fields.reference_time.wall_clock_time')
  })
})

describe('Parameters', () => {
  test('are logged under the names of the schema, flags, ids and unknown ones as well', () => {
    const { writer: qlog, log } = writer()
    const parameters = {
      ...DEFAULT_TRANSPORT_PARAMETERS,
      initialSourceConnectionId: ID,
      disableActiveMigration: true,
      statelessResetToken: new Uint8Array(16).fill(0xee),
      preferredAddress: {
        ipv4: '192.0.2.7:443',
        ipv6: '[2001:db8::7]:444',
        connectionId: ID,
        statelessResetToken: new Uint8Array(16).fill(1),
      },
      unknown: new Map([[2n ** 60n, Uint8Array.of(0xab)]]),
    }
    qlog.parametersSet('remote', parameters, 0)
    expect(eventsOf(log())[0]?.data).toMatchObject({
      initiator: 'remote',
      initial_source_connection_id: '01020304',
      disable_active_migration: true,
      max_udp_payload_size: 65_527,
      preferred_address: {
        ip_v4: '192.0.2.7',
        port_v4: 443,
        ip_v6: '2001:db8::7',
        port_v6: 444,
        connection_id: '01020304',
        stateless_reset_token: '01'.repeat(16),
      },
      unknown_parameters: [{ id: '1152921504606846976', value: 'ab' }],
    })
    expect(log()).not.toContain('eeee')
  })

  test('say in what the peer’s delays are counted, in 1-RTT packets alone', () => {
    const { writer: qlog, log } = writer()
    const ack = fc.sample(frame, 500).find((each) => each.type === 0x02)
    if (ack?.type !== 0x02) throw new Error('There is no ACK among so many frames')
    const frames = [{ ...ack, ackDelay: 1000 }]
    qlog.parametersSet('remote', { ...DEFAULT_TRANSPORT_PARAMETERS, ackDelayExponent: 10 }, 0)
    qlog.packetReceived(packet(), frames, 1)
    qlog.packetReceived(packet(0, { type: PacketType.handshake }), frames, 1)
    qlog.packetSent(packet(), frames, 0, 1)
    const delays = eventsOf(log()).flatMap(
      ({ data }) => (data['frames'] as QlogObject[] | undefined)?.[0]?.['ack_delay'] ?? [],
    )
    expect(delays).toEqual([1024, 8, 8])
  })
})

describe('Paths', () => {
  test('are introduced when they are first seen, and forgotten in the end: their number is the peer’s to choose', () => {
    const { writer: qlog, log } = writer()
    qlog.connectionStarted({ localAddress: '', remoteAddress: 'peer', localId: ID, remoteId: ID }, 0)
    for (let path = 0; path < 100; path++) qlog.packetReceived(packet(path), [], path)
    qlog.packetReceived(packet(99), [], 100)
    qlog.packetReceived(packet(1), [], 101)
    expect(eventsOf(log(), 'quic:tuple_assigned').length).toBe(100)
    expect(eventsOf(log(), 'quic:connection_started')[0]?.data).toEqual({
      local: { connection_ids: ['01020304'] },
      remote: { connection_ids: ['01020304'] },
    })
    qlog.pathChanged('192.0.2.1:1000', '[2001:db8::99]:443', 102)
    qlog.pathChanged('192.0.2.1:1000', '203.0.113.1:1', 103)
    expect(eventsOf(log(), 'quic:migration_state_updated').map(({ data }) => data['tuple_id'])).toEqual([
      '99',
      undefined,
    ])
  })
})

describe('A trace', () => {
  test('says how many events are missing, as soon as there is room', () => {
    const records: string[] = []
    let isFull = false
    const sink: SafeSink = {
      write(record) {
        if (!isFull) records.push(record)
        return !isFull
      },
      close() {},
    }
    const qlog = new QlogWriter(sink, TRACE)
    qlog.alpnChosen('a', 0)
    isFull = true
    for (let count = 0; count < 5; count++) qlog.alpnChosen('b', count)
    isFull = false
    qlog.alpnChosen('c', 10)
    qlog.alpnChosen('d', 11)
    expect(eventsOf(records.join('')).map(({ data, name }) => [name, data['message'] ?? data['chosen_alpn']])).toEqual([
      ['quic:alpn_information', { string_value: 'a' }],
      ['loglevel:warning', '5 events are missing here: the log was slower than the connection'],
      ['quic:alpn_information', { string_value: 'c' }],
      ['quic:alpn_information', { string_value: 'd' }],
    ])
  })

  test('ends with its connection, and closes its sink', () => {
    let closes = 0
    const records: string[] = []
    const observer = qlogTo(() => ({ write: (record) => records.push(record), close: () => (closes += 1) }))(
      ID,
      'server',
    )
    observer?.connectionState?.('closed', 0)
    observer?.connectionState?.('closed', 0)
    observer?.alpnChosen?.('late', 1)
    expect([records.length, closes]).toEqual([2, 1])
  })

  test('is opened by the name of its connection and its side, or not at all', () => {
    const names: string[] = []
    const factory = qlogTo(({ fileName, originalDestination, role }) => {
      names.push(fileName, originalDestination, role)
      return undefined
    })
    expect(factory(ID, 'server')).toBeUndefined()
    expect(names).toEqual(['01020304_server.sqlog', '01020304', 'server'])
  })

  test('that cannot be opened is no reason for a connection to fail', () => {
    const errors: unknown[] = []
    const stream = new WritableStream<Uint8Array>()
    stream.getWriter()
    const options = { onError: (error: unknown) => errors.push(error) }
    expect(qlogTo(() => stream, options)(ID, 'client')).toBeUndefined()
    expect(errors).toEqual([expect.any(TypeError)])
    expect(
      qlogTo(() => {
        throw new Error('no room')
      })(ID, 'client'),
    ).toBeUndefined()
  })

  test('tells keys by whose packets they protect', () => {
    const { writer: qlog, log } = writer()
    qlog.keyUpdated(EncryptionLevel.handshake, 'write', 0, 'tls', 0)
    qlog.keyUpdated(EncryptionLevel.oneRtt, 'read', 4, 'remote_update', 0)
    qlog.keyUpdated(EncryptionLevel.zeroRtt, 'write', 0, 'tls', 0)
    expect(eventsOf(log()).map(({ data }) => data)).toEqual([
      { key_type: 'client_handshake_secret', trigger: 'tls' },
      { key_type: 'server_1rtt_secret', key_phase: 4, trigger: 'remote_update' },
      { key_type: 'client_0rtt_secret', trigger: 'tls' },
    ])
  })

  test('holds whatever comes: no fact, however odd, throws or breaks its form', () => {
    const odd = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, Infinity, -Infinity))
    const text = fc.string({ unit: 'binary' })
    const fact = fc.oneof(
      fc.tuple(odd, fc.array(frame), odd).map(([packetNumber, frames, now]) => (qlog: QlogWriter): void => {
        qlog.packetSent(packet(Math.abs(Math.trunc(now)) % 50, { packetNumber, tokenLength: 3 }), frames, 3, now)
        qlog.packetReceived(packet(0, { type: PacketType.initial, source: ID, version: 1 }), frames, now)
        qlog.packetLost(
          { space: PacketSpace.initial, packetNumber, path: 1, frames, isMtuProbe: true, trigger: 'time_threshold' },
          now,
        )
      }),
      fc
        .record({
          smoothedRtt: odd,
          minRtt: odd,
          latestRtt: odd,
          congestionWindow: odd,
          bytesInFlight: odd,
          slowStartThreshold: odd,
          pacingRate: odd,
        })
        .map((values) => (qlog: QlogWriter): void => {
          qlog.metricsUpdated({ ...METRICS, ...values }, 0)
        }),
      fc.tuple(text, fc.bigInt(0n, 2n ** 62n), odd).map(([reason, code, now]) => (qlog: QlogWriter): void => {
        qlog.connectionClosed({ initiator: 'remote', trigger: 'error', space: 'transport', code, reason }, now)
        qlog.connectionClosed({ initiator: undefined, trigger: 'application', space: 'application', code, reason }, now)
        qlog.alpnChosen(reason, now)
        qlog.cipherChosen(reason, now)
        qlog.pathProbed('abandoned', 3, reason, reason, now)
        qlog.pathChanged(reason, reason, now)
        qlog.connectionStarted({ localAddress: reason, remoteAddress: reason, localId: ID, remoteId: ID }, now)
        qlog.packetDropped('duplicate', now, undefined, now)
      }),
    )
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 8 }), fc.constantFrom('current', '0.3'), (facts, version) => {
        const { writer: qlog, log } = writer({ version })
        for (const tell of facts) tell(qlog as QlogWriter)
        const events = eventsOf(log())
        expect(events.every((event) => Number.isFinite(event.time) && typeof event.name === 'string')).toBe(true)
      }),
    )
  })
})

describe('The words of 0.3', () => {
  test('have their own header, namespaces and members', () => {
    const { writer: qlog, log } = writer({ version: '0.3', wallClock: () => 1_780_272_000_000 })
    qlog.connectionStarted(
      { localAddress: '192.0.2.1:1', remoteAddress: '[2001:db8::1]:2', localId: ID, remoteId: ID },
      0,
    )
    qlog.parametersSet('local', DEFAULT_TRANSPORT_PARAMETERS, 0)
    qlog.metricsUpdated(METRICS, 0)
    qlog.keyUpdated(EncryptionLevel.oneRtt, 'write', 1, 'local_update', 0)
    qlog.alpnChosen('h3', 0)
    qlog.packetSent(
      packet(),
      [
        { type: 0x08, streamId: 0, offset: 5, fin: false, buffer: new Uint8Array(0), start: 0, length: 10 },
        { type: 0x04, streamId: 0, errorCode: 9n, finalSize: 3 },
        { type: 0x1c, errorCode: 10n, frameType: 6n, reason: 'r' },
      ],
      0,
      0,
    )
    qlog.connectionClosed({ initiator: 'local', trigger: 'application', space: 'application', code: 7n, reason: '' }, 0)
    const [header, ...events] = recordsOf(log())
    expect(header).toMatchObject({
      qlog_version: '0.3',
      qlog_format: 'JSON-SEQ',
      trace: {
        vantage_point: { type: 'client' },
        common_fields: { ODCID: '01020304', time_format: 'relative', reference_time: 1_780_272_000_000 },
      },
    })
    expect(Object.fromEntries(events.map(({ data, name }) => [name, data]))).toMatchObject({
      'connectivity:connection_started': {
        src_ip: '192.0.2.1',
        src_port: 1,
        dst_ip: '2001:db8::1',
        dst_port: 2,
        src_cid: '01020304',
      },
      'transport:parameters_set': { owner: 'local', max_udp_payload_size: 65_527 },
      'recovery:metrics_updated': { smoothed_rtt: 333 },
      'recovery:congestion_state_updated': { new: 'slow_start' },
      'security:key_updated': { key_type: 'client_1rtt_secret', generation: 1 },
      'transport:alpn_information': { chosen_alpn: 'h3' },
      'transport:packet_sent': {
        header: { packet_type: '1RTT', packet_number: 7 },
        frames: [
          { frame_type: 'stream', stream_id: 0, offset: 5, length: 10 },
          { frame_type: 'reset_stream', error_code: 9, final_size: 3 },
          { frame_type: 'connection_close', error_space: 'transport', error_code: 'protocol_violation', reason: 'r' },
        ],
      },
      'connectivity:connection_closed': { owner: 'local', application_code: 7, trigger: 'application' },
    })
  })
})
