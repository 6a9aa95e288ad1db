/** What a server of HTTP/3 is made with. */
import type { Duration } from '../../base/time.ts'
import type { Http3Event } from '../../http3/events.ts'
import { checkHeadersTimeout, type Http3Options } from '../../http3/options.ts'
import { checkType } from '../checks.ts'
import { checkKeys } from '../known-keys.ts'
import type { ListenOptions } from '../server.ts'
import type { ConnectRequest } from './connect-request.ts'
import type { ServeInfo } from './serve-info.ts'
import type { Http3Session } from './session.ts'

/** Answers a request. What it throws is answered with 500, unless `onError` knows better. */
export type Handler = (request: Request, info: ServeInfo) => Response | Promise<Response>

/** Decides on a CONNECT, with `accept` or `reject` of its argument. */
export type ConnectHandler = (request: ConnectRequest, info: ServeInfo) => void | Promise<void>

/** Settings of HTTP/3 itself, for either role; sizes in bytes. */
export interface Http3Settings {
  /** Of the fields of a message, each counted with 32 bytes more; larger ones are answered with 431. Default 65,536. */
  readonly maxFieldSectionSize?: number | undefined
  /** Of the compression table that the peer may fill; default 16,384, 0: none. */
  readonly qpackMaxTableCapacity?: number | undefined
  /** Of the compression table that we fill; default 16,384. */
  readonly qpackEncoderCapacity?: number | undefined
  /** Messages that may wait for the compression table; default 100. */
  readonly qpackBlockedStreams?: number | undefined
  /** Sends what means nothing now and then, so that peers stay used to it; default `true`. */
  readonly grease?: boolean | undefined
}

/** Options of `serve` beside those of `listen`. */
export interface ServeOptions extends Omit<ListenOptions, 'alpn' | 'earlyData'>, Http3Settings {
  /** Default `['h3']`. */
  readonly alpn?: readonly string[] | undefined
  /**
   * Whether requests are answered that come in early data, or that a proxy had from early data (RFC 8470): an attacker can have them
   * come twice. `true`: those by GET, HEAD and OPTIONS; a function says which. The others get 425, and come again after the
   * handshake. Default `false`: none.
   */
  readonly earlyData?: boolean | ((request: Request) => boolean) | undefined
  /**
   * ms that a client has for the fields of a request, from its first byte on. Later the request is reset with H3_REQUEST_REJECTED,
   * and the others go on. Default 60,000; 0 and `Infinity`: as long as it likes.
   */
  readonly headersTimeout?: Duration | undefined
  /** Takes CONNECT, plain and extended (RFC 9220). Default: they get 501. */
  readonly connect?: ConnectHandler | undefined
  /**
   * Hears what a handler threw, what a body failed with after the response was begun, and what `waitUntil` was given. A `Response`
   * that it returns is sent where none was begun.
   */
  readonly onError?: ((error: unknown, request: Request | ConnectRequest) => unknown) | undefined
}

/** What rooms of our own may say beside. */
export interface ExtendedServeOptions extends ServeOptions {
  /** Layers above HTTP/3, such as WebTransport, for each connection. */
  readonly extend?: ((session: Http3Session) => SessionExtension) | undefined
  readonly http3?: Pick<Http3Options, 'settings' | 'sessionStreams' | 'enableConnectProtocol' | 'datagrams'> | undefined
}

/** A layer above HTTP/3. @internal */
export interface SessionExtension {
  /** Sees each event of the core first; whether it was its own. */
  onHttp3Event(event: Http3Event): boolean
  onEnd?(error: unknown): void
}

const SETTINGS = [
  'maxFieldSectionSize',
  'qpackMaxTableCapacity',
  'qpackEncoderCapacity',
  'qpackBlockedStreams',
  'grease',
] as const
const OWN: readonly string[] = [
  ...SETTINGS,
  'alpn',
  'earlyData',
  'headersTimeout',
  'connect',
  'onError',
  'extend',
  'http3',
]

/** Options sorted by who is to know them. */
export interface SortedServeOptions {
  readonly listen: ListenOptions
  readonly http3: Http3Options
  readonly own: Pick<ExtendedServeOptions, 'earlyData' | 'connect' | 'onError' | 'extend'>
}

/** Sorts the options. @throws TypeError for what is of the wrong kind; what `listen` knows it checks by itself */
export function sortServeOptions(options: ExtendedServeOptions): SortedServeOptions {
  checkKeys(options, Object.keys(options ?? {}))
  const { alpn = ['h3'], earlyData, headersTimeout, connect, onError, extend } = options
  const other = Array.isArray(alpn) ? alpn.find((name) => !/^h3(-|$)/.test(name)) : undefined
  if (other !== undefined) throw new TypeError(`alpn must name versions of HTTP/3 alone, got ${String(other)}`)
  if (typeof earlyData !== 'function') checkType(earlyData, 'earlyData', 'boolean')
  checkType(connect, 'connect', 'function')
  checkType(onError, 'onError', 'function')
  const rest = Object.fromEntries(Object.entries(options).filter(([key]) => !OWN.includes(key)))
  const takesConnect = connect !== undefined
  const http3 = {
    enableConnectProtocol: takesConnect,
    datagrams: takesConnect,
    headersTimeout: checkHeadersTimeout(headersTimeout),
    ...settingsOf(options),
    ...options.http3,
  }
  return {
    listen: {
      ...rest,
      alpn,
      earlyData: earlyData !== undefined && earlyData !== false,
      tickets: ticketsOf(options, http3),
    } as ListenOptions,
    http3,
    own: { earlyData, connect, onError, extend },
  }
}

/** RFC 9114 §7.2.4.2: early data relies on the settings that it was told, so tickets of other settings give none. */
function ticketsOf({ tickets = {} }: ServeOptions, http3: Http3Options): ServeOptions['tickets'] {
  if (tickets === false || typeof tickets !== 'object' || tickets === null) return tickets
  const { maxFieldSectionSize, qpackMaxTableCapacity, qpackBlockedStreams, enableConnectProtocol, datagrams } = http3
  const relied = [maxFieldSectionSize, qpackMaxTableCapacity, qpackBlockedStreams, enableConnectProtocol, datagrams]
  const state = new TextEncoder().encode(`h3 ${JSON.stringify(relied)}`)
  return { ...tickets, applicationState: tickets.applicationState ?? state }
}

/** The settings of HTTP/3 among `options`. @throws TypeError for what is no number; the core checks the rest */
export function settingsOf(options: Http3Settings): Http3Settings {
  const settings: Record<string, unknown> = {}
  for (const key of SETTINGS) {
    const value = options[key]
    if (value === undefined) continue
    if (key === 'grease') checkType(value, key, 'boolean')
    else if (!(Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 30)) {
      throw new RangeError(`${key} must be an integer from 0 to ${2 ** 30 - 1}, got ${String(value)}`)
    }
    settings[key] = value
  }
  return settings
}

/** The keys of {@link Http3Settings}. */
export const HTTP3_SETTINGS: readonly string[] = SETTINGS
