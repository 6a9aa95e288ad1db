/**
 * Which field lines are worth an entry of the dynamic table, and which must never get one (RFC 9204 §7.1): the encoder's
 * own choice, of which the decoder knows nothing.
 */

/** `never`: a literal that nobody may index; `first`: as soon as it is met; `second`: once it has been met again. */
export type Indexing = 'never' | 'first' | 'second'

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

/** How a field line is to be treated. */
export function indexingOf(name: string, value: string): Indexing {
  const guessable = GUESSABLE.get(name)
  if (guessable !== undefined && value.length < guessable) return 'never'
  return LASTING.has(name) ? 'first' : 'second'
}
