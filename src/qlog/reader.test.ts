import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../base/bytes.ts'
import { QlogDecoder, type QlogDecoderOptions, type QlogPart } from './decoder.ts'
import { QlogError } from './read-error.ts'
import { qlogDecoderStream, readQlog } from './reader.ts'
import { eventsOf, SCENES } from './scenarios.fixtures.ts'

const HEADER = {
  file_schema: 'urn:ietf:params:qlog:file:sequential',
  trace: { event_schemas: ['urn:x'], vantage_point: { type: 'server' } },
}

const EVENT = { time: 1, name: 'a:b', data: { c: 'd' } }

function sequence(...records: readonly unknown[]): string {
  return records.map((value) => `\u001e${JSON.stringify(value)}\n`).join('')
}

function contained(...traces: readonly unknown[]): string {
  return JSON.stringify({ qlog_version: '0.3', traces })
}

/** All parts of `file`, handed over in pieces of `size` bytes. */
function partsOf(file: string | Uint8Array, size: number = Infinity, options?: QlogDecoderOptions): QlogPart[] {
  const bytes = typeof file === 'string' ? encodeUtf8(file) : file
  const decoder = new QlogDecoder(options)
  const parts: QlogPart[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.slice(at, Math.min(bytes.length, at + size))
    parts.push(...decoder.decode(chunk))
    chunk.fill(0x78)
  }
  return [...parts, ...decoder.finish()]
}

