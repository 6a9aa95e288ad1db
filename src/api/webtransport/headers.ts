/** Fields of HTTP as W3C's `Headers`, and back. */
import type { Field } from '../../http3/field.ts'

/** What `new Headers` takes. */
export type HeadersSource = ConstructorParameters<typeof Headers>[0]

/** `fields` but for those of the names `without`; whoever changes them fails, as with those of a response (Fetch: the guard `immutable`). */
export function immutableHeaders(fields: Iterable<Field>, without: readonly string[] = []): Headers {
  const headers = new Headers()
  for (const { name, value } of fields) if (!without.includes(name)) headers.append(name, value)
  const refuse = (): never => {
    throw new TypeError('These headers cannot be changed')
  }
  return Object.assign(headers, { append: refuse, delete: refuse, set: refuse })
}

/**
 * The fields of a request that `source` asks for: those that Fetch keeps to itself are left out (its forbidden request-headers).
 * @throws TypeError for what are no headers, and for the list of protocols, which is an option of its own
 */
export function requestFields(source: HeadersSource | null | undefined): Field[] {
  if (source === undefined || source === null) return []
  const fields: Field[] = []
  for (const [name, value] of new Headers(source)) {
    if (name === 'wt-available-protocols')
      throw new TypeError('headers must not name wt-available-protocols: use protocols')
    if (!isForbidden(name)) fields.push({ name, value })
  }
  return fields
}

/** Fetch §2.2.2, the forbidden request-headers; methods cannot be overridden here at all. */
const FORBIDDEN =
  /^(?:accept-charset|accept-encoding|access-control-request-(?:headers|method|private-network)|connection|content-length|cookie2?|date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|proxy-.*|sec-.*)$/

function isForbidden(name: string): boolean {
  return FORBIDDEN.test(name)
}

/** The fields of an answer that `source` asks for. @throws TypeError for what are no headers, and for the protocol, which is an option of its own */
export function responseFields(source: HeadersSource | null | undefined): Field[] {
  if (source === undefined || source === null) return []
  const fields = [...new Headers(source)].map(([name, value]): Field => ({ name, value }))
  if (fields.some(({ name }) => name === 'wt-protocol'))
    throw new TypeError('headers must not name wt-protocol: use protocol')
  return fields
}
