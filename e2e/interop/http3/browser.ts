/**
 * A browser as a client of the cases: `BROWSER` is `chromium` or `firefox`. In the cases of HTTP/3 it opens a page of the server and
 * has that page fetch the files; in those of WebTransport a page from elsewhere runs `session-cases.ts`.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { type Browser, chromium, firefox, type Page } from 'playwright'
import { launchOptions } from '../../support/browsers.ts'
import { type Contract, readContract, report } from '../contract.ts'
import type * as SessionCases from './session-cases.ts'

/** ms for anything in a page. */
const PATIENCE = 60_000

/** Requests of a page at a time; browsers have limits of their own. */
const PARALLEL = 100

async function main(): Promise<void> {
  const contract = readContract({ ...process.env, ROLE: 'client' })
  if (contract === undefined) throw new TypeError(`TESTCASE=${process.env['TESTCASE']} is not supported`)
  const name = process.env['BROWSER'] === 'firefox' ? 'firefox' : 'chromium'
  const certificate = new X509Certificate(readFileSync(join(contract.certs, 'cert.pem')))
  const browser = await launch(name, certificate, contract)
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE)
    await (contract.protocols === undefined ? fetchAll(page, contract) : playSessions(page, contract, certificate))
  } finally {
    await browser.close()
  }
}

async function launch(
  name: 'chromium' | 'firefox',
  certificate: X509Certificate,
  contract: Contract,
): Promise<Browser> {
  const options = launchOptions(name)
  if (options === undefined) throw new Error(`There is no ${name} here`)
  const [{ port, host } = new URL('https://127.0.0.1')] = contract.requests
  if (name === 'firefox') {
    const firefoxUserPrefs = {
      'network.http.http3.enable': true,
      'network.http.http3.alt-svc-mapping-for-testing': `127.0.0.1;h3=:${port}`,
      'network.http.http3.force-use-alt-svc-mapping-for-testing': true,
      'network.http.http3.disable_when_third_party_roots_found': false,
      'network.dns.disableIPv6': true,
    }
    return await firefox.launch({ ...options, firefoxUserPrefs })
  }
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const pin = createHash('sha256').update(spki).digest('base64')
  const args = [
    ...(options.args ?? []),
    `--origin-to-force-quic-on=${host}`,
    `--ignore-certificate-errors-spki-list=${pin}`,
    ...(contract.keyLog === undefined ? [] : [`--ssl-key-log-file=${contract.keyLog}-peer`]),
  ]
  return await chromium.launch({ ...options, args })
}

/** The page of the server, and all files from within it. */
async function fetchAll(page: Page, { requests, downloads, testCase, www }: Contract): Promise<void> {
  const [first] = requests
  if (first === undefined) throw new TypeError('REQUESTS names nothing to download')
  await page.goto(new URL('/index.html', first).href)
  const names = requests.map(({ pathname }) => basename(pathname))
  const isUpload = testCase === 'upload'
  const { protocol, protocols, contents } = await page.evaluate(fetchInPage, {
    urls: requests.map(({ href }) => href),
    bodies: isUpload ? names.map((name) => readFileSync(join(www, name)).toString('base64')) : undefined,
    isTold: testCase === 'qpack',
    parallel: testCase === 'qpack' ? 1 : PARALLEL,
  })
  report('page', { protocol })
  report('fetched', { protocols })
  if (isUpload) return
  for (const [index, content] of contents.entries()) {
    writeFileSync(join(downloads, names[index] ?? ''), Buffer.from(content, 'base64'))
  }
}

/** Runs in the page. */
async function fetchInPage(given: {
  urls: readonly string[]
  bodies: readonly string[] | undefined
  isTold: boolean
  parallel: number
}): Promise<{ protocol: string; protocols: string[]; contents: string[] }> {
  const { urls, bodies, isTold, parallel } = given
  const contents: string[] = []
  const fetchOne = async (url: string, index: number): Promise<void> => {
    const headers: Record<string, string> = isTold ? { 'x-interop': 'the same in each of the requests' } : {}
    const body = bodies?.[index]
    const bytes = body === undefined ? undefined : Uint8Array.from(atob(body), (character) => character.charCodeAt(0))
    const response = await fetch(url, bytes === undefined ? { headers } : { method: 'PUT', body: bytes })
    if (!response.ok) throw new Error(`${url} was answered with status ${response.status}`)
    const content = new Uint8Array(await response.arrayBuffer())
    let text = ''
    for (let at = 0; at < content.length; at += 4096) text += String.fromCharCode(...content.subarray(at, at + 4096))
    contents[index] = btoa(text)
  }
  performance.setResourceTimingBufferSize(2 * urls.length)
  const waiting = [...urls.entries()]
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await fetchOne(next[1], next[0])
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  const isMine = ({ name }: PerformanceEntry): boolean => urls.includes(name)
  const seen = (performance.getEntriesByType('resource') as PerformanceResourceTiming[]).filter(isMine)
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return {
    protocol: page?.nextHopProtocol ?? 'none',
    protocols: seen.length < urls.length ? ['none'] : [...new Set(seen.map(({ nextHopProtocol }) => nextHopProtocol))],
    contents,
  }
}

