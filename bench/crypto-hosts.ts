/**
 * `node bench/crypto-hosts.ts`: packet protection where there is no `node:crypto`, µs a packet: batches of 32 packets that fill datagrams
 * of 1,200 bytes are sealed by the kernels in Chromium, Firefox and workerd. Pages: the tenth percentile of short slices, so that another
 * program's load counts little. workerd, whose clock stands still while it works: the lowest of long requests, less that of an empty one.
 */
import { build } from 'esbuild'
import { type Bundle, bundleOf, KERNELS } from '../e2e/smoke/doors.ts'
import { runInPage } from '../e2e/smoke/page.ts'
import { startWorkerd } from '../e2e/smoke/workerd.ts'
import { launchOptions } from '../e2e/support/browsers.ts'
import { table } from '../src/cli/table.ts'
import type { Grid } from './section.ts'
import { short } from './statistics.ts'

const PACKETS = 32
const ROUNDS = 80
const LONG = 60

const PROGRAM = (provider: string): string => `
import { wasmPackets } from '${provider}'
import { noblePackets } from './src/crypto/noble/packets.ts'
import { PacketBatchBuffer } from './src/protection/packet-batch.ts'

export const candidates = [['wasm', wasmPackets], ['noble', noblePackets]].flatMap(([name, provider]) =>
  provider.suites.map((suite) => {
    const engine = provider.createEngine(${PACKETS} * 1200)
    const key = new Uint8Array(suite.keyLength).fill(7)
    const protector = engine.createProtector(suite, key, new Uint8Array(12), key)
    const batch = new PacketBatchBuffer(engine.arena, ${PACKETS})
    const seal = () => {
      batch.clear(0)
      for (let i = 0; i < ${PACKETS}; i++) {
        engine.arena[i * 1200] = 0x43
        batch.append(i * 1200, i * 1200 + 9, i * 1200 + 1184, i)
      }
      protector.seal(batch, 0, ${PACKETS})
    }
    return { name, suite: suite.name, seal }
  }),
)
`

const PAGE = `${PROGRAM('./src/crypto/wasm/packets.ts')}
export function run() {
  return candidates.map(({ name, suite, seal }) => {
    const values = []
    // The clock of a page is coarse, a millisecond in Firefox: a slice goes from one tick to another.
    for (let slice = 0; slice < 120; slice++) {
      const tick = performance.now()
      let start = tick
      while (start === tick) start = performance.now()
      let batches = 0
      let end = start
      for (; end - start < 3; batches++, end = performance.now()) seal()
      if (slice >= 20) values.push(((end - start) * 1000) / (batches * ${PACKETS}))
    }
    return [name, suite, values.sort((a, b) => a - b)[9]]
  })
}
`

const WORKER = `${PROGRAM('./src/crypto/wasm/static-packets.ts')}
export default {
  async fetch(request) {
    const query = new URL(request.url).searchParams
    const candidate = candidates[Number(query.get('candidate'))]
    if (candidate === undefined) return new Response('', { status: 404 })
    for (let i = 0; i < Number(query.get('batches')); i++) candidate.seal()
    return Response.json([candidate.name, candidate.suite])
  },
}
`

type Row = readonly [engine: string, suite: string, microseconds: number]

/** µs of a packet sealed. */
export interface HostSeal {
  readonly host: 'chromium' | 'firefox' | 'workerd'
  readonly engine: string
  readonly suite: string
  readonly microseconds: number
}

async function bundle(contents: string, condition: string): Promise<Bundle> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'js' },
    bundle: true,
    format: 'esm',
    conditions: ['isoquic-source', condition],
    outdir: process.cwd(),
    write: false,
    ...KERNELS,
  })
  return bundleOf(outputFiles)
}

async function inWorkerd(): Promise<Row[]> {
  const { text, kernels } = await bundle(WORKER, 'workerd')
  const workerd = await startWorkerd(new Map<string, string | Uint8Array>([['worker.mjs', text], ...kernels]))
  const ask = async (candidate: number, batches: number): Promise<[number, Response]> => {
    const start = performance.now()
    const response = await fetch(`${workerd.url}?candidate=${candidate}&batches=${batches}`)
    return [performance.now() - start, response]
  }
  try {
    const rows: Row[] = []
    for (let candidate = 0; ; candidate++) {
      const [, response] = await ask(candidate, LONG)
      if (response.status === 404) return rows
      const [name, suite] = (await response.json()) as [string, string]
      let [empty, long] = [Infinity, Infinity]
      for (let round = 0; round < ROUNDS; round++) {
        empty = Math.min(empty, (await ask(candidate, 0))[0])
        long = Math.min(long, (await ask(candidate, LONG))[0])
      }
      rows.push([name, suite, ((long - empty) * 1000) / (LONG * PACKETS)])
    }
  } finally {
    workerd.stop()
  }
}

/** Measures the hosts that are there. */
export async function measureCryptoHosts(): Promise<HostSeal[]> {
  const seals: HostSeal[] = []
  const add = (host: HostSeal['host'], measured: readonly Row[]): void => {
    for (const [engine, suite, microseconds] of measured) seals.push({ host, engine, suite, microseconds })
  }
  for (const browser of ['chromium', 'firefox'] as const) {
    if (launchOptions(browser) === undefined) continue
    const { text } = await bundle(PAGE, 'browser')
    const script = "import('/program.js').then(({ run }) => JSON.stringify(run()))"
    const { result } = await runInPage(browser, () => text, script)
    add(browser, JSON.parse(result) as Row[])
  }
  add('workerd', await inWorkerd())
  return seals
}

/** The table. */
export function cryptoHostsGrid(seals: readonly HostSeal[]): Grid {
  const rows = seals.map(({ host, engine, suite, microseconds }) => [host, engine, suite, short(microseconds)])
  return [['host', 'engine', 'suite', 'seal, µs'], ...rows]
}

if (import.meta.main) {
  console.log(`${PACKETS} packets of 1200 bytes at once, µs a packet sealed\n`)
  console.log(table(cryptoHostsGrid(await measureCryptoHosts())))
}
