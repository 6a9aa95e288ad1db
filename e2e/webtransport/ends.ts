/** The other ends of the dialogue: browsers, Deno, and our own class, each with a session of its own for each path. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium, firefox } from 'playwright'
import { WebTransport as OwnWebTransport } from '../../src/api/webtransport/client.ts'
import { WebTransportError } from '../../src/api/webtransport/error.ts'
import type { WebTransportDraft } from '../../src/webtransport/negotiation.ts'
import { udp } from '../../transports/udp.ts'
import { Program } from '../interop/processes.ts'
import { type BrowserName, CHROMIUM_INSTEAD_OF_STOP_CODE, launchOptions } from '../support/browsers.ts'
import type { Answering } from './answers.ts'
import { CASES, dialogue, type Verdicts } from './dialogue.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** ms for each case. */
const LIMIT = 8000

/** What a page and Deno do. */
const PROGRAM = `
import { dialogue } from './dialogue.ts'
globalThis.play = ({ port, hash, names, limit, insteadOfStopCode }) => dialogue({
  limit,
  insteadOfStopCode,
  open: (path) => new WebTransport('https://127.0.0.1:' + port + path, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
  }),
  // The older of the two signatures takes the options alone.
  reasonOf(code) {
    const options = { source: 'stream', streamErrorCode: code }
    const error = new WebTransportError(options)
    return error.streamErrorCode === code ? error : new WebTransportError('', options)
  },
}, names)
`

/** All cases but those. */
export function casesWithout(cannot: readonly string[]): string[] {
  return Object.keys(CASES).filter((name) => !cannot.includes(name))
}

/** What is expected of cases. */
export function allOk(names: readonly string[]): Verdicts {
  return Object.fromEntries(names.map((name) => [name, 'ok']))
}

async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: HERE, loader: 'ts' },
    bundle: true,
    format: 'esm',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

/** A page plays the client. */
export async function playInBrowser(name: BrowserName, server: Answering, names: readonly string[]): Promise<Verdicts> {
  const program = await bundle(PROGRAM)
  const page = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/program.js"></script>'
  const pages = createServer((request, response) => {
    const isProgram = request.url === '/program.js'
    response.setHeader('content-type', isProgram ? 'text/javascript' : 'text/html')
    response.end(isProgram ? program : page)
  })
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
  const browser = await (name === 'firefox' ? firefox : chromium).launch({ ...launchOptions(name) })
  try {
    const tab = await browser.newPage()
    await tab.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`, { waitUntil: 'load' })
    const { port, hash } = server
    const excused = name === 'chromium' && { insteadOfStopCode: CHROMIUM_INSTEAD_OF_STOP_CODE }
    const facts = { port, hash, names, limit: LIMIT, ...excused }
    return await tab.evaluate((given) => Reflect.get(globalThis, 'play')(given), facts)
  } finally {
    await browser.close()
    pages.closeAllConnections()
    pages.close()
  }
}

/** Runs a program in Deno until it has said what `pattern` finds; it goes on until `stop`. */
async function runDeno(
  deno: string,
  source: string,
  given: unknown,
  pattern: RegExp,
): Promise<{ readonly found: string; readonly stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-deno-'))
  const path = join(folder, 'program.js')
  writeFileSync(path, source)
  const flags = ['run', '--quiet', '--no-check', '--allow-all', '--unstable-net']
  const program = new Program({ command: deno, args: [...flags, path, JSON.stringify(given)] })
  const stop = async (): Promise<void> => {
    await program.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await program.until(() => pattern.test(program.output), 120_000)
    const found = pattern.exec(program.output)?.[1]
    if (found === undefined) throw new Error(`Deno says: ${program.output}`)
    return { found, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Deno plays the client. */
export async function playInDeno(deno: string, server: Answering, names: readonly string[]): Promise<Verdicts> {
  const end = `
const verdicts = await globalThis.play(JSON.parse(Deno.args[0]))
console.log('verdicts ' + JSON.stringify(verdicts))
`
  const facts = { port: server.port, hash: server.hash, names, limit: LIMIT }
  const { found, stop } = await runDeno(deno, (await bundle(PROGRAM)) + end, facts, /^verdicts (.*)$/m)
  await stop()
  return JSON.parse(found)
}

/** Deno's server: an echo of streams and datagrams, whatever the path is. */
const DENO_SERVER = `
const { cert, key } = JSON.parse(Deno.args[0])
const endpoint = new Deno.QuicEndpoint({ hostname: '127.0.0.1', port: 0 })
const listener = endpoint.listen({ cert, key, alpnProtocols: ['h3'] })
console.log('listening on ' + endpoint.addr.port)
const serve = async (connection) => {
  const session = await Deno.upgradeWebTransport(connection)
  await session.ready
  const both = async () => {
    for await (const { readable, writable } of session.incomingBidirectionalStreams) readable.pipeTo(writable).catch(() => {})
  }
  const one = async () => {
    for await (const stream of session.incomingUnidirectionalStreams) {
      stream.pipeTo(await session.createUnidirectionalStream()).catch(() => {})
    }
  }
  const datagrams = session.datagrams.readable.pipeTo(session.datagrams.writable)
  session.closed.catch(() => {})
  await Promise.all([both(), one(), datagrams])
}
for (;;) serve(await listener.accept()).catch(() => {})
`

/** Deno plays the server, and our class the client. */
export async function playWithDeno(
  deno: string,
  identity: Pick<Answering, 'certificate' | 'privateKey' | 'hash'>,
  names: readonly string[],
): Promise<Verdicts> {
  const { certificate: cert, privateKey: key, hash } = identity
  const { found, stop } = await runDeno(deno, DENO_SERVER, { cert, key }, /listening on (\d+)/)
  try {
    return await playHere({ port: Number(found), hash }, names)
  } finally {
    await stop()
  }
}

/** Our own class plays the client. */
export async function playHere(
  server: Pick<Answering, 'port' | 'hash'>,
  names: readonly string[],
  drafts?: readonly WebTransportDraft[],
): Promise<Verdicts> {
  const open = (path: string): WebTransport => {
    const session = new OwnWebTransport(`https://127.0.0.1:${server.port}${path}`, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(server.hash) }],
      transport: () => udp({ host: '127.0.0.1' }),
      ...(drafts && { drafts }),
    })
    return session as unknown as WebTransport
  }
  const reasonOf = (code: number): unknown => new WebTransportError('', { streamErrorCode: code })
  return await dialogue({ open, reasonOf, limit: LIMIT }, names)
}