/** The sessions that `REQUESTS` names, from a page that comes from elsewhere. */
async function playSessions(page: Page, contract: Contract, certificate: X509Certificate): Promise<void> {
  const { host } = contract.requests[0] ?? new URL('https://127.0.0.1')
  const files = createServer((request, response) => void serveFiles(request, response, contract).catch(() => {}))
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
  try {
    await page.exposeFunction('reportFact', (line: string) => console.log(line)).catch(() => {})
    page.on('console', (message) => {
      if (message.text().startsWith('{"event":')) console.log(message.text())
    })
    await page.goto(`http://127.0.0.1:${(files.address() as AddressInfo).port}/`)
    await page.evaluate(playInPage, {
      host,
      testCase: contract.testCase,
      protocols: contract.protocols ?? [],
      paths: contract.requests.map(({ pathname }) => pathname),
      hash: [...createHash('sha256').update(certificate.raw).digest()],
      isFramed: contract.isFramed,
    })
  } finally {
    files.close()
    files.closeAllConnections()
  }
}

/** Runs in the page. */
async function playInPage(given: {
  host: string
  testCase: string
  protocols: readonly string[]
  paths: readonly string[]
  hash: readonly number[]
  isFramed: boolean
}): Promise<void> {
  const url = '/session-cases.ts'
  const { endpointsIn, playClient, streamErrorOf } = (await import(url)) as typeof SessionCases
  const { WebTransport, WebTransportError } = globalThis as unknown as Record<
    'WebTransport' | 'WebTransportError',
    new (
      ...args: unknown[]
    ) => SessionCases.WholeSession
  >
  const put = async (path: string, body: Uint8Array<ArrayBuffer> | string): Promise<void> =>
    void (await fetch(path, { method: 'PUT', body }))
  const program: SessionCases.Program = {
    testCase: given.testCase,
    files: (endpoint) => ({
      isFramed: given.isFramed,
      read: async (name) => new Uint8Array(await (await fetch(`/files/${endpoint}/${name}`)).arrayBuffer()),
      save: (name, bytes) => put(`/files/${endpoint}/${name}`, bytes),
    }),
    saveProtocol: (name) => put('/files/negotiated_protocol.txt', name),
    report: (event, facts) => console.log(JSON.stringify({ event, ...facts })),
    streamError: streamErrorOf(WebTransportError),
  }
  const play = async ([endpoint, names]: [string, string[]]): Promise<void> => {
    const session = new WebTransport(`https://${given.host}/${endpoint}`, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: Uint8Array.from(given.hash) }],
      protocols: given.protocols,
    })
    await playClient(program, session, endpoint, names)
  }
  await Promise.all([...endpointsIn(given.paths)].map(play))
  // The end of a session goes out in the background, unless the browser ends.
  await new Promise((resolve) => setTimeout(resolve, 500))
}

/** Modules of this folder, and the files of the contract. */
async function serveFiles(request: IncomingMessage, response: ServerResponse, contract: Contract): Promise<void> {
  const path = request.url ?? '/'
  if (path.endsWith('.ts')) {
    response.setHeader('content-type', 'text/javascript')
    response.end(stripTypeScriptTypes(readFileSync(new URL(basename(path), import.meta.url), 'utf8')))
  } else if (!path.startsWith('/files/')) {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>isoquic</title><link rel="icon" href="data:,">')
  } else if (request.method === 'PUT') {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const file = join(contract.downloads, path.slice('/files/'.length))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, Buffer.concat(pieces))
    response.end()
  } else response.end(readFileSync(join(contract.www, path.slice('/files/'.length))))
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
