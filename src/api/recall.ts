/** What a client goes on from: the session and the token that it was given, or that its stores have for the server; and what it puts there. */
import { concat, toHex } from '../base/bytes.ts'
import { decodeSession, encodeSession, type StoredSession } from '../connection/stored-session.ts'
import { andThen, type Eventually } from '../crypto/eventually.ts'
import { hashOf } from '../crypto/hkdf.ts'
import { shown } from './checks.ts'
import type { ClientStore } from './memory.ts'
import { anchorsOf, type TrustOptions } from './trust.ts'

/** How a client goes on from earlier connections. */
export interface RecallOptions {
  /** Of the event `session` of an earlier connection to this server. For one use; goes before `sessionStore`. */
  readonly session?: Uint8Array | undefined
  /** Takes the sessions that servers give, and gives them back. Default: none are kept. */
  readonly sessionStore?: ClientStore | undefined
  /** Of the event `token` of an earlier connection to this server: its Retry is saved. Goes before `tokenStore`. */
  readonly token?: Uint8Array | undefined
  /** Takes the address tokens that servers give, and gives them back. Default: none are kept. */
  readonly tokenStore?: ClientStore | undefined
  /**
   * Whether what is written before `ready` may leave at once (0-RTT), where a session allows it. An attacker can have the server
   * read it several times; where it is refused, it is sent again after the handshake. Default `false`.
   */
  readonly earlyData?: boolean | undefined
}

/** The `detail` of the event `session`. */
export interface QuicSessionDetail {
  /** For the option `session` of one later connection. Secret: who has it can pose as the client, and read its 0-RTT data. */
  readonly session: Uint8Array
  /** Unix ms. */
  readonly expiresAt: number
  /** Whether the server takes early data with it. */
  readonly allowsEarlyData: boolean
}

/** What there is to go on from. */
export interface Recalled {
  /** What to begin with. */
  readonly version: number
  readonly session: StoredSession | undefined
  readonly token: Uint8Array | undefined
}

/** The members of {@link RecallOptions}. */
export const RECALL_KEYS: readonly string[] = ['session', 'sessionStore', 'token', 'tokenStore', 'earlyData']

/** The memory of one connection. */
export class Recall {
  readonly #options: RecallOptions
  readonly #server: string

  /**
   * @param server by what name the stores know it.
   * @throws TypeError for options of the wrong kind
   */
  constructor(options: RecallOptions, server: string) {
    this.#options = options
    this.#server = server
    const { earlyData, session, token } = options
    if (earlyData !== undefined && typeof earlyData !== 'boolean') {
      throw new TypeError(`earlyData must be a boolean, got ${String(earlyData)}`)
    }
    for (const [name, value] of Object.entries({ session, token })) {
      if (value !== undefined && !(value instanceof Uint8Array))
        throw new TypeError(`${name} must be a Uint8Array, got ${shown(value)}`)
    }
    if (session !== undefined && decodeSession(session) === undefined) {
      throw new TypeError('session must be that of an event `session`')
    }
    for (const name of ['sessionStore', 'tokenStore'] as const) checkStore(options[name], name)
  }

  /**
   * What to begin with; taken out of the stores. What is of another version than `wanted` is worth nothing (RFC 9369 §5); where
   * none is wanted, the session or the token decides, if it is of one of `versions`.
   */
  take(wanted: number | undefined, versions: readonly number[], otherwise: number): Eventually<Recalled> {
    const { session, sessionStore, token, tokenStore } = this.#options
    return andThen(session ?? sessionStore?.get(this.#server), (bytes) =>
      andThen(token ?? tokenStore?.get(this.#server), (kept) => {
        const decoded = bytes === undefined ? undefined : decodeSession(bytes)
        const known = [decoded?.version, token === undefined ? versionOf(kept) : undefined]
        const version = wanted ?? known.find((each) => each !== undefined && versions.includes(each)) ?? otherwise
        return {
          version,
          session: decoded?.version === version ? decoded : undefined,
          token: token ?? (versionOf(kept) === version ? kept?.subarray(4) : undefined),
        }
      }),
    )
  }

  /** A server gave a session. @throws what the store throws */
  keepSession(session: StoredSession): QuicSessionDetail {
    const bytes = encodeSession(session)
    const { allowsEarlyData, certificateEnd, expiresAt } = session.tls
    keep(this.#options.sessionStore, this.#server, bytes)
    return { session: bytes, expiresAt: Math.min(expiresAt, certificateEnd), allowsEarlyData }
  }

  /** A server gave a token. @throws what the store throws */
  keepToken(token: Uint8Array, version: number): void {
    keep(this.#options.tokenStore, this.#server, concat(versionBytes(version), token))
  }
}

/** Of a token that was kept. */
function versionOf(kept: Uint8Array | undefined): number | undefined {
  return kept === undefined || kept.length < 4 ? undefined : new DataView(kept.buffer, kept.byteOffset).getUint32(0)
}

function versionBytes(version: number): Uint8Array {
  return Uint8Array.of(version >>> 24, version >>> 16, version >>> 8, version)
}

function keep(store: ClientStore | undefined, server: string, value: Uint8Array): void {
  const keeping = store?.set(server, value)
  // What cannot be kept is not there the next time: no more than that.
  if (keeping !== undefined) Promise.resolve(keeping).catch(() => {})
}

function checkStore(store: unknown, name: string): void {
  if (store === undefined) return
  const members = store as Partial<ClientStore> | null
  if (typeof members !== 'object' || typeof members?.get !== 'function' || typeof members.set !== 'function') {
    throw new TypeError(`${name} must have the methods get and set`)
  }
}

/**
 * Names what a client believes in: who resumes sees no certificate, so a session holds for the trust alone under which it
 * began. `undefined`: there is no name for it, and so no resumption (public keys that are `CryptoKey`s).
 */
export function trustName({ ca, serverCertificateHashes, spkiPins, verify }: TrustOptions): string | undefined {
  if (verify === 'insecure') return 'insecure'
  if (verify !== undefined) return 'function'
  if (serverCertificateHashes !== undefined || spkiPins !== undefined) {
    const pins = spkiPins?.map((pin) => (pin instanceof Uint8Array ? toHex(pin) : undefined)) ?? []
    if (pins.includes(undefined)) return undefined
    const hashes = serverCertificateHashes?.map(({ value }) => toHex(value)) ?? []
    return `pins ${[...hashes.sort(), '', ...pins.sort()].join(' ')}`
  }
  if (ca === undefined) return 'roots'
  return anchorsName(anchorsOf(ca))
}

const names = /* @__PURE__ */ new WeakMap<readonly Uint8Array[], string>()

/** The name of a list of anchors, which does not change. */
function anchorsName(anchors: readonly Uint8Array[]): string {
  const known = names.get(anchors)
  if (known !== undefined) return known
  const hashes = anchors.map((each) => toHex(hashOf('sha256', each)))
  const name = `ca ${hashes.sort().join(' ')}`
  names.set(anchors, name)
  return name
}
