/** Clients in Node and in pages, and a Worker at the other end: over UDP, and over WebSockets to a Durable Object. */
import { createHash } from 'node:crypto'
import type * as Udp from '../../transports/udp.ts'
import type * as WebSockets from '../../transports/websocket.ts'
import type { BrowserName } from '../support/browsers.ts'
import { CASES, type Case, type Cell, type Outcomes, type Stage } from './contract.ts'
import { dialogue } from './dialogue.ts'
import { door } from './door.ts'
import { type MortalTransport, mortal } from './mortal.ts'
import { openPage } from './page.ts'
import { heardClose, identity, ROOM, type Room, startRoom } from './room.ts'
import { startWrangler } from './wrangler.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** bytes */
const SIZES = { size: 500_000, loseSize: 2_000_000 }

/** The page's program. */
const PAGE = `
import { connect } from 'isoquic'
import { websocket } from 'isoquic/transports/websocket'
import { LosableWebSockets, sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'

const sockets = new LosableWebSockets()
globalThis.play = ({ address, hash, ...facts }) => dialogue({
  ...facts,
  connect,
  options: { serverName: 'localhost', serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] },
  open: () => websocket({ url: 'ws://' + address + '/', endToEnd: true, WebSocket: sockets.Constructor }),
  lose: () => sockets.lose(),
  sha256,
})
`

type Far = Pick<Room, 'hash' | 'heardClose'>

const checked = async (far: Far, reason: string, outcomes: Outcomes): Promise<Outcomes> =>
  outcomes.close !== 'ok' || (await far.heardClose(reason))
    ? outcomes
    : { ...outcomes, close: 'The Worker did not hear the reason' }

/** A client in this process, on carriers of its own. */
async function fromNode(
  stage: Stage,
  far: Far,
  cases: readonly Case[],
  open: () => Promise<MortalTransport>,
  address?: string,
): Promise<Outcomes> {
  const reason = 'goodbye from Node'
  let carrier: MortalTransport | undefined
  const outcomes = await dialogue({
    ...SIZES,
    connect: stage.isoquic.connect,
    options: {
      ...(address !== undefined && { address }),
      serverName: 'localhost',
      serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(far.hash) }],
    },
    open: async () => {
      carrier = await open()
      return carrier
    },
    lose: () => carrier?.die(),
    sha256,
    cases,
    reason,
  })
  return checked(far, reason, outcomes)
}

async function overUdp(stage: Stage, flows: 'bare' | 'forwarded', cases: readonly Case[]): Promise<Outcomes> {
  const { udp } = await door<typeof Udp>(stage.folder, './transports/udp')
  const room = await startRoom(stage, flows)
  try {
    return await fromNode(stage, room, cases, async () => mortal(await udp({ host: '127.0.0.1' })), room.udpAddress)
  } finally {
    room.stop()
  }
}

async function overWebSocket(stage: Stage, far: Far, address: string): Promise<Outcomes> {
  const { websocket } = await door<typeof WebSockets>(stage.folder, './transports/websocket')
  return fromNode(stage, far, CASES, async () => mortal(await websocket({ url: `ws://${address}/`, endToEnd: true })))
}

async function toRoom(stage: Stage): Promise<Outcomes> {
  const room = await startRoom(stage, 'bare')
  try {
    return await overWebSocket(stage, room, room.address)
  } finally {
    room.stop()
  }
}

async function toWrangler(stage: Stage): Promise<Outcomes> {
  const { env, hash } = await identity(stage)
  const wrangler = await startWrangler(stage.folder, await stage.bundle(ROOM, 'workerd'), {
    vars: env,
    durable_objects: { bindings: [{ name: 'ROOM', class_name: 'Room' }] },
    migrations: [{ tag: 'v1', new_sqlite_classes: ['Room'] }],
  })
  const { address } = wrangler
  try {
    return await overWebSocket(stage, { hash, heardClose: (reason) => heardClose(address, reason) }, address)
  } finally {
    await wrangler.stop()
  }
}

async function fromPage(stage: Stage, browser: BrowserName): Promise<Outcomes> {
  const room = await startRoom(stage, 'bare')
  try {
    const page = await openPage(stage, browser, await stage.bundle(PAGE, 'browser'))
    try {
      const reason = `goodbye from ${browser}`
      const facts = { address: room.address, hash: room.hash, reason, cases: CASES, ...SIZES }
      return await checked(room, reason, await page.call<Outcomes>('play', facts))
    } finally {
      await page.close()
    }
  } finally {
    room.stop()
  }
}

const BARE: readonly Case[] = CASES.filter((name) => name !== 'carrier lost')
const overWs = { transport: 'WebSocket', cases: CASES }
const inObject = 'isoquic in a Durable Object'

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  {
    runtime: 'Node',
    transport: 'UDP',
    peer: 'isoquic in workerd',
    cases: BARE,
    cannot: { 'carrier lost': 'a new address is another flow, in another invocation of the Worker' },
    run: (stage) => overUdp(stage, 'bare', BARE),
  },
  {
    runtime: 'Node',
    transport: 'UDP',
    peer: `${inObject}, forwarded`,
    cases: CASES,
    run: (stage) => overUdp(stage, 'forwarded', CASES),
  },
  { ...overWs, runtime: 'Node', peer: inObject, run: toRoom },
  { ...overWs, runtime: 'Node', peer: `${inObject}, wrangler dev`, run: toWrangler },
  { ...overWs, runtime: 'Chromium', peer: inObject, run: (stage) => fromPage(stage, 'chromium') },
  { ...overWs, runtime: 'Firefox', peer: inObject, run: (stage) => fromPage(stage, 'firefox') },
]
