/**
 * The control data of a request: method, scheme, authority and path, and which of them must be there (RFC 9114 §4.3.1,
 * §4.4; RFC 9220, RFC 8441 §4).
 */
import { quote, type Refusal, type Section } from './field-rules.ts'

/** What a request is for. */
export interface RequestTarget {
  /** Case counts (RFC 9110 §9.1). */
  readonly method: string
  /** In lower case. `undefined`: CONNECT without `protocol`. */
  readonly scheme: string | undefined
  /** `:authority`, or Host where it alone was sent; for CONNECT without `protocol` always host and port. */
  readonly authority: string | undefined
  /** Path and query, or "*". It may begin with "//": it is no reference that could be resolved. `undefined`: CONNECT without `protocol`. */
  readonly path: string | undefined
  /** Of an extended CONNECT (RFC 9220). Whether we offered that is not looked at here. */
  readonly protocol: string | undefined
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const SCHEME = /^[A-Za-z][A-Za-z0-9+\-.]*$/

/** A name and perhaps a version (RFC 9110 §7.8). */
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/

/** Visible ASCII but "#", which a request never holds (RFC 9110 §7.1). */
const PATH = /^[!"$-~]*$/

/** Host and perhaps port, without userinfo (RFC 3986 §3.2.2, §3.2.3). */
const AUTHORITY = /^(?:\[[0-9A-Za-z:.%\-_~]+\]|[0-9A-Za-z\-._~%!$&'()*+,;=]+)(?::([0-9]*))?$/

/** An authority of any scheme: RFC 3986 §3.2, userinfo too. */
const ANY_AUTHORITY = /^[0-9A-Za-z\-._~%!$&'()*+,;=:@[\]]+$/

/** @throws what `refuse` makes of anything that is missing, that is there and must not be, or that has no valid value. */
export function readTarget({ pseudo, host }: Section, refuse: Refusal): RequestTarget {
  const method = pseudo.get(':method')
  if (method === undefined) throw refuse('The request has no :method')
  if (!TOKEN.test(method)) throw refuse(`:method must be a token, got ${quote(method)}`)
  const protocol = pseudo.get(':protocol')
  if (protocol !== undefined) {
    if (method !== 'CONNECT') throw refuse(`:protocol goes with CONNECT alone, not with ${quote(method)}`)
    if (!PROTOCOL.test(protocol)) throw refuse(`:protocol must be an upgrade token, got ${quote(protocol)}`)
    if (!pseudo.has(':authority')) throw refuse('CONNECT with :protocol has no :authority')
  } else if (method === 'CONNECT') {
    return tunnelTarget(pseudo, host, refuse)
  }
  const scheme = schemeOf(pseudo.get(':scheme'), refuse)
  const isHttp = scheme === 'https' || scheme === 'http'
  const authority = authorityOf(pseudo.get(':authority'), host, isHttp, refuse)
  return { method, scheme, authority, path: pathOf(pseudo.get(':path'), method, isHttp, refuse), protocol }
}

/** RFC 9114 §4.4, RFC 9110 §9.3.6. */
function tunnelTarget(pseudo: ReadonlyMap<string, string>, host: string | undefined, refuse: Refusal): RequestTarget {
  for (const name of [':scheme', ':path']) if (pseudo.has(name)) throw refuse(`CONNECT without :protocol has ${name}`)
  const authority = pseudo.get(':authority')
  if (authority === undefined) throw refuse('CONNECT has no :authority')
  const port = Number(AUTHORITY.exec(authority)?.[1] || Number.NaN)
  if (!(port >= 1 && port <= 65535)) throw refuse(`CONNECT needs a host and a port, got ${quote(authority)}`)
  checkSameHost(authority, host, refuse)
  return { method: 'CONNECT', scheme: undefined, authority, path: undefined, protocol: undefined }
}

function schemeOf(scheme: string | undefined, refuse: Refusal): string {
  if (scheme === undefined) throw refuse('The request has no :scheme')
  if (!SCHEME.test(scheme)) throw refuse(`:scheme is not valid: ${quote(scheme)}`)
  return scheme.toLowerCase()
}

function authorityOf(
  authority: string | undefined,
  host: string | undefined,
  isHttp: boolean,
  refuse: Refusal,
): string | undefined {
  const target = authority ?? host
  if (target === undefined) {
    if (isHttp) throw refuse('The request has neither :authority nor host')
    return undefined
  }
  const name = authority === undefined ? 'host' : ':authority'
  if (target === '') throw refuse(`${name} is empty`)
  if (isHttp && target.includes('@')) throw refuse(`${name} must not include userinfo`)
  const isValid = isHttp ? isHostAndPort(target) : ANY_AUTHORITY.test(target)
  if (!isValid) throw refuse(`${name} is not valid: ${quote(target)}`)
  checkSameHost(target, host, refuse)
  return target
}

function isHostAndPort(authority: string): boolean {
  const match = AUTHORITY.exec(authority)
  return match !== null && Number(match[1] ?? '') <= 65535
}

function checkSameHost(authority: string, host: string | undefined, refuse: Refusal): void {
  if (host !== undefined && host !== authority) {
    throw refuse(`:authority and host differ: ${quote(authority)} and ${quote(host)}`)
  }
}

function pathOf(path: string | undefined, method: string, isHttp: boolean, refuse: Refusal): string {
  if (path === undefined) throw refuse('The request has no :path')
  if (!PATH.test(path)) throw refuse(`:path has a character that is not allowed: ${quote(path)}`)
  if (isHttp && !path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) {
    throw refuse(`:path must begin with "/", got ${quote(path)}`)
  }
  return path
}
