/**
 * What anybody between two QUIC endpoints can see without keys (RFC 8999, RFC 9000 §17): versions, Version Negotiation,
 * Retry, tokens. Written apart from `src/wire`, so that it can bear witness about it.
 */

/** The direction of a datagram. */
export type Direction = 'to-server' | 'to-client'

/** The facts of one case. */
export class WireFacts {
  /** Versions in long headers of the client, in the order of their appearance. */
  readonly clientVersions: Set<number> = new Set<number>()
  /** The same of the server, Version Negotiation aside. */
  readonly serverVersions: Set<number> = new Set<number>()
  /** Version Negotiation packets that echo both ids of a client's packet (RFC 8999 §6). */
  versionNegotiations = 0
  /** Retry packets of the server. */
  retries = 0
  /** Initial packets of the client that carry the token of a Retry packet. */
  initialsWithRetryToken = 0
  /** 0-RTT packets of the client, of either version. */
  zeroRttPackets = 0
  /** For each port of a client, the destination ids of its packets with short headers (RFC 9000 §9.5). */
  readonly idsByPort: Map<number, Set<string>> = new Map<number, Set<string>>()
  /** Bytes of the server's ids, which short headers do not tell. */
  #serverIdLength: number | undefined
  readonly #clientIds = new Set<string>()
  readonly #tokens = new Set<string>()

  /** Looks at the first packet of a datagram. */
  see(bytes: Uint8Array, direction: Direction, clientPort: number): void {
    if (direction === 'to-server') {
      this.zeroRttPackets += longPackets(bytes).filter(({ type }) => type === 1).length
    }
    const header = parse(bytes)
    if (header === undefined) {
      if (direction === 'to-server' && (bytes[0] ?? 0x80) < 0x80) this.#seeShort(bytes, clientPort)
      return
    }
    if (direction === 'to-client' && header.version !== 0) {
      this.#serverIdLength = header.source.length / 2
      this.serverVersions.add(header.version)
    }
    if (direction === 'to-server') {
      this.clientVersions.add(header.version)
      this.#clientIds.add(`${header.source}>${header.destination}`)
      if (header.type === 0 && this.#tokens.has(tokenOf(bytes, header.rest))) this.initialsWithRetryToken += 1
    } else if (header.version === 0) {
      if (this.#clientIds.has(`${header.destination}>${header.source}`)) this.versionNegotiations += 1
    } else if (header.type === 3) {
      this.retries += 1
      this.#tokens.add(hex(bytes.subarray(header.rest, bytes.length - 16)))
    }
  }

  #seeShort(bytes: Uint8Array, clientPort: number): void {
    if (this.#serverIdLength === undefined) return
    const ids = this.idsByPort.get(clientPort) ?? new Set()
    this.idsByPort.set(clientPort, ids)
    ids.add(hex(bytes.subarray(1, 1 + this.#serverIdLength)))
  }
}

/** A long header, of whatever version. */
export interface LongHeader {
  readonly version: number
  /** As in version 1: 0 Initial, 3 Retry. */
  readonly type: number
  readonly destination: string
  readonly source: string
  /** Where the version's own part begins. */
  readonly rest: number
}

const VERSION_2 = 0x6b3343cf
const VERSIONS: readonly number[] = [1, VERSION_2]

/** The long headers of versions 1 and 2 in a datagram, one after the other (RFC 9000 §12.2). */
export function longPackets(bytes: Uint8Array): LongHeader[] {
  const headers: LongHeader[] = []
  for (let at = 0; at < bytes.length; ) {
    const packet = bytes.subarray(at)
    const header = parse(packet)
    if (header === undefined || !VERSIONS.includes(header.version)) break
    headers.push(header)
    if (header.type === 3) break
    let rest = header.rest
    if (header.type === 0) {
      const token = readVarint(packet, rest)
      rest = token.end + token.value
    }
    const length = readVarint(packet, rest)
    at += length.end + length.value
  }
  return headers
}

function parse(bytes: Uint8Array): LongHeader | undefined {
  const [first = 0] = bytes
  if (bytes.length < 7 || first < 0x80) return undefined
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
  const destinationEnd = 6 + (bytes[5] ?? 0)
  const sourceEnd = destinationEnd + 1 + (bytes[destinationEnd] ?? 0)
  return {
    version,
    // RFC 9369 §3.2: version 2 counts its types from 1 on.
    type: ((first >> 4) + (version === VERSION_2 ? 3 : 0)) & 3,
    destination: hex(bytes.subarray(6, destinationEnd)),
    source: hex(bytes.subarray(destinationEnd + 1, sourceEnd)),
    rest: sourceEnd,
  }
}

function tokenOf(bytes: Uint8Array, at: number): string {
  const { value: length, end } = readVarint(bytes, at)
  return length === 0 ? 'none' : hex(bytes.subarray(end, end + length))
}

function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } {
  const first = bytes[at] ?? 0
  const size = 1 << (first >> 6)
  let value = first & 0x3f
  for (let i = 1; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0)
  return { value, end: at + size }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
