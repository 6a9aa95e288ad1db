import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasVectors, readVectorText } from '../../e2e/support/vectors.ts'
import { frame } from './arbitraries.fixtures.ts'
import { Cddl } from './cddl.fixtures.ts'
import { frameData } from './frames.ts'
import { readQlog } from './reader.ts'
import { recordsOf, SCENES } from './scenarios.fixtures.ts'

/** The rules of the drafts, made when they are first needed. */
let rules: Cddl | undefined
function schema(): Cddl {
  rules ??= new Cddl(readVectorText('qlog/qlog-main-schema.cddl'), readVectorText('qlog/qlog-quic-events.cddl'))
  return rules
}

/** What is wrong with a log, by the CDDL of the drafts. */
function faults(log: string): string[] {
  const [header, ...events] = recordsOf(log)
  return [
    ...schema().check('QlogFileSeq', header),
    ...events.flatMap((event) => {
      const rule = schema().eventRule(String(event['name']))
      if (rule === undefined) return [`There is no event ${event['name']}`]
      const { data, ...rest } = event
      return [...schema().check('Event', { ...rest, data: { message: '' } }), ...schema().check(rule, data)]
    }),
  ]
}

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe.skipIf(!hasVectors)('By the CDDL of the drafts', () => {
  test.each(Object.keys(SCENES))('the logs of %s are right', (name) => {
    for (let seed = 1; seed <= 3; seed++) {
      const logs = SCENES[name]?.(seed)
      expect([...faults(logs?.client ?? ''), ...faults(logs?.server ?? '')]).toEqual([])
    }
  })

  test('every frame is right', () => {
    fc.assert(
      fc.property(frame, fc.nat(20), (value, exponent) => {
        expect(schema().check('QuicBaseFrames', throughJson(frameData(value, exponent)))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('what is wrong is found', () => {
    const sent = { header: { packet_type: '1RTT', packet_number: 1 }, frames: [{ frame_type: 'ping' }] }
    expect(schema().check('QUICPacketSent', sent)).toEqual([])
    const wrong: readonly (readonly [string, unknown])[] = [
      ['QUICPacketSent', { ...sent, header: undefined }],
      ['QUICPacketSent', { ...sent, colour: 'red' }],
      ['QUICPacketSent', { ...sent, trigger: 'whim' }],
      ['QUICPacketSent', { ...sent, header: { packet_type: '1RTT', packet_number: -1 } }],
      ['QUICPacketSent', { ...sent, header: { packet_type: 'long' } }],
      ['QUICPacketSent', { ...sent, header: { packet_type: '1RTT', dcid: 'ABC' } }],
      ['QUICPacketSent', { ...sent, frames: [{ frame_type: 'crypto', offset: 0 }] }],
      ['QUICPacketSent', { ...sent, frames: [{ frame_type: 'ack', acked_ranges: [[1, 2, 3]] }] }],
      ['QUICMTUUpdated', { new: 2 ** 32 }],
      ['QUICRecoveryParametersSet', { initial_rtt: 333 }],
      ['QUICParametersSet', { stateless_reset_token: '00' }],
      ['QlogFileSeq', { file_schema: 'a', serialization_format: 'b', trace: {} }],
    ]
    for (const [rule, value] of wrong)
      expect([rule, value, schema().check(rule, value).length > 0]).toEqual([rule, value, true])
  })
})

describe.skipIf(!hasVectors)('Logs of other stacks are read', () => {
  test.each([
    ['ngtcp2-1.11-client.sqlog', 'client', 26],
    ['ngtcp2-1.11-server.sqlog', 'server', 26],
    ['aioquic-1.2-client.qlog', 'client', undefined],
  ] as const)('%s', (name, vantagePoint, count) => {
    const { schema: version, skipped, traces } = readQlog(readVectorText(`qlog/samples/${name}`))
    expect([version, skipped, traces.length]).toEqual(['0.3', 0, 1])
    const [trace] = traces
    expect(trace?.vantagePoint).toBe(vantagePoint)
    expect(trace?.groupId).toMatch(/^[0-9a-f]+$/)
    expect(trace?.events.length).toBe(count ?? trace?.events.length)
    const names = new Set(trace?.events.map((event) => event.name))
    expect([...names]).toEqual(
      expect.arrayContaining(['transport:packet_sent', 'transport:packet_received', 'recovery:metrics_updated']),
    )
  })
})
