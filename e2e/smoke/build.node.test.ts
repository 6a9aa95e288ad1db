import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build as bundle } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { launchOptions } from '../support/browsers.ts'
import { build, DIST, gzipSize, loadedAtOnce, readBuilt, staticImports } from './bundle.ts'
import { bundleDoor, doors, importer } from './doors.ts'
import { runInPage } from './page.ts'
import { startWorkerd } from './workerd.ts'

const SINGLE_FILE = 'isoquic.min.js'
const PAGE_CLIENT = 'page-client.min.js'
const PAGE_CLIENT_LIMIT = 60 * 1024
/** With what a connection needs that trusts a certificate by its hash. */
const CONNECTED_LIMIT = 115 * 1024
/** The chunks that such a connection loads. */
const CONNECTING = ['page-core', 'page-handshake', 'web-signatures']
const PAGE_WEBTRANSPORT = 'page-webtransport.min.js'
const PAGE_WEBTRANSPORT_LIMIT = 80 * 1024
/** With HTTP/3 and its sessions upon it. */
const SESSION_LIMIT = 160 * 1024

beforeAll(build, 300_000)

// Minifiers keep the licence of what they bundle.
const hasCurves = (file: string): boolean => readBuilt(file).includes('noble-curves')
const chunksOf = (client: string): string[] =>
  readdirSync(`${DIST}${client}`, 'utf8')
    .filter((name) => name.endsWith('.js'))
    .map((name) => `${client}/${name}`)
const pageFiles = (): string[] => [
  SINGLE_FILE,
  PAGE_CLIENT,
  PAGE_WEBTRANSPORT,
  ...chunksOf('page-client'),
  ...chunksOf('page-webtransport'),
]

const chunk = (name: string, client = 'page-client'): string => {
  const file = pageFiles().find((path) => path.startsWith(`${client}/${name}-`))
  if (file === undefined) throw new Error(`There is no chunk ${name}`)
  return file
}

