/**
 * The way from a URL to a session: a transport, a connection of QUIC, HTTP/3 upon it, and the request. What a page loads when it
 * connects; connections that may be shared are found again here.
 */
import { equalBytes } from '../../base/bytes.ts'
import type { Eventually } from '../../crypto/eventually.ts'
import type { DatagramTransport } from '../../transport.ts'
import type { WebTransportSettings } from '../../webtransport/negotiation.ts'
import { connectAtOnceBy } from '../client.ts'
import type { QuicConnection } from '../connection.ts'
import type { QuicEndpoint } from '../endpoint.ts'
import { type ConnectOptions, isConnectOption } from '../endpoint-core.ts'
import type { Handshake } from '../handshake.ts'
import { WebTransportLink } from './link.ts'
import type { CheckedOptions } from './options.ts'
import type { SessionCore } from './session-core.ts'

/** A connection that may be shared, and for whom. */
interface Shared {
  readonly origin: string
  readonly options: ConnectOptions
  readonly link: Promise<WebTransportLink>
}

/** By where their transports come from. */
const shared = new WeakMap<object, Set<Shared>>()

/** HTTP/3's own streams, beside those of sessions. */
const HTTP3_STREAMS = 8

const ALPN = 'h3'

/** Begins a session, and tells `core` what comes of it. */
export async function connectSession(
  options: CheckedOptions,
  core: SessionCore,
  loadHandshake: () => Eventually<Handshake>,
): Promise<void> {
  try {
    const link = await (options.isPooled
      ? shareConnection(options, core, loadHandshake)
      : connectAlone(options, core, loadHandshake))
    if (options.requireUnreliable && link.isReliable)
      throw new Error('requireUnreliable is set, and the transport is reliable')
    const { url, origin, fields, protocols } = options
    await link.open({ authority: url.host, path: url.pathname + url.search, origin, fields, protocols }, core)
  } catch (cause) {
    core.fail(`There is no session: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

/** A connection for one session, which goes with it. */
async function connectAlone(
  options: CheckedOptions,
  core: SessionCore,
  loadHandshake: () => Eventually<Handshake>,
): Promise<WebTransportLink> {
  const link = new WebTransportLink(
    await connect(options, connectOptions(options), loadHandshake, () => core.isOver),
    settingsOf(options, core),
    { onIdle: (idle) => idle.close() },
  )
  core.onAbandoned(() => link.close())
  return link
}

/** A connection with room for another session, or another connection that others may share. */
async function shareConnection(
  options: CheckedOptions,
  core: SessionCore,
  loadHandshake: () => Eventually<Handshake>,
): Promise<WebTransportLink> {
  const { transport, url } = options
  const wanted = connectOptions(options)
  const entries = shared.get(transport) ?? new Set()
  shared.set(transport, entries)
  for (const each of entries) {
    if (each.origin !== url.origin || !isAlike(each.options, wanted)) continue
    const link = await each.link.catch(() => undefined)
    await link?.negotiated
    if (link?.canOpen === true) return link
  }
  const forget = (): void => void entries.delete(entry)
  const link = connect(options, wanted, loadHandshake, () => false).then((quic) => {
    const settings = settingsOf(options, core)
    return new WebTransportLink(quic, settings, {
      onIdle: (idle) => {
        forget()
        idle.close()
      },
      onEnd: forget,
    })
  })
  const entry: Shared = { origin: url.origin, options: wanted, link }
  entries.add(entry)
  link.catch(forget)
  return link
}

/** Another connection. @param isOver whether nobody wants it any more. */
async function connect(
  { transport: source, url, requireUnreliable }: CheckedOptions,
  options: ConnectOptions,
  loadHandshake: () => Eventually<Handshake>,
  isOver: () => boolean,
): Promise<QuicConnection> {
  if (isEndpoint(source)) return source.connect(options.address ?? '', options)
  const { hostname: host, port } = url
  const transport: DatagramTransport =
    typeof source === 'function' ? await source({ host, port: Number(port || 443) }) : source
  const isUnfit = requireUnreliable && transport.properties.reliable
  if (isUnfit || isOver()) {
    transport.close()
    throw new Error(isUnfit ? 'requireUnreliable is set, and the transport is reliable' : 'It was given up')
  }
  return connectAtOnceBy(loadHandshake, transport, options)
}

/** What the connection is told. */
function connectOptions({ url, given, hashes, controller, anticipated }: CheckedOptions): ConnectOptions {
  const own = Object.entries(given).filter(([key, value]) => isConnectOption(key) && value !== undefined)
  const {
    maxIncomingBidirectionalStreams: bidirectional = 100,
    maxIncomingUnidirectionalStreams: unidirectional = 100,
  } = given
  return {
    ...Object.fromEntries(own),
    alpn: [ALPN],
    address: `${url.hostname}:${url.port || 443}`,
    ...(hashes !== undefined && { serverCertificateHashes: hashes }),
    congestionControl: controller,
    maxIncomingBidirectionalStreams: Math.max(bidirectional, anticipated.bidirectional ?? 0),
    maxIncomingUnidirectionalStreams: Math.max(unidirectional, anticipated.unidirectional ?? 0) + HTTP3_STREAMS,
  }
}

function settingsOf({ drafts, given }: CheckedOptions, core: SessionCore): WebTransportSettings {
  const { maxIncomingBidirectionalStreams = 0, maxIncomingUnidirectionalStreams = 0 } = given
  return {
    drafts,
    initialMaxStreamsBidi: Math.max(core.streamLimit('bidirectional'), maxIncomingBidirectionalStreams),
    initialMaxStreamsUni: Math.max(core.streamLimit('unidirectional'), maxIncomingUnidirectionalStreams),
  }
}

/** Whether two options, or all members of two objects of options, ask for the same. */
function isAlike(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (one instanceof Uint8Array && other instanceof Uint8Array) return equalBytes(one, other)
  if (!isPlain(one) || !isPlain(other)) return false
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => isAlike(one[name], other[name]))
}

/** Lists, and objects that have no class of their own. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (Array.isArray(value)) return true
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function isEndpoint(source: CheckedOptions['transport']): source is QuicEndpoint {
  return typeof source === 'object' && 'connect' in source
}
