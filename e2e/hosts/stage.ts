/** What the cells are played on: the packed tarball, installed as a user has it; a server, gateways and browsers. */
import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, chromium, firefox } from 'playwright'
import type * as Dev from '../../src/api/dev.ts'
import type * as GatewayDoor from '../../src/gateway.ts'
import type * as Isoquic from '../../src/index.ts'
import type * as Udp from '../../transports/udp.ts'
import { install } from '../smoke/packed.ts'
import { type BrowserName, launchOptions } from '../support/browsers.ts'
import { type DialogueServer, type Http3Servers, NotInstalledError, type Stage } from './contract.ts'
import { ALPN, CLIENT_CODE, serveDialogue } from './dialogue.ts'
import { door } from './door.ts'
import { startHttp3 } from './http3-servers.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** A stage, to be taken down at the end. */
export interface OwnStage extends Stage {
  close(): Promise<void>
}

/**
 * Packs, installs and starts everything but the browsers, which start when a cell asks for them.
 * @param packed a folder in which the tarball is installed already
 */
export async function openStage(packed?: string): Promise<OwnStage> {
  const folder = packed ?? install().consumer
  const closers: (() => unknown)[] = []
  if (packed === undefined) closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const close = async (): Promise<void> => {
    for (const each of closers.splice(0).reverse()) await Promise.resolve(each()).catch(() => {})
  }
  try {
    const isoquic = await door<typeof Isoquic>(folder, '.')
    const { serveGateway } = await door<typeof GatewayDoor>(folder, './gateway')
    const server = await startServer(folder, isoquic, closers)
    const gateways = new Map<number, Promise<string>>()
    const openGateway = async (port: number): Promise<string> => {
      const limits = { flowsPerSecond: 1000, openFlows: 1000, bytesPerSecond: 1e9 }
      const gateway = await serveGateway({ port: 0, allow: [`127.0.0.1:${port}`], origins: ['*'], limits })
      closers.push(() => gateway.close())
      return gateway.address
    }
    const browsers = new Map<BrowserName, Promise<Browser>>()
    const openBrowser = async (name: BrowserName): Promise<Browser> => {
      const options = launchOptions(name)
      if (options === undefined) throw new NotInstalledError(name)
      const browser = await (name === 'chromium' ? chromium : firefox).launch({ ...options })
      closers.push(() => browser.close())
      return browser
    }
    const bundles = new Map<string, Promise<string>>()
    const http3 = new Map<string, Promise<Http3Servers>>()
    const openHttp3 = async (): Promise<Http3Servers> => {
      const { close: closeServers, ...servers } = await startHttp3(folder)
      closers.push(closeServers)
      return servers
    }
    const path = join(folder, 'node_modules/isoquic/dist/isoquic.min.js')
    const text = readFileSync(path, 'utf8')
    return {
      folder,
      isoquic,
      singleFile: { path, text, sha256: createHash('sha256').update(text).digest('hex') },
      server,
      http3: () => once(http3, 'both', openHttp3),
      gatewayTo: (port) => once(gateways, port, openGateway),
      browser: (name) => once(browsers, name, openBrowser),
      bundle: (code, condition) => once(bundles, `${condition} ${code}`, () => bundle(folder, code, condition)),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** SHA-256 in Node. */
export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

function once<K, V>(known: Map<K, Promise<V>>, key: K, make: (key: K) => Promise<V>): Promise<V> {
  const found = known.get(key) ?? make(key)
  known.set(key, found)
  return found
}

async function startServer(
  folder: string,
  isoquic: typeof Isoquic,
  closers: (() => unknown)[],
): Promise<DialogueServer> {
  const { udp } = await door<typeof Udp>(folder, './transports/udp')
  const { devCertificate } = await door<typeof Dev>(folder, './dev')
  const certificate = await devCertificate()
  const options = { alpn: [ALPN], certificate, maxDatagramFrameSize: 65_535, maxIdleTimeout: 30_000 }
  const server = await isoquic.listen(await udp({ host: '127.0.0.1' }), options)
  closers.push(() => server.close())
  const reasons = new Set<string>()
  void (async () => {
    for await (const connection of server) {
      connection.closed.catch((error) => {
        if (Number(error.code) === CLIENT_CODE) reasons.add(error.reason)
      })
      serveDialogue(connection, sha256)
    }
  })().catch(() => {})
  return {
    address: server.address,
    port: Number(server.address.split(':').at(-1)),
    hash: [...certificate.hash.value],
    async heardClose(reason) {
      for (let tries = 0; tries < 100 && !reasons.has(reason); tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return reasons.has(reason)
    },
    addTransport: (transport) => server.addTransport(transport),
  }
}

async function bundle(folder: string, code: string, condition: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: HERE, loader: 'ts' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: [condition],
    mainFields: ['module', 'main'],
    platform: 'neutral',
    external: ['cloudflare:*', 'node:*', './isoquic.min.js'],
    nodePaths: [join(folder, 'node_modules')],
    plugins: [
      {
        name: 'installed',
        setup({ onResolve, resolve }) {
          // From here the name would lead to the sources.
          onResolve({ filter: /^isoquic(\/|$)/ }, ({ path, kind, pluginData }) =>
            pluginData === 'again' ? undefined : resolve(path, { kind, resolveDir: folder, pluginData: 'again' }),
          )
        },
      },
    ],
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