test('every door of the package has its module and its types', () => {
  const manifest: unknown = JSON.parse(readFileSync(`${DIST}../package.json`, 'utf8'))
  const targets = JSON.stringify(manifest).match(/\.\/(dist|src|transports)\/[^"]+\.\w+/g) ?? []
  expect(targets.length).toBeGreaterThan(20)
  expect(targets.filter((path) => !existsSync(`${DIST}../${path}`))).toEqual([])
})

test('the single file imports nothing', () => {
  expect(staticImports(SINGLE_FILE)).toEqual([])
  expect(readBuilt(SINGLE_FILE)).not.toMatch(/\bimport\(/)
})

test('no bundle for pages knows Node', () => {
  for (const file of pageFiles()) {
    expect(readBuilt(file).match(/["'`]node:\w+|\bBuffer\b|(?<![.#\w])process\s*\.|\brequire\(/g), file).toBeNull()
  }
})

test('the page client weighs at most 60 KB until it connects, and 115 KB then', () => {
  const atOnce = loadedAtOnce(PAGE_CLIENT)
  const size = gzipSize(atOnce)
  const connected = gzipSize([...new Set([...atOnce, ...CONNECTING.flatMap((name) => loadedAtOnce(chunk(name)))])])
  const whole = gzipSize([PAGE_CLIENT, ...pageFiles().filter((file) => file.startsWith('page-client/'))])
  console.log(
    `page client: ${size} bytes gzip at once, ${connected} when it has connected, ${whole} with all on demand`,
  )
  expect(size).toBeLessThanOrEqual(PAGE_CLIENT_LIMIT)
  expect(connected).toBeLessThanOrEqual(CONNECTED_LIMIT)
})

/** Bytes of transports as a page would bundle them, compressed. */
async function sizeOfTransports(names: readonly string[]): Promise<number> {
  const contents = names.map((name) => `export * from './transports/${name}.js'`).join('\n')
  const stdin = { contents, resolveDir: DIST }
  const conditions = ['browser']
  const { outputFiles } = await bundle({ stdin, bundle: true, minify: true, format: 'esm', conditions, write: false })
  return gzipSync(outputFiles?.[0]?.contents ?? '', { level: 9 }).length
}

test('WebTransport for pages and its tunnel weigh at most 80 KB until a session begins, and 160 KB then', async () => {
  const tunnel = await sizeOfTransports(['websocket'])
  const atOnce = loadedAtOnce(PAGE_WEBTRANSPORT)
  const later = ['connecting', 'page-handshake', 'web-signatures'].map((name) => chunk(name, 'page-webtransport'))
  const size = gzipSize(atOnce) + tunnel
  const connected = gzipSize([...new Set([...atOnce, ...later.flatMap(loadedAtOnce)])]) + tunnel
  console.log(
    `WebTransport for pages: ${size} bytes gzip at once, ${tunnel} of them websocket; ${connected} with a session`,
  )
  expect(size).toBeLessThanOrEqual(PAGE_WEBTRANSPORT_LIMIT)
  expect(connected).toBeLessThanOrEqual(SESSION_LIMIT)
})

test('with the transports websocket and webrtc a page loads at most 60 KB until it connects', async () => {
  const transports = await sizeOfTransports(['websocket', 'webrtc'])
  const size = gzipSize(loadedAtOnce(PAGE_CLIENT)) + transports
  console.log(`page client with transports: ${size} bytes gzip at once, ${transports} of them websocket and webrtc`)
  expect(transports).toBeGreaterThan(1000)
  expect(size).toBeLessThanOrEqual(PAGE_CLIENT_LIMIT)
})

test('what people read in an error keeps its words in the page client', () => {
  for (const word of [
    'PROTOCOL_VIOLATION',
    'KEY_UPDATE_ERROR',
    'certificateUnknown',
    'maxIncomingBidirectionalStreams',
  ]) {
    expect(
      [PAGE_CLIENT, ...CONNECTING.map((name) => chunk(name))].some((file) => readBuilt(file).includes(word)),
      word,
    ).toBe(true)
  }
})

test('the page client loads curves on demand', () => {
  expect(loadedAtOnce(PAGE_CLIENT).filter(hasCurves)).toEqual([])
  expect(pageFiles().filter((file) => file.startsWith('page-client/') && hasCurves(file))).not.toEqual([])
})

const source = (name: string): string => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8')

/** What both ends need beside the bundle under test: a pipe between them and a certificate. */
async function partsFor(condition: string): Promise<string> {
  const contents = "export { pipe } from './transports/pipe.js'\nexport { devCertificate } from './src/api/dev.js'"
  const stdin = { contents, resolveDir: DIST }
  const { outputFiles } = await bundle({ stdin, bundle: true, format: 'esm', conditions: [condition], write: false })
  return outputFiles[0]?.text ?? ''
}

test('the single file works in a plain Worker, which forbids timers and randomness on import and knows no Node', async () => {
  const modules = [
    ['worker.mjs', source('worker.mjs')],
    ['echo.mjs', source('echo.mjs')],
    ['parts.mjs', await partsFor('workerd')],
    [SINGLE_FILE, readBuilt(SINGLE_FILE)],
  ] as const
  const workerd = await startWorkerd(new Map(modules))
  try {
    const response = await fetch(workerd.url)
    expect(await response.text()).toBe('echoed, process is undefined, Buffer is undefined')
  } finally {
    workerd.stop()
  }
})

test('no door, bundled for a page, holds anything of Node', async () => {
  for (const door of doors()) {
    expect((await bundleDoor(door, 'browser')).text.match(/["'`]node:\w+|\bBuffer\b/g), door).toBeNull()
  }
})

test('every door opens in the global scope of a Worker, which knows no Node', async () => {
  const modules = new Map<string, string>()
  const kernels = new Map<string, Uint8Array>()
  for (const [index, door] of doors().entries()) {
    const bundle = await bundleDoor(door, 'workerd')
    modules.set(`door-${index}.mjs`, bundle.text)
    for (const [name, bytes] of bundle.kernels) kernels.set(name, bytes)
  }
  expect(kernels.size).toBeGreaterThan(0)
  const entry = ['worker.mjs', importer([...modules.keys()])] as const
  const workerd = await startWorkerd(new Map<string, string | Uint8Array>([entry, ...modules, ...kernels]))
  try {
    const { counts, host } = (await (await fetch(workerd.url)).json()) as { counts: number[]; host: string }
    expect(host).toBe('undefined undefined')
    expect(counts.length).toBe(doors().length)
    expect(doors().filter((_, index) => counts[index] === 0)).toEqual([])
  } finally {
    workerd.stop()
  }
})

for (const browser of ['chromium', 'firefox'] as const) {
  test.skipIf(launchOptions(browser) === undefined)(
    `the page client works in ${browser}, with the kernels when they have come, and loads no curve`,
    async () => {
      const parts = await partsFor('browser')
      const sources = new Map([
        ['echo.mjs', source('echo.mjs')],
        ['parts.mjs', parts],
      ])
      // The second connection begins when the page's engine has its kernels.
      const script = `(async () => {
      const { Instance } = WebAssembly
      const kernels = new Promise((resolve) => {
        let count = 0
        WebAssembly.Instance = function (...given) {
          if (++count === 2) setTimeout(resolve)
          return new Instance(...given)
        }
      })
      const paths = ['/${PAGE_CLIENT}', '/${SINGLE_FILE}', '/echo.mjs', '/parts.mjs']
      const [{ connect }, { listen }, { echo }, { devCertificate, pipe }] = await Promise.all(paths.map((path) => import(path)))
      for (const wait of [kernels, undefined]) {
        const [near, far] = pipe()
        await echo({ connect, listen }, devCertificate, far, near, 'localhost:443')
        await wait
      }
      return 'echoed'
    })()`
      const { result, loaded } = await runInPage(browser, (path) => sources.get(path) ?? readBuilt(path), script)
      expect(result).toBe('echoed')
      expect(loaded.filter((file) => file.startsWith('page-client') && hasCurves(file))).toEqual([])
    },
  )

  test.skipIf(launchOptions(browser) === undefined)(
    `the page client works in ${browser} where no kernel may be compiled`,
    async () => {
      const sources = new Map([
        ['echo.mjs', source('echo.mjs')],
        ['parts.mjs', await partsFor('browser')],
      ])
      const script = `(async () => {
      const { compile } = WebAssembly
      const refused = new Promise((resolve) => {
        WebAssembly.compile = (bytes) => {
          const compiled = compile(bytes)
          compiled.catch(resolve)
          return compiled
        }
      })
      const paths = ['/${PAGE_CLIENT}', '/${SINGLE_FILE}', '/echo.mjs', '/parts.mjs']
      const [{ connect }, { listen }, { echo }, { devCertificate, pipe }] = await Promise.all(paths.map((path) => import(path)))
      for (const wait of [refused, undefined]) {
        const [near, far] = pipe()
        await echo({ connect, listen }, devCertificate, far, near, 'localhost:443')
        await wait
      }
      return 'echoed'
    })()`
      const files = (path: string): string => sources.get(path) ?? readBuilt(path)
      const { result } = await runInPage(browser, files, script, "script-src 'self'")
      expect(result).toBe('echoed')
    },
  )

  test.skipIf(launchOptions(browser) === undefined)(
    `WebTransport for pages has a session in ${browser} and loads no curve`,
    async () => {
      const contents = `export { pipe } from './transports/pipe.js'
export { devCertificate } from './src/api/dev.js'
export { WebTransportServer } from './src/webtransport.js'`
      const stdin = { contents, resolveDir: DIST }
      const conditions = ['browser']
      const { outputFiles } = await bundle({ stdin, bundle: true, format: 'esm', conditions, write: false })
      const sources = new Map([['sessions.mjs', outputFiles[0]?.text ?? '']])
      const script = `(async () => {
      const { install } = await import('/${PAGE_WEBTRANSPORT}')
      const { WebTransportServer, devCertificate, pipe } = await import('/sessions.mjs')
      const [near, far] = pipe()
      const certificate = await devCertificate()
      const server = await WebTransportServer.listen(far, { certificate, protocols: ['test'] })
      void (async () => {
        const { value: session } = await server.sessions.getReader().read()
        const { value: stream } = await session.incomingBidirectionalStreams.getReader().read()
        stream.readable.pipeTo(stream.writable)
      })()
      if (!install({ transport: near, force: true })) throw new Error('not installed')
      const session = new WebTransport('https://localhost/', {
        serverCertificateHashes: [certificate.hash], protocols: ['test'], requireUnreliable: true,
      })
      await session.ready
      const { readable, writable } = await session.createBidirectionalStream({ sendOrder: 1 })
      const writer = writable.getWriter()
      await writer.write(new TextEncoder().encode('echoed by ' + session.protocol))
      await writer.close()
      const text = await new Response(readable).text()
      const { packetsSent } = await session.getStats()
      session.close({ closeCode: 1 })
      return text + ((await session.closed).closeCode === 1 && packetsSent > 1 ? '' : ', but closed otherwise')
    })()`
      const { result, loaded } = await runInPage(browser, (path) => sources.get(path) ?? readBuilt(path), script)
      expect(result).toBe('echoed by test')
      expect(loaded.filter((file) => file.startsWith('page-webtransport') && hasCurves(file))).toEqual([])
    },
  )
}
