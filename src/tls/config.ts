/** What a TLS session is told from outside, for clients and servers, checked once. Nothing in it is changed afterwards. */
import { encodeUtf8 } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import type { Eventually } from '../crypto/eventually.ts'
import type { CipherSuite, PublicKeyProvider, Signer } from '../crypto/provider.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'
import type { ExternalPsk } from './psk.ts'
import { PskMode } from './psk-extensions.ts'
import type { Resumption } from './resumption.ts'
import { isHandshakeScheme } from './signature-schemes.ts'
import { MAX_TICKET_LIFETIME } from './ticket-message.ts'
import type { TicketPolicy } from './tickets.ts'

/** What both roles need. */
export interface TlsConfig {
  /** Key exchange, signatures. The order of its lists is the order of preference. */
  readonly crypto: PublicKeyProvider
  /** Cipher suites, best first. */
  readonly suites: readonly CipherSuite[]
  readonly random: RandomSource
  /** Unix milliseconds: the moment at which certificates must be valid. Called without the config, too. */
  readonly wallClock: () => number
  /** Application protocols, best first; at least one, each of 1 to 255 bytes of UTF-8 (RFC 9001 §8.1). */
  readonly alpn: readonly string[]
  /** Takes a line of the NSS key log, without its end. Whoever has the lines can read the connection. */
  readonly keyLog?: ((line: string) => void) | undefined
  /** NamedGroup code points to use, best first; the provider's if left out. */
  readonly groups?: readonly number[] | undefined
}

/** A client's configuration. */
export interface TlsClientConfig extends TlsConfig {
  /** The server's name: sent as SNI unless it is an IP address, and handed to the verifier. `undefined`: no name is known. */
  readonly serverName: string | undefined
  /** Judges the server's certificates. */
  readonly verifier: CertificateVerifier
  /**
   * Chooses who we are where the server asks for a certificate; asked once at most. `undefined`, or an identity that can sign
   * with none of the schemes asked for, shows no certificate, as does the lack of this (RFC 8446 §4.4.2). What it throws (or
   * rejects with) ends the handshake with internal_error.
   */
  readonly selectIdentity?: ((request: CertificateRequestSummary) => Eventually<Identity | undefined>) | undefined
  /**
   * Our transport parameters, encoded; asked for once, at the start.
   * @param peer always `undefined` here: a client speaks first.
   */
  parameters(peer: Uint8Array | undefined): Uint8Array
  /**
   * Groups of which the first ClientHello has a key share; if left out the best one, and beside X25519MLKEM768 X25519, where
   * that is in use. More cost bytes, fewer a round trip.
   */
  readonly shares?: readonly number[] | undefined
  /** Whether reserved values keep the server's extension points open (RFC 8701); they do unless this is `false`. */
  readonly grease?: boolean | undefined
  /** Whether tickets are wanted, which come as `ticket` events; not unless this is `true`. */
  readonly acceptsTickets?: boolean | undefined
  /** An earlier session to go on from, if it still can. */
  readonly resumption?: ClientResumption | undefined
  /**
   * Names what `verifier` believes in: a session is gone on from under the same name only, since a server that resumes shows
   * no certificate to verify.
   */
  readonly trust?: string | undefined
  /** A key that the server knows too. Where it does not, it must show a certificate. */
  readonly psk?: ExternalPsk | undefined
  /** How keys may be used, {@link PskMode}s; with a key exchange alone if left out. */
  readonly pskModes?: readonly number[] | undefined
}

/** How a client goes on from an earlier session. */
export interface ClientResumption {
  readonly session: Resumption
  /** Whether 0-RTT data may be sent, if the ticket allows it: an attacker can repeat it (RFC 8446 §8). */
  readonly earlyData: boolean
}

/** What a client says that a server may choose its certificate by. */
export interface ClientHelloSummary {
  /** The host name of the client's SNI in lower case, without judgement; `undefined` if it sent none. */
  readonly serverName: string | undefined
  /** The signature schemes that the client can verify, best first. */
  readonly schemes: readonly number[]
  /** The client's application protocols, best first; what is no UTF-8 shows U+FFFD. */
  readonly alpn: readonly string[]
}

/** What a server says that a client may choose its certificate by (RFC 8446 §4.3.2). */
export interface CertificateRequestSummary {
  /** The signature schemes that the server can verify in the handshake, best first. */
  readonly schemes: readonly number[]
  /** Those that the certificates may be signed with. */
  readonly certificateSchemes: readonly number[]
  /** Names of authorities that the server trusts, DER; empty if it does not say. */
  readonly authorities: readonly Uint8Array[]
}

/** Who an end is: a chain, and the key of its first certificate. */
export interface Identity {
  /** DER, leaf first, without the anchor. */
  readonly chain: readonly Uint8Array[]
  readonly signer: Signer
}

/** What a server wants of the certificates of its clients (RFC 8446 §4.3.2). */
export interface ClientCertificatePolicy {
  /** A client that shows none is refused, with certificate_required. */
  readonly isRequired: boolean
  /** Judges those that are shown. */
  readonly verifier: CertificateVerifier
  /** Names of authorities, DER, by which clients may choose what to show; at most {@link MAX_AUTHORITIES} bytes in all. */
  readonly authorities: readonly Uint8Array[]
}

