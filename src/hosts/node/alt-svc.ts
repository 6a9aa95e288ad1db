/**
 * `Alt-Svc` (RFC 7838) on the responses of a server over TCP: how browsers learn that there is HTTP/3 beside it (RFC 9114 §3.1.1).
 */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'

/** What is advertised. */
export interface AltSvcOptions {
  /** UDP port of HTTP/3, 1 to 65,535. Default: the TCP port that the server listens on. */
  readonly port?: number
  /** How long clients may remember it, seconds. Default 86,400, as in RFC 7838 §3.1. */
  readonly maxAge?: number
}

/** A server of `node:http`, `node:https` or `node:http2`, Fastify's and Express's too. */
export type TcpServer = EventEmitter & { address(): AddressInfo | string | null }

/** An advertisement. */
export interface AltSvc {
  /** From now on responses say `Alt-Svc: clear` (RFC 7838 §3), so that clients forget what they were told. */
  close(): void
  [Symbol.dispose](): void
}

type Fields = OutgoingHttpHeaders | readonly (string | number)[] | null | undefined

/** Where the fields stand among the arguments of what answers on a stream of HTTP/2. */
const ANSWERS = { respond: 0, respondWithFD: 1, respondWithFile: 1 } as const

/**
 * Adds `Alt-Svc: h3=":port"; ma=maxAge` to every response of `server`. An application that sets the field itself is not overruled. A
 * server on no port, such as a Unix socket, says nothing unless a port is given.
 *
 * @throws RangeError for a port or an age that is none.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { altSvc } from 'isoquic/node-handler'
 *
 * const server = createServer((_request, response) => response.end('over TCP'))
 * using advertised = altSvc(server, { port: 443, maxAge: 3600 })
 * ```
 */
export function altSvc(server: TcpServer, options: AltSvcOptions = {}): AltSvc {
  const { port, maxAge = 86_400 } = options
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new RangeError(`port must be an integer from 1 to 65535, got ${port}`)
  }
  if (!(Number.isSafeInteger(maxAge) && maxAge >= 0)) {
    throw new RangeError(`maxAge must be an integer from 0, in seconds, got ${maxAge}`)
  }
  let isClosed = false
  const value = (): string | undefined => {
    if (isClosed) return 'clear'
    const address = server.address()
    const shown = port ?? (typeof address === 'object' ? address?.port : undefined)
    return shown === undefined ? undefined : `h3=":${shown}"; ma=${maxAge}`
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const field = value()
    if (request.httpVersionMajor < 2 && field !== undefined) response.setHeader('Alt-Svc', field)
  }
  const events = ['request', 'checkContinue', 'checkExpectation']
  if ('updateSettings' in server) {
    server.prependListener('stream', (stream: Record<keyof typeof ANSWERS, unknown>) => addToStream(stream, value))
    // For its clients of HTTP/1.1. A server without listeners of these events is to have none: one changes what it does.
    for (const event of events) if (server.listenerCount(event) > 0) server.prependListener(event, onRequest)
  } else {
    server.prependListener('request', onRequest)
    for (const event of events.slice(1)) if (server.listenerCount(event) > 0) server.prependListener(event, onRequest)
  }
  const close = (): void => {
    isClosed = true
  }
  return { close, [Symbol.dispose]: close }
}

/** Whatever answers on `stream` says it as well. */
function addToStream(stream: Record<keyof typeof ANSWERS, unknown>, value: () => string | undefined): void {
  for (const [name, index] of Object.entries(ANSWERS)) {
    const answer = stream[name as keyof typeof ANSWERS]
    if (typeof answer !== 'function') continue
    const answerWithField = (...args: unknown[]): unknown => {
      const field = value()
      const given = args.slice()
      if (field !== undefined) given[index] = withField(given[index] as Fields, field)
      return Reflect.apply(answer, stream, given)
    }
    Object.defineProperty(stream, name, { value: answerWithField, configurable: true, writable: true })
  }
}

function withField(fields: Fields, value: string): Fields {
  const isList = Array.isArray(fields)
  const names = isList ? fields.filter((_, index) => index % 2 === 0) : Object.keys(fields ?? {})
  if (names.some((name) => String(name).toLowerCase() === 'alt-svc')) return fields
  return isList ? [...fields, 'alt-svc', value] : { ...(fields as OutgoingHttpHeaders | undefined), 'alt-svc': value }
}
