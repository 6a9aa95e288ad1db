/**
 * CONNECT-UDP (RFC 9298) as the stream carriers share it: DATAGRAM capsules with UDP payloads in them, and the URI of a
 * target. A WebSocket carries the same capsules in its messages (`docs/connect-udp-over-websocket.md`).
 */
import { CapsuleDecoder, CapsuleError, capsuleHeaderSize, DATAGRAM_CAPSULE } from '../src/base/capsule.ts'
import { Reader } from '../src/base/reader.ts'
import type { Writer } from '../src/base/writer.ts'
import type { TransportProperties } from '../src/transport.ts'

/** The longest UDP payload that a capsule may hold (RFC 9298 §5). */
export const MAX_UDP_PAYLOAD = 65_527

/** The context whose datagrams are UDP payloads (RFC 9298 §4). */
const UDP_CONTEXT = 0

/** The most bytes that a capsule adds to a payload: type, length, context id. */
export const CAPSULE_OVERHEAD = 6

/** The template that a proxy has unless it says otherwise (RFC 9298 §2). */
export const DEFAULT_TEMPLATE = '/.well-known/masque/udp/{target_host}/{target_port}/'

/** Writes the capsule of one UDP payload. */
export function writeUdpCapsule(writer: Writer, payload: Uint8Array): void {
  writer.varint(DATAGRAM_CAPSULE)
  writer.varint(payload.length + 1)
  writer.uint8(UDP_CONTEXT)
  writer.bytes(payload)
}

/** Bytes of the capsule of a payload of `length` bytes. */
export function udpCapsuleSize(length: number): number {
  return capsuleHeaderSize(DATAGRAM_CAPSULE, length + 1) + 1 + length
}

/**
 * A decoder that reports the UDP payloads of a stream of capsules; they are valid only during the call. Capsules of unknown
 * types and datagrams of other contexts are dropped (RFC 9297 §3.2, RFC 9298 §4).
 *
 * Its `receive` throws a `CapsuleError` for a payload that no UDP datagram could hold, or a datagram without context.
 */
export function udpCapsules(onPayload: (payload: Uint8Array) => void): CapsuleDecoder {
  const cursor = new Reader()
  return new CapsuleDecoder({
    limitOf: (type) => (type === DATAGRAM_CAPSULE ? MAX_UDP_PAYLOAD + 8 : undefined),
    onCapsule(_type, value) {
      cursor.reset(value)
      const context = cursor.varintSaturated()
      if (!cursor.ok) throw new CapsuleError('A DATAGRAM capsule has no context id')
      if (context !== UDP_CONTEXT) return
      if (cursor.remaining > MAX_UDP_PAYLOAD) {
        throw new CapsuleError(`A UDP payload has at most ${MAX_UDP_PAYLOAD} bytes, this one has ${cursor.remaining}`)
      }
      onPayload(value.subarray(cursor.offset))
    },
  })
}

/** What every way has that ends in UDP: it loses datagrams and changes their order. */
export const LIKE_UDP: TransportProperties = {
  reliable: false,
  ordered: false,
  congestionControlled: false,
  addressValidated: false,
  ecn: false,
}

/** The two parts of a target. @throws TypeError unless it is `host:port`, IPv6 in brackets */
export function targetParts(target: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/?#@\s]+)):(\d{1,5})$/.exec(target)
  const host = match?.[1] ?? match?.[2]
  if (host === undefined) throw new TypeError(`target must be host:port, IPv6 in brackets, got ${target}`)
  return { host, port: Number(match?.[3]) }
}

/**
 * The address at `proxy` for a target: an absolute URI template with the variables `target_host` and `target_port`, or an
 * origin, to which {@link DEFAULT_TEMPLATE} is added (RFC 9298 §2).
 * @throws TypeError for a template without the two variables, or one that is no URL
 */
export function targetUrl(proxy: string, host: string, port: number): URL {
  const template = /[{}]/.test(proxy) ? proxy : proxy.replace(/\/$/, '') + DEFAULT_TEMPLATE
  if (!template.includes('{target_host}') || !template.includes('{target_port}')) {
    throw new TypeError(`gateway must be an origin or a template with {target_host} and {target_port}, got ${proxy}`)
  }
  // RFC 9298 §3: colons of an IPv6 address are percent-encoded.
  const encoded = encodeURIComponent(host.replace(/^\[(.*)\]$/, '$1'))
  const expanded = template.replaceAll('{target_host}', encoded).replaceAll('{target_port}', String(port))
  try {
    return new URL(expanded)
  } catch {
    throw new TypeError(`gateway must be an absolute URL, got ${proxy}`)
  }
}

/** Host and port of an expanded {@link DEFAULT_TEMPLATE}; `undefined` where the path is another, or they are not valid. */
export function targetOf(path: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^\/\.well-known\/masque\/udp\/([^/?#]+)\/([1-9]\d{0,4})\/$/.exec(path)
  const port = Number(match?.[2])
  if (match?.[1] === undefined || port > 0xffff) return undefined
  try {
    const host = decodeURIComponent(match[1])
    return /[/?#@[\]\s%]/.test(host) ? undefined : { host, port }
  } catch {
    return undefined
  }
}
