/** What Workers do not allow, in workerd itself: the error names the limit. */
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { devCertificate } from '../../src/api/dev.ts'
import { listen } from '../../src/api/server.ts'
import { serveGateway } from '../../src/gateway/server.ts'
import { udp } from '../../transports/udp.ts'
import { startWorkerd, type Workerd } from '../smoke/workerd.ts'
import { ROOT } from '../support/steps.ts'

/** A Worker with an attempt in its global scope, one to an address that its network does not allow, and a connection that it keeps. */
const PROGRAM = `
import { connect as connectTcp } from 'cloudflare:sockets'
import { connect } from 'isoquic'
import { cloudflareSocket } from 'isoquic/transports/cloudflare-socket'

const words = (error) => [error.name, error.limit, error.cause?.message].join(': ')
const open = (proxy) => cloudflareSocket({ connect: connectTcp, proxy, target: '127.0.0.1:2' })
const attempt = (proxy) => open(proxy).then(() => 'connected', words)
const early = attempt('http://127.0.0.1:1')

let kept
async function ask({ gateway, target, hash }) {
  const transport = () => cloudflareSocket({ connect: connectTcp, proxy: 'http://' + gateway, target })
  const serverCertificateHashes = [{ algorithm: 'sha-256', value: new Uint8Array(hash) }]
  const options = { alpn: ['echo'], serverName: 'localhost', serverCertificateHashes, maxIdleTimeout: 2_000 }
  kept ??= await connect(await transport(), options)
  const stream = await kept.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  writer.write(new Uint8Array(1)).catch(() => {})
  writer.close().catch(() => {})
  await new Response(stream.readable).arrayBuffer()
  return 'asked'
}

export default {
  async fetch(request) {
    if (request.method === 'POST') {
      return new Response(await ask(await request.json()).catch((error) => error.name + ', ' + words(error.cause ?? error)))
    }
    return new Response(await (new URL(request.url).pathname === '/early' ? early : attempt('http://192.0.2.1:80')))
  },
}
`

let workerd: Workerd
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: PROGRAM, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    conditions: ['isoquic-source', 'workerd'],
    external: ['cloudflare:*'],
    logLevel: 'error',
    write: false,
  })
  workerd = await startWorkerd(new Map([['worker.mjs', outputFiles[0]?.text ?? '']]))
})
afterAll(() => workerd.stop())

const ask = async (path: string): Promise<string> => await (await fetch(new URL(path, workerd.url))).text()

test('a socket in the global scope is refused by name', async () => {
  expect(await ask('/early')).toMatch(
    /^WorkerLimitError: global scope: Disallowed operation called within global scope/,
  )
})

test('a connection of an earlier request ends: with the limit that it met, or, where the runtime is silent, as idle', async () => {
  const certificate = await devCertificate()
  const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
  void (async () => {
    for await (const connection of server) {
      connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
    }
  })()
  const gateway = await serveGateway({ port: 0, allow: [server.address] })
  try {
    const facts = { gateway: gateway.address, target: server.address, hash: [...certificate.hash.value] }
    const post = async (): Promise<string> =>
      await (await fetch(workerd.url, { method: 'POST', body: JSON.stringify(facts) })).text()
    expect(await post()).toBe('asked')
    // A while later, as requests are: what the first has set going has come to nothing.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await post()).toMatch(
      /^QuicCarrierError, WorkerLimitError: one request: Cannot perform I\/O|^QuicIdleTimeoutError/,
    )
  } finally {
    await gateway.close()
    await server.close()
  }
})

test('an address that the runtime does not let us reach is refused by name', async () => {
  expect(await ask('/')).toMatch(/^WorkerLimitError: connect: /)
})
