/**
 * Tokens that let a client use a gateway for a while: claims in JSON and their HMAC, each base64url, with a dot between.
 * Whoever has the key makes them, a web server of one's own for its pages, say; the gateway only checks.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { decodeUtf8, encodeUtf8, equalBytes } from '../base/bytes.ts'

/** What a token says. */
export interface TokenClaims {
  /** Unix ms after which it is worth nothing. */
  readonly expires: number
  /** Whose it is: limits count by it, and the log names it. */
  readonly subject: string
  /** The one target that it is for, `host:port`; without it, any that the rules allow. */
  readonly target?: string
}

/**
 * A token for `claims`, to be handed to a client as `token` of `websocket()`.
 * @param key at least 32 bytes, shared with the gateway.
 * @throws RangeError for a key that is too short
 */
export function createToken(key: Uint8Array, claims: TokenClaims): string {
  checkKey(key)
  const body = encodeUtf8(JSON.stringify(claims))
  return `${toBase64Url(body)}.${toBase64Url(hmac(sha256, key, body))}`
}

/** What the token says, if it is authentic and has not expired; `now` is in Unix ms. */
export function readToken(key: Uint8Array, token: string, now: number): TokenClaims | undefined {
  const [body, mac, ...more] = token.split('.').map(fromBase64Url)
  if (body === undefined || mac === undefined || more.length > 0 || !equalBytes(hmac(sha256, key, body), mac))
    return undefined
  const { expires, subject, target } = JSON.parse(decodeUtf8(body)) as Partial<TokenClaims>
  if (typeof expires !== 'number' || typeof subject !== 'string' || !(expires > now)) return undefined
  return target === undefined ? { expires, subject } : { expires, subject, target }
}

/** @throws RangeError for a key that is too short */
export function checkKey(key: Uint8Array): void {
  if (key.length < 32) throw new RangeError(`The key of tokens must have at least 32 bytes, got ${key.length}`)
}

// Tokens are made in Workers as well, which have no `Buffer`.
function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return undefined
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0))
}
