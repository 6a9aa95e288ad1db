/** One file, `isoquic.min.js`, the same bytes in every host there is; engine, transport and, where there is none, environment are handed in. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type * as Udp from '../../transports/udp.ts'
import { Program } from '../interop/processes.ts'
import { startWorkerd } from '../smoke/workerd.ts'
import type { BrowserName } from '../support/browsers.ts'
import { findNode, findOther } from '../support/runtimes.ts'
import { Guest } from '../wasm-host/quickjs.ts'
import { CASES, type Case, type Cell, NotInstalledError, type Outcomes, type Stage } from './contract.ts'
import { door } from './door.ts'
import { openPage } from './page.ts'

const FILE = 'isoquic.min.js'
const LIMIT = 60_000

/** What the program of a host is told. */
interface Facts {
  readonly target: string
  readonly hash: readonly number[]
  readonly gateway: string
  readonly reason: string
  readonly cases: readonly Case[]
  readonly size: number
  readonly loseSize: number
}

/** The program for hosts with their own UDP: facts are its argument, outcomes its last line. */
const udpProgram = (open: string, run: string, args: string, end: string): string => `
import { connect } from './${FILE}'
import { node } from 'isoquic/crypto/node'
${open}
import { createHash } from 'node:crypto'
import { dialogue } from './dialogue.ts'

const { target, hash, ...facts } = JSON.parse(${args})
let transport
const outcomes = await dialogue({
  ...facts,
  connect,
  options: {
    address: target,
    crypto: node,
    serverName: 'localhost',
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
  },
  open: async () => (transport = await ${run}),
  lose: () => transport.die(),
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
})
console.log(JSON.stringify(outcomes))
${end}
`

const NODE = udpProgram(
  `import { udp } from 'isoquic/transports/udp'\nimport { mortal } from './mortal.ts'`,
  `mortal(await udp({ host: '127.0.0.1' }))`,
  'process.argv[2]',
  'process.exit()',
)

const BUN = udpProgram(
  `import { bunUdp } from 'isoquic/transports/bun'\nimport { mortal } from './mortal.ts'`,
  `mortal(await bunUdp({ host: '127.0.0.1' }))`,
  'process.argv[2]',
  'process.exit()',
)

const DENO = udpProgram(
  `import { denoUdp } from 'isoquic/transports/deno'\nimport { mortal } from './mortal.ts'`,
  `mortal(await denoUdp({ host: '127.0.0.1' }))`,
  'Deno.args[0]',
  'Deno.exit()',
)

const PAGE = `
import { connect } from './${FILE}'
import { noble } from 'isoquic/crypto/noble'
import { web } from 'isoquic/crypto/web'
import { websocket } from 'isoquic/transports/websocket'
import { LosableWebSockets, sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'

const sockets = new LosableWebSockets()
globalThis.play = ({ gateway, target, hash, ...facts }) => dialogue({
  ...facts,
  connect,
  options: {
    crypto: { ...noble, ...web },
    serverName: 'localhost',
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
  },
  open: () => websocket({ gateway: 'ws://' + gateway, target, WebSocket: sockets.Constructor }),
  lose: () => sockets.lose(),
  sha256,
})
`

const WORKER = `
import { connect as connectTcp } from 'cloudflare:sockets'
import { connect } from './${FILE}'
import { noble } from 'isoquic/crypto/noble'
import { web } from 'isoquic/crypto/web'
import { cloudflareSocket } from 'isoquic/transports/cloudflare-socket'
import { sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'

export default {
  async fetch(request) {
    const { gateway, target, hash, ...facts } = await request.json()
    let socket
    return Response.json(await dialogue({
      ...facts,
      connect,
      options: {
        crypto: { ...noble, ...web },
        serverName: 'localhost',
        serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
      },
      open: () => cloudflareSocket({
        connect: (...words) => (socket = connectTcp(...words)),
        proxy: 'http://' + gateway,
        target,
      }),
      lose: () => socket.close(),
      sha256,
    }))
  },
}
`

const QUICKJS = `
import { connect } from './${FILE}'
import { noble } from 'isoquic/crypto/noble'
import { sha256 } from '@noble/hashes/sha2.js'
import { dialogue } from './dialogue.ts'
import { environment, open, lose } from './quickjs-host.ts'

const { hash, target, ...facts } = globalThis.facts
dialogue({
  ...facts,
  connect,
  options: {
    crypto: noble,
    environment,
    serverName: 'localhost',
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
  },
  open,
  lose,
  sha256,
}).then((outcomes) => hostReport(JSON.stringify(outcomes)), (error) => hostReport(JSON.stringify({ handshake: String(error) })))
`

async function factsFor(stage: Stage, runtime: string, part = 1): Promise<Facts> {
  const { server } = stage
  return {
    target: server.address,
    hash: server.hash,
    gateway: await stage.gatewayTo(server.port),
    reason: `goodbye from ${runtime}`,
    cases: CASES,
    size: 500_000 * part,
    loseSize: 2_000_000 * part,
  }
}

