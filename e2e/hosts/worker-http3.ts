/** HTTP/3 and WebTransport in Workers: as a client over `connect()` to the gateway, as a server on flows of UDP and in a Durable Object. */
import type { DatagramTransport } from '../../src/index.ts'
import type * as Udp from '../../transports/udp.ts'
import type * as WebSockets from '../../transports/websocket.ts'
import { startWorkerd, type Workerd } from '../smoke/workerd.ts'
import type { Cell, Outcomes, Stage } from './contract.ts'
import { door } from './door.ts'
import type { Service } from './http3-dialogue.ts'
import { http3Cell, NO_PORTS, playFromNode } from './http3-servers.ts'
import { identity } from './room.ts'
import { startWrangler } from './wrangler.ts'

/** The doors, as a Worker has them. */
const DOORS = `
import { createFetch, serve } from 'isoquic/http3'
import { WebTransport, WebTransportError, WebTransportServer } from 'isoquic/webtransport'
import { http3Dialogue, serveFetches, serveWebTransport } from './http3-dialogue.ts'

const doors = { createFetch, serve, WebTransport, WebTransportError, WebTransportServer }
`

/** Plays the dialogue with what is posted to it. */
const CLIENT = `${DOORS}
import { connect as connectTcp } from 'cloudflare:sockets'
import { cloudflareSocket } from 'isoquic/transports/cloudflare-socket'

export default {
  async fetch(request) {
    const { gateways, ports, hash } = await request.json()
    const open = (service) => cloudflareSocket({
      connect: connectTcp,
      proxy: 'http://' + gateways[service],
      target: '127.0.0.1:' + ports[service],
    })
    return Response.json(await http3Dialogue({ doors, ports, hash, open }))
  },
}
`

/**
 * Serves what `env.SERVES` names on each flow of UDP, and both in a Durable Object, where the path of a WebSocket names the
 * service. What the closes of clients said is remembered for all flows.
 */
const SERVER = `${DOORS}
import { pipe } from 'isoquic/transports/pipe'
import { websocket } from 'isoquic/transports/websocket'
import { workerdUdp } from 'isoquic/transports/workerd-udp'

const heard = new Map()
const optionsOf = ({ CERTIFICATE, KEY }) => ({ certificate: { certificate: CERTIFICATE, privateKey: KEY } })
const start = {
  http3: (transport, options) => serveFetches(doors, transport, options),
  webtransport: (transport, options) => serveWebTransport(doors, transport, options, heard),
}

export class Room {
  #servers = new Map()

  constructor(ctx, env) {
    this.env = env
  }

  async fetch(request) {
    const service = new URL(request.url).pathname.slice(1)
    if (!this.#servers.has(service)) this.#servers.set(service, start[service](pipe()[0], optionsOf(this.env)))
    const { quic } = await this.#servers.get(service)
    const [theirs, ours] = Object.values(new WebSocketPair())
    ours.accept()
    quic.addTransport(await websocket({ socket: ours, framing: 'raw', endToEnd: true }))
    return new Response(null, { status: 101, webSocket: theirs, headers: { 'sec-websocket-protocol': 'isoquic.raw.v1' } })
  }
}

export default {
  fetch: (request, env) => env.ROOM.get(env.ROOM.idFromName('http3')).fetch(request),
  async connect(socket, env) {
    await start[env.SERVES](workerdUdp(socket), { ...optionsOf(env), disableActiveMigration: true })
    await socket.closed
  },
}
`

async function play(stage: Stage, address: string): Promise<Outcomes> {
  const { ports, hash } = await stage.http3()
  const gateways = {
    http3: await stage.gatewayTo(ports.http3),
    webtransport: await stage.gatewayTo(ports.webtransport),
  }
  const body = JSON.stringify({ gateways, ports, hash })
  const response = await fetch(`http://${address}/`, { method: 'POST', body })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text) as Outcomes
}

async function inWorkerd(stage: Stage): Promise<Outcomes> {
  const workerd = await startWorkerd(new Map([['worker.mjs', await stage.bundle(CLIENT, 'workerd')]]))
  try {
    return await play(stage, new URL(workerd.url).host)
  } finally {
    workerd.stop()
  }
}

async function inWrangler(stage: Stage): Promise<Outcomes> {
  const wrangler = await startWrangler(stage.folder, await stage.bundle(CLIENT, 'workerd'), {})
  try {
    return await play(stage, wrangler.address)
  } finally {
    await wrangler.stop()
  }
}

/** Starts the server in a plain workerd. */
async function startServer(stage: Stage, env: Readonly<Record<string, string>>, serves: Service): Promise<Workerd> {
  const modules = new Map([['worker.mjs', await stage.bundle(SERVER, 'workerd')]])
  const bindings = { ...env, SERVES: serves }
  return await startWorkerd(modules, { udp: true, durableObject: 'Room', bindings })
}

/** Flows of UDP have no names: each service has a workerd of its own. */
async function overUdp(stage: Stage): Promise<Outcomes> {
  const { udp } = await door<typeof Udp>(stage.folder, './transports/udp')
  const { env, hash } = await identity(stage)
  const started: Workerd[] = []
  try {
    for (const service of ['http3', 'webtransport'] as const) started.push(await startServer(stage, env, service))
    const [http3 = 0, webtransport = 0] = started.map(({ udpPort }) => udpPort)
    return await playFromNode(stage, { hash, ports: { http3, webtransport }, open: () => udp({ host: '127.0.0.1' }) })
  } finally {
    for (const workerd of started) workerd.stop()
  }
}

async function overWebSocket(stage: Stage): Promise<Outcomes> {
  const { websocket } = await door<typeof WebSockets>(stage.folder, './transports/websocket')
  const { env, hash } = await identity(stage)
  const workerd = await startServer(stage, env, 'http3')
  try {
    const { host } = new URL(workerd.url)
    const open = (service: Service): Promise<DatagramTransport> =>
      websocket({ url: `ws://${host}/${service}`, framing: 'raw', endToEnd: true })
    return await playFromNode(stage, { hash, ports: NO_PORTS, open })
  } finally {
    workerd.stop()
  }
}

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  http3Cell('workerd', 'connect() to the gateway', 'isoquic in Node', inWorkerd),
  http3Cell('wrangler dev', 'connect() to the gateway', 'isoquic in Node', inWrangler),
  http3Cell('Node', 'UDP', 'isoquic in workerd', overUdp),
  http3Cell('Node', 'WebSocket', 'isoquic in a Durable Object', overWebSocket),
]
