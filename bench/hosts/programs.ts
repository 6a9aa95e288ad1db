/** What runs in the page and in the Worker: plain text, bundled from the sources when it is needed. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const HERE = fileURLToPath(new URL('.', import.meta.url))

const WITHIN = `
import { connect, listen } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { pipe } from 'isoquic/transports/pipe'
import { ALPN, serve, transfer } from '../../examples/browser-tunnel/transfer.ts'

/** Two endpoints in one place: Mbit/s from one to the other. */
async function within(bytes) {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: [ALPN], certificate })
  ;(async () => {
    for await (const connection of server) serve(connection)
  })()
  const connection = await connect(near, { alpn: [ALPN], serverCertificateHashes: [certificate.hash] })
  await transfer(connection, { up: bytes / 5, down: 0 })
  const began = performance.now()
  await transfer(connection, { up: bytes, down: 0 })
  const seconds = (performance.now() - began) / 1000
  await connection.close()
  await server.close()
  return (bytes * 8) / 1e6 / seconds
}
`

const PAGE = `${WITHIN}
import { websocket } from 'isoquic/transports/websocket'

/** Mbit/s each way through the gateway. */
async function tunnel({ gateway, target, hash, bytes, datagramsPerMessage }) {
  const transport = await websocket({ gateway: 'ws://' + gateway, target, datagramsPerMessage })
  const trust = { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] }
  const connection = await connect(transport, { alpn: [ALPN], serverName: 'localhost', ...trust })
  const rate = async (wish) => {
    const began = performance.now()
    await transfer(connection, wish)
    return (bytes * 8) / 1000 / (performance.now() - began)
  }
  await transfer(connection, { up: bytes / 5, down: bytes / 5 })
  const up = await rate({ up: bytes, down: 0 })
  const down = await rate({ up: 0, down: bytes })
  await connection.close()
  return { up, down }
}
/** Datagrams as fast as the transport takes them, with no QUIC in them. Fulfils with the time of the first when all have left. */
async function flood({ gateway, target, count, datagramsPerMessage }) {
  const transport = await websocket({ gateway: 'ws://' + gateway, target, datagramsPerMessage })
  const datagram = new Uint8Array(1200)
  let left = count
  let began = 0
  let turn
  const done = new Promise((resolve) => {
    const channel = new MessageChannel()
    turn = () => channel.port2.postMessage(0)
    const send = () => {
      // A task sends as much as a flush of the stack does.
      for (let burst = 64; burst > 0 && left > 0; burst--) {
        left -= 1
        if (!transport.send(datagram, '', 0)) return
      }
      if (left > 0) turn()
      else resolve()
    }
    channel.port1.onmessage = send
    transport.open({
      // The gateway holds all but a few back until its target has answered.
      datagram() {
        if (began !== 0) return
        began = performance.timeOrigin + performance.now()
        turn()
      },
      drain: () => turn(),
      closed() {},
    })
  })
  transport.send(datagram, '', 0)
  await done
  while (!transport.send(datagram, '', 0)) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 300))
  transport.close()
  return began
}
Object.assign(globalThis, { within, tunnel, flood })
`

const WORKER = `${WITHIN}
export default {
  async fetch(request) {
    return Response.json(await within(Number(new URL(request.url).searchParams.get('bytes'))))
  },
}
`

/** The module of the page or the Worker. */
export async function program(host: 'page' | 'worker'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: host === 'page' ? PAGE : WORKER, resolveDir: HERE, loader: 'js' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['isoquic-source', host === 'page' ? 'browser' : 'workerd'],
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
