/** An application of Node (Express, Fastify, Koa, a listener of `node:http`) as a handler of Requests, such as `serve` takes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Exchange, headersOf } from './exchange.ts'
import { requestBytes } from './request-writer.ts'

/** A listener of `node:http`; an Express application is one, and so is what Koa's `callback()` returns. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => unknown

/** An application that gets ready before it routes, as Fastify's. */
export interface RoutingApp {
  ready(): PromiseLike<unknown>
  routing(request: IncomingMessage, response: ServerResponse): void
}

/** A server of `node:http` or `node:https`, for its listeners alone: it need not listen. */
export interface ListeningApp {
  emit(event: string, request: IncomingMessage, response: ServerResponse): boolean
  listenerCount(event: string): number
}

/** What answers requests. */
export type NodeApp = NodeListener | RoutingApp | ListeningApp

/** What is known of a request beside the Request: what `serve` tells its handlers, or a part of it. */
export interface NodeRequestInfo {
  /** The client's `host:port`, IPv6 in brackets. */
  readonly remoteAddress?: string | undefined
  /** This end's. */
  readonly localAddress?: string | undefined
  /** The connection, for the client's verified certificates: DER, its own first. */
  readonly connection?: { readonly peerCertificates?: readonly Uint8Array[] | undefined } | undefined
  /** The request's trailers; settled once its content has been read. */
  readonly trailers?: PromiseLike<Headers> | undefined
  /** Sends an interim response (1xx). */
  inform?(status: number, headers: Headers): void
  /** Takes the response's trailers, before its content ends. */
  sendTrailers?(trailers: Headers): void
}

/** How an application is run. */
export interface NodeHandlerOptions {
  /**
   * Hears what the application throws, or what its promise rejects with; the client is answered 500, or, when the response has begun,
   * its stream is reset. Default: `process.emitWarning`.
   */
  readonly onError?: (error: unknown) => void
}

/** Answers a Request. */
export type NodeHandler = (request: Request, info?: NodeRequestInfo) => Promise<Response>

/** Field sections are limited by HTTP/3 itself, `maxFieldSectionSize`; Node's parser would drop fields without a word. */
const NO_LIMIT = 1 << 30

/**
 * Runs an application of Node behind a handler of Requests: the application gets the genuine IncomingMessage and ServerResponse, with
 * `httpVersion` `'3.0'`, and content streams both ways with back-pressure. Fields of the connection (`Connection`,
 * `Transfer-Encoding`, …) that it sets stay behind; a body without a length is announced to it as `Transfer-Encoding: chunked`,
 * which is what body parsers look for. There is no upgrade: `'upgrade'` and `'connect'` are never emitted.
 *
 * @throws TypeError where `app` is neither a function, nor has it `routing`, nor is it a server.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { nodeHandler } from 'isoquic/node-handler'
 *
 * const handler = nodeHandler(createServer((request, response) => response.end(`${request.method} over ${request.httpVersion}`)))
 * const response = await handler(new Request('https://localhost/'))
 * console.log(await response.text()) // GET over 3.0
 * ```
 */
export function nodeHandler(app: NodeApp, options: NodeHandlerOptions = {}): NodeHandler {
  const { onError = warn } = options
  const listener = listenerOf(app)
  const exchanges = new WeakMap<object, Exchange>()
  const server = createServer({ maxHeaderSize: NO_LIMIT, requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
  server.maxHeadersCount = 0
  const answer = (event: string): NodeListener => {
    return (request, response) => {
      const exchange = exchanges.get(request.socket)
      if (exchange === undefined) return
      Object.assign(request, { httpVersion: '3.0', httpVersionMajor: 3, httpVersionMinor: 0, method: exchange.method })
      exchange.watch(request, response)
      const fail = (error: unknown): void => {
        onError(error)
        giveUp(exchange, response, error)
      }
      try {
        const result = listener(event, request, response)
        if (isThenable(result)) result.then(undefined, fail)
      } catch (error) {
        fail(error)
      }
    }
  }
  server.on('request', answer('request'))
  if (isListening(app)) forwardExpectations(app, server, answer)
  return async (request, info = {}) => {
    // A tunnel is no request that a listener could answer.
    if (request.method === 'CONNECT') return new Response(null, { status: 501 })
    const exchange = exchangeOf(request, info, onError)
    if (exchange === undefined) return new Response(null, { status: 400 })
    exchanges.set(exchange.socket, exchange)
    server.emit('connection', exchange.socket)
    exchange.start()
    return await exchange.response
  }
}

function exchangeOf(request: Request, info: NodeRequestInfo, onError: (error: unknown) => void): Exchange | undefined {
  const { method, url, body, signal } = request
  try {
    const bytes = requestBytes({ method, url, fields: [...request.headers], hasContent: body !== null })
    return new Exchange(
      {
        method,
        bytes,
        body: body ?? undefined,
        signal,
        isAsking: request.headers.get('expect')?.toLowerCase() === '100-continue',
        trailers: async () => [...((await info.trailers) ?? [])],
        facts: {
          remoteAddress: info.remoteAddress,
          localAddress: info.localAddress,
          peerCertificates: info.connection?.peerCertificates ?? [],
        },
      },
      {
        // Without somebody who sends them they are lost, which they may be: they only hint.
        informational: (status, fields) => info.inform?.(status, headersOf(fields)),
        trailers: (fields) => info.sendTrailers?.(headersOf(fields)),
        failed: onError,
      },
    )
  } catch (error) {
    // Node's parser would say the same of it.
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** The application has failed: 500, if that can still be said. */
function giveUp(exchange: Exchange, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    exchange.fail(error)
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = 500
  response.end()
}

/** `(event, request, response)` for each shape of an application. */
function listenerOf(app: NodeApp): (event: string, ...args: Parameters<NodeListener>) => unknown {
  if (typeof app === 'function') return (_, request, response) => app(request, response)
  if (isRouting(app)) {
    let ready: PromiseLike<unknown> | undefined
    return async (_, request, response) => {
      ready ??= app.ready()
      await ready
      app.routing(request, response)
    }
  }
  if (isListening(app)) {
    return (event, request, response) => {
      if (!app.emit(event, request, response)) throw new Error(`The server has no listener for '${event}'`)
    }
  }
  throw new TypeError(`app must be a listener, a Fastify instance or a server of node:http, got ${typeof app}`)
}

/** A server may decide on `Expect` itself; where it does not, Node's own manner holds, as for any other application. */
function forwardExpectations(app: ListeningApp, server: Server, answer: (event: string) => NodeListener): void {
  const requested = answer('request')
  const checkContinue = answer('checkContinue')
  const checkExpectation = answer('checkExpectation')
  server.on('checkContinue', (request, response) => {
    if (app.listenerCount('checkContinue') > 0) {
      checkContinue(request, response)
    } else {
      response.writeContinue()
      requested(request, response)
    }
  })
  server.on('checkExpectation', (request, response) => {
    if (app.listenerCount('checkExpectation') > 0) checkExpectation(request, response)
    else response.writeHead(417).end()
  })
}

function isRouting(app: NodeApp): app is RoutingApp {
  return typeof app === 'object' && 'routing' in app && typeof app.routing === 'function'
}

function isListening(app: NodeApp): app is ListeningApp {
  return typeof app === 'object' && 'emit' in app && typeof app.emit === 'function'
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}
