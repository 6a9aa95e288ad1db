/** A page with connections through the WebSocket gateway to servers that others wrote, unchanged: they speak UDP and know of no gateway. */
import { createHash, randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCertificates } from '../interop/certificates.ts'
import { CLOSE_CODES } from '../interop/judge.ts'
import { PEERS, type Peer } from '../interop/peers.ts'
import { Program } from '../interop/processes.ts'
import { freePort } from '../interop/proxy.ts'
import type { BrowserName } from '../support/browsers.ts'
import { type Case, type Cell, NotInstalledError, type Outcomes, type Stage } from './contract.ts'
import type { ServedFile } from './file-dialogue.ts'
import { openPage } from './page.ts'

const PROGRAM = `
import { connect } from 'isoquic'
import { websocket } from 'isoquic/transports/websocket'
import { LosableWebSockets, sha256 } from './carriers.ts'
import { fileDialogue } from './file-dialogue.ts'

const sockets = new LosableWebSockets()
globalThis.play = ({ gateway, target, ca, alpn, ...facts }) => fileDialogue({
  ...facts,
  connect,
  options: { alpn: [alpn], serverName: 'localhost', ca },
  open: () => websocket({ gateway: 'ws://' + gateway, target, WebSocket: sockets.Constructor }),
  lose: () => sockets.lose(),
  sha256,
})
`

/** ms until a server must listen, and until it must have noticed a close. */
const START_TIMEOUT = 20_000
const CLOSE_TIMEOUT = 3000

/** What was in flight to the old address it never sends again (`e2e/interop/PEERS.md`). */
const FORGETFUL = 'quiche'

/** Where Debian puts it. */
const GTLSSERVER = '/usr/sbin/gtlsserver'

const NAMES = ['ngtcp2', 'quinn', 'quiche']

async function run(browser: BrowserName, peer: Peer, cases: readonly Case[], stage: Stage): Promise<Outcomes> {
  if (isAbsent(peer)) throw new NotInstalledError(peer.name)
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-hosts-peer-'))
  const port = await freePort()
  const [small, large] = serveFiles(folder, [1_000_000, 4_000_000])
  const places = { www: join(folder, 'www'), downloads: folder, certs: folder, keyLog: join(folder, 'keys.log') }
  const { alpn } = peer
  const assignment = { testCase: 'transfer', port, files: [], ...places, alpn, isVerbose: true } as const
  const server = new Program(peer.server(assignment))
  try {
    const isListening = (): boolean => isBound(port) || server.reports.some(({ event }) => event === 'listening')
    if (!(await server.until(isListening, START_TIMEOUT)))
      throw new Error(`${peer.name} did not start: ${server.output}`)
    const page = await openPage(stage, browser, await stage.bundle(PROGRAM, 'browser'))
    try {
      const ca = readFileSync(join(folder, 'ca.pem'), 'utf8')
      const gateway = await stage.gatewayTo(port)
      const isQuietLoss = peer.name === FORGETFUL
      const facts = { isQuietLoss, gateway, target: `127.0.0.1:${port}`, ca, alpn, cases, small, large }
      const outcomes = await page.call<Outcomes>('play', facts)
      if (outcomes.close !== 'ok' || (await hasHeardClose(peer, server))) return outcomes
      return { ...outcomes, close: `${peer.name} did not report the close` }
    } finally {
      await page.close()
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function serveFiles(folder: string, sizes: readonly [number, number]): [ServedFile, ServedFile] {
  mkdirSync(join(folder, 'www'))
  writeCertificates(folder)
  const serve = (size: number): ServedFile => {
    const bytes = randomFillSync(new Uint8Array(size))
    const name = `file-${size}`
    writeFileSync(join(folder, 'www', name), bytes)
    return { name, size, sha256: createHash('sha256').update(bytes).digest('hex') }
  }
  return [serve(sizes[0]), serve(sizes[1])]
}

async function hasHeardClose(peer: Peer, server: Program): Promise<boolean> {
  const code = (): unknown =>
    peer.closeCode?.(server.output) ?? server.reports.find(({ event }) => event === 'closed')?.['code']
  await server.until(() => code() !== undefined, CLOSE_TIMEOUT)
  return CLOSE_CODES.includes(code())
}

function isAbsent(peer: Peer): boolean {
  return peer.name === 'ngtcp2' && !existsSync(GTLSSERVER)
}

/** Linux tells who is bound to which port; elsewhere the server's own word must do. */
function isBound(port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  try {
    return readFileSync('/proc/net/udp', 'utf8').includes(wanted)
  } catch {
    return false
  }
}

const CASES: readonly Case[] = ['handshake', 'transfer', 'close', 'carrier lost']
const CANNOT = { datagrams: 'the program serves files over streams' }

const cell = (runtime: string, browser: BrowserName, peer: Peer): Cell => ({
  runtime,
  transport: 'WebSocket gateway',
  peer: peer.name,
  cases: CASES,
  cannot: CANNOT,
  notes: {
    transfer: 'the program serves files and takes none: downloads alone',
    ...(peer.name === FORGETFUL && {
      'carrier lost': 'between two transfers: what was in flight to the old address it never sends again',
    }),
  },
  run: (stage) => run(browser, peer, CASES, stage),
})

const peers: readonly Peer[] = PEERS.filter(({ name }) => NAMES.includes(name))

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  ...peers.map((peer) => cell('Chromium', 'chromium', peer)),
  ...peers.map((peer) => cell('Firefox', 'firefox', peer)),
]
