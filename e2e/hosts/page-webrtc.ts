/** Pages over WebRTC data channels: with another page, of the same browser or of the other, and with Node (`@roamhq/wrtc`). */
import { createRequire } from 'node:module'
import type * as WebRtcDoor from '../../transports/webrtc.ts'
import type { BrowserName } from '../support/browsers.ts'
import { CASES, type Case, type Cell, type Outcomes, type Stage } from './contract.ts'
import { door } from './door.ts'
import { type HostPage, openPage } from './page.ts'

/** The page that connects. Its offers go to the other end by `signal`, which fulfils with the answer. */
const CLIENT = `
import { connect } from 'isoquic'
import { webrtc } from 'isoquic/transports/webrtc'
import { websocket } from 'isoquic/transports/websocket'
import { LosableWebSockets, sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'
import { offer } from './signalling.ts'

const sockets = new LosableWebSockets()
let lose
const openSocket = (gateway, target) => {
  lose = () => sockets.lose()
  return websocket({ gateway: 'ws://' + gateway, target, WebSocket: sockets.Constructor })
}
const openChannel = async () => {
  const channel = await offer(new RTCPeerConnection(), globalThis.signal)
  lose = () => channel.close()
  return await webrtc(channel)
}
globalThis.play = ({ hash, gateway, target, ...facts }) => {
  let opened = 0
  return dialogue({
    ...facts,
    connect,
    options: { serverName: 'localhost', serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] },
    // With a gateway the first carrier is a WebSocket, and those that follow it are channels.
    open: () => (gateway !== undefined && opened++ === 0 ? openSocket(gateway, target) : openChannel()),
    lose: () => lose(),
    sha256,
  })
}
`

/** The page that serves. Channels come and go; the end of a pipe that nobody uses keeps the server there in between. */
const SERVER = `
import { listen } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { pipe } from 'isoquic/transports/pipe'
import { webrtc } from 'isoquic/transports/webrtc'
import { sha256 } from './carriers.ts'
import { ALPN, serveDialogue } from './dialogue.ts'
import { answer } from './signalling.ts'

const reasons = new Set()
let server
globalThis.start = async () => {
  const certificate = await devCertificate()
  const options = { alpn: [ALPN], certificate, maxDatagramFrameSize: 65535, maxIdleTimeout: 30000 }
  server = await listen(pipe()[0], options)
  const accept = async () => {
    for await (const connection of server) {
      connection.closed.catch((error) => reasons.add(error.reason))
      serveDialogue(connection, sha256)
    }
  }
  accept()
  return [...certificate.hash.value]
}
globalThis.answer = (sdp) =>
  answer(new RTCPeerConnection(), sdp, async (channel) => server.addTransport(await webrtc(channel)))
globalThis.heardClose = (reason) => reasons.has(reason)
`

const RUNTIMES = { chromium: 'Chromium', firefox: 'Firefox' } as const

async function dial(
  browser: BrowserName,
  stage: Stage,
  hash: readonly number[],
  signal: (offer: string) => Promise<string>,
  hasHeard: (reason: string) => Promise<boolean>,
  first: { readonly gateway?: string; readonly target?: string } = {},
): Promise<Outcomes> {
  const page = await openPage(stage, browser, await stage.bundle(CLIENT, 'browser'))
  try {
    await page.expose('signal', signal)
    const reason = `goodbye from ${browser} over ${first.gateway === undefined ? 'WebRTC' : 'one and the other'}`
    const sizes = { size: 500_000, loseSize: 2_000_000 }
    const outcomes = await page.call<Outcomes>('play', { hash, reason, cases: CASES, ...sizes, ...first })
    if (outcomes.close !== 'ok' || (await hasHeard(reason))) return outcomes
    return { ...outcomes, close: 'The server did not hear the reason' }
  } finally {
    await page.close()
  }
}

async function pageToPage(browser: BrowserName, other: BrowserName, stage: Stage): Promise<Outcomes> {
  const server: HostPage = await openPage(stage, other, await stage.bundle(SERVER, 'browser'))
  try {
    const hash = await server.call<number[]>('start')
    return await dial(
      browser,
      stage,
      hash,
      (sdp) => server.call('answer', sdp),
      (reason) => server.call('heardClose', reason),
    )
  } finally {
    await server.close()
  }
}

async function pageToNode(browser: BrowserName, stage: Stage, isFirstSocket: boolean): Promise<Outcomes> {
  // The package has no types of its own, and is loaded only where it is used: it is native.
  const { RTCPeerConnection: PeerConnection } = createRequire(import.meta.url)('@roamhq/wrtc') as {
    RTCPeerConnection: typeof RTCPeerConnection
  }
  const { webrtc } = await door<typeof WebRtcDoor>(stage.folder, './transports/webrtc')
  const { answer } = await import('./signalling.ts')
  const peers: RTCPeerConnection[] = []
  const signal = (sdp: string): Promise<string> => {
    const peer = new PeerConnection()
    peers.push(peer)
    return answer(peer, sdp, async (channel) => stage.server.addTransport(await webrtc(channel)))
  }
  try {
    const { hash, address, port } = stage.server
    const first = isFirstSocket ? { gateway: await stage.gatewayTo(port), target: address } : {}
    return await dial(browser, stage, hash, signal, (reason) => stage.server.heardClose(reason), first)
  } finally {
    for (const peer of peers) peer.close()
  }
}

const cases: readonly Case[] = CASES

const between = (browser: BrowserName, other: BrowserName): Cell => ({
  runtime: RUNTIMES[browser],
  transport: 'WebRTC',
  peer: `isoquic in ${RUNTIMES[other]}`,
  cases,
  run: (stage) => pageToPage(browser, other, stage),
})

const withNode = (browser: BrowserName, isFirstSocket: boolean): Cell => ({
  runtime: RUNTIMES[browser],
  transport: isFirstSocket ? 'WebSocket gateway, then WebRTC' : 'WebRTC',
  peer: 'isoquic in Node',
  cases,
  run: (stage) => pageToNode(browser, stage, isFirstSocket),
})

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  between('chromium', 'chromium'),
  between('chromium', 'firefox'),
  between('firefox', 'firefox'),
  withNode('chromium', false),
  withNode('firefox', false),
  withNode('chromium', true),
  withNode('firefox', true),
]
