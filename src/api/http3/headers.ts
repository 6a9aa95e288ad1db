/** Field lines of HTTP/3 as `Headers` of the Fetch standard, and the other way round. */
import type { Field } from '../../http3/field.ts'

/** RFC 9114 §4.2: what speaks of a connection of HTTP/1 has no place here. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** Never put into a compression table, where its use could be probed (RFC 9204 §7.1.3). */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization'])

/** What `new Headers` takes. */
export type HeadersLike = ConstructorParameters<typeof Headers>[0]

/** The lines as `Headers`, which take what is a `Request`'s to forbid too. Crumbs of a cookie are one again (RFC 9114 §4.2.1). */
export function headersOf(fields: readonly Field[]): Headers {
  const headers = new Headers()
  let cookie: string | undefined
  for (const { name, value } of fields) {
    if (name === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`
    else headers.append(name, value)
  }
  if (cookie !== undefined) headers.set('cookie', cookie)
  return headers
}

/** The lines to send for `headers`, without what HTTP/1 alone has, and without `host`, which `:authority` stands for. */
export function fieldsOf(headers: Iterable<readonly [string, string]>): Field[] {
  const fields: Field[] = []
  let named: string[] = []
  for (const [name, value] of headers) {
    // RFC 9110 §7.6.1: it names others of its kind.
    if (name === 'connection') named = value.split(',').map((option) => option.trim().toLowerCase())
    if (OF_CONNECTIONS.has(name) || name === 'host') continue
    if (name === 'te' && value.toLowerCase() !== 'trailers') continue
    const octets = octetsOf(value)
    fields.push(SECRET.has(name) ? { name, value: octets, isNeverIndexed: true } : { name, value: octets })
  }
  return named.length === 0 ? fields : fields.filter(({ name }) => !named.includes(name))
}

/** A byte for each character. Headers of workerd hold any text, which is UTF-8 on the wire. */
function octetsOf(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all that a byte can hold
  if (!/[^\u0000-\u00ff]/.test(value)) return value
  return Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join('')
}
