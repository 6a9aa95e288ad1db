/** `isoquic inspect` on logs of our own and on those of other stacks, and on what is no log at all. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { inspectCommand } from '../../src/cli/inspect.ts'
import { type QlogSummary, qlogTo } from '../../src/qlog.ts'
import { Pair } from '../../src/simulator.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const SAMPLES = fileURLToPath(new URL('./samples/', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'isoquic-inspect-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Outcome {
  readonly exitCode: number | null
  readonly output: string
  readonly error: string
}

/** What the command prints when it is run in this process, which is quicker. @throws what it throws */
async function printed(words: readonly string[]): Promise<string> {
  vi.stubEnv('LC_ALL', 'C.UTF-8').stubEnv('COLUMNS', '100').stubEnv('TERM', 'xterm')
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  expect(await inspectCommand.run([...words, '--width', '100'])).toBe(0)
  return log.mock.calls.map(([line]) => `${line}\n`).join('')
}
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

/** Runs the command to its end. */
async function inspect(words: readonly string[], input?: Uint8Array): Promise<Outcome> {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'inspect', ...words]
  const env = { ...process.env, LC_ALL: 'C.UTF-8', COLUMNS: '100', TERM: 'xterm' }
  const child = spawn(process.execPath, args, { env })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [output, error, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { exitCode, output, error }
}

async function shown(words: readonly string[], input?: Uint8Array): Promise<string> {
  const { error, exitCode, output } = await inspect(words, input)
  expect({ error, exitCode }).toEqual({ error: '', exitCode: 0 })
  return output
}

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** The client's log of an upload through a narrow link that loses three packets of a hundred. */
function simulatedLog(bytes: number): { readonly log: string; readonly sent: number; readonly lost: number } {
  let log = ''
  const observer = qlogTo((trace) =>
    trace.role === 'server'
      ? undefined
      : (record) => {
          log += record
        },
  )
  const link = { delay: 20, bandwidth: 8_000_000, loss: 0.03 }
  const pair = new Pair({ seed: 11, protection: 'checksum', link, observer, server: { initialMaxData: 4_000_000 } })
  const { client } = pair.handshake()
  const stream = client.streams.open('unidirectional')
  const block = new Uint8Array(8192)
  pair.onEvent = (side, connection, event) => {
    if (event.type !== 'stream-readable') return
    while ((event.stream.receive?.read(block) ?? 0) > 0) side.wake(connection)
  }
  for (let written = 0; written < bytes; ) {
    const count = stream?.send?.write(block.subarray(0, Math.min(block.length, bytes - written))) ?? 0
    written += count
    pair.client.wake(client)
    if (count === 0) pair.run(() => false, 10)
  }
  stream?.send?.finish()
  pair.client.wake(client)
  pair.run(() => client.streams.count === 0, 60_000)
  const { packetsLost: lost } = client.stats()
  client.close({ code: 5n, reason: 'enough' }, pair.client.clockAt(pair.now))
  pair.client.wake(client)
  pair.run()
  return { log, sent: client.stats().packetsSent, lost }
}

