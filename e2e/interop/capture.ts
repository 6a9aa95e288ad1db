/**
 * One transfer between two isoquic processes, captured on loopback by dumpcap, decoded by tshark with the key log: every packet
 * must open, and the stream's bytes must hash to what the file does.
 */
import { spawn } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ISOQUIC } from './peers.ts'
import { type Launch, Program, pause } from './processes.ts'
import { freePort } from './proxy.ts'

/** Bytes, as `npm start` moves them. */
const SIZE = 100_000_000

/** MiB that the kernel may hold for dumpcap: more than the whole transfer. */
const KERNEL_BUFFER = 256

const START_TIMEOUT = 20_000
const TRANSFER_TIMEOUT = 120_000

/** What came of it: a line to print, and whether it went wrong. */
export interface CaptureResult {
  readonly line: string
  readonly isFailure: boolean
}

/** Captures and decodes one transfer; `folder` is empty. */
export async function captureTransfer(folder: string, certs: string): Promise<CaptureResult> {
  const port = await freePort()
  const capture = join(folder, 'capture.pcapng')
  const dumpcap = new Program({
    command: 'dumpcap',
    args: ['-q', '-i', 'lo', '-B', String(KERNEL_BUFFER), '-f', `udp port ${port}`, '-w', capture],
  })
  try {
    if (!(await dumpcap.until(() => dumpcap.output.includes('File: '), START_TIMEOUT))) {
      return { line: `Capture: not possible here: ${lastLine(dumpcap.output)}`, isFailure: false }
    }
    const expected = await transfer(folder, certs, port)
    // The last packets are still on their way through the kernel.
    await pause(500)
    await dumpcap.stop('SIGINT')
    const [, received = '?', dropped = '?'] =
      /received\/dropped on interface '[^']*': (\d+)\/(\d+)/.exec(dumpcap.output) ?? []
    const decoded = await decode(capture, port, join(folder, 'keys.log'))
    const failure = judge(decoded, expected, dropped)
    return {
      line: [
        `Capture: ${SIZE / 1e6} MB over loopback, ${received} packets captured, ${dropped} dropped by the kernel`,
        `tshark opened ${decoded.packets} QUIC packets, ${decoded.failures} not`,
        `stream 0 as it decodes it has ${decoded.bytes} bytes and SHA-256 ${decoded.hash}`,
        failure === undefined ? 'which is that of the file' : `FAILED: ${failure}`,
      ].join('; '),
      isFailure: failure !== undefined,
    }
  } catch (error) {
    return { line: `Capture: FAILED: ${error instanceof Error ? error.message : String(error)}`, isFailure: true }
  } finally {
    await dumpcap.stop()
  }
}

/** Moves the file; its SHA-256. */
async function transfer(folder: string, certs: string, port: number): Promise<string> {
  const www = join(folder, 'www')
  const downloads = join(folder, 'downloads')
  mkdirSync(www)
  mkdirSync(downloads)
  const content = randomFillSync(new Uint8Array(SIZE))
  writeFileSync(join(www, 'random.bin'), content)
  const assignment = {
    testCase: 'handshake',
    port,
    files: ['random.bin'],
    www,
    downloads,
    certs,
    keyLog: join(folder, 'keys.log'),
    alpn: 'hq-interop',
    isVerbose: false,
  } as const
  const server = new Program(ISOQUIC.server(assignment))
  const clients: Program[] = []
  try {
    if (!(await server.until(() => server.reports.length > 0, START_TIMEOUT)))
      throw new Error('The server did not start')
    clients.push(...ISOQUIC.client(assignment).map((launch: Launch) => new Program(launch)))
    for (const client of clients) {
      const code = await client.within(TRANSFER_TIMEOUT)
      if (code !== 0) throw new Error(`The client ended with ${code}: ${lastLine(client.output)}`)
    }
  } finally {
    for (const client of clients) await client.stop('SIGKILL')
    await server.stop()
  }
  const hash = createHash('sha256').update(content).digest('hex')
  const copy = createHash('sha256')
    .update(readFileSync(join(downloads, 'random.bin')))
    .digest('hex')
  if (copy !== hash) throw new Error('The copy differs from the file')
  return hash
}

interface Decoded {
  /** QUIC packets that were opened, and those that were not. */
  readonly packets: number
  readonly failures: number
  /** Of the server's half of stream 0, without gaps. */
  readonly bytes: number
  readonly hash: string
}

const FIELDS = [
  'udp.srcport',
  'quic.decryption_failed',
  'quic.frame_type',
  'quic.stream.stream_id',
  'quic.stream.off',
  'quic.stream.offset',
  'quic.stream_data',
] as const

async function decode(capture: string, port: number, keyLog: string): Promise<Decoded> {
  const content = new Uint8Array(SIZE)
  const ranges: [start: number, end: number][] = []
  let packets = 0
  let failures = 0
  const tshark = spawn(
    'tshark',
    [
      ...['-n', '-r', capture, '-o', `tls.keylog_file:${keyLog}`, '-d', `udp.port==${port},quic`],
      ...['-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  for await (const line of createInterface({ input: tshark.stdout })) {
    const [source = '', failed = '', frames = '', ids = '', flags = '', offsets = '', data = ''] = line.split('\t')
    if (failed !== '' || frames === '') failures += 1
    else packets += 1
    if (Number(source) !== port || ids === '') continue
    const given = split(offsets)
    const withOffset = split(flags)
    const payloads = split(data)
    for (const [index, id] of split(ids).entries()) {
      const start = isTrue(withOffset[index]) ? Number(given.shift()) : 0
      const bytes = Buffer.from(payloads[index] ?? '', 'hex')
      if (id !== '0' || start + bytes.length > SIZE) continue
      content.set(bytes, start)
      ranges.push([start, start + bytes.length])
    }
  }
  const bytes = lengthWithoutGaps(ranges)
  return { packets, failures, bytes, hash: createHash('sha256').update(content.subarray(0, bytes)).digest('hex') }
}

function judge(decoded: Decoded, expected: string, dropped: string): string | undefined {
  if (decoded.failures > 0) return `${decoded.failures} packets did not open`
  if (decoded.hash === expected) return undefined
  return dropped === '0' ? `the file has SHA-256 ${expected}` : `the kernel dropped ${dropped} packets of the capture`
}

/** How far the ranges reach from 0 without a gap. */
function lengthWithoutGaps(ranges: [start: number, end: number][]): number {
  let reached = 0
  for (const [start, end] of ranges.sort(([a], [b]) => a - b)) {
    if (start > reached) break
    reached = Math.max(reached, end)
  }
  return reached
}

function split(field: string): string[] {
  return field === '' ? [] : field.split(',')
}

/** As versions of tshark print a flag. */
function isTrue(flag: string | undefined): boolean {
  return flag === '1' || flag === 'True'
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? ''
}
