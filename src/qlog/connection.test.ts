import { describe, expect, test } from 'vitest'
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from '../endpoint/test-pair.fixtures.ts'
import { Traffic } from '../endpoint/traffic.fixtures.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import type { Observer } from '../wire/observer.ts'
import { qlogTo } from './qlog-to.ts'
import { eventsOf, type Logs, logged, recordsOf, SCENES } from './scenarios.fixtures.ts'
import type { QlogEvent, QlogObject } from './schema.ts'

function scene(name: string, seed = 1): Logs {
  const play = SCENES[name]
  if (play === undefined) throw new Error(`There is no scene ${name}`)
  return play(seed)
}

const dataOf = (log: string, name: string): QlogObject[] => eventsOf(log, name).map(({ data }) => data)
const framesOf = ({ data }: QlogEvent): readonly QlogObject[] => data['frames'] as readonly QlogObject[]
const headerOf = ({ data }: QlogEvent): QlogObject => data['header'] as QlogObject

describe('A trace', () => {
  test('begins with who, when and by which schema, and its schema and format come first', () => {
    const { client, server } = scene('a retry')
    const [header] = recordsOf(server)
    expect(header).toEqual({
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: 'application/qlog+json-seq',
      trace: {
        common_fields: {
          group_id: 'abababababababab',
          time_format: 'relative_to_epoch',
          reference_time: { clock_type: 'monotonic', epoch: 'unknown', wall_clock_time: '2026-06-01T00:00:00.000Z' },
        },
        vantage_point: { name: 'isoquic', type: 'server' },
        event_schemas: ['quic-13', 'http3-13', 'loglevel'].map((name) => `urn:ietf:params:qlog:events:${name}`),
      },
    })
    expect(client.indexOf('"application/qlog+json-seq"')).toBeLessThan(256)
  })

  test.each(Object.keys(SCENES))(
    'of %s is a sequence of JSON texts in the order of time, and ends with the connection',
    (name) => {
      const logs = scene(name)
      for (const log of [logs.client, logs.server]) {
        const [before, ...records] = log.split('\u001e')
        expect(before).toBe('')
        expect(records.filter((record) => record.indexOf('\n') !== record.length - 1)).toEqual([])
        const events = eventsOf(log)
        // The server of some scenes never hears of a connection: then the log has its header alone.
        if (events.length === 0) continue
        const times = events.map(({ time }) => time)
        expect(times[0]).toBe(0)
        expect(times).toEqual(times.toSorted((a, b) => a - b))
        expect(times.every((time) => Math.round(time * 1000) / 1000 === time)).toBe(true)
        expect(events[0]?.name).toBe('quic:connection_started')
        expect(events.at(-1)).toMatchObject({ name: 'quic:connection_state_updated', data: { new: 'closed' } })
      }
      expect(eventsOf(logs.client).length).toBeGreaterThan(0)
    },
  )

  test.each(Object.keys(SCENES))('of %s is the same byte for byte when it happens again', (name) => {
    expect(scene(name, 5)).toEqual(scene(name, 5))
  })

  test('is another one with another seed', () => {
    expect(scene('a transfer that loses packets', 2)).not.toEqual(scene('a transfer that loses packets', 3))
  })
})

