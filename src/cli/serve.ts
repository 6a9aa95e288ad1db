/** `isoquic serve DIR`: serves the files of a folder, or what another server has, until it is interrupted. */
import { stat } from 'node:fs/promises'
import { udp } from '../../transports/udp.ts'
import { serve } from '../api/http3/serve.ts'
import type { Handler } from '../api/http3/serve-options.ts'
import { listen, type QuicServer } from '../api/server.ts'
import { WebTransportServer } from '../api/webtransport/server.ts'
import {
  type Command,
  IDENTITY_HELP,
  IDENTITY_OPTIONS,
  identity,
  interrupted,
  keyLog,
  parseWords,
  port,
  qlog,
  text,
  UsageError,
} from './command.ts'
import { filesHandler } from './files/handler.ts'
import { HQ_INTEROP, HQ_ISOQUIC, serveConnection } from './hq.ts'
import { formatBytes } from './progress.ts'
import { proxyHandler } from './proxy.ts'
import { echoSession } from './webtransport-echo.ts'

const HELP = `isoquic serve DIR [options]: serves the files of a folder over HTTP/3, in whole and in part; folders are listed
isoquic serve --proxy URL [options]: serves what the server at URL answers
isoquic serve --webtransport-echo [options]: for programs that speak WebTransport

${IDENTITY_HELP}
  --retry         ask each client to prove its address first
  --proxy URL     ask an http:// or https:// server; with DIR, for what DIR does not have
  --no-listing    folders without an index.html are not found
  --webtransport-echo   take WebTransport sessions, of any path, and send back their streams and datagrams
  --hq            HTTP/0.9 over QUIC (ALPN hq-interop) instead of HTTP/3

Example:
  isoquic serve ./public --port 4433
  isoquic get https://127.0.0.1:4433/index.html --pin HASH`

/** Serves a folder. */
export const serveCommand: Command = {
  name: 'serve',
  summary: 'serve the files of a folder',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, {
      ...IDENTITY_OPTIONS,
      retry: { type: 'boolean' },
      proxy: { type: 'string' },
      'no-listing': { type: 'boolean' },
      'webtransport-echo': { type: 'boolean' },
      hq: { type: 'boolean' },
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
    if (folder !== undefined && (await stat(folder).catch(() => undefined))?.isDirectory() !== true) {
      throw new UsageError(`${folder} is no folder`)
    }
    // Whatever is wrong with the options is said before a socket is open.
    const origin = proxy === undefined ? undefined : checkedProxy(proxy)
    const { certificate, pin } = await identity(values)
    const options = {
      certificate,
      retry: values['retry'] === true ? ('always' as const) : ('never' as const),
      ...keyLog(values),
      ...qlog(values),
    }
    const transport = await udp({ host: text(values, 'host') ?? '127.0.0.1', port: port(values, 4433) })
    const files =
      folder === undefined ? undefined : await filesHandler(folder, { listing: values['no-listing'] !== true })
    const handler = told(both(files, origin))
    const http = { ...options, onError: tellError }
    const server = isHq
      ? await serveHq(await listen(transport, { ...options, alpn: [HQ_ISOQUIC, HQ_INTEROP] }), folder ?? '')
      : isEchoing
        ? await serveEcho(await WebTransportServer.listen(transport, { ...http, handler }))
        : await serve(transport, http, handler)
    const served = [folder, proxy, isEchoing ? 'WebTransport' : undefined].filter((name) => name !== undefined)
    console.log(`Serving ${served.join(', ')} on ${server.address} (UDP)`)
    if (pin !== undefined) console.log(`certificate made for 13 days; get https://${server.address}/… --pin ${pin}`)
    await interrupted()
    await server.close()
    origin?.close()
    return 0
  },
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
