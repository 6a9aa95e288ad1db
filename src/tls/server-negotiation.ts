/** What a server makes of a ClientHello (RFC 8446 §4.1.1, §4.1.2, §9.2): checks and choices, without any effect. */
import { decodeUtf8, encodeUtf8, equalBytes } from '../base/bytes.ts'
import type { CipherSuite, KeyExchange, Signer } from '../crypto/provider.ts'
import { TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import type { ClientHello } from './client-hello.ts'
import { ExtensionType, TLS_1_2, TLS_1_3 } from './code-points.ts'
import { groupsOf, type TlsServerConfig } from './config.ts'
import type { KeyShareEntry } from './extensions.ts'
import type { ServerPsk } from './server-psk.ts'
import { isHandshakeScheme } from './signature-schemes.ts'

/** A ClientHello that has all that TLS 1.3 over QUIC needs. */
export interface CompleteHello extends ClientHello {
  /** Empty in one that offers keys alone (RFC 8446 §9.2). */
  readonly groups: readonly number[]
  readonly keyShares: readonly KeyShareEntry[]
  readonly alpn: readonly Uint8Array[]
  readonly parameters: Uint8Array
}

/** What a ClientHello is answered with. */
export interface Negotiated {
  readonly suite: CipherSuite
  readonly alpn: string
  /** `undefined`: a pre-shared key is used alone. */
  readonly exchange: KeyExchange | undefined
  /** The client's share for `exchange`; `undefined`, where there is one: it must be asked for by a HelloRetryRequest. */
  readonly share: KeyShareEntry | undefined
}

/**
 * Checks that a ClientHello is of TLS 1.3 over QUIC and complete.
 * @throws TlsAlert protocol_version, illegal_parameter, missing_extension, no_application_protocol.
 */
export function checkHello(hello: ClientHello): CompleteHello {
  // RFC 9001 §4.2: nothing older. RFC 9846 §4.2.2: and the old field says what it always says.
  if (hello.versions?.includes(TLS_1_3) !== true) {
    throw new TlsAlert(AlertDescription.protocolVersion, 'The client does not offer TLS 1.3')
  }
  if (hello.legacyVersion !== TLS_1_2) {
    throw new TlsAlert(AlertDescription.protocolVersion, `legacy_version of ClientHello is ${hello.legacyVersion}`)
  }
  if (hello.legacySessionId.length > 0) {
    throw new TlsAlert(AlertDescription.illegalParameter, 'ClientHello asks for compatibility mode', {
      protocolViolation: true,
    })
  }
  if (hello.compressionMethods.length !== 1 || hello.compressionMethods[0] !== 0) {
    throw new TlsAlert(AlertDescription.illegalParameter, 'ClientHello offers compression')
  }
  if (hello.extensions.has(ExtensionType.preSharedKey) && !hello.extensions.has(ExtensionType.pskKeyExchangeModes)) {
    throw missing('psk_key_exchange_modes')
  }
  const { groups, keyShares, alpn, parameters } = hello
  // RFC 8446 §9.2: who offers a key may do without the rest, unless it comes to be needed; groups and shares go together.
  if (groups === undefined && (hello.psks === undefined || keyShares !== undefined)) throw missing('supported_groups')
  if (keyShares === undefined && (hello.psks === undefined || groups !== undefined)) throw missing('key_share')
  if (hello.schemes === undefined && hello.psks === undefined) throw missing('signature_algorithms')
  // RFC 9001 §8.1, §8.2.
  if (alpn === undefined) {
    throw new TlsAlert(AlertDescription.noApplicationProtocol, 'ClientHello has no ALPN extension')
  }
  if (parameters === undefined) throw missing('quic_transport_parameters')
  if (groups !== undefined && keyShares !== undefined) checkShares(groups, keyShares)
  return { ...hello, groups: groups ?? [], keyShares: keyShares ?? [], alpn, parameters }
}

function missing(extension: string): TlsAlert {
  return new TlsAlert(AlertDescription.missingExtension, `ClientHello has no ${extension}`)
}

/** RFC 8446 §4.2.8: one share for a group, and only for groups offered. */
function checkShares(groups: readonly number[], shares: readonly KeyShareEntry[]): void {
  const seen = new Set<number>()
  for (const { group } of shares) {
    if (!groups.includes(group) || seen.has(group)) {
      throw new TlsAlert(
        AlertDescription.illegalParameter,
        `ClientHello must not have this key share of group ${group}`,
      )
    }
    seen.add(group)
  }
}

/**
 * The best of ours that the client has as well; but a client that likes ChaCha20 best has no quick AES, as a page that protects
 * its packets in JavaScript, and gets it: for whoever has quick AES it costs little more.
 */
function chooseSuite(own: readonly CipherSuite[], offered: readonly number[]): CipherSuite | undefined {
  const first = offered.find((id) => own.some((suite) => suite.id === id))
  if (first === TLS_CHACHA20_POLY1305_SHA256.id) return own.find(({ id }) => id === first)
  return own.find(({ id }) => offered.includes(id))
}

/**
 * Chooses suite, protocol and group, each the best of ours that the client has as well; a group with a share goes before
 * a better one without, since that would cost a round trip. A pre-shared key has its suite, and may do without a group.
 * @throws TlsAlert handshake_failure, no_application_protocol, missing_extension.
 */
export function negotiate(config: TlsServerConfig, hello: CompleteHello, psk: ServerPsk | undefined): Negotiated {
  const suite = psk?.suite ?? chooseSuite(config.suites, hello.suites)
  if (suite === undefined) throw nothingInCommon('cipher suite')
  const alpn = config.alpn.find((name) => {
    const bytes = encodeUtf8(name)
    return hello.alpn.some((offered) => equalBytes(offered, bytes))
  })
  if (alpn === undefined) {
    const offered = hello.alpn.map((name) => decodeUtf8(name)).join(', ')
    throw new TlsAlert(
      AlertDescription.noApplicationProtocol,
      `The client speaks ${offered}, we ${config.alpn.join(', ')}`,
    )
  }
  if (psk?.hasExchange === false) return { suite, alpn, exchange: undefined, share: undefined }
  if (hello.groups.length === 0) throw missing('supported_groups')
  const common = groupsOf(config).filter((group) => hello.groups.includes(group))
  const group = common.find((candidate) => shareOf(hello, candidate) !== undefined) ?? common[0]
  const exchange = config.crypto.groups.find((candidate) => candidate.group === group)
  if (exchange === undefined) throw nothingInCommon('group')
  return { suite, alpn, exchange, share: shareOf(hello, exchange.group) }
}

function shareOf(hello: CompleteHello, group: number): KeyShareEntry | undefined {
  return hello.keyShares.find((entry) => entry.group === group)
}

function nothingInCommon(what: string): TlsAlert {
  return new TlsAlert(AlertDescription.handshakeFailure, `There is no ${what} in common with the client`)
}

/**
 * The signer's best scheme that the client can verify (RFC 8446 §4.4.3).
 * @throws TlsAlert handshake_failure where there is none.
 */
export function chooseScheme(signer: Signer, hello: CompleteHello): number {
  const { schemes } = hello
  if (schemes === undefined) throw missing('signature_algorithms')
  const scheme = signer.schemes.find((candidate) => isHandshakeScheme(candidate) && schemes.includes(candidate))
  if (scheme === undefined) throw nothingInCommon('signature scheme')
  return scheme
}

/**
 * Checks that the second ClientHello is the first with what was asked for (RFC 8446 §4.1.2). Returns that: the share.
 * @throws TlsAlert illegal_parameter.
 */
export function checkSecondHello(
  first: CompleteHello,
  second: CompleteHello,
  group: number | undefined,
): KeyShareEntry {
  const { cookie, earlyData } = ExtensionType
  const isSame =
    equalBytes(first.random, second.random) &&
    equalLists(first.suites, second.suites) &&
    UNCHANGED.every((type) => equalExtensions(first, second, type))
  if (!isSame) throw new TlsAlert(AlertDescription.illegalParameter, 'The second ClientHello differs from the first')
  const [share] = second.keyShares
  if (share === undefined || second.keyShares.length !== 1 || share.group !== group) {
    throw new TlsAlert(
      AlertDescription.illegalParameter,
      `The second ClientHello must have one share, of group ${group}`,
    )
  }
  if (second.extensions.has(cookie) || second.extensions.has(earlyData)) {
    throw new TlsAlert(
      AlertDescription.illegalParameter,
      'The second ClientHello has a cookie or early data, not asked for',
    )
  }
  return share
}

/** The extensions that decide here; how others may change is for those who know them. */
const UNCHANGED: readonly number[] = [
  ExtensionType.serverName,
  ExtensionType.supportedGroups,
  ExtensionType.signatureAlgorithms,
  ExtensionType.alpn,
  ExtensionType.supportedVersions,
  ExtensionType.quicTransportParameters,
  ExtensionType.pskKeyExchangeModes,
]

function equalExtensions(first: ClientHello, second: ClientHello, type: number): boolean {
  const before = first.extensions.get(type)
  const after = second.extensions.get(type)
  return before === undefined || after === undefined ? before === after : equalBytes(before, after)
}

function equalLists(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
