/**
 * The game on localhost: a WebTransport server on UDP, the gateway for pages without WebTransport, and the page. With `--check`
 * headless pages play, with the class of the browser and with ours.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { devCertificate } from 'isoquic/dev'
import { serveGateway } from 'isoquic/gateway'
import { udp } from 'isoquic/transports/udp'
import { WebTransportServer } from 'isoquic/webtransport'
import { Game } from './game.ts'

const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, port: { type: 'string', default: '8082' } },
})

const certificate = await devCertificate()
const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
void new Game().run(server)

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('page/main.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  // The first leads `isoquic` to the sources, in a checkout that has not been built.
  conditions: ['isoquic-source', 'browser'],
  write: false,
})
const files: Readonly<Record<string, readonly [type: string, text: () => string]>> = {
  '/': ['text/html', () => readFileSync(new URL('page/index.html', import.meta.url), 'utf8')],
  '/main.js': ['text/javascript', () => outputFiles[0]?.text ?? ''],
  '/place.json': ['application/json', () => JSON.stringify(place)],
}
const page = createServer((request, response) => {
  const [type, text] = files[new URL(request.url ?? '/', 'http://localhost').pathname] ?? []
  response.writeHead(type === undefined ? 404 : 200, { 'content-type': `${type ?? 'text/plain'}; charset=utf-8` })
  response.end(text?.() ?? 'There is nothing here')
})
await new Promise<void>((resolve) => page.listen(values.check ? 0 : Number(values.port), '127.0.0.1', resolve))
const origin = `http://localhost:${(page.address() as AddressInfo).port}`
const gateway = await serveGateway({ port: 0, allow: [server.address], origins: [origin] })
const place = {
  url: `https://${server.address}/game`,
  hash: [...certificate.hash.value],
  gateway: `ws://${gateway.address}`,
}

if (values.check) {
  const { check } = await import('./check.ts')
  await check(origin)
  process.exit()
}
console.log(
  `Open ${origin} in two windows; ${origin}/?tunnel plays without the browser's WebTransport. Ctrl+C ends it.`,
)
