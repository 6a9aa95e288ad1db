/** Options of `connect` and `listen`: names, checks, and what the rooms below make of them. */
import type { RandomSource } from '../base/random.ts'
import {
  type ConnectionConfig,
  type ConnectionOptions,
  isConnectionOption,
  validateConnectionConfig,
} from '../connection/config.ts'
import type { CryptoProvider, KeyExchange } from '../crypto/provider.ts'
import type { Environment } from '../environment.ts'
import type { ObserverFactory } from '../wire/observer.ts'
import { checkArray, checkType } from './checks.ts'
import { type CongestionControl, controllerOf } from './congestion.ts'

/** What both roles can be told. The options of a connection (`ConnectionOptions`) stand beside these in the same object. */
export interface CommonOptions extends Omit<ConnectionOptions, 'congestionControl'> {
  /** Default: `'cubic'`. */
  readonly congestionControl?: CongestionControl | undefined
  /** Application protocols, best first (RFC 7301). */
  readonly alpn: readonly string[]
  /** Default: the engine of the runtime. */
  readonly crypto?: CryptoProvider
  /** Default: clock, timers and randomness of the runtime. */
  readonly environment?: Environment
  /** Takes lines of the NSS key log: whoever has them can read the connection. */
  readonly keyLog?: (line: string) => void
  /**
   * Key-agreement groups to use, best first: NamedGroup code points of the engine's, or groups of one's own, as
   * `x25519MlKem768` of `isoquic/crypto/ml-kem`. A client sends a share of the first.
   */
  readonly groups?: readonly (number | KeyExchange)[]
  /** Cipher suites to use, by name, best first, such as `TLS_CHACHA20_POLY1305_SHA256`; default: the engine's. */
  readonly cipherSuites?: readonly string[]
  /** Makes an observer for each connection: a qlog writer, say, by `qlogTo` of `isoquic/qlog`. */
  readonly observer?: ObserverFactory
}

/** The keys of {@link CommonOptions} that are not of the connection. */
const COMMON = ['alpn', 'crypto', 'environment', 'keyLog', 'groups', 'cipherSuites', 'observer'] as const

/** Whether it is the name of an option that both roles can be told. */
export function isCommonOption(name: string): boolean {
  return (COMMON as readonly string[]).includes(name) || isConnectionOption(name)
}

/**
 * The connection's part of `options`.
 * @throws TypeError for an unknown key or a wrong `alpn`, RangeError for a value out of bounds.
 */
export function connectionConfig(options: CommonOptions, own: readonly string[]): ConnectionConfig {
  const rest: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    if (!(COMMON as readonly string[]).includes(key) && !own.includes(key)) rest[key] = value
  }
  if (
    !Array.isArray(options.alpn) ||
    options.alpn.length === 0 ||
    options.alpn.some((name) => typeof name !== 'string')
  ) {
    throw new TypeError(`alpn must be an array of at least one protocol name, got ${JSON.stringify(options.alpn)}`)
  }
  const { congestionControl } = options
  if (congestionControl !== undefined) rest['congestionControl'] = controllerOf(congestionControl)
  return validateConnectionConfig(rest)
}

/** The suites to offer. @throws RangeError for a name that the engine does not have */
export function cipherSuites(options: CommonOptions, crypto: CryptoProvider): CryptoProvider['suites'] {
  const { cipherSuites: names } = options
  if (names === undefined) return crypto.suites
  checkArray(names, 'cipherSuites')
  if (names.length === 0) throw new RangeError('cipherSuites must name at least one suite, got none')
  return names.map((name) => {
    const suite = crypto.suites.find((each) => each.name === name)
    if (suite === undefined) {
      throw new RangeError(
        `cipherSuites names ${name}; the engine has ${crypto.suites.map((each) => each.name).join(', ')}`,
      )
    }
    return suite
  })
}

/** What a TLS session of either role is made of. */
export function tlsCommon(
  options: CommonOptions,
  crypto: CryptoProvider,
  environment: Environment,
): {
  readonly crypto: CryptoProvider
  readonly suites: CryptoProvider['suites']
  readonly random: RandomSource
  wallClock(): number
  readonly alpn: readonly string[]
  readonly keyLog: ((line: string) => void) | undefined
  readonly groups: readonly number[] | undefined
} {
  const { groups, keyLog, observer } = options
  checkArray(groups, 'groups')
  checkType(keyLog, 'keyLog', 'function')
  checkType(observer, 'observer', 'function')
  const own = (groups ?? []).filter((group) => typeof group !== 'number')
  for (const group of own) checkGroup(group)
  return {
    crypto: own.length === 0 ? crypto : { ...crypto, groups: [...own, ...crypto.groups] },
    suites: cipherSuites(options, crypto),
    random: environment.random,
    wallClock: () => environment.wallClock(),
    alpn: options.alpn,
    keyLog,
    groups: groups?.map((group) => (typeof group === 'number' ? group : group.group)),
  }
}

/** @throws TypeError for what is no group */
function checkGroup(group: unknown): void {
  const isGroup =
    typeof group === 'object' &&
    group !== null &&
    ['group', 'generate', 'respond'].every((member) => member in group) &&
    typeof (group as KeyExchange).group === 'number'
  if (!isGroup) throw new TypeError(`groups must hold code points and groups, got ${String(group)}`)
}
