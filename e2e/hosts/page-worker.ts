/** A page whose connection lives in a dedicated worker (`isoquic/worker`), through the WebSocket gateway, to isoquic in Node. */
import type { BrowserName } from '../support/browsers.ts'
import { CASES, type Cell, type Outcomes, type Stage } from './contract.ts'
import { openPage } from './page.ts'

/** The worker's script. Its page may ask it to lose the carrier. */
const WORKER = `
import { websocket } from 'isoquic/transports/websocket'
import { serveWorker } from 'isoquic/worker'
import { LosableWebSockets } from './carriers.ts'

const sockets = new LosableWebSockets()
serveWorker({ transport: (request) => websocket({ ...request, WebSocket: sockets.Constructor }) })
addEventListener('message', ({ data }) => {
  if (data === 'lose') sockets.lose()
})
`

/** The page's program: in place of transports it has requests for them. */
const PAGE = `
import { QuicWorker } from 'isoquic/worker'
import { sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'

globalThis.play = async ({ gateway, target, hash, ...facts }) => {
  const thread = new Worker('/worker.js', { type: 'module' })
  const worker = new QuicWorker(thread)
  const outcomes = await dialogue({
    ...facts,
    connect: (request, options) => worker.connect(request, options),
    options: { serverName: 'localhost', serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] },
    open: async () => ({ gateway: 'ws://' + gateway, target }),
    lose: () => thread.postMessage('lose'),
    sha256,
  })
  await worker.close()
  return outcomes
}
`

async function run(browser: BrowserName, stage: Stage): Promise<Outcomes> {
  const { server } = stage
  const files = new Map([['worker.js', await stage.bundle(WORKER, 'browser')]])
  const page = await openPage(stage, browser, await stage.bundle(PAGE, 'browser'), files)
  try {
    const reason = `goodbye from a worker in ${browser}`
    const gateway = await stage.gatewayTo(server.port)
    const facts = { gateway, target: server.address, hash: server.hash, reason, cases: CASES }
    const outcomes = await page.call<Outcomes>('play', { ...facts, size: 1_000_000, loseSize: 2_000_000 })
    if (outcomes.close !== 'ok' || (await server.heardClose(reason))) return outcomes
    return { ...outcomes, close: 'The server did not hear the reason' }
  } finally {
    await page.close()
  }
}

const cell = (runtime: string, browser: BrowserName): Cell => ({
  runtime,
  transport: 'WebSocket gateway, in a dedicated worker',
  peer: 'isoquic in Node',
  cases: CASES,
  run: (stage) => run(browser, stage),
})

/** Lines of the matrix. */
export const cells: readonly Cell[] = [cell('Chromium', 'chromium'), cell('Firefox', 'firefox')]
