/** The address that a server would rather be reached at (RFC 9000 §9.6), as applications say it. */
import type { DatagramTransport, PathAddress } from '../transport.ts'
import { hostBytes, splitAddress } from '../wire/path-address.ts'
import { checkTransport } from './checks.ts'
import { checkKeys } from './known-keys.ts'

/** Where a server would rather be reached: a transport of its own, which belongs to the server from then on. */
export interface PreferredAddressOptions {
  readonly transport: DatagramTransport
  /** `a.b.c.d:port`, as clients see it. Default: the transport's, where that is one address of this family. */
  readonly ipv4?: string
  /** `[a::b]:port`, likewise. */
  readonly ipv6?: string
}

/** What clients are told; one of the two at least. */
export interface PreferredAddresses {
  readonly ipv4: PathAddress | undefined
  readonly ipv6: PathAddress | undefined
}

/** The addresses that clients are told. @throws TypeError for what is no address with a port, or none of the family */
export function preferredAddressOf(options: PreferredAddressOptions | undefined): PreferredAddresses | undefined {
  if (options === undefined) return undefined
  checkKeys(options, ['transport', 'ipv4', 'ipv6'], 'preferredAddress')
  const { transport } = options
  checkTransport(transport, 'preferredAddress.transport')
  const ipv4 = checkedAddress('ipv4', options.ipv4) ?? literalOf(transport, 4)
  const ipv6 = checkedAddress('ipv6', options.ipv6) ?? literalOf(transport, 16)
  if (ipv4 === undefined && ipv6 === undefined) {
    throw new TypeError(
      `preferredAddress must name ipv4 or ipv6: its transport is bound to ${transport.localAddress || 'no address'}`,
    )
  }
  return { ipv4, ipv6 }
}

function checkedAddress(family: 'ipv4' | 'ipv6', address: string | undefined): PathAddress | undefined {
  if (address === undefined) return undefined
  const parts = typeof address === 'string' ? splitAddress(address) : undefined
  const length = hostBytes(parts?.host ?? '')?.length
  if (parts === undefined || parts.port === 0 || length !== (family === 'ipv4' ? 4 : 16)) {
    throw new TypeError(`preferredAddress.${family} must be a literal address with a port, got ${String(address)}`)
  }
  return address
}

/** The transport's own address, if it is one of `length` bytes and not that of every interface. */
function literalOf({ localAddress }: DatagramTransport, length: 4 | 16): PathAddress | undefined {
  const bytes = hostBytes(splitAddress(localAddress)?.host ?? '')
  return bytes?.length === length && bytes.some((byte) => byte !== 0) ? localAddress : undefined
}
