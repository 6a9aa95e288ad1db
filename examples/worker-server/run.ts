/** The Worker in wrangler, reached over a WebSocket, and in bare workerd, reached over UDP; prints what it says, and ends. */
import { type ConnectOptions, connect, type DatagramTransport } from 'isoquic'
import { udp } from 'isoquic/transports/udp'
import { websocket } from 'isoquic/transports/websocket'
import { startWrangler } from '../worker-client/wrangler.ts'
import { startWorkerd } from './workerd.ts'

/** Says hello, and what came back. */
async function ask(transport: DatagramTransport, url: string, options: Partial<ConnectOptions> = {}): Promise<string> {
  const hash = (await (await fetch(`${url}/hash`)).json()) as number[]
  await using connection = await connect(transport, {
    alpn: ['echo'],
    serverName: 'localhost',
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
    ...options,
  })
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(new TextEncoder().encode('hello'))
  await writer.close()
  return await new Response(stream.readable).text()
}

const folder = new URL('.', import.meta.url)

const wrangler = await startWrangler(folder)
try {
  // The WebSocket ends in the Worker itself: no gateway between.
  const transport = await websocket({ url: wrangler.url.replace('http', 'ws'), endToEnd: true })
  console.log(`over a WebSocket, wrangler dev: "${await ask(transport, wrangler.url)}"`)
} finally {
  await wrangler.stop()
}

const workerd = await startWorkerd(folder)
try {
  const { url, udpAddress: address } = workerd
  console.log(`over UDP, workerd: "${await ask(await udp(), url, { address })}"`)
  console.log(`once more: "${await ask(await udp(), url, { address })}"`)
} finally {
  await workerd.stop()
}