/** Tickets that one client gets at most. */
const MAX_TICKETS = 16

/** Bytes of authorities' names that a CertificateRequest has room for, the length of each included. */
export const MAX_AUTHORITIES = 16_384

/** A server's configuration. */
export interface TlsServerConfig extends TlsConfig {
  /** Asks each client for a certificate; left out, it does not. */
  readonly clientCertificates?: ClientCertificatePolicy | undefined
  /**
   * Chooses the identity for one client; asked once in each handshake. `undefined` refuses the client: with
   * unrecognized_name if it named a server, with handshake_failure if not. A {@link TlsAlert} thrown (or rejected
   * with) is sent as it is, any other error as internal_error.
   */
  selectIdentity(hello: ClientHelloSummary): Eventually<Identity | undefined>
  /**
   * Our transport parameters, encoded; asked for once, during `receive`, when the client's are known (a server's may depend
   * on them: RFC 9368). What it throws leaves through `receive`.
   */
  parameters(peer: Uint8Array | undefined): Uint8Array
  /**
   * Gives out tickets and takes them back; left out, nothing is resumed. Nor is it where `clientCertificates` are asked for: a
   * resumed session would not tell whose they were.
   */
  readonly tickets?: TicketPolicy | undefined
  /** Keys that clients may know too. */
  readonly psk?: ServerPskPolicy | undefined
}

/** The external keys of a server (RFC 8446 §2.2). */
export interface ServerPskPolicy {
  /** The key of an identity, which anybody may have made up; `undefined`: there is none. Asked for a few identities at most. */
  find(identity: Uint8Array): Eventually<ExternalPsk | undefined>
  /** How keys may be used, {@link PskMode}s, best first; with a key exchange alone if left out. */
  readonly modes?: readonly number[] | undefined
}

/**
 * Checks what both roles share.
 * @throws RangeError naming the option and its value.
 */
export function checkConfig(config: TlsConfig): void {
  if (config.suites.length === 0) throw new RangeError('suites must name at least one cipher suite')
  if (config.alpn.length === 0) throw new RangeError('alpn must name at least one protocol')
  for (const name of config.alpn) {
    const { length } = encodeUtf8(name)
    if (length < 1 || length > 255) throw new RangeError(`alpn names must take 1 to 255 bytes, got ${length}: ${name}`)
  }
  if (groupsOf(config).length === 0) {
    throw new RangeError(
      `groups must name at least one group that the provider has, got ${config.groups?.join() || 'none'}`,
    )
  }
}

/**
 * Checks a server's configuration.
 * @throws RangeError naming the option and its value.
 */
export function checkServerConfig(config: TlsServerConfig): void {
  checkConfig(config)
  checkTickets(config)
  if (config.clientCertificates === undefined) return
  checkVerifiers(config)
  const length = config.clientCertificates.authorities.reduce((sum, name) => sum + 2 + name.length, 0)
  if (length > MAX_AUTHORITIES) {
    throw new RangeError(`authorities must take at most ${MAX_AUTHORITIES} bytes, got ${length}`)
  }
}

function checkTickets({ psk, tickets }: TlsServerConfig): void {
  checkPskModes(psk?.modes)
  if (tickets === undefined) return
  const { count, lifetime } = tickets
  if (!(Number.isInteger(count) && count >= 0 && count <= MAX_TICKETS)) {
    throw new RangeError(`tickets.count must be an integer from 0 to ${MAX_TICKETS}, got ${count}`)
  }
  if (!(Number.isInteger(lifetime) && lifetime >= 1 && lifetime <= MAX_TICKET_LIFETIME)) {
    throw new RangeError(`tickets.lifetime must be an integer from 1 to ${MAX_TICKET_LIFETIME} s, got ${lifetime}`)
  }
}

/** @throws RangeError for an empty list, and for what is no mode of RFC 8446 §4.2.9 */
export function checkPskModes(modes: readonly number[] | undefined): void {
  if (modes?.length === 0) throw new RangeError('pskModes must name at least one mode')
  for (const mode of modes ?? []) {
    if (mode !== PskMode.pskDheKe && mode !== PskMode.pskKe)
      throw new RangeError(`pskModes must be 0 or 1, got ${mode}`)
  }
}

/** The key-exchange groups in use, best first: those named, as far as the provider has them, else all of the provider's. */
export function groupsOf(config: TlsConfig): readonly number[] {
  const known = config.crypto.groups.map(({ group }) => group)
  return config.groups === undefined ? known : config.groups.filter((group) => known.includes(group))
}

/** The schemes that the peer may sign the handshake with, best first (RFC 8446 §4.2.3). */
export function handshakeSchemes(config: TlsConfig): readonly number[] {
  return certificateSchemes(config).filter((scheme) => isHandshakeScheme(scheme))
}

/** The schemes that the peer's certificates may be signed with, best first. */
export function certificateSchemes(config: TlsConfig): readonly number[] {
  return config.crypto.verifiers.map(({ scheme }) => scheme)
}

/**
 * Checks that the peer's signature could be verified.
 * @throws RangeError
 */
export function checkVerifiers(config: TlsConfig): void {
  if (handshakeSchemes(config).length > 0) return
  throw new RangeError('crypto must have a verifier of a scheme that TLS 1.3 signs handshakes with')
}