describe('Packets', () => {
  test('are logged as they left and as they came, with the same frames', () => {
    const { client, server } = logged({ seed: 3 }, (pair) => {
      const traffic = new Traffic(pair)
      const { client: connection } = pair.handshake()
      traffic.send(connection, 'bidirectional', 30_000, 30_000)
      pair.run(() => traffic.completed('client') === 1)
      pair.run(() => false, 100)
    })
    const key = (event: QlogEvent): string =>
      JSON.stringify([headerOf(event)['packet_type'], headerOf(event)['packet_number']])
    // Ids, version, phase, sizes and frames are on the wire; why a packet was sent is the sender's to know.
    const shown = (event: QlogEvent): string => JSON.stringify([event.data['raw'], headerOf(event), framesOf(event)])
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const sent = new Map(eventsOf(from, 'quic:packet_sent').map((event) => [key(event), shown(event)]))
      const received = eventsOf(to, 'quic:packet_received')
      expect(received.length).toBeGreaterThan(10)
      for (const event of received) {
        expect([key(event), sent.get(key(event))]).toEqual([key(event), shown(event)])
      }
    }
  })

  test('tell the size of each payload, and never its bytes', () => {
    const { client } = scene('a transfer that loses packets')
    const streams = eventsOf(client, 'quic:packet_sent')
      .flatMap(framesOf)
      .filter((frame) => frame['frame_type'] === 'stream')
    const ends = streams.map((frame) => {
      const { payload_length } = frame['raw'] as { payload_length: number }
      return (frame['offset'] as number) + payload_length
    })
    expect(Math.max(...ends)).toBe(150_000)
    expect(streams.some((frame) => frame['fin'] === true)).toBe(true)
    expect(client).not.toMatch(/stateless_reset_token|"data":"/)
  })

  test('that are lost say why, and what they carried', () => {
    const { client, server } = scene('a transfer that loses packets')
    const lost = [...dataOf(client, 'quic:packet_lost'), ...dataOf(server, 'quic:packet_lost')]
    expect(lost.length).toBeGreaterThan(2)
    for (const { frames, header, trigger } of lost) {
      expect(['reordering_threshold', 'time_threshold']).toContain(trigger)
      expect((frames as unknown[]).length).toBeGreaterThan(0)
      expect(header).toMatchObject({ packet_type: expect.any(String), packet_number: expect.any(Number) })
    }
    const numbers = dataOf(client, 'quic:packets_acked').flatMap((data) => data['packet_numbers'] as number[])
    expect(numbers.length).toBeGreaterThan(20)
  })

  test('of a PTO and of MTU discovery are marked', () => {
    const { client } = scene('a black hole')
    const sent = dataOf(client, 'quic:packet_sent')
    expect(sent.filter(({ trigger }) => trigger === 'pto_probe').length).toBeGreaterThan(1)
    const probes = sent.filter((data) => data['is_mtu_probe_packet'] === true)
    expect(probes.length).toBeGreaterThan(0)
    for (const { raw } of probes) expect((raw as { length: number }).length).toBeGreaterThan(1200)
    const counts = dataOf(client, 'quic:recovery_metrics_updated').map((data) => data['pto_count'])
    expect(counts).toContain(2)
    expect(dataOf(client, 'quic:mtu_updated')[0]).toMatchObject({ old: 1200, new: expect.any(Number) })
  })

  test('on a path with marks tell what becomes of the marks', () => {
    const { server } = scene('a path that marks, then erases marks')
    const states = dataOf(server, 'quic:ecn_state_updated')
    expect(states).toEqual([
      { old: 'testing', new: 'unknown' },
      { old: 'unknown', new: 'capable' },
      { old: 'capable', new: 'failed' },
    ])
    const acks = dataOf(server, 'quic:packet_received').flatMap((data) => data['frames'] as QlogObject[])
    expect(acks.some(({ ce, ect0 }) => Number(ce) > 0 && Number(ect0) > 0)).toBe(true)
  })

  test('that are dropped say why', () => {
    const { client, server } = scene('a network that spoils everything')
    const triggers = new Set(
      [client, server].flatMap((log) => dataOf(log, 'quic:packet_dropped')).map((d) => d['trigger']),
    )
    expect([...triggers]).toEqual(expect.arrayContaining(['decryption_failure', 'duplicate']))
  })

  test('of a Retry carry no number, and the tokens that follow have a length', () => {
    const { client } = scene('a retry')
    const [retry] = eventsOf(client, 'quic:packet_received')
    expect(retry?.data['header']).toMatchObject({ packet_type: 'retry', token: { type: 'retry' } })
    expect(retry?.data['header']).not.toHaveProperty('packet_number')
    const initials = eventsOf(client, 'quic:packet_sent').filter(
      (event) => headerOf(event)['packet_type'] === 'initial',
    )
    expect(initials[0]?.data['header']).not.toHaveProperty('token')
    expect(initials[1]?.data['header']).toHaveProperty('token.raw.length')
  })
})

