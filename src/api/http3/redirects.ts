/** Redirects, as the Fetch standard has them ("HTTP-redirect fetch"). */
import { checkedUrl, type OutgoingRequest } from './outgoing-request.ts'

/** Redirects that are followed at most. */
export const MAX_REDIRECTS = 20

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** What is about a body that is not sent any more. */
const OF_BODY = ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']
/** What one origin was trusted with, and another is not. */
const CREDENTIALS = ['authorization', 'cookie', 'host', 'proxy-authorization']

/** Where the response leads; `undefined`: nowhere. */
export function redirectTarget({ status, headers }: Response): string | undefined {
  return REDIRECTS.has(status) ? (headers.get('location') ?? undefined) : undefined
}

/**
 * The request that follows.
 * @throws TypeError for a target that is none, and for a body that cannot be sent again
 */
export function redirected(request: OutgoingRequest, status: number, location: string): OutgoingRequest {
  const url = checkedUrl(location, request.url)
  if (url.hash === '') url.hash = request.url.hash
  const headers = new Headers(request.headers)
  const isRewritten =
    (status <= 302 && request.method === 'POST') ||
    (status === 303 && request.method !== 'GET' && request.method !== 'HEAD')
  if (url.origin !== request.url.origin) for (const name of CREDENTIALS) headers.delete(name)
  if (isRewritten) {
    for (const name of OF_BODY) headers.delete(name)
    return { ...request, url, headers, method: 'GET', body: undefined, trailers: undefined }
  }
  if (request.body?.isReplayable === false && status !== 303) {
    throw new TypeError(`The redirect to ${url.href} wants the body again, which was a stream`)
  }
  return { ...request, url, headers }
}
