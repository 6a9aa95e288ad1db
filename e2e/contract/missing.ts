/** What the contract promises and this version does not have yet: rows without a test are listed here, and nowhere else. */
import type { Missing } from './page.ts'

const LATER = 'not yet: HTTP/3 and WebTransport are a later milestone'

export const MISSING: readonly Missing[] = [
  { what: 'Promise 16: HTTP/3 with the QPACK dynamic table interoperates (§14)', why: LATER },
]
