/**
 * Where a gateway forwards to: nowhere, but for what its rules name. Addresses that are not public are reached only by a
 * rule that names the address, its range, or `localhost`; never through a name that happens to resolve to them.
 */
import { embeddedIpv4, type IpBytes, type IpRange, isInRange, isPublic, parseIp, parseRange } from './ip-address.ts'

/** Why a target is refused; the words of `docs/connect-udp-over-websocket.md` §4. */
export type RefusalReason =
  | 'bad_request'
  | 'unauthorized'
  | 'destination_prohibited'
  | 'destination_ip_prohibited'
  | 'destination_port_prohibited'
  | 'origin_prohibited'
  | 'dns_error'
  | 'idle'
  | 'destination_unavailable'
  | 'not_quic'
  | 'rate_limited'
  | 'internal_error'

/** The ports of a rule that names none. */
export const DEFAULT_PORTS: readonly number[] = [443, 4433]

/** Ports of services that answer small requests of anybody with large replies: never forwarded to. */
const REFLECTORS: readonly number[] = [
  17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1194, 1900, 3283, 3702, 5353, 11_211,
]

/** One rule, as `--allow` has it. */
interface Rule {
  /** Lower case; `*.` in front: any name below it. */
  readonly name: string | undefined
  readonly range: IpRange | undefined
  readonly ports: readonly number[]
}

/** What rules are made of. */
export interface RuleOptions {
  /** `host`, `host:port`, `address/bits:port`, `[IPv6]:port`, `[IPv6/bits]:port`, `*.example.org:port`, `localhost:port`. */
  readonly allow: readonly string[]
  /** Any host whose addresses are all public, on the default ports. */
  readonly allowAnyPublic: boolean
  /** Addresses of this host itself, which count as not public. */
  readonly ownAddresses: readonly string[]
}

/** A target's name was looked up: `addresses` are all it has. */
export interface Target {
  /** As the client wrote it; no brackets. */
  readonly host: string
  readonly port: number
}

/** The rules of one gateway. */
export class Rules {
  readonly #rules: readonly Rule[]
  readonly #allowAnyPublic: boolean
  readonly #own: readonly IpBytes[]

  /** @throws RangeError for a rule that cannot be read, and where nothing would be allowed. */
  constructor(options: RuleOptions) {
    this.#rules = options.allow.map(parseRule)
    this.#allowAnyPublic = options.allowAnyPublic
    this.#own = options.ownAddresses.flatMap((address) => parseIp(address.split('%')[0] ?? '') ?? [])
    if (this.#rules.length === 0 && !options.allowAnyPublic) {
      throw new RangeError(
        'A gateway without rules forwards to nobody; allow a host and port, such as quic.example:443',
      )
    }
  }

  /** Whether the name may be looked up at all: before, so that a gateway is no way to ask its resolver. */
  beforeLookup(target: Target): RefusalReason | undefined {
    const literal = parseIp(target.host)
    if (REFLECTORS.includes(target.port)) return 'destination_port_prohibited'
    const named = this.#rules.filter((rule) =>
      literal === undefined ? matchesName(rule, target.host) : covers(rule, literal),
    )
    if (literal === undefined && this.#rules.some(({ range }) => range !== undefined) && named.length === 0) {
      // A name may resolve into a range that is allowed.
      const ports = this.#rules.flatMap(({ range, ports: each }) => (range === undefined ? [] : each))
      if (ports.includes(target.port)) return undefined
    }
    if (named.some(({ ports }) => ports.includes(target.port))) return undefined
    if (this.#allowAnyPublic && DEFAULT_PORTS.includes(target.port)) return undefined
    return named.length > 0 || this.#allowAnyPublic ? 'destination_port_prohibited' : 'destination_prohibited'
  }

  /** Whether all `addresses` of the target may be sent to. One that may not closes the target: names can be made to change. */
  afterLookup(target: Target, addresses: readonly string[]): RefusalReason | undefined {
    if (addresses.length === 0) return 'dns_error'
    for (const text of addresses) {
      const address = parseIp(text)
      if (address === undefined || !this.#allows(target, address)) return 'destination_ip_prohibited'
    }
    return undefined
  }

  #allows(target: Target, address: IpBytes): boolean {
    const { host, port } = target
    const forPort = this.#rules.filter(({ ports }) => ports.includes(port))
    if (forPort.some((rule) => covers(rule, address))) return true
    if (isLoopback(address))
      return host.toLowerCase() === 'localhost' && forPort.some(({ name }) => name === 'localhost')
    if (!isPublic(address) || this.#isOwn(address)) return false
    if (this.#allowAnyPublic && DEFAULT_PORTS.includes(port)) return true
    return parseIp(host) === undefined && forPort.some((rule) => matchesName(rule, host))
  }

  #isOwn(address: IpBytes): boolean {
    const inner = embeddedIpv4(address)
    return this.#own.some((own) => isSame(own, address) || (inner !== undefined && isSame(own, inner)))
  }
}

/** @throws RangeError */
function parseRule(text: string): Rule {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}(?:,\d{1,5})*))?$/.exec(text.trim())
  const host = (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '')
  if (host === undefined) {
    throw new RangeError(`A rule is host, host:port, range:port or [IPv6]:port, got ${text}`)
  }
  const ports = match?.[3]?.split(',').map(Number) ?? DEFAULT_PORTS
  for (const port of ports) {
    if (!(port >= 1 && port <= 65_535)) throw new RangeError(`The port of a rule is from 1 to 65535, got ${text}`)
    if (REFLECTORS.includes(port)) {
      throw new RangeError(`Port ${port} is never forwarded to: its services can be made to flood others; got ${text}`)
    }
  }
  const range = parseRange(host)
  if (range !== undefined) return { name: undefined, range, ports }
  if (
    !/^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(host) ||
    /^[\d.]+$/.test(host)
  ) {
    throw new RangeError(`The host of a rule is a name, an address or a range, got ${text}`)
  }
  return { name: host, range: undefined, ports }
}

function matchesName(rule: Rule, host: string): boolean {
  if (rule.name === undefined) return false
  const name = host.toLowerCase().replace(/\.$/, '')
  return rule.name.startsWith('*.') ? name.endsWith(rule.name.slice(1)) : name === rule.name
}

/** Whether the rule names the address, as it is or as the address of IPv4 that it stands for. */
function covers(rule: Rule, address: IpBytes): boolean {
  if (rule.range === undefined) return false
  const inner = embeddedIpv4(address)
  return isInRange(address, rule.range) || (inner !== undefined && isInRange(inner, rule.range))
}

function isLoopback(address: IpBytes): boolean {
  if (address.length === 16 && address.every((byte, index) => byte === (index === 15 ? 1 : 0))) return true
  const inner = embeddedIpv4(address) ?? address
  return inner.length === 4 && inner[0] === 127
}

function isSame(one: IpBytes, two: IpBytes): boolean {
  return one.length === two.length && one.every((byte, index) => byte === two[index])
}