async function checked(stage: Stage, outcomes: Outcomes, { reason }: Facts): Promise<Outcomes> {
  if (outcomes.close !== 'ok' || (await stage.server.heardClose(reason))) return outcomes
  return { ...outcomes, close: 'The server did not hear the reason' }
}

/** A program in a folder of its own, with the file beside it. */
async function runProgram(
  stage: Stage,
  runtime: string,
  program: string | undefined,
  source: string,
): Promise<Outcomes> {
  if (program === undefined) throw new NotInstalledError(runtime)
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-single-file-'))
  try {
    copyFileSync(stage.singleFile.path, join(folder, FILE))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'program.js'), await stage.bundle(source, 'default'))
    const facts = await factsFor(stage, runtime)
    const flags = basename(program) === 'deno' ? ['run', '--quiet', '--allow-all', '--unstable-net'] : []
    const args = [...flags, join(folder, 'program.js'), JSON.stringify(facts)]
    const run = new Program({ command: program, args })
    await run.within(LIMIT)
    const last = run.output.trim().split('\n').at(-1) ?? ''
    if (!last.startsWith('{')) throw new Error(run.output.slice(-2000))
    return await checked(stage, JSON.parse(last) as Outcomes, facts)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runPage(stage: Stage, runtime: string, browser: BrowserName): Promise<Outcomes> {
  const files = new Map([[FILE, stage.singleFile.text]])
  const page = await openPage(stage, browser, await stage.bundle(PAGE, 'browser'), files)
  try {
    const facts = await factsFor(stage, `${runtime}, single file`)
    return await checked(stage, await page.call<Outcomes>('play', facts), facts)
  } finally {
    await page.close()
  }
}

async function runWorker(stage: Stage): Promise<Outcomes> {
  const modules = [
    ['worker.mjs', await stage.bundle(WORKER, 'workerd')],
    [FILE, stage.singleFile.text],
  ] as const
  const workerd = await startWorkerd(new Map(modules))
  try {
    const facts = await factsFor(stage, 'workerd')
    const response = await fetch(workerd.url, { method: 'POST', body: JSON.stringify(facts) })
    return await checked(stage, (await response.json()) as Outcomes, facts)
  } finally {
    workerd.stop()
  }
}

/** In QuickJS the host is a handful of functions; an empty datagram asks it for another socket. */
async function runQuickjs(stage: Stage): Promise<Outcomes> {
  const { udp } = await door<typeof Udp>(stage.folder, './transports/udp')
  const facts = await factsFor(stage, 'QuickJS', 0.1)
  const program = `globalThis.facts = ${JSON.stringify(facts)};\n${await stage.bundle(QUICKJS, 'default')}`
  const receive = { datagram: (bytes: Uint8Array): void => guest?.call('onDatagram', bytes), drain() {}, closed() {} }
  let carrier = await udp({ host: '127.0.0.1' })
  carrier.open(receive)
  let guest: Guest | undefined
  const another = async (): Promise<void> => {
    const next = await udp({ host: '127.0.0.1' })
    next.open(receive)
    carrier.close()
    carrier = next
  }
  try {
    const report = await new Promise<string>((resolve, reject) => {
      const host = {
        send: (bytes: Uint8Array): void => {
          if (bytes.length === 0) another().catch(reject)
          else carrier.send(bytes, stage.server.address, 0)
        },
        report: resolve,
      }
      Guest.start(stage.singleFile.path, program, host).then((started) => {
        guest = started
      }, reject)
    })
    return await checked(stage, JSON.parse(report) as Outcomes, facts)
  } finally {
    carrier.close()
    guest?.dispose()
  }
}

const cell = (runtime: string, transport: string, run: (stage: Stage) => Promise<Outcomes>): Cell => ({
  runtime: `${FILE} in ${runtime}`,
  transport,
  peer: 'isoquic in Node',
  cases: CASES,
  run,
})

const inNode = (major: number): Cell =>
  cell(`Node ${major}`, 'UDP', (stage) => runProgram(stage, `Node ${major}`, findNode(major), NODE))

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  ...[20, 22, 24, 26].map(inNode),
  cell('Deno', 'UDP', (stage) => runProgram(stage, 'Deno', findOther('Deno'), DENO)),
  cell('Bun', 'UDP', (stage) => runProgram(stage, 'Bun', findOther('Bun'), BUN)),
  cell('Chromium', 'WebSocket gateway', (stage) => runPage(stage, 'Chromium', 'chromium')),
  cell('Firefox', 'WebSocket gateway', (stage) => runPage(stage, 'Firefox', 'firefox')),
  cell('workerd', 'connect() to the gateway', runWorker),
  cell('QuickJS in Wasm', "the host's UDP", runQuickjs),
]
