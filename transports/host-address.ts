/** `host:port` and its two halves, for transports that speak to a host's sockets. */
import { lookup } from 'node:dns/promises'
import type { PathAddress } from '../src/transport.ts'

/** The halves of `host:port`; IPv6 without brackets. */
export interface HostAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, IPv6 in brackets. */
export function joinAddress(host: string, port: number): PathAddress {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The halves of `host:port`; `undefined` where it is none. */
export function splitAddress(address: PathAddress): HostAddress | undefined {
  const colon = address.lastIndexOf(':')
  const port = Number(address.slice(colon + 1))
  if (colon < 1 || !(Number.isInteger(port) && port > 0 && port <= 0xffff)) return undefined
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port }
}

/**
 * The addresses of a name that a socket of this family can send to, in the order in which the system prefers them.
 * @throws (as a rejection) the system's error, such as `ENOTFOUND`.
 */
export async function lookUp(host: string, port: number, isIpv6: boolean): Promise<readonly PathAddress[]> {
  const found = await lookup(host.replace(/^\[(.*)\]$/, '$1'), { all: true, verbatim: true })
  const reachable = found.filter(({ family }) => (family === 6) === isIpv6)
  if (reachable.length > 0) return reachable.map(({ address }) => joinAddress(address, port))
  const error: Error & { code?: string } = new Error(`${host} has no address of IPv${isIpv6 ? 6 : 4}`)
  error.code = 'ENOTFOUND'
  throw error
}
