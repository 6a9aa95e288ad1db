/** What `new WebTransport` is told: W3C's options, checked as W3C has it, and those of the connection below. */
import type { Field } from '../../http3/field.ts'
import type { DatagramTransport } from '../../transport.ts'
import type { WebTransportDraft } from '../../webtransport/negotiation.ts'
import { isProtocolName } from '../../webtransport/protocols.ts'
import type { CertificateHash } from '../../x509/pins.ts'
import type { CongestionControl } from '../congestion.ts'
import type { QuicEndpoint } from '../endpoint.ts'
import type { ConnectOptions } from '../endpoint-core.ts'
import { type HeadersSource, requestFields } from './headers.ts'
import type { WebTransportCongestionControl } from './session.ts'
import { SessionCore } from './session-core.ts'
import { bufferSource, dictionary, oneOf, optionalUnsignedShort } from './values.ts'

/** W3C's WebTransportHash. */
export interface WebTransportHash {
  /** Others than `'sha-256'` are passed over. */
  readonly algorithm: string
  readonly value: ArrayBuffer | ArrayBufferView
}

/** Where datagrams go: whatever can be a way to `host`, port `port`. */
export interface TransportTarget {
  /** A name or address; IPv6 in brackets. */
  readonly host: string
  readonly port: number
}

/** A transport of one's own for one connection, an endpoint for several, or what makes a transport for each connection. */
export type TransportSource =
  | DatagramTransport
  | QuicEndpoint
  | ((target: TransportTarget) => DatagramTransport | PromiseLike<DatagramTransport>)

/** W3C's WebTransportOptions. */
export interface WebTransportDictionary {
  /** Share the connection with other sessions that may, of the same origin, transport and trust; default `false`. */
  readonly allowPooling?: boolean
  /** Fail where the way there is a reliable one; default `false`. */
  readonly requireUnreliable?: boolean
  /** Fields of the request. Those that Fetch forbids are left out. */
  readonly headers?: HeadersSource
  /** Trust the certificate with one of these hashes, and no other. */
  readonly serverCertificateHashes?: readonly WebTransportHash[]
  /** Default `'default'`. A controller of `connect` may be named, too. */
  readonly congestionControl?: WebTransportCongestionControl | CongestionControl
  readonly anticipatedConcurrentIncomingUnidirectionalStreams?: number | null
  readonly anticipatedConcurrentIncomingBidirectionalStreams?: number | null
  /** Application protocols, best first. */
  readonly protocols?: readonly string[]
  /** `'bytes'`: the readable of datagrams is a byte stream. */
  readonly datagramsReadableType?: 'bytes'
}

/** Options of `connect` that make no sense beside W3C's. */
type Replaced = 'alpn' | 'address' | 'signal' | 'earlyData' | 'datagrams' | keyof WebTransportDictionary

/**
 * Options of a {@link WebTransport}: W3C's, and ours beside them. An unknown member is passed over, as in every dictionary of
 * the Web.
 */
export interface WebTransportOptions extends WebTransportDictionary, Omit<ConnectOptions, Replaced> {
  /** The way to the server. Default: a UDP socket for each connection, where the runtime has UDP; for pages there is none. */
  readonly transport?: TransportSource
  /** What the request says of where it comes from; default: in a page, its own. */
  readonly origin?: string
  /** Drafts of WebTransport to offer; default: all that are spoken. */
  readonly drafts?: readonly WebTransportDraft[]
}

/** Options that have been checked. */
export interface CheckedOptions {
  readonly url: URL
  readonly isPooled: boolean
  readonly requireUnreliable: boolean
  readonly hashes: readonly CertificateHash[] | undefined
  /** What was asked for and can be satisfied. */
  readonly congestionControl: WebTransportCongestionControl
  /** What the connection is told. */
  readonly controller: CongestionControl | undefined
  readonly anticipated: { bidirectional: number | null; unidirectional: number | null }
  readonly fields: readonly Field[]
  readonly protocols: readonly string[]
  readonly readsBytes: boolean
  readonly transport: TransportSource
  readonly origin: string | undefined
  readonly drafts: readonly WebTransportDraft[] | undefined
  /** All that was given. */
  readonly given: Partial<WebTransportOptions>
}

const PREFERENCES: readonly WebTransportCongestionControl[] = ['default', 'throughput', 'low-latency']

/**
 * The steps of W3C's constructor that can fail at once.
 * @param fallback where transports come from if the options do not say.
 * @throws SyntaxError (a DOMException) for a URL or protocol that cannot be used; NotSupportedError for hashes on a connection
 * that may be shared; TypeError for values of the wrong type, and where there is no transport
 */
