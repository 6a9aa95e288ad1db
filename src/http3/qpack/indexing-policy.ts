/**
 * Which field lines are worth an entry of the dynamic table, and which must never get one (RFC 9204 §7.1): the encoder's
 * own choice, of which the decoder knows nothing.
 */

/**
 * `never`: a literal that nobody may index; `none`: a literal here; `first`: indexed as soon as it is met; `second`: once
 * it was met before.
 */
export type Indexing = 'never' | 'none' | 'first' | 'second'

// Credentials shorter than this can be guessed, one try for each request (RFC 9204 §7.1.3).
const GUESSABLE: ReadonlyMap<string, number> = new Map([
  ['authorization', 48],
  ['proxy-authorization', 48],
  ['cookie', 20],
  ['set-cookie', 20],
])

// What is the same in most messages of a connection.
const LASTING: ReadonlySet<string> = new Set([
  ':authority',
  'accept',
  'accept-encoding',
  'accept-language',
  'access-control-allow-origin',
  'alt-svc',
  'cache-control',
  'content-security-policy',
  'content-type',
  'cookie',
  'origin',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'server',
  'strict-transport-security',
  'user-agent',
  'vary',
  'via',
  'x-content-type-options',
  'x-frame-options',
  'x-xss-protection',
])

// Longer paths are as a rule asked for once: what makes them long is a query.
const LONG_PATH = 100

/** How a field line is to be treated. */
export function indexingOf(name: string, value: string): Indexing {
  const guessable = GUESSABLE.get(name)
  if (guessable !== undefined && value.length < guessable) return 'never'
  if (name === 'content-length' || (name === ':path' && value.length > LONG_PATH)) return 'none'
  return LASTING.has(name) ? 'first' : 'second'
}