function warningsOf(file: string): [code: string, line: number, offset: number][] {
  return readQlog(file).warnings.map(({ code, line, offset }) => [code, line, offset])
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
      expect([trace?.vantagePoint, trace?.writer, trace?.groupId]).toEqual(['client', 'isoquic', 'abababababababab'])
      expect(trace?.eventSchemas.length).toBe(version === '0.3' ? 0 : 3)
      expect(trace?.events).toEqual(eventsOf(log))
    }
  })

  test('that was cut is read up to the cut', () => {
    const log = SCENES['a retry']?.(1).client ?? ''
    const whole = eventsOf(log)
    const { skipped, traces, warnings } = readQlog(log.slice(0, -30))
    expect([skipped, warnings[0]?.code, warnings[0]?.line]).toEqual([1, 'truncated', whole.length + 1])
    expect(traces[0]?.events).toEqual(whole.slice(0, -1))
  })

  test('may be cut at any byte: what was whole is read, and the rest is told of or nothing', () => {
    const log = SCENES['no version in common']?.(1).client ?? ''
    const whole = eventsOf(log)
    const header = log.indexOf('\n') + 1
    for (const text of [log, contained({ events: whole })]) {
      for (let length = header; length < text.length; length += 7) {
        const { skipped, traces } = readQlog(text.slice(0, length))
        const [trace] = traces
        expect(trace?.events ?? []).toEqual(whole.slice(0, trace?.events.length ?? 0))
        expect(skipped).toBeLessThanOrEqual(1)
      }
    }
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
        { events: [], vantage_point: { type: 'odd', name: 'x' } },
      ],
    }
    const { schema, skipped, title, traces, warnings } = readQlog(JSON.stringify(file, null, 2))
    expect([schema, title, skipped]).toEqual(['urn:ietf:params:qlog:file:contained', 'both', 3])
    expect(warnings.map(({ code }) => code)).toEqual(['not_an_event', 'not_an_event', 'not_a_trace'])
    expect(warnings[2]?.message).toBe('A trace has no events: not found')
    expect(traces).toEqual([
      {
        title: 'one',
        vantagePoint: 'client',
        writer: undefined,
        groupId: undefined,
        eventSchemas: [],
        commonFields: {},
        events: [{ ...event, time: 3.5 }],
      },
      {
        title: undefined,
        vantagePoint: 'unknown',
        writer: 'x',
        groupId: undefined,
        eventSchemas: [],
        commonFields: {},
        events: [],
      },
    ])
  })

  test.each(['relative_to_previous_event', 'delta'])('may count its times from event to event: %s', (time_format) => {
    const events = [2, 3, 4].map((time) => ({ time, name: 'a:b', data: {} }))
    const common_fields = { time_format }
    const header = { ...HEADER, trace: { ...HEADER.trace, common_fields } }
    for (const file of [sequence(header, ...events), contained({ common_fields, events })]) {
      expect(readQlog(file).traces[0]?.events.map(({ time }) => time)).toEqual([2, 5, 9])
    }
  })

  test('may say of its trace behind the events what it is; where that is how to read times, there is a warning', () => {
    const late = { events: [EVENT, EVENT], vantage_point: { type: 'server' }, common_fields: { ODCID: 'ab' } }
    expect(readQlog(contained(late))).toMatchObject({
      skipped: 0,
      traces: [{ vantagePoint: 'server', groupId: 'ab', events: [EVENT, EVENT] }],
    })
    const delta = { ...late, common_fields: { time_format: 'delta' } }
    expect(readQlog(contained(delta)).warnings[0]?.code).toBe('late_times')
    expect(readQlog(JSON.stringify({ traces: [late], title: 't', qlog_version: '0.4' }))).toMatchObject({
      schema: '0.4',
      title: 't',
      traces: [{ events: [EVENT, EVENT] }],
    })
  })

  test('may have lines without separators, separators without lines, and records with line feeds in them', () => {
    const lines = [HEADER, EVENT, EVENT].map((value) => JSON.stringify(value))
    const texts = [
      `${lines.join('\n')}\n`,
      lines.join('\r\n'),
      `\ufeff${lines.join('\n')}`,
      `\u001e${lines.join('\u001e')}`,
      `${lines[0]}\n\u001e${lines[1]}\n\u001e${lines[2]}`,
      [HEADER, EVENT, EVENT].map((value) => `\u001e${JSON.stringify(value, null, 2)}\n`).join(''),
    ]
    for (const text of texts) expect(readQlog(text)).toMatchObject({ skipped: 0, traces: [{ events: [EVENT, EVENT] }] })
    expect(readQlog(JSON.stringify(HEADER))).toMatchObject({ skipped: 0, traces: [{ events: [] }] })
  })

  test('may have events that are arrays, and microseconds, if it names them, as picoquic does', () => {
    const trace = {
      vantage_point: { name: 'backend-67', type: 'server' },
      event_fields: ['relative_time', 'CATEGORY', 'EVENT_TYPE', 'DATA'],
      configuration: { time_units: 'us' },
      common_fields: { reference_time: '12' },
      events: [
        [1500, 'transport', 'packet_sent', { packet_type: 'initial', header: { packet_size: 1252 } }],
        [46_151, 'recovery', 'metrics_updated', { cwnd: 12_154, smoothed_rtt: 46_151, latest_rtt: 46_000 }],
      ],
    }
    const { schema, traces } = readQlog(JSON.stringify({ qlog_version: 'draft-00', traces: [trace] }))
    expect([schema, traces[0]?.events.length]).toEqual(['draft-00', 2])
    expect(traces[0]?.events).toMatchObject([
      { time: 1.5, name: 'transport:packet_sent', data: { packet_type: 'initial' } },
      { time: 46.151, name: 'recovery:metrics_updated', data: { cwnd: 12_154, smoothed_rtt: 46.151, latest_rtt: 46 } },
    ])
    const deltas = {
      event_fields: ['delta_time', 'category', 'event', 'data'],
      events: [
        [1, 'A', 'B', {}],
        [2, 'A', 'B'],
      ],
    }
    expect(readQlog(contained(deltas)).traces[0]?.events).toMatchObject([{ time: 1, name: 'a:b' }, { time: 3 }])
    const nameless = contained({ events: [[0, 'transport', 'packet_sent', {}]] })
    expect(() => readQlog(nameless)).toThrow(
      expect.objectContaining({ name: 'QlogError', code: 'array_events', line: 1, offset: nameless.indexOf('[[') + 1 }),
    )
  })

  test('may hold anything: it is read, or refused with a QlogError', () => {
    const json = fc.jsonValue().map((value) => JSON.stringify(value))
    const record = fc.oneof(json, fc.string(), fc.constant(JSON.stringify({ time: 1, name: 'a:b' })))
    const text = fc.oneof(
      fc.string(),
      json,
      fc
        .array(record)
        .map((records) => `\u001e${JSON.stringify(HEADER)}\n${records.map((each) => `\u001e${each}`).join('\n')}`),
      fc.array(record).map((records) => `{"qlog_version":"0.3","traces":[{"events":[${records.join()}]}]}`),
      fc.tuple(record, record).map(([a, b]) => `{"qlog_version":"0.3","a":${a},"traces":[${b}]}`),
    )
    fc.assert(
      fc.property(text, (file) => {
        try {
          for (const { events } of readQlog(file).traces) {
            expect(events.every(({ name, time }) => typeof name === 'string' && Number.isFinite(time))).toBe(true)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(QlogError)
          expect(error).toBeInstanceOf(SyntaxError)
        }
      }),
    )
  })

  test('may hold any bytes after its header: nothing is thrown', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 50 }),
        (bytes, is, size) => {
          const head = encodeUtf8(
            is ? `${sequence(HEADER)}\u001e` : '{"qlog_version":"0.3","traces":[{"event_fields":["time"],"events":[',
          )
          const file = new Uint8Array(head.length + bytes.length)
          file.set(head)
          file.set(bytes, head.length)
          expect(partsOf(file, size).at(-1)?.kind).toBe('trace-end')
        },
      ),
    )
  })

  test('that is no qlog file is refused by what it begins with', () => {
    const told = (file: string): unknown => {
      try {
        return readQlog(file)
      } catch (error) {
        return error instanceof QlogError ? [error.code, error.message, error.line, error.offset] : error
      }
    }
    expect(told('hello')).toEqual(['not_qlog', 'A qlog file begins with a JSON object, got "hello"', 1, 0])
    expect(told('')).toEqual(['not_qlog', 'A qlog file begins with a JSON object, got ""', 1, 0])
    expect(told('\n \n7')).toEqual(['not_qlog', 'A qlog file begins with a JSON object, got "7"', 3, 3])
    expect(told('\u001e[1]\n')).toEqual(['not_qlog', 'A qlog file begins with a JSON object, got "[1]\\n"', 1, 1])
    expect(told('\u001e')).toMatchObject(['not_qlog', expect.any(String), 1, 1])
    expect(told('{"a":1,\n]')).toEqual(['not_qlog', 'The file is no JSON from byte 8 on', 2, 8])
    expect(told('{"log":{}}')).toMatchObject([
      'no_version',
      'A qlog file names its file_schema or qlog_version, got "{\\"log\\":{}}"',
      1,
      0,
    ])
    expect(() => partsOf(Uint8Array.of(0x1f, 0x8b, 8, 0))).toThrow('The file is compressed: decompress it first')
  })
})

