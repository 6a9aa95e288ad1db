/** A Worker as the far end of dialogues: a Durable Object over WebSockets and over UDP that is forwarded, and a server on a bare flow of UDP. */
import type * as Dev from '../../src/api/dev.ts'
import { startWorkerd } from '../smoke/workerd.ts'
import type { Stage } from './contract.ts'
import { door } from './door.ts'

/** The Worker's program. What is at the other end of UDP says the first word of the path that `env.UDP` names. */
export const ROOM = `
import { listen } from 'isoquic'
import { forwardUdp, QuicDurableObject } from 'isoquic/durable-object'
import { workerdUdp } from 'isoquic/transports/workerd-udp'
import { sha256 } from './carriers.ts'
import { ALPN, CLIENT_CODE, serveDialogue } from './dialogue.ts'

const optionsOf = ({ CERTIFICATE, KEY }) => ({
  alpn: [ALPN],
  certificate: { certificate: CERTIFICATE, privateKey: KEY },
  maxIdleTimeout: 20_000,
  maxDatagramFrameSize: 65_535,
})
const roomOf = (env) => env.ROOM.get(env.ROOM.idFromName('dialogues'))
const hear = (connection, told) => connection.closed.catch((error) => {
  if (Number(error.code) === CLIENT_CODE) told(error.reason)
})

export class Room extends QuicDurableObject {
  #reasons = []

  options() {
    return optionsOf(this.env)
  }

  onConnection(connection) {
    serveDialogue(connection, sha256)
    hear(connection, (reason) => this.#reasons.push(reason))
  }

  fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/tell') this.#reasons.push(searchParams.get('reason'))
    if (pathname === '/heard' || pathname === '/tell') return Response.json(this.#reasons)
    return super.fetch(request)
  }
}

export default {
  fetch: (request, env) => roomOf(env).fetch(request),
  async connect(socket, env) {
    if (env.UDP === 'forwarded') return forwardUdp(socket, roomOf(env))
    const server = await listen(workerdUdp(socket), { ...optionsOf(env), disableActiveMigration: true })
    for await (const connection of server) {
      serveDialogue(connection, sha256)
      hear(connection, (reason) => roomOf(env).fetch('http://room/tell?reason=' + encodeURIComponent(reason)))
    }
  },
}
`

/** Such a Worker at work. */
export interface Room {
  /** `127.0.0.1:port` of HTTP and WebSockets. */
  readonly address: string
  /** `127.0.0.1:port` of UDP, where it has that. */
  readonly udpAddress: string
  /** SHA-256 of its certificate. */
  readonly hash: readonly number[]
  /** Whether a client has closed with this reason; waits for it a little. */
  heardClose(reason: string): Promise<boolean>
  stop(): void
}

/** What a Worker's `env` is given to be a room. */
export async function identity(stage: Stage): Promise<{ env: Record<string, string>; hash: readonly number[] }> {
  const { devCertificate } = await door<typeof Dev>(stage.folder, './dev')
  const { certificate, privateKey, hash } = await devCertificate()
  return { env: { CERTIFICATE: certificate, KEY: privateKey }, hash: [...hash.value] }
}

/** Starts it in a plain workerd. @param udp what becomes of flows of UDP */
export async function startRoom(stage: Stage, udp: 'bare' | 'forwarded'): Promise<Room> {
  const { env, hash } = await identity(stage)
  const source = await stage.bundle(ROOM, 'workerd')
  const bindings = { ...env, UDP: udp }
  const workerd = await startWorkerd(new Map([['worker.mjs', source]]), { udp: true, durableObject: 'Room', bindings })
  const { host } = new URL(workerd.url)
  return {
    address: host,
    udpAddress: `127.0.0.1:${workerd.udpPort}`,
    hash,
    heardClose: (reason) => heardClose(host, reason),
    stop: workerd.stop,
  }
}

/** Asks the room at `host`. */
export async function heardClose(host: string, reason: string): Promise<boolean> {
  for (let turn = 0; turn < 50; turn++) {
    const reasons = (await (await fetch(`http://${host}/heard`)).json()) as string[]
    if (reasons.includes(reason)) return true
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return false
}
