/** A page with a connection through the WebSocket gateway, to isoquic in Node. */
import type { BrowserName } from '../support/browsers.ts'
import { CASES, type Case, type Cell, type Outcomes, type Stage } from './contract.ts'
import { openPage } from './page.ts'

/** The page's program: `play` is called with what Node knows. */
const PROGRAM = `
import { connect } from 'isoquic'
import { websocket } from 'isoquic/transports/websocket'
import { LosableWebSockets, sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'

const sockets = new LosableWebSockets()
globalThis.play = ({ gateway, target, hash, reason, cases }) => dialogue({
  connect,
  options: { serverName: 'localhost', serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] },
  open: () => websocket({ gateway: 'ws://' + gateway, target, WebSocket: sockets.Constructor }),
  lose: () => sockets.lose(),
  sha256,
  cases,
  reason,
  size: 1_000_000,
  loseSize: 2_000_000,
})
`

async function run(browser: BrowserName, cases: readonly Case[], stage: Stage): Promise<Outcomes> {
  const { server } = stage
  const page = await openPage(stage, browser, await stage.bundle(PROGRAM, 'browser'))
  try {
    const reason = `goodbye from ${browser}`
    const gateway = await stage.gatewayTo(server.port)
    const facts = { gateway, target: server.address, hash: server.hash, reason, cases }
    const outcomes = await page.call<Outcomes>('play', facts)
    if (outcomes.close !== 'ok' || (await server.heardClose(reason))) return outcomes
    return { ...outcomes, close: 'The server did not hear the reason' }
  } finally {
    await page.close()
  }
}

const cell = (runtime: string, browser: BrowserName): Cell => ({
  runtime,
  transport: 'WebSocket gateway',
  peer: 'isoquic in Node',
  cases: CASES,
  run: (stage) => run(browser, CASES, stage),
})

/** Lines of the matrix. */
export const cells: readonly Cell[] = [cell('Chromium', 'chromium'), cell('Firefox', 'firefox')]
