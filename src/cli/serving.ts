/** What `isoquic serve` does, once it has a transport: in the process of the command, or in each of its workers. */
import { stat } from 'node:fs/promises'
import { serve } from '../api/http3/serve.ts'
import type { Handler } from '../api/http3/serve-options.ts'
import type { CertificateOptions } from '../api/identity.ts'
import { listen, type QuicServer } from '../api/server.ts'
import { WebTransportServer } from '../api/webtransport/server.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import { IDENTITY_OPTIONS, keyLog, parseWords, qlog, text, UsageError } from './command.ts'
import { filesHandler } from './files/handler.ts'
import { HQ_INTEROP, HQ_ISOQUIC, serveConnection } from './hq.ts'
import { formatBytes } from './progress.ts'
import { proxyHandler } from './proxy.ts'
import { echoSession } from './webtransport-echo.ts'

/** The command line of `isoquic serve`, checked. */
export interface ServePlan {
  readonly values: Readonly<Record<string, unknown>>
  readonly folder: string | undefined
  readonly proxy: string | undefined
  readonly isEchoing: boolean
  readonly isHq: boolean
  readonly origin: ReturnType<typeof proxyHandler> | undefined
  readonly logs: ReturnType<typeof keyLog> & ReturnType<typeof qlog>
  /** Threads; 1: the command's own. */
  readonly workers: number
}

/** A server at work. */
export interface Serving {
  readonly address: PathAddress
  close(): Promise<void>
}

/** Puts into the options of a server what it has in common with others. */
export type Share = <T extends object>(options: T) => T

const MAX_WORKERS = 1024

/** Reads the command line. @throws UsageError */
export async function servePlan(words: readonly string[]): Promise<ServePlan> {
  const { values, positionals } = parseWords(words, {
    ...IDENTITY_OPTIONS,
    retry: { type: 'boolean' },
    proxy: { type: 'string' },
    'no-listing': { type: 'boolean' },
    'webtransport-echo': { type: 'boolean' },
    hq: { type: 'boolean' },
    workers: { type: 'string' },
  })
  const [folder, ...more] = positionals
  const proxy = text(values, 'proxy')
  const isEchoing = values['webtransport-echo'] === true
  if ((folder === undefined && proxy === undefined && !isEchoing) || more.length > 0) {
    throw new UsageError('Say which folder to serve: isoquic serve DIR')
  }
  const isHq = values['hq'] === true
  if (isHq && (folder === undefined || proxy !== undefined || isEchoing)) {
    throw new UsageError('--hq serves a folder alone')
  }
  const workers = workersOf(values)
  if (folder !== undefined && (await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
    throw new UsageError(`${folder} is no folder`)
  }
  const origin = proxy === undefined ? undefined : checkedProxy(proxy)
  const logs = { ...keyLog(values), ...qlog(values) }
  return { values, folder, proxy, isEchoing, isHq, origin, logs, workers }
}

/** Serves on `transport`. */
export async function startServing(
  plan: ServePlan,
  transport: DatagramTransport,
  certificate: CertificateOptions,
  share: Share,
): Promise<Serving> {
  const { folder, isEchoing, isHq, logs, origin, values } = plan
  const options = share({
    certificate,
    retry: values['retry'] === true ? ('always' as const) : ('never' as const),
    ...logs,
  })
  const files =
    folder === undefined ? undefined : await filesHandler(folder, { listing: values['no-listing'] !== true })
  const handler = told(both(files, origin))
  const http = { ...options, onError: tellError }
  const server = isHq
    ? await serveHq(await listen(transport, { ...options, alpn: [HQ_ISOQUIC, HQ_INTEROP] }), folder ?? '')
    : isEchoing
      ? await serveEcho(await WebTransportServer.listen(transport, { ...http, handler }))
      : await serve(transport, http, handler)
  return {
    address: server.address,
    close: async () => {
      await server.close()
      origin?.close()
    },
  }
}

/** @throws UsageError */
function workersOf(values: Readonly<Record<string, unknown>>): number {
  const given = text(values, 'workers') ?? '1'
  const workers = Number(given)
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS)) {
    throw new UsageError(`--workers must be a number from 1 to ${MAX_WORKERS}, got ${given}`)
  }
  return workers
}

/** @throws UsageError */
function checkedProxy(url: string): ReturnType<typeof proxyHandler> {
  try {
    return proxyHandler(url)
  } catch (error) {
    throw new UsageError(`--proxy: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Files first; what they cannot answer the origin is asked for. */
function both(
  files: ((request: Request) => Promise<Response>) | undefined,
  origin: ReturnType<typeof proxyHandler> | undefined,
): Handler {
  return async (request, info) => {
    const response = await files?.(request)
    const isMissing = response === undefined || response.status === 404 || response.status === 405
    if (origin === undefined || !isMissing) return response ?? new Response(null, { status: 404 })
    await response?.body?.cancel()
    return await origin(request, info)
  }
}

/** `handler`, with a line about each request. */
function told(handler: Handler): Handler {
  return async (request, info) => {
    const { pathname, search } = new URL(request.url)
    const response = await handler(request, info)
    const length = response.headers.get('content-length')
    const size = length === null ? '' : `  ${formatBytes(Number(length))}`
    console.log(`${info.remoteAddress}  ${request.method} ${pathname}${search}  ${response.status}${size}`)
    return response
  }
}

function tellError(error: unknown, { url }: { readonly url?: string | undefined }): void {
  console.error(`isoquic: ${url ?? ''}: ${error instanceof Error ? error.message : String(error)}`)
}

async function serveHq(server: QuicServer, folder: string): Promise<QuicServer> {
  const answer = async (): Promise<void> => {
    for await (const connection of server) {
      const from = connection.remoteAddress
      serveConnection(connection, folder, ({ path, bytes, error }) => {
        console.log(`${from}  ${path}  ${error ?? formatBytes(bytes)}`)
      }).catch(() => {})
    }
  }
  void answer()
  return server
}

async function serveEcho(server: WebTransportServer): Promise<WebTransportServer> {
  const echo = async (): Promise<void> => {
    for await (const session of server.sessions) {
      const { remoteAddress, path } = session.request
      console.log(`${remoteAddress}  WebTransport ${path}`)
      void echoSession(session)
    }
  }
  void echo()
  return server
}
