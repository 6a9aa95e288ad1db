/** External pre-shared keys as options: what both ends were given outside of TLS, in place of certificates (RFC 8446 §2.2). */
import { encodeUtf8 } from '../base/bytes.ts'
import { andThen, type Eventually } from '../crypto/eventually.ts'
import type { ServerPskPolicy } from '../tls/config.ts'
import { checkExternalPsk, type ExternalPsk } from '../tls/psk.ts'
import { PskMode } from '../tls/psk-extensions.ts'
import { checkKeys } from './known-keys.ts'

/**
 * How a key is used: with a key exchange beside it, so that who learns the key later can read nothing of before; or alone,
 * which spares the exchange and that protection with it.
 */
export type PskModeName = 'psk_dhe_ke' | 'psk_ke'

/** A key that both ends know. Random bytes, never a password: whoever sees a handshake can try passwords. */
export interface PresharedKey {
  /** At least 16 bytes. */
  readonly key: Uint8Array
  /** Default `'sha256'`. */
  readonly hash?: 'sha256' | 'sha384' | undefined
}

/** The key of a client. */
export interface ClientPskOptions extends PresharedKey {
  /** The public label by which the server finds the key. */
  readonly identity: Uint8Array | string
  /** Default: `['psk_dhe_ke']`. */
  readonly modes?: readonly PskModeName[] | undefined
}

/** The keys of a server. */
export interface ServerPskOptions {
  /** The key of an identity, which anybody may have made up; `undefined`: there is none, and a certificate is shown. */
  find(identity: Uint8Array): Eventually<PresharedKey | undefined>
  /** What the server is content with, best first. Default: `['psk_dhe_ke']`. */
  readonly modes?: readonly PskModeName[] | undefined
}

/** @throws TypeError, RangeError for options of the wrong kind */
export function clientPsk(options: ClientPskOptions): {
  readonly psk: ExternalPsk
  readonly pskModes: readonly number[]
} {
  checkKeys(options, ['identity', 'key', 'hash', 'modes'], 'psk')
  return { psk: externalPsk(bytesOf(options.identity), options), pskModes: modesOf(options.modes) }
}

/** @throws TypeError, RangeError for options of the wrong kind */
export function serverPsk(options: ServerPskOptions): ServerPskPolicy {
  checkKeys(options, ['find', 'modes'], 'psk')
  if (typeof options.find !== 'function')
    throw new TypeError(`psk.find must be a function, got ${String(options.find)}`)
  return {
    find: (identity) =>
      andThen(options.find(identity), (found) => (found === undefined ? undefined : externalPsk(identity, found))),
    modes: modesOf(options.modes),
  }
}

function externalPsk(identity: Uint8Array, { key, hash = 'sha256' }: PresharedKey): ExternalPsk {
  if (!(key instanceof Uint8Array)) throw new TypeError(`psk.key must be a Uint8Array, got ${typeof key}`)
  if (hash !== 'sha256' && hash !== 'sha384')
    throw new TypeError(`psk.hash must be 'sha256' or 'sha384', got ${String(hash)}`)
  const psk = { identity, key, hash }
  checkExternalPsk(psk)
  return psk
}

function bytesOf(identity: unknown): Uint8Array {
  if (typeof identity === 'string') return encodeUtf8(identity)
  if (identity instanceof Uint8Array) return identity
  throw new TypeError(`psk.identity must be a string or a Uint8Array, got ${String(identity)}`)
}

function modesOf(modes: readonly PskModeName[] = ['psk_dhe_ke']): readonly number[] {
  if (!Array.isArray(modes) || modes.length === 0) throw new TypeError('psk.modes must name at least one mode')
  return modes.map((mode: unknown) => {
    if (mode === 'psk_dhe_ke') return PskMode.pskDheKe
    if (mode === 'psk_ke') return PskMode.pskKe
    throw new TypeError(`psk.modes must be 'psk_dhe_ke' or 'psk_ke', got ${String(mode)}`)
  })
}
