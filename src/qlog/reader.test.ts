import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../base/bytes.ts'
import { readQlog } from './reader.ts'
import { eventsOf, SCENES } from './scenarios.fixtures.ts'

const HEADER = {
  file_schema: 'urn:ietf:params:qlog:file:sequential',
  trace: { event_schemas: ['urn:x'], vantage_point: { type: 'server' } },
}

function sequence(...records: readonly unknown[]): string {
  return records.map((value) => `\u001e${JSON.stringify(value)}\n`).join('')
}

describe('A file of our own', () => {
  test.each(['current', '0.3'] as const)('is read as it was written: %s', (version) => {
    const log = SCENES['a retry']?.(1, { version }).client ?? ''
    for (const file of [log, encodeUtf8(log)]) {
      const { schema, skipped, traces } = readQlog(file)
      expect([schema, skipped, traces.length]).toEqual([
        version === '0.3' ? '0.3' : 'urn:ietf:params:qlog:file:sequential',
        0,
        1,
      ])
      const [trace] = traces
      expect([trace?.vantagePoint, trace?.groupId]).toEqual(['client', 'abababababababab'])
      expect(trace?.eventSchemas.length).toBe(version === '0.3' ? 0 : 2)
      expect(trace?.events).toEqual(eventsOf(log))
    }
  })

  test('that was cut is read up to the cut', () => {
    const log = SCENES['a retry']?.(1).client ?? ''
    const whole = eventsOf(log)
    const { skipped, traces } = readQlog(log.slice(0, -30))
    expect(skipped).toBe(1)
    expect(traces[0]?.events).toEqual(whole.slice(0, -1))
  })
})

describe('A file of others', () => {
  test('may hold several traces in one JSON value, and reports of those that failed', () => {
    const event = { time: '3.5', name: 'quic:packet_sent', data: { a: 1 }, group_id: 'g', tuple: 't' }
    const file = {
      file_schema: 'urn:ietf:params:qlog:file:contained',
      title: 'both',
      traces: [
        { event_schemas: [], vantage_point: { type: 'client' }, title: 'one', events: [event, { time: 1 }, 7] },
        { error_description: 'not found' },
        { events: [], vantage_point: { type: 'odd' } },
      ],
    }
    const { schema, skipped, title, traces } = readQlog(JSON.stringify(file, null, 2))
    expect([schema, title, skipped]).toEqual(['urn:ietf:params:qlog:file:contained', 'both', 3])
    expect(traces).toEqual([
      {
        title: 'one',
        vantagePoint: 'client',
        groupId: undefined,
        eventSchemas: [],
        commonFields: {},
        events: [{ ...event, time: 3.5 }],
      },
      { title: undefined, vantagePoint: 'unknown', groupId: undefined, eventSchemas: [], commonFields: {}, events: [] },
    ])
  })

  test.each(['relative_to_previous_event', 'delta'])('may count its times from event to event: %s', (time_format) => {
    const events = [2, 3, 4].map((time) => ({ time, name: 'a:b', data: {} }))
    const header = { ...HEADER, trace: { ...HEADER.trace, common_fields: { time_format } } }
    expect(readQlog(sequence(header, ...events)).traces[0]?.events.map(({ time }) => time)).toEqual([2, 5, 9])
  })

  test('may have lines without separators, separators without lines, and records with line feeds in them', () => {
    const event = { time: 1, name: 'a:b', data: { c: 'd' } }
    const lines = [HEADER, event, event].map((value) => JSON.stringify(value))
    const texts = [
      `${lines.join('\n')}\n`,
      `\u001e${lines.join('\u001e')}`,
      [HEADER, event, event].map((value) => `\u001e${JSON.stringify(value, null, 2)}\n`).join(''),
    ]
    for (const text of texts) expect(readQlog(text)).toMatchObject({ skipped: 0, traces: [{ events: [event, event] }] })
  })

  test('may hold anything: it is read, or refused with a SyntaxError', () => {
    const json = fc.jsonValue().map((value) => JSON.stringify(value))
    const record = fc.oneof(json, fc.string(), fc.constant(JSON.stringify({ time: 1, name: 'a:b' })))
    const text = fc.oneof(
      fc.string(),
      json,
      fc
        .array(record)
        .map((records) => `\u001e${JSON.stringify(HEADER)}\n${records.map((each) => `\u001e${each}`).join('\n')}`),
    )
    fc.assert(
      fc.property(text, (file) => {
        try {
          for (const { events } of readQlog(file).traces) {
            expect(events.every(({ name, time }) => typeof name === 'string' && Number.isFinite(time))).toBe(true)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
      }),
    )
  })

  test('that is no qlog file is refused by what it begins with', () => {
    expect(() => readQlog('hello')).toThrow(new SyntaxError('A qlog file begins with a JSON object, got "hello"'))
    expect(() => readQlog('')).toThrow('begins with a JSON object')
    expect(() => readQlog('{"log":{}}')).toThrow('names its file_schema or qlog_version, got "{\\"log\\":{}}"')
  })
})