describe('Of a log of our own', () => {
  test('inspect tells what the connection counted, in text and as JSON', async () => {
    const { log, lost, sent } = simulatedLog(300_000)
    const path = written('own.sqlog', log)
    const [output, json] = await Promise.all([shown([path]), shown([path, '--json'])])
    const { traces, skipped, schema } = JSON.parse(json) as {
      traces: QlogSummary[]
      skipped: number
      schema: string
    }
    const [summary] = traces
    expect([schema, skipped, traces.length]).toEqual(['urn:ietf:params:qlog:file:sequential', 0, 1])
    expect(summary).toMatchObject({
      role: 'client',
      writer: 'isoquic',
      sent: { packets: sent },
      lost: { packets: lost },
      streamBytesSent: 300_000,
      close: { initiator: 'local', code: 5, reason: 'enough' },
    })
    expect(lost).toBeGreaterThan(2)
    expect(summary?.rtt?.least).toBeGreaterThan(40)
    expect(output).toMatch(/^a client · isoquic · [0-9a-f]{16}\n/)
    expect(output).toMatch(new RegExp(`  sent        ${sent} packets, \\d+ kB, 300 kB of streams\n`))
    expect(output).toMatch(new RegExp(`  lost        ${lost} packets \\(\\d\\.\\d\\d %\\), `))
    expect(output).toMatch(/ {2}RTT {9}least 4\d\.\d ms, median /)
    expect(output).toMatch(/ {2}end {9}at [\d.]+ m?s, by us: application, code 5 "enough"\n/)
    expect(output).toMatch(/^ {6}0\.000 → initial 0 {9}1200 {2}CRYPTO 0\+\d+, PADDING/m)
    expect(output).toMatch(/^ +\.\. \d+ more; --limit all shows them$/m)
    expect(output).toMatch(/^congestion window over bytes in flight$[\s\S]*╰[\s\S]*^ {6}lost +×/m)
    expect(output).toMatch(/^smoothed RTT over RTT$[\s\S]*█/m)
    for (const line of output.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  test('the timeline shows what it is asked for', async () => {
    const { log, lost } = simulatedLog(200_000)
    const path = written('asked.sqlog', log)
    const lines = async (...words: string[]): Promise<string[]> => {
      vi.restoreAllMocks()
      const output = await printed([path, '--no-plots', ...words])
      return output.split('\n').filter((line) => /^ *\d+\.\d{3} /.test(line))
    }
    const losses = await lines('--packets', 'lost', '--limit', 'all')
    const handshakes = await lines('--packets', 'sent,initial,handshake', '--limit', 'all')
    const streams = await lines('--packets', 'sent,stream', '--limit', 'all')
    const early = await lines('--to', '39', '--limit', 'all')
    const none = await lines('--limit', '0')
    const few = await lines('--limit', '10')
    expect(losses.length).toBe(lost)
    expect(losses.every((line) => / ✗ 1RTT \d+ +lost: (reordering|time)_threshold; /.test(line))).toBe(true)
    expect(handshakes.length).toBeGreaterThan(1)
    expect(handshakes.every((line) => / → (initial|handshake) \d+ /.test(line))).toBe(true)
    expect(streams.length).toBeGreaterThan(150)
    expect(streams.every((line) => / → 1RTT \d+ .*STREAM \d+ \d+\+\d+/.test(line))).toBe(true)
    expect(early.every((line) => Number.parseFloat(line) < 39)).toBe(true)
    expect([none.length, few.length]).toEqual([0, 10])
  })

  test('it comes by standard input, compressed, or cut, and lines fit', async () => {
    const { log } = simulatedLog(30_000)
    const path = written('whole.sqlog', log)
    const zipped = written('whole.sqlog.gz', gzipSync(log))
    const whole = await shown([path])
    expect(await shown(['-'], Buffer.from(log))).toBe(whole)
    expect(await shown([zipped])).toBe(whole)
    const cut = await shown([written('cut.sqlog', log.slice(0, -40)), '--ascii', '--width', '70'])
    expect(cut).toMatch(/\n1 thing was passed over:\n {2}line \d+, byte \d+: The file ends within a record\n$/)
    expect(cut).toMatch(/^[\n -~]*$/)
    for (const line of cut.split('\n')) expect(line.length).toBeLessThanOrEqual(70)
  })
})

describe('Of logs of other stacks', () => {
  const names = readdirSync(SAMPLES).filter((name) => name.endsWith('log'))

  test('there is one of each', () => {
    expect(names.map((name) => name.replace(/-\d.*/, '')).sort()).toEqual(['aioquic', 'ngtcp2', 'quic-go', 'quinn'])
  })

  test.each(names)('%s is shown whole', async (name) => {
    const output = await printed([join(SAMPLES, name)])
    await expect(output).toMatchFileSnapshot(`golden/${name.replace(/\.s?qlog$/, '.txt')}`)
    expect(output).toMatch(/^a client · .*\n/)
    expect(output).not.toMatch(/NaN|undefined|Infinity|\[object/)
  })

  test.each(names)('%s can be cut anywhere', async (name) => {
    const content = readFileSync(join(SAMPLES, name))
    const at = Math.floor(content.length / 2)
    const output = await printed([written(`cut-${name}`, content.subarray(0, at)), '--limit', '0'])
    expect(output).toMatch(/1 thing was passed over:\n.*The file ends (within a record|before its traces do)\n$/)
  })
})

describe('Of what is no log', () => {
  test.each([
    [
      'text.sqlog',
      'hello\n',
      'is no qlog file: A qlog file begins with a JSON object, got "hello\\n" (line 1, byte 0)',
    ],
    ['empty.sqlog', '', 'is no qlog file: A qlog file begins with a JSON object, got "" (line 1, byte 0)'],
    [
      'other.json',
      '{"a":1}',
      'is no qlog file: A qlog file names its file_schema or qlog_version, got "{\\"a\\":1}" (line 1, byte 0)',
    ],
    ['broken.qlog', '{"a":\n}', 'is no qlog file: The file is no JSON from byte 6 on (line 2, byte 6)'],
  ])('%s is refused in one line', async (name, content, reason) => {
    const path = written(name, content)
    await expect(printed([path])).rejects.toThrow(new Error(`${path} ${reason}`))
  })

  test('a file that is missing, and gzip that is broken, are named', async () => {
    const missing = await inspect([join(folder, 'nowhere.sqlog')])
    expect(missing).toMatchObject({ exitCode: 1, output: '' })
    expect(missing.error).toMatch(/^isoquic: Cannot read .*nowhere\.sqlog: ENOENT.*\n$/)
    const broken = await inspect([written('broken.gz', Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9))])
    expect(broken).toMatchObject({ exitCode: 1, output: '' })
    expect(broken.error).toMatch(/^isoquic: Cannot read .*broken\.gz: .+\n$/)
  })

  test.each([
    [[], 'Name one qlog file: isoquic inspect FILE.sqlog'],
    [['a', 'b'], 'Name one qlog file: isoquic inspect FILE.sqlog'],
    [['a', '--limit=-1'], '--limit must be a number from 0 on, got -1'],
    [['a', '--limit', '1.5'], '--limit must be a whole number or all, got 1.5'],
    [['a', '--packets', 'lost,colour'], /^--packets knows sent, .*; got colour$/],
    [['a', '--width', '3'], '--width must be from 60 to 1000, got 3'],
  ])('isoquic inspect %j is a wrong command line', async (words, reason) => {
    await expect(inspectCommand.run(words)).rejects.toMatchObject({ name: 'UsageError', message: toEqualOf(reason) })
  })
})

function toEqualOf(reason: string | RegExp): unknown {
  return typeof reason === 'string' ? reason : expect.stringMatching(reason)
}
