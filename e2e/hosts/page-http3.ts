/** HTTP/3 and WebTransport in pages: through the gateway, over WebRTC, over the pipe within the page; a page can be the server, too. */
import { createRequire } from 'node:module'
import type { DatagramTransport } from '../../src/index.ts'
import type * as WebRtcDoor from '../../transports/webrtc.ts'
import type { BrowserName } from '../support/browsers.ts'
import type { Cell, Outcomes, Stage } from './contract.ts'
import { door } from './door.ts'
import type { Service } from './http3-dialogue.ts'
import { http3Cell, NO_PORTS, playFromNode } from './http3-servers.ts'
import { type HostPage, openPage } from './page.ts'
import { answer, offer } from './signalling.ts'

/**
 * What every page of this table runs. Servers begin on the end of a pipe that nobody uses; carriers come and go. `signal`, which
 * Node gives it, takes an offer to the other end and fulfils with the answer.
 */
const PROGRAM = `
import { devCertificate } from 'isoquic/dev'
import { createFetch, serve } from 'isoquic/http3'
import { pipe } from 'isoquic/transports/pipe'
import { webrtc } from 'isoquic/transports/webrtc'
import { websocket } from 'isoquic/transports/websocket'
import { WebTransport, WebTransportError, WebTransportServer } from 'isoquic/webtransport'
import { http3Dialogue, serveFetches, serveWebTransport } from './http3-dialogue.ts'
import { answer, offer } from './signalling.ts'

const doors = { createFetch, serve, WebTransport, WebTransportError, WebTransportServer }
const servers = {}
globalThis.start = async () => {
  const certificate = await devCertificate()
  servers.http3 = await serveFetches(doors, pipe()[0], { certificate })
  servers.webtransport = await serveWebTransport(doors, pipe()[0], { certificate })
  return [...certificate.hash.value]
}
globalThis.answer = ({ service, sdp }) =>
  answer(new RTCPeerConnection(), sdp, async (channel) => servers[service].quic.addTransport(await webrtc(channel)))

const ways = {
  gateway: ({ gateways, ports }) => (service) =>
    websocket({ gateway: 'ws://' + gateways[service], target: '127.0.0.1:' + ports[service] }),
  webrtc: () => async (service) =>
    webrtc(await offer(new RTCPeerConnection(), (sdp) => globalThis.signal(JSON.stringify({ service, sdp })))),
  pipe: () => (service) => {
    const [near, far] = pipe()
    servers[service].quic.addTransport(far)
    return near
  },
}
globalThis.play = ({ way, hash, ports, ...facts }) =>
  http3Dialogue({ doors, hash, ports, open: ways[way]({ ...facts, ports }) })
`

const RUNTIMES = { chromium: 'Chromium', firefox: 'Firefox' } as const

/** What an offer is for, as the page says it. */
interface Offered {
  readonly service: Service
  readonly sdp: string
}

/** Opens such a page, and closes it after `use`. */
async function withPage(
  stage: Stage,
  browser: BrowserName,
  use: (page: HostPage) => Promise<Outcomes>,
): Promise<Outcomes> {
  const page = await openPage(stage, browser, await stage.bundle(PROGRAM, 'browser'))
  try {
    return await use(page)
  } finally {
    await page.close()
  }
}

async function throughGateway(stage: Stage, browser: BrowserName): Promise<Outcomes> {
  const { ports, hash } = await stage.http3()
  const gateways = {
    http3: await stage.gatewayTo(ports.http3),
    webtransport: await stage.gatewayTo(ports.webtransport),
  }
  return await withPage(stage, browser, (page) => page.call('play', { way: 'gateway', gateways, ports, hash }))
}

function withinPage(stage: Stage, browser: BrowserName): Promise<Outcomes> {
  return withPage(stage, browser, async (page) => {
    const hash = await page.call<number[]>('start')
    return await page.call('play', { way: 'pipe', ports: NO_PORTS, hash })
  })
}

/** The peer connections of Node, and what makes transports of their channels. */
async function openWebRtc(stage: Stage): Promise<{
  makePeer(): RTCPeerConnection
  transportOf(channel: RTCDataChannel): Promise<DatagramTransport>
  close(): void
}> {
  // The package has no types of its own, and is loaded only where it is used: it is native.
  const { RTCPeerConnection: PeerConnection } = createRequire(import.meta.url)('@roamhq/wrtc') as {
    RTCPeerConnection: typeof RTCPeerConnection
  }
  const { webrtc } = await door<typeof WebRtcDoor>(stage.folder, './transports/webrtc')
  const peers: RTCPeerConnection[] = []
  return {
    makePeer() {
      const peer = new PeerConnection()
      peers.push(peer)
      return peer
    },
    transportOf: (channel) => webrtc(channel),
    close() {
      for (const peer of peers) peer.close()
    },
  }
}

async function toNode(stage: Stage, browser: BrowserName): Promise<Outcomes> {
  const { hash, addTransport } = await stage.http3()
  const node = await openWebRtc(stage)
  const signal = (offered: string): Promise<string> => {
    const { service, sdp } = JSON.parse(offered) as Offered
    return answer(node.makePeer(), sdp, async (channel) => addTransport(service, await node.transportOf(channel)))
  }
  try {
    return await withPage(stage, browser, async (page) => {
      await page.expose('signal', signal)
      return await page.call('play', { way: 'webrtc', ports: NO_PORTS, hash })
    })
  } finally {
    node.close()
  }
}

async function fromNode(stage: Stage, browser: BrowserName): Promise<Outcomes> {
  const node = await openWebRtc(stage)
  try {
    return await withPage(stage, browser, async (page) => {
      const hash = await page.call<number[]>('start')
      const open = async (service: Service): Promise<DatagramTransport> => {
        const signal = (sdp: string): Promise<string> => page.call('answer', { service, sdp })
        return await node.transportOf(await offer(node.makePeer(), signal))
      }
      return await playFromNode(stage, { hash, ports: NO_PORTS, open })
    })
  } finally {
    node.close()
  }
}

function between(stage: Stage, browser: BrowserName, other: BrowserName): Promise<Outcomes> {
  return withPage(stage, other, async (server) => {
    const hash = await server.call<number[]>('start')
    return await withPage(stage, browser, async (page) => {
      await page.expose('signal', (offered) => server.call('answer', JSON.parse(offered)))
      return await page.call('play', { way: 'webrtc', ports: NO_PORTS, hash })
    })
  })
}

const cellsOf = (browser: BrowserName): Cell[] => {
  const name = RUNTIMES[browser]
  return [
    http3Cell(name, 'WebSocket gateway', 'isoquic in Node', (stage) => throughGateway(stage, browser)),
    http3Cell(name, 'WebRTC', 'isoquic in Node', (stage) => toNode(stage, browser)),
    http3Cell('Node', 'WebRTC', `isoquic in ${name}`, (stage) => fromNode(stage, browser)),
    http3Cell(name, 'pipe', 'isoquic in the same page', (stage) => withinPage(stage, browser)),
  ]
}

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  ...cellsOf('chromium'),
  ...cellsOf('firefox'),
  http3Cell('Chromium', 'WebRTC', 'isoquic in Firefox', (stage) => between(stage, 'chromium', 'firefox')),
]