export function checkOptions(
  url: string | URL,
  options: WebTransportOptions | undefined,
  fallback?: TransportSource,
): CheckedOptions {
  const parsed = parseUrl(url)
  const given = dictionary(options, 'options')
  const isPooled = Boolean(given.allowPooling)
  const hashes = checkHashes(given.serverCertificateHashes)
  if (isPooled && hashes !== undefined) {
    throw new DOMException(
      'serverCertificateHashes need a connection of their own: not with allowPooling',
      'NotSupportedError',
    )
  }
  const uni = 'anticipatedConcurrentIncomingUnidirectionalStreams'
  const bidi = 'anticipatedConcurrentIncomingBidirectionalStreams'
  const { datagramsReadableType } = given
  if (datagramsReadableType !== undefined) oneOf(datagramsReadableType, ['bytes'], 'datagramsReadableType')
  return {
    url: parsed,
    isPooled,
    requireUnreliable: Boolean(given.requireUnreliable),
    hashes,
    ...checkCongestionControl(given.congestionControl),
    anticipated: {
      unidirectional: optionalUnsignedShort(given[uni], uni),
      bidirectional: optionalUnsignedShort(given[bidi], bidi),
    },
    fields: requestFields(given.headers),
    protocols: checkProtocols(given.protocols),
    readsBytes: datagramsReadableType !== undefined,
    transport: checkTransport(given.transport ?? fallback),
    origin: given.origin ?? pageOrigin(),
    drafts: given.drafts,
    given,
  }
}

/** The session for checked options, before anything is done for it. */
export function createCore(options: CheckedOptions): SessionCore {
  const { isPooled, readsBytes, anticipated, given } = options
  return new SessionCore({
    isPooled,
    readsBytes,
    anticipated,
    now: () => given.environment?.now() ?? performance.now(),
  })
}

/** @throws SyntaxError (a DOMException) */
function parseUrl(url: string | URL): URL {
  const base = (globalThis as { location?: { href?: string } }).location?.href
  let parsed: URL
  try {
    parsed = new URL(String(url), base)
  } catch {
    throw new DOMException(`url cannot be parsed, got ${String(url)}`, 'SyntaxError')
  }
  if (parsed.protocol !== 'https:')
    throw new DOMException(`url must begin with https:, got ${parsed.href}`, 'SyntaxError')
  if (parsed.href.includes('#')) throw new DOMException(`url must have no fragment, got ${parsed.href}`, 'SyntaxError')
  return parsed
}

/** `undefined`: none were given. @throws TypeError for what are no hashes */
function checkHashes(hashes: readonly WebTransportHash[] | undefined): readonly CertificateHash[] | undefined {
  if (hashes === undefined) return undefined
  const checked = [...hashes].map((hash) => {
    const { algorithm, value } = dictionary(hash, 'A hash of serverCertificateHashes')
    if (algorithm === undefined) throw new TypeError('A hash of serverCertificateHashes must have an algorithm')
    return { algorithm: String(algorithm), value: bufferSource(value, 'The value of a hash').slice() }
  })
  return checked.length === 0 ? undefined : checked
}

/** Any controller serves throughput; for low latency there is none that is known to do better. @throws TypeError */
function checkCongestionControl(
  given: WebTransportCongestionControl | CongestionControl | undefined,
): Pick<CheckedOptions, 'congestionControl' | 'controller'> {
  if (typeof given === 'function') return { congestionControl: 'default', controller: given }
  if (given === 'cubic' || given === 'newreno' || given === 'bbr')
    return { congestionControl: 'default', controller: given }
  const preference = given === undefined ? 'default' : oneOf(given, PREFERENCES, 'congestionControl')
  return { congestionControl: preference === 'low-latency' ? 'default' : preference, controller: undefined }
}

/** @throws SyntaxError (a DOMException) for a name that is none, or there twice */
function checkProtocols(protocols: readonly string[] | undefined): readonly string[] {
  if (protocols === undefined) return []
  const names = [...protocols].map(String)
  for (const [at, name] of names.entries()) {
    if (isProtocolName(name) && names.indexOf(name) === at) continue
    const reason = names.indexOf(name) === at ? 'must be of 1 to 512 printable ASCII characters' : 'is there twice'
    throw new DOMException(`A name of protocols ${reason}, got ${JSON.stringify(name)}`, 'SyntaxError')
  }
  return names
}

/** @throws TypeError where there is none */
function checkTransport(transport: TransportSource | undefined): TransportSource {
  const isOne =
    typeof transport === 'function' ||
    (typeof transport === 'object' && transport !== null && ('open' in transport || 'connect' in transport))
  if (isOne) return transport as TransportSource
  throw new TypeError(
    'transport must be a DatagramTransport, a QuicEndpoint, or a function that makes a transport, such as () => udp(); or let install({ transport }) set one for all',
  )
}

/** The origin of the page or worker that we are in. */
function pageOrigin(): string | undefined {
  const { location } = globalThis as { location?: { origin?: unknown } }
  return typeof location?.origin === 'string' ? location.origin : undefined
}
