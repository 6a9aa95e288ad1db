/**
 * `npm run demo`: a QUIC server on UDP, the gateway in front of it, and the page, all on localhost; opens the page. With
 * `--screenshot` it lets a headless Chromium do a transfer instead, and writes what it sees to `docs/`.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { listen } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { serveGateway } from 'isoquic/gateway'
import { udp } from 'isoquic/transports/udp'
import { ALPN, serve } from './transfer.ts'

const { values } = parseArgs({
  options: {
    screenshot: { type: 'boolean', default: false },
    /** Where the screenshots go. */
    folder: { type: 'string', default: fileURLToPath(new URL('../../docs', import.meta.url)) },
    /** How long each transfer of a screenshot runs. */
    seconds: { type: 'string', default: '13' },
    port: { type: 'string', default: '8080' },
  },
})

const certificate = await devCertificate()
const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: [ALPN], certificate })
void (async () => {
  for await (const connection of server) serve(connection)
})()

const { code, css } = await bundle()
const page = createServer((request, response) => {
  const files: Readonly<Record<string, readonly [type: string, text: () => string]>> = {
    '/': ['text/html', () => read('page/index.html')],
    '/style.css': ['text/css', () => read('page/style.css')],
    '/uplot.css': ['text/css', () => css],
    '/main.js': ['text/javascript', () => code],
    '/place.json': ['application/json', () => JSON.stringify(place)],
  }
  const [type, text] = files[new URL(request.url ?? '/', 'http://localhost').pathname] ?? []
  response.writeHead(type === undefined ? 404 : 200, { 'content-type': `${type ?? 'text/plain'}; charset=utf-8` })
  response.end(text?.() ?? 'There is nothing here')
})
await new Promise<void>((resolve) => page.listen(values.screenshot ? 0 : Number(values.port), '127.0.0.1', resolve))
const origin = `http://localhost:${(page.address() as AddressInfo).port}`

const gateway = await serveGateway({
  port: 0,
  allow: [server.address],
  origins: [origin],
  limits: { bytesPerSecond: 1e9 },
})
const place = { gateway: `ws://${gateway.address}`, target: server.address, hash: [...certificate.hash.value] }

if (values.screenshot) {
  const { takeScreenshots } = await import('./screenshot.ts')
  await takeScreenshots(origin, values.folder, Number(values.seconds) * 1000)
  process.exit()
}
console.log(`${origin}: the page; ${gateway.address}: the gateway; ${server.address}: the server. Ctrl+C ends them.`)
const opener = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open'
spawn(opener, [origin], { stdio: 'ignore' }).on('error', () => {})

function read(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

async function bundle(): Promise<{ code: string; css: string }> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('page/main.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    // The first leads `isoquic` to the sources, in a checkout that has not been built.
    conditions: ['isoquic-source', 'browser'],
    write: false,
  })
  const stylesheet = new URL('uPlot.min.css', import.meta.resolve('uplot'))
  return { code: outputFiles[0]?.text ?? '', css: readFileSync(stylesheet, 'utf8') }
}