describe('Whatever is passed over is told of with its place', () => {
  test('in a sequence', () => {
    const file = `${sequence(HEADER)}\u001e{"time":1,\n"name":\u001enope\n${sequence(EVENT, { time: 2 })}\u001e{"ti`
    const header = sequence(HEADER).length
    expect(warningsOf(file)).toEqual([
      ['damaged', 2, header + 1],
      ['damaged', 3, header + 20],
      ['not_an_event', 5, header + 26 + sequence(EVENT).length],
      ['truncated', 6, file.length - 4],
    ])
    expect(readQlog(file).traces[0]?.events).toEqual([EVENT])
  })

  test('in a contained file', () => {
    const event = JSON.stringify(EVENT)
    const file = `{"qlog_version":"0.3",\n"title":nope,"traces":[7,\n{"events":[${event},{"a":b},\n${event}]}],\n"x":}`
    expect(warningsOf(file)).toEqual([
      ['damaged', 2, 31],
      ['not_a_trace', 2, file.indexOf('7,')],
      ['damaged', 3, file.indexOf('{"a":b}')],
      ['malformed', 5, file.length - 1],
    ])
    expect(readQlog(file).traces.map(({ events }) => events)).toEqual([[EVENT, EVENT]])
    expect(warningsOf(file.slice(0, -8))).toMatchObject([{}, {}, {}, ['truncated', 4, file.length - 8]])
  })
})

describe('A file in pieces', () => {
  const files: Readonly<Record<string, string>> = {
    'a sequence': SCENES['no version in common']?.(1).client ?? '',
    'a contained file': contained(
      { common_fields: { time_format: 'delta' }, events: [EVENT, { ...EVENT, name: 'ü "\\"{[', data: { a: ['}'] } }] },
      { events: [EVENT], title: 'two' },
      null,
    ),
    'a file that is cut': contained({ events: [EVENT, EVENT] }).slice(0, -10),
    lines: [HEADER, EVENT, EVENT].map((value) => JSON.stringify(value)).join('\n'),
  }

  test.each(Object.keys(files))('gives what it gives whole: %s', (name) => {
    const file = files[name] ?? ''
    const whole = partsOf(file)
    for (let size = 1; size < 40; size++) expect(partsOf(file, size)).toEqual(whole)
  })

  test('is read as a stream, and a stream that is no qlog fails', async () => {
    const stream = (text: string): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start(controller) {
          for (let at = 0; at < text.length; at += 100) controller.enqueue(encodeUtf8(text.slice(at, at + 100)))
          controller.close()
        },
      })
    const file = files['a sequence'] ?? ''
    const parts: QlogPart[] = []
    const reader = stream(file).pipeThrough(qlogDecoderStream()).getReader()
    for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value)
    expect(parts).toEqual(partsOf(file))
    await expect(stream('hello').pipeThrough(qlogDecoderStream()).getReader().read()).rejects.toBeInstanceOf(QlogError)
  })

  test('is never held: a record beyond the bound is passed over, however it comes', () => {
    const large = { ...EVENT, data: { x: 'y'.repeat(5000) } }
    const options = { maxRecordSize: 1000 }
    for (const file of [sequence(HEADER, EVENT, large, EVENT), contained({ events: [EVENT, large, EVENT] })]) {
      for (const size of [10, Infinity]) {
        const parts = partsOf(file, size, options)
        expect(parts.filter(({ kind }) => kind === 'event').length).toBe(2)
        expect(parts.filter(({ kind }) => kind === 'warning')).toMatchObject([{ warning: { code: 'too_large' } }])
      }
    }
    expect(() => new QlogDecoder({ maxRecordSize: 0 })).toThrow('maxRecordSize must be a positive integer, got 0')
  })
})
