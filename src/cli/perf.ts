/** `isoquic perf`: how fast bytes and requests go between two ends, over HTTP/3 or over streams alone. */
import { udp } from '../../transports/udp.ts'
import { serve } from '../api/http3/serve.ts'
import { listen } from '../api/server.ts'
import {
  type Command,
  IDENTITY_HELP,
  IDENTITY_OPTIONS,
  identity,
  interrupted,
  keyLog,
  parseWords,
  port,
  qlog,
  TRUST_HELP,
  TRUST_OPTIONS,
  text,
  trust,
  UsageError,
} from './command.ts'
import {
  type OnBytes,
  PERF,
  type PerfClient,
  perfHandler,
  perfOverHttp3,
  perfOverStreams,
  servePerf,
} from './perf-ends.ts'
import { formatBytes, Progress } from './progress.ts'
import { table } from './table.ts'

const HELP = `isoquic perf --serve [options]: answers whoever measures
isoquic perf HOST:PORT [options]: measures the handshake, goodput both ways, and requests

  --down SIZE     bytes to take, such as 500kB or 1GB; default 100MB
  --up SIZE       bytes to send; default 100MB
  --requests N    requests of 1 kB each; default 1000
  --parallel N    requests under way at a time; default 10
  --raw           streams alone (ALPN perf) instead of HTTP/3, at both ends
${TRUST_HELP}

with --serve:
${IDENTITY_HELP}

Example:
  isoquic perf --serve --port 4433
  isoquic perf 127.0.0.1:4433 --insecure --down 1GB --up 0`

/** Bytes of the answer to a request that is counted. */
const ANSWER = 1000

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

/** Measures, or lets measure. */
export const perfCommand: Command = {
  name: 'perf',
  summary: 'measure goodput and requests',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, {
      ...IDENTITY_OPTIONS,
      ...TRUST_OPTIONS,
      serve: { type: 'boolean' },
      raw: { type: 'boolean' },
      down: { type: 'string' },
      up: { type: 'string' },
      requests: { type: 'string' },
      parallel: { type: 'string' },
    })
    const [host, ...more] = positionals
    const isRaw = values['raw'] === true
    if (values['serve'] === true) {
      if (host !== undefined) throw new UsageError(`perf --serve takes no ${host}`)
      return await serveUntilInterrupted(values, isRaw)
    }
    if (host === undefined || more.length > 0) throw new UsageError('Say whom to measure with: isoquic perf HOST:PORT')
    const address = /:\d+$/.test(host) ? host : `${host}:443`
    const plan = {
      down: size(values, 'down', 1e8),
      up: size(values, 'up', 1e8),
      requests: count(values, 'requests', 1000, 0),
      parallel: count(values, 'parallel', 10, 1),
    }
    const options = { ...trust(values), ...keyLog(values), ...qlog(values) }
    const client = await (isRaw ? perfOverStreams(address, options) : perfOverHttp3(address, options))
    try {
      await measure(client, address, plan)
    } finally {
      await client.close()
    }
    return 0
  },
}

interface Plan {
  readonly down: number
  readonly up: number
  readonly requests: number
  readonly parallel: number
}

async function serveUntilInterrupted(values: Readonly<Record<string, unknown>>, isRaw: boolean): Promise<number> {
  const { certificate, pin } = await identity(values)
  const options = { certificate, ...keyLog(values), ...qlog(values) }
  const transport = await udp({ host: text(values, 'host') ?? '127.0.0.1', port: port(values, 4433) })
  const server = isRaw
    ? await listen(transport, { ...options, alpn: [PERF] })
    : await serve(transport, options, perfHandler)
  console.log(`Measured with on ${server.address} (UDP), ${isRaw ? 'ALPN perf' : 'HTTP/3'}`)
  if (pin !== undefined) console.log(`certificate made for 13 days; perf ${server.address} --pin ${pin}`)
  if (Symbol.asyncIterator in server) {
    void (async () => {
      for await (const connection of server) servePerf(connection).catch(() => {})
    })()
  }
  await interrupted()
  await server.close()
  return 0
}

async function measure(client: PerfClient, address: string, { down, up, requests, parallel }: Plan): Promise<void> {
  const rows = [['handshake', ms(client.handshake), `${address}, ALPN ${client.connection.alpn}`]]
  if (down > 0) rows.push(await transfer('download', down, (onBytes) => client.down(down, onBytes)))
  if (up > 0) rows.push(await transfer('upload', up, (onBytes) => client.up(up, onBytes)))
  if (requests > 0) rows.push(...(await ask(client, requests, parallel)))
  const stats = await client.connection.getStats()
  rows.push(['RTT', ms(stats.smoothedRtt), `least ${ms(stats.minRtt)}`])
  console.log(table(rows))
}

async function transfer(name: string, bytes: number, run: (onBytes: OnBytes) => Promise<void>): Promise<string[]> {
  const progress = new Progress(name, bytes, process.stderr, () => performance.now())
  const start = performance.now()
  await run((piece) => progress.add(piece))
  const elapsed = performance.now() - start
  progress.finish()
  return [
    name,
    `${formatBytes((bytes / elapsed) * 1000)}/s`,
    `${formatBytes(bytes)} in ${(elapsed / 1000).toFixed(2)} s`,
  ]
}

async function ask(client: PerfClient, requests: number, parallel: number): Promise<string[][]> {
  const times: number[] = []
  let begun = 0
  const askOn = async (): Promise<void> => {
    while (begun < requests) {
      begun += 1
      const start = performance.now()
      await client.down(ANSWER, () => {})
      times.push(performance.now() - start)
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: Math.min(parallel, requests) }, askOn))
  const elapsed = performance.now() - start
  times.sort((a, b) => a - b)
  const quantile = (share: number): string =>
    ms(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0)
  return [
    ['requests', `${Math.round((requests / elapsed) * 1000)}/s`, `${requests} of 1 kB, ${parallel} at a time`],
    ['time each', quantile(0.5), `99 % within ${quantile(0.99)}, most ${quantile(1)}`],
  ]
}

/** @throws UsageError */
function size(values: Readonly<Record<string, unknown>>, name: string, fallback: number): number {
  const given = text(values, name)
  if (given === undefined) return fallback
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kmg]?)b?$/i.exec(given) ?? []
  const bytes = Math.round(Number(digits) * (UNITS[unit.toLowerCase()] ?? 1))
  if (!(bytes >= 0 && bytes < 1e15)) throw new UsageError(`--${name} must be a size such as 500kB or 1GB, got ${given}`)
  return bytes
}

/** @throws UsageError */
function count(values: Readonly<Record<string, unknown>>, name: string, fallback: number, least: number): number {
  const given = text(values, name)
  const value = given === undefined ? fallback : Number(given)
  if (!(Number.isInteger(value) && value >= least && value <= 1e7)) {
    throw new UsageError(`--${name} must be a number from ${least}, got ${given}`)
  }
  return value
}

function ms(time: number): string {
  return `${time.toFixed(2)} ms`
}