describe('A connection', () => {
  test('passes its milestones in order', () => {
    for (const [role, log] of Object.entries(scene('a retry'))) {
      const states = dataOf(log, 'quic:connection_state_updated')
      const last = role === 'client' ? ['closing', 'draining', 'closed'] : ['draining', 'closed']
      expect(states.map((data) => data['new'])).toEqual([
        'attempted',
        'handshake_started',
        'handshake_complete',
        'handshake_confirmed',
        ...last,
      ])
      for (const [index, { old }] of states.entries()) expect(old).toBe(states[index - 1]?.['new'])
    }
  })

  test('names versions, cipher, protocol and the parameters of both sides', () => {
    const { client } = scene('version negotiation')
    expect(dataOf(client, 'quic:version_information')).toEqual([
      { client_versions: ['00000001', '6b3343cf'], chosen_version: '6b3343cf' },
      {
        client_versions: ['00000001', '6b3343cf'],
        server_versions: expect.arrayContaining(['00000001']),
        chosen_version: '00000001',
      },
      // What the server has said within the handshake, which nobody can forge.
      {
        client_versions: ['00000001', '6b3343cf'],
        server_versions: expect.arrayContaining(['00000001']),
        chosen_version: '00000001',
      },
    ])
    const parameters = dataOf(client, 'quic:parameters_set')
    expect(parameters.map((data) => data['initiator'])).toEqual(expect.arrayContaining(['local', 'remote', undefined]))
    expect(parameters.find((data) => 'tls_cipher' in data)).toEqual({
      tls_cipher: expect.stringMatching(/^(AES|CHACHA)/),
    })
    expect(dataOf(client, 'quic:alpn_information')).toEqual([{ chosen_alpn: { string_value: 'test' } }])
    expect(dataOf(client, 'quic:recovery_parameters_set')[0]).toMatchObject({
      reordering_threshold: 3,
      time_threshold: 1.125,
      initial_rtt: 333,
      initial_congestion_window: 12_000,
    })
  })

  test.each([
    [
      'a transfer that loses packets',
      { initiator: 'local', application_error: 'unknown', error_code: 7, reason: 'done', trigger: 'application' },
    ],
    ['no version in common', { trigger: 'version_mismatch' }],
    ['silence in the end', { reason: 'Nothing was heard for 3000 ms', trigger: 'idle_timeout' }],
    [
      'nobody at home',
      { initiator: 'local', reason: 'The handshake was not complete after 10000 ms', trigger: 'aborted' },
    ],
    ['a server that lost its state', { initiator: 'remote', trigger: 'stateless_reset' }],
    ['no protocol in common', { initiator: 'remote', connection_error: 'crypto_error_0x178', trigger: 'error' }],
  ] as const)('with %s says how it ended, once', (name, expected) => {
    const closed = dataOf(scene(name).client, 'quic:connection_closed')
    expect(closed.length).toBe(1)
    expect(closed[0]).toMatchObject(expected)
    const { reason: _, ...shown } = closed[0] ?? {}
    const { reason: __, ...wanted } = { reason: '', ...expected }
    expect(shown).toEqual(wanted)
  })

  test('has keys of both directions, which come, are updated, and go', () => {
    const { client, server } = scene('new keys')
    const keys = dataOf(client, 'quic:key_updated').map((data) => [
      data['key_type'],
      data['key_phase'],
      data['trigger'],
    ])
    for (const side of ['client', 'server']) {
      for (const level of ['initial', 'handshake'])
        expect(keys).toContainEqual([`${side}_${level}_secret`, undefined, 'tls'])
      expect(keys).toContainEqual([`${side}_1rtt_secret`, 0, 'tls'])
      expect(keys).toContainEqual([`${side}_1rtt_secret`, 1, 'local_update'])
    }
    const updates = dataOf(server, 'quic:key_updated').filter((data) => data['trigger'] === 'remote_update')
    expect(updates.map((data) => data['key_type']).toSorted()).toEqual(['client_1rtt_secret', 'server_1rtt_secret'])
    expect(dataOf(client, 'quic:key_discarded').map((data) => data['key_type'])).toEqual([
      'client_initial_secret',
      'server_initial_secret',
      'client_handshake_secret',
      'server_handshake_secret',
    ])
    const phases = new Set(eventsOf(server, 'quic:packet_received').map((event) => headerOf(event)['key_phase']))
    expect([...phases]).toEqual(expect.arrayContaining([0, 1]))
  })

  test('that moves has a second path, by whose name its packets go', () => {
    const { server } = scene('a peer that moves')
    const [assigned] = dataOf(server, 'quic:tuple_assigned')
    expect(assigned).toMatchObject({ tuple_remote: { ip_v6: '2001:db8::9', port_v6: 1000 } })
    const id = assigned?.['tuple_id']
    expect(dataOf(server, 'quic:migration_state_updated')).toMatchObject([{ new: 'migration_complete', tuple_id: id }])
    const tuples = eventsOf(server, 'quic:packet_received').map(({ tuple }) => tuple)
    expect(tuples[0]).toBeUndefined()
    expect(tuples.at(-1)).toBe(id)
  })

  test('tells of the paths that a client tries, and of what came of it', () => {
    const { client } = scene('a client that moves, and fails to')
    const states = dataOf(client, 'quic:migration_state_updated')
    const [first] = states
    expect(states.map(({ new: state, tuple_id: id }) => [state, id === first?.['tuple_id']])).toEqual([
      ['probing_started', true],
      ['probing_successful', true],
      ['migration_complete', true],
      ['probing_started', false],
      ['probing_abandoned', false],
    ])
    const assigned = dataOf(client, 'quic:tuple_assigned').map(({ tuple_id: id }) => id)
    expect(states.every(({ tuple_id: id }) => assigned.includes(id))).toBe(true)
  })
})

describe('A connection that is observed', () => {
  /** All datagrams of a life, in order. */
  function wire(observers: Pick<PairOptions, 'clientObserver' | 'serverObserver'>): string[] {
    const seen: string[] = []
    const pair = new Pair({
      seed: 11,
      crypto: quickCrypto(),
      network: { loss: 0.05, jitter: 5 },
      ...observers,
      tap: (bytes, from, now) => {
        seen.push(`${now} ${from} ${bytes.join()}`)
        return true
      },
    })
    const traffic = new Traffic(pair)
    const { client } = pair.handshake()
    traffic.send(client, 'bidirectional', 40_000, 40_000)
    pair.run(() => traffic.completed('client') === 1)
    return seen
  }

  test('sends what it would send unobserved', () => {
    const plain = wire({})
    const qlog = qlogTo(() => () => {})
    const [clientObserver, serverObserver] = (['client', 'server'] as const).map((role) =>
      qlog(ConnectionId.from(new Uint8Array(8)), role),
    )
    if (clientObserver === undefined || serverObserver === undefined) throw new Error('There is no observer')
    expect(wire({ clientObserver, serverObserver })).toEqual(plain)
    const nothing: Observer = {}
    expect(wire({ clientObserver: nothing, serverObserver: nothing })).toEqual(plain)
  })
})
