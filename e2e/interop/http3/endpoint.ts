/** isoquic in the cases of HTTP/3: `createFetch` and `serve` with the files of a folder. */
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { createFetch, type Http3Fetch, serve } from '../../../src/http3.ts'
import { udp } from '../../../transports/udp.ts'
import { commonOptions } from '../case-options.ts'
import { type Contract, readAuthority, report } from '../contract.ts'

/** What each request and each answer says, so that compression has something to remember. */
const ALWAYS = 'the same in each of the '

/** Downloads or uploads what `REQUESTS` names over one connection, all at the same time; in `qpack` one after the other. */
export async function runHttp3Client(contract: Contract): Promise<void> {
  const ca = readAuthority(contract)
  const http3 = createFetch({
    ...commonOptions(contract),
    ...(ca === undefined ? { verify: 'insecure' } : { ca }),
    ...(contract.host !== undefined && { transport: () => udp({ host: '127.0.0.1' }) }),
    earlyData: false,
    altSvc: false,
  })
  const exchange = contract.testCase === 'upload' ? upload : download
  if (contract.testCase === 'qpack') for (const url of contract.requests) await exchange(http3, url, contract)
  else await Promise.all(contract.requests.map((url) => exchange(http3, url, contract)))
  await http3.close()
}

async function download(http3: Http3Fetch, url: URL, { downloads, testCase }: Contract): Promise<void> {
  const headers: Record<string, string> = testCase === 'qpack' ? { 'x-interop': `${ALWAYS}requests` } : {}
  const response = await http3(url, { headers })
  if (response.status !== 200) throw new Error(`${url.pathname} was answered with status ${response.status}`)
  const file = await open(join(downloads, basename(url.pathname)), 'w')
  try {
    if (response.body !== null) for await (const bytes of response.body) await file.write(bytes)
  } finally {
    await file.close()
  }
}

async function upload(http3: Http3Fetch, url: URL, { www }: Contract): Promise<void> {
  const body = Readable.toWeb(createReadStream(join(www, basename(url.pathname)))) as ReadableStream<Uint8Array>
  const response = await http3(url, { method: 'PUT', body, duplex: 'half' } as RequestInit)
  if (!response.ok) throw new Error(`${url.pathname} was answered with status ${response.status}`)
  await response.arrayBuffer()
}

/** Serves until SIGTERM or SIGINT. */
export async function runHttp3Server(contract: Contract): Promise<void> {
  const { alpn: _, ...options } = commonOptions(contract)
  const transport = await udp({ port: contract.port, ...(contract.host !== undefined && { host: contract.host }) })
  const certificate = {
    certificate: readFileSync(join(contract.certs, 'cert.pem'), 'utf8'),
    privateKey: readFileSync(join(contract.certs, 'priv.key'), 'utf8'),
  }
  const server = await serve(transport, { ...options, certificate }, (request) => answer(request, contract))
  report('listening', { address: server.address })
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  await server.close()
}

async function answer(request: Request, { www, downloads }: Contract): Promise<Response> {
  const name = basename(new URL(request.url).pathname)
  if (request.method === 'PUT') {
    const body = Readable.fromWeb((request.body ?? new ReadableStream()) as NodeReadableStream)
    await pipeline(body, createWriteStream(join(downloads, name)))
    return new Response(undefined, { status: 204 })
  }
  const path = join(www, name)
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile() !== true) return new Response('Not found\n', { status: 404 })
  const headers = {
    'content-type': name.endsWith('.html') ? 'text/html' : 'application/octet-stream',
    'content-length': String(found.size),
    'x-interop': `${ALWAYS}answers`,
  }
  return new Response(Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>, { headers })
}
