/** A Worker with a connection over `connect()` of `cloudflare:sockets`, through the gateway over TCP, to isoquic in Node. */
import { startWorkerd } from '../smoke/workerd.ts'
import { CASES, type Cell, type Outcomes, type Stage } from './contract.ts'
import { startWrangler } from './wrangler.ts'

/** Plays the dialogue with what is posted to it. */
const PROGRAM = `
import { connect as connectTcp } from 'cloudflare:sockets'
import { connect } from 'isoquic'
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

async function play(stage: Stage, address: string, runtime: string): Promise<Outcomes> {
  const { server } = stage
  const reason = `goodbye from ${runtime}`
  const gateway = await stage.gatewayTo(server.port)
  const facts = { gateway, target: server.address, hash: server.hash, reason, cases: CASES }
  const body = JSON.stringify({ ...facts, size: 500_000, loseSize: 2_000_000 })
  const response = await fetch(`http://${address}/`, { method: 'POST', body })
  const outcomes = (await response.json()) as Outcomes
  if (outcomes.close !== 'ok' || (await server.heardClose(reason))) return outcomes
  return { ...outcomes, close: 'The server did not hear the reason' }
}

async function inWorkerd(stage: Stage): Promise<Outcomes> {
  const workerd = await startWorkerd(new Map([['worker.mjs', await stage.bundle(PROGRAM, 'workerd')]]))
  try {
    return await play(stage, new URL(workerd.url).host, 'workerd')
  } finally {
    workerd.stop()
  }
}

async function inWrangler(stage: Stage): Promise<Outcomes> {
  const wrangler = await startWrangler(stage.folder, await stage.bundle(PROGRAM, 'workerd'), {})
  try {
    return await play(stage, wrangler.address, 'wrangler')
  } finally {
    await wrangler.stop()
  }
}

const cell = (runtime: string, run: (stage: Stage) => Promise<Outcomes>): Cell => ({
  runtime,
  transport: 'connect() to the gateway',
  peer: 'isoquic in Node',
  cases: CASES,
  run,
})

/** Lines of the matrix. */
export const cells: readonly Cell[] = [cell('workerd', inWorkerd), cell('wrangler dev', inWrangler)]
