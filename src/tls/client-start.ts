/** The client's first step: key shares, ClientHello; and the second ClientHello that a HelloRetryRequest asks for (RFC 8446 §4.1.2). */
import { encodeUtf8 } from '../base/bytes.ts'
import { randomBytes } from '../base/random.ts'
import { andThen, type Eventually } from '../crypto/eventually.ts'
import type { CipherSuite, KeyExchange } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { type ClientHelloFields, drawGrease, encodeClientHello, offeredExtensions } from './client-hello.ts'
import type { ClientOffer, PendingShare } from './client-progress.ts'
import {
  type ClientPsk,
  checkClientPsk,
  earlyDataSuite,
  emitEarlySecret,
  fillBinders,
  identityOf,
  offeredModes,
  offeredPsks,
} from './client-psk.ts'
import { NamedGroup } from './code-points.ts'
import {
  certificateSchemes,
  checkConfig,
  checkVerifiers,
  groupsOf,
  handshakeSchemes,
  type TlsClientConfig,
} from './config.ts'
import type { HandshakeContext } from './context.ts'
import { checkServerName, sniOf } from './server-name.ts'
import { TlsLevel } from './session.ts'
import { whenDone } from './work.ts'

/**
 * Checks a client's configuration.
 * @throws RangeError naming the option and its value.
 */
export function checkClientConfig(config: TlsClientConfig): void {
  checkConfig(config)
  checkVerifiers(config)
  checkClientPsk(config)
  checkServerName(config.serverName)
  for (const group of config.shares ?? []) {
    if (!groupsOf(config).includes(group)) throw new RangeError(`shares must be among groups, got ${group}`)
  }
}

/** Sends the first ClientHello as soon as its key shares are made. */
export function makeOffer(config: TlsClientConfig, context: HandshakeContext): Eventually<ClientOffer> {
  const groups = groupsOf(config)
  const schemes = handshakeSchemes(config)
  const forCertificates = certificateSchemes(config)
  const psks = offeredPsks(config)
  const fields: ClientHelloFields = {
    random: randomBytes(config.random, 32),
    suites: config.suites.map(({ id }) => id),
    groups,
    keyShares: [],
    schemes,
    certificateSchemes: forCertificates.length > schemes.length ? forCertificates : undefined,
    alpn: config.alpn.map((name) => encodeUtf8(name)),
    serverName: sniOf(config.serverName),
    cookie: undefined,
    parameters: config.parameters(undefined),
    grease: config.grease === false ? undefined : drawGrease(config.random),
    pskModes: offeredModes(config),
    psks: [],
    hasEarlyData: earlyDataSuite(config, psks) !== undefined,
  }
  const shares = config.shares ?? defaultShares(groups)
  const wanted = groups.filter((group) => shares.includes(group))
  return andThen(makeShares(config, wanted, 0, []), (shares) => sendOffer(config, context, fields, shares, psks))
}

/**
 * Sends the second ClientHello (RFC 8446 §4.1.2): the cookie returned, and, if the server asked for another group, a share
 * of that group alone; no early data, and only the keys that fit the suite. The rest is as it was, grease included (RFC 8701
 * §5).
 */
export function makeSecondOffer(
  first: ClientOffer,
  group: number | undefined,
  cookie: Uint8Array | undefined,
  suite: CipherSuite,
): Eventually<ClientOffer> {
  const { config, context } = first
  const fields = { ...first.fields, cookie, hasEarlyData: false }
  const psks = first.psks.filter(({ hash }) => hash === suite.hash)
  if (group === undefined) return sendOffer(config, context, fields, first.shares, psks)
  return andThen(makeShares(config, [group], 0, []), (shares) => sendOffer(config, context, fields, shares, psks))
}

function sendOffer(
  config: TlsClientConfig,
  context: HandshakeContext,
  before: ClientHelloFields,
  shares: readonly PendingShare[],
  psks: readonly ClientPsk[],
): ClientOffer {
  const wallClock = psks.length === 0 ? 0 : config.wallClock()
  const fields = {
    ...before,
    keyShares: shares.map(({ group, share }) => ({ group, share: share.share })),
    psks: psks.map((psk) => identityOf(psk, wallClock)),
  }
  const bytes = encodeClientHello(fields)
  fillBinders(bytes, psks, context)
  context.emit({ type: 'message', level: TlsLevel.initial, bytes })
  const suite = fields.hasEarlyData ? earlyDataSuite(config, psks) : undefined
  const [first] = psks
  if (suite !== undefined && first !== undefined) emitEarlySecret(context, first, suite, bytes, fields.random)
  context.transcript.add(bytes)
  return { config, context, fields, shares, psks, offered: offeredExtensions(fields) }
}

/**
 * A share of the best group. Where that is X25519MLKEM768, one of X25519 as well: most servers have but that, and 32 bytes more
 * cost less than a round trip.
 */
function defaultShares(groups: readonly number[]): readonly number[] {
  const [best] = groups
  const { x25519, x25519MlKem768 } = NamedGroup
  if (best === undefined) return []
  return best === x25519MlKem768 ? [best, x25519] : [best]
}

/**
 * Shares of the groups from index `at` on, behind those made already. That of X25519 is the one in X25519MLKEM768, as
 * draft-ietf-tls-hybrid-design §3.2 allows: a server agrees on one of them alone.
 */
function makeShares(
  config: TlsClientConfig,
  groups: readonly number[],
  at: number,
  made: readonly PendingShare[],
): Eventually<readonly PendingShare[]> {
  const exchange = exchangeOf(config, groups[at])
  if (exchange === undefined) return made
  const half = made.find(({ share }) => share.half?.group === exchange.group)?.share.half
  return whenDone(
    () => half?.share ?? exchange.generate(config.random),
    (share) => makeShares(config, groups, at + 1, [...made, { group: exchange.group, share }]),
    (cause) => new TlsAlert(AlertDescription.internalError, 'No key share could be made', { cause }),
  )
}

function exchangeOf(config: TlsClientConfig, group: number | undefined): KeyExchange | undefined {
  return config.crypto.groups.find((exchange) => exchange.group === group)
}
