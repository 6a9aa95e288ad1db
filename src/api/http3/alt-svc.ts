/** Alternative services (RFC 7838): where else an origin can be reached, and for how long. */
import type { Time } from '../../base/time.ts'

/** One of the places that an `Alt-Svc` field names. */
export interface AltService {
  /** The ALPN name, such as `h3`. */
  readonly protocol: string
  /** `undefined`: that of the origin. IPv6 in brackets. */
  readonly host: string | undefined
  readonly port: number
  /** ms for which it is fresh; 24 hours where the field does not say. */
  readonly maxAge: number
  /** Whether it survives a change of network. */
  readonly persist: boolean
}

const DAY = 86_400_000
/** Members that are read at most: a list has no use for more. */
const MAX_SERVICES = 32
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"'
const ALTERNATIVE = new RegExp(`[ \\t,]*(${TOKEN})=${QUOTED}`, 'y')
const PARAMETER = new RegExp(`[ \\t]*;[ \\t]*(${TOKEN})=(?:${QUOTED}|(${TOKEN}))`, 'y')

/**
 * Reads the value of an `Alt-Svc` field: the services in the order of preference, or `'clear'`. What is malformed ends the list:
 * the members in front of it count (RFC 7838 §3). Never throws.
 */
export function parseAltSvc(value: string): readonly AltService[] | 'clear' {
  if (value.split(',').some((member) => member.trim() === 'clear')) return 'clear'
  const services: AltService[] = []
  let at = 0
  while (services.length < MAX_SERVICES) {
    const [, name = '', authority = ''] = matchAt(ALTERNATIVE, value, at) ?? []
    if (name === '') break
    at = ALTERNATIVE.lastIndex
    let maxAge = DAY
    let persist = false
    for (let match = matchAt(PARAMETER, value, at); match !== null; match = matchAt(PARAMETER, value, at)) {
      at = PARAMETER.lastIndex
      const [, parameter = '', quoted, token] = match
      const content = token ?? unquote(quoted ?? '')
      if (parameter === 'ma' && /^\d+$/.test(content)) maxAge = Number(content) * 1000
      if (parameter === 'persist') persist = content === '1'
    }
    const service = serviceOf(name, unquote(authority), maxAge, persist)
    if (service !== undefined) services.push(service)
    if (!/^[ \t]*(,|$)/.test(value.slice(at, at + 256))) break
  }
  return services
}

/** The value of an `Alt-Svc` field. */
export function formatAltSvc(services: readonly AltService[]): string {
  return services
    .map(({ protocol, host = '', port, maxAge, persist }) => {
      const parameters = `${maxAge === DAY ? '' : `; ma=${Math.floor(maxAge / 1000)}`}${persist ? '; persist=1' : ''}`
      return `${encodeProtocol(protocol)}="${host}:${port}"${parameters}`
    })
    .join(', ')
}

/** Where a connection for an origin leads. */
export interface Alternative {
  readonly host: string
  readonly port: number
}

interface Entry extends Alternative {
  readonly expiresAt: Time
  /** Not before then: it could not be reached. */
  notBefore: Time
}

/** ms for which a service that could not be reached is not tried again. */
const BROKEN = 300_000

/** The HTTP/3 services that origins have told of. */
export class AltSvcCache {
  readonly #origins = new Map<string, Entry[]>()
  readonly #now: () => Time
  readonly #maxOrigins: number

  /** @param now ms that never go back. Origins heard of longest ago are forgotten first. */
  constructor(now: () => Time, maxOrigins = 256) {
    this.#now = now
    this.#maxOrigins = maxOrigins
  }

  /** Takes in the field of a response of `origin`: it replaces what was known (RFC 7838 §3.1). `age`: ms that the response is old. */
  receive(origin: string, value: string, age = 0): void {
    const services = parseAltSvc(value)
    const before = this.#origins.get(origin) ?? []
    this.#origins.delete(origin)
    if (services === 'clear') return
    const { hostname } = new URL(origin)
    const entries = services
      .filter(({ protocol }) => protocol === 'h3')
      .map(({ host = hostname, port, maxAge }) => ({
        host,
        port,
        expiresAt: this.#now() + maxAge - age,
        // That an origin repeats itself does not mend anything.
        notBefore: before.find((entry) => entry.host === host && entry.port === port)?.notBefore ?? 0,
      }))
    if (entries.length === 0) return
    this.#origins.set(origin, entries)
    const [oldest] = this.#origins.keys()
    if (this.#origins.size > this.#maxOrigins && oldest !== undefined) this.#origins.delete(oldest)
  }

  /** The best service of the origin that is fresh, and was not found broken. */
  get(origin: string): Alternative | undefined {
    const now = this.#now()
    const entries = this.#origins.get(origin)?.filter(({ expiresAt }) => expiresAt > now) ?? []
    if (entries.length === 0) this.#origins.delete(origin)
    return entries.find(({ notBefore }) => notBefore <= now)
  }

  /** It could not be reached: for a while the others are asked, or the origin itself (RFC 7838 §2.4). */
  onBroken(origin: string, { host, port }: Alternative): void {
    for (const entry of this.#origins.get(origin) ?? []) {
      if (entry.host === host && entry.port === port) entry.notBefore = this.#now() + BROKEN
    }
  }

  /** RFC 7838 §6, 421: the origin is not served there. */
  forget(origin: string): void {
    this.#origins.delete(origin)
  }

  clear(): void {
    this.#origins.clear()
  }
}

function serviceOf(name: string, authority: string, maxAge: number, persist: boolean): AltService | undefined {
  const [, host = '', digits] = /^([A-Za-z0-9._~-]*|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(authority) ?? []
  const port = Number(digits)
  const protocol = decodeProtocol(name)
  if (!(port >= 1 && port <= 65_535) || protocol === undefined) return undefined
  return { protocol, host: host === '' ? undefined : host, port, maxAge, persist }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function unquote(quoted: string): string {
  return quoted.replace(/\\(.)/gs, '$1')
}

/** Octets as one character each. */
function decodeProtocol(name: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(name)) return undefined
  return name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function encodeProtocol(protocol: string): string {
  return protocol.replace(
    /[^!#$&'*+.^_`|~0-9A-Za-z-]/g,
    (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
