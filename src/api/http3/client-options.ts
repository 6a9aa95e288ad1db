/** What a client of HTTP/3 is made with. */
import type { Duration } from '../../base/time.ts'
import type { DatagramTransport } from '../../transport.ts'
import { checkType } from '../checks.ts'
import type { ConnectOptions } from '../endpoint-core.ts'
import { checkKeys } from '../known-keys.ts'
import { MemoryStore } from '../memory.ts'
import { HTTP3_SETTINGS, type Http3Settings, settingsOf } from './serve-options.ts'

/** Where a connection is to lead. */
export interface Http3Target {
  /** Such as `https://example.org`: who must be there. */
  readonly origin: string
  /** Where to go for it: the host of the origin, or of an alternative service. IPv6 in brackets. */
  readonly host: string
  readonly port: number
}

/** Makes the transport of one connection, which belongs to the connection. */
export type TransportFactory = (target: Http3Target) => DatagramTransport | Promise<DatagramTransport>

/** Options of `createFetch` and `Http3Client`: those of `connect`, but for where it leads, and these. */
export interface Http3ClientOptions
  extends Omit<ConnectOptions, 'address' | 'alpn' | 'serverName' | 'session' | 'token' | 'signal'>,
    Http3Settings {
  /** Default: a UDP socket for each connection, where the runtime has UDP. */
  readonly transport?: TransportFactory | undefined
  /** Default `['h3']`. */
  readonly alpn?: readonly string[] | undefined
  /** ms without requests after which a connection is closed; default 10,000. `Infinity`: the connection's own idle timeout decides. */
  readonly idleTimeout?: Duration | undefined
  /** Whether `Alt-Svc` of responses is followed (RFC 7838); default `true`. */
  readonly altSvc?: boolean | undefined
  /** Whether requests by GET, HEAD and OPTIONS may leave as early data where a session is stored (RFC 8470 §4); default `true`. */
  readonly earlyData?: boolean | undefined
  /** HTTP datagrams are taken (RFC 9297), for tunnels; default `true`. */
  readonly httpDatagrams?: boolean | undefined
}

const OWN: readonly string[] = [
  ...HTTP3_SETTINGS,
  ...['transport', 'idleTimeout', 'altSvc', 'earlyData', 'httpDatagrams', 'alpn'],
]
const NOT_OURS: readonly string[] = ['address', 'serverName', 'session', 'token', 'signal']

/** Options sorted by who is to know them. */
export interface SortedClientOptions {
  readonly connect: Omit<ConnectOptions, 'address'>
  readonly http3: Http3Settings & { readonly datagrams: boolean }
  readonly transport: TransportFactory
  readonly idleTimeout: Duration
  readonly altSvc: boolean
  readonly earlyData: boolean
}

/** Sorts the options. @throws TypeError, RangeError; what `connect` knows it checks with the first request */
export function sortClientOptions(options: Http3ClientOptions): SortedClientOptions {
  checkKeys(options, Object.keys(options ?? {}))
  for (const key of NOT_OURS) {
    if (key in options) throw new TypeError(`options has no member ${key}: each request says where it leads`)
  }
  const { alpn = ['h3'], transport = udpTransport, idleTimeout = 10_000 } = options
  const { altSvc = true, earlyData = true, httpDatagrams = true } = options
  checkType(transport, 'transport', 'function')
  for (const [key, value] of Object.entries({ altSvc, earlyData, httpDatagrams })) checkType(value, key, 'boolean')
  if (!(typeof idleTimeout === 'number' && idleTimeout >= 0)) {
    throw new RangeError(`idleTimeout must be at least 0, got ${String(idleTimeout)}`)
  }
  const rest = Object.fromEntries(Object.entries(options).filter(([key]) => !OWN.includes(key)))
  return {
    connect: {
      sessionStore: new MemoryStore(),
      tokenStore: new MemoryStore(),
      ...rest,
      alpn,
      earlyData,
    },
    http3: { ...settingsOf(options), datagrams: httpDatagrams },
    transport,
    idleTimeout,
    altSvc,
    earlyData,
  }
}

/** A socket of its own for each connection. @throws (rejects with) TypeError where the runtime has no UDP */
async function udpTransport(): Promise<DatagramTransport> {
  const { udp } = await import('#udp')
  return udp()
}
