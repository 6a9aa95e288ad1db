/** Logs of real connections, to each kind of place that every runtime has. */
import { describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import { decodeUtf8 } from '../base/bytes.ts'
import { parseKeyLog } from '../qlog/keylog.ts'
import { type KeyLogger, keyLogTo } from '../qlog/keylog-to.ts'
import { QlogMemory } from '../qlog/memory.ts'
import { qlogTo } from '../qlog/qlog-to.ts'
import { type QlogTrace, readQlog } from '../qlog/reader.ts'
import { MAX_BUFFERED } from '../qlog/sink.ts'
import { QlogSummarizer } from '../qlog/summary.ts'
import type { ObserverFactory } from '../wire/observer.ts'
import { connect } from './client.ts'
import { devCertificate } from './dev.ts'
import { readAll, writeAll } from './pipe.fixtures.ts'
import { listen } from './server.ts'

const BYTES = 40_000

interface Logged {
  readonly observer?: ObserverFactory
  readonly keyLog?: KeyLogger
}

/** A client that uploads, and closes; what it is told to log, it logs. */
async function life(client: Logged, server: Logged = {}): Promise<void> {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const listening = await listen(far, { alpn: ['log'], certificate, ...server })
  const received = (async () => {
    for await (const connection of listening) {
      for await (const stream of connection.incomingUnidirectionalStreams)
        return (await readAll(stream.readable)).length
    }
    return 0
  })()
  const connection = await connect(near, { alpn: ['log'], serverCertificateHashes: [certificate.hash], ...client })
  const stream = await connection.createUnidirectionalStream()
  await writeAll(stream.writable, new Uint8Array(BYTES))
  expect(await received).toBe(BYTES)
  await connection.close({ closeCode: 7, reason: 'done' })
  await listening.close()
}

function check(log: string, role: 'client' | 'server'): void {
  const { skipped, traces } = readQlog(log)
  const [trace] = traces
  const summarizer = new QlogSummarizer()
  for (const event of trace?.events ?? []) summarizer.add(event)
  expect([skipped, traces.length, trace?.events.at(-1)?.data['new']]).toEqual([0, 1, 'closed'])
  const bytes = role === 'client' ? { streamBytesSent: BYTES } : { streamBytesReceived: BYTES }
  expect(summarizer.summary(trace)).toMatchObject({ role, streams: 1, close: { code: 7, reason: 'done' }, ...bytes })
}

/** Fulfils as soon as `is` holds. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('The qlog of a connection', () => {
  test('goes to a function', async () => {
    const logs = { client: '', server: '' }
    const observer = qlogTo(({ role }) => (record) => {
      logs[role] += record
    })
    await life({ observer }, { observer })
    await until(() => logs.client.includes('"new":"closed"') && logs.server.includes('"new":"closed"'))
    check(logs.client, 'client')
    check(logs.server, 'server')
  })

  test('goes to a stream, which is closed behind it', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const all = readAll(readable)
    await life({ observer: qlogTo(() => writable) })
    check(decodeUtf8(await all), 'client')
  })

  test('goes to a stream that takes nothing, and the connection lives on', async () => {
    let taken = 0
    const stuck = new WritableStream<Uint8Array>({
      write: (chunk) => {
        taken += chunk.length
        return new Promise(() => {})
      },
    })
    await life({ observer: qlogTo(() => stuck) })
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(MAX_BUFFERED)
  })

  test('stays in memory, and comes out as a file', async () => {
    const memory = new QlogMemory()
    const observer = qlogTo((trace) => memory.open(trace))
    await life({ observer }, { observer })
    await until(() => memory.traces.every(({ isComplete }) => isComplete))
    expect(memory.traces.map(({ role }) => role).toSorted()).toEqual(['client', 'server'])
    for (const trace of memory.traces) {
      const blob = trace.blob()
      expect([blob.type, trace.fileName]).toEqual([
        'application/qlog+json-seq',
        `${trace.originalDestination}_${trace.role}.sqlog`,
      ])
      expect(await blob.text()).toBe(trace.text())
      check(trace.text(), trace.role)
    }
    expect(memory.length).toBe(memory.traces.reduce((sum, { length }) => sum + length, 0))
    memory.clear()
    expect([memory.length, memory.traces.length]).toEqual([0, 0])
  })

  test('in memory has a bound: what is complete goes first, and what is dropped is counted', async () => {
    const memory = new QlogMemory({ maxLength: 20_000 })
    const observer = qlogTo((trace) => memory.open(trace))
    await life({ observer })
    const [first] = memory.traces
    await life({ observer })
    expect(memory.length).toBeLessThanOrEqual(20_000)
    expect(memory.traces.length).toBe(1)
    expect(memory.traces[0]).not.toBe(first)
    expect(() => new QlogMemory({ maxLength: 0.5 })).toThrow('maxLength must be a positive integer, got 0.5')
    const small = new QlogMemory({ maxLength: 2000 })
    const sink = small.open({ fileName: 'a', originalDestination: 'b', role: 'client' })
    expect([sink.write('x'.repeat(1500)), sink.write('y'.repeat(1500)), sink.write('z'.repeat(500))]).toEqual([
      true,
      false,
      true,
    ])
  })

  test('that is missing events says how many', async () => {
    let log = ''
    let count = 0
    const observer = qlogTo(() => (record) => {
      count += 1
      if (count > 20 && count <= 40) return false
      log += record
      return true
    })
    await life({ observer })
    const trace: QlogTrace | undefined = readQlog(log).traces[0]
    const warnings = trace?.events.filter(({ name }) => name === 'loglevel:warning') ?? []
    expect(warnings.map(({ data }) => data['message'])).toEqual([expect.stringMatching(/^\d+ events are missing here/)])
  })
})

describe('The keys of connections', () => {
  test('go to a function, line by line, and both ends have the same', async () => {
    const logs = { client: '', server: '' }
    const clientLog = keyLogTo((line) => {
      logs.client += line
    })
    const serverLog = keyLogTo((line) => {
      logs.server += line
    })
    await life({ keyLog: clientLog }, { keyLog: serverLog })
    expect(logs.client).toMatch(/^([A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n)+$/)
    const labels = parseKeyLog(logs.client).map(({ label }) => label)
    expect(labels).toEqual(expect.arrayContaining(['CLIENT_HANDSHAKE_TRAFFIC_SECRET', 'SERVER_TRAFFIC_SECRET_0']))
    expect(logs.server.split('\n').toSorted()).toEqual(logs.client.split('\n').toSorted())
  })

  test('go to a stream, of one connection after the other, until the log is closed', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const all = readAll(readable)
    const keyLog = keyLogTo(writable)
    await life({ keyLog })
    await life({ keyLog })
    keyLog.close()
    keyLog('too late')
    const labels = parseKeyLog(decodeUtf8(await all)).map(({ label }) => label)
    expect(labels.filter((label) => label === 'CLIENT_TRAFFIC_SECRET_0').length).toBe(2)
  })

  test('go nowhere where the log fails, which is told once, and no connection hears of it', async () => {
    const errors: unknown[] = []
    const broken = (): never => {
      throw new Error('full')
    }
    const keyLog = keyLogTo(broken, { onError: (error) => errors.push(error) })
    await life({ keyLog }, { keyLog })
    expect(errors).toEqual([new Error('full')])
  })
})
