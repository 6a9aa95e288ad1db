/** What a TLS session is told from outside, for clients and servers, checked once. Nothing in it is changed afterwards. */
import { encodeUtf8 } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import type { Eventually } from '../crypto/eventually.ts'
import type { CipherSuite, PublicKeyProvider, Signer } from '../crypto/provider.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'

/** What both roles need. */
export interface TlsConfig {
  /** Key exchange, signatures. The order of its lists is the order of preference. */
  readonly crypto: PublicKeyProvider
  /** Cipher suites, best first. */
  readonly suites: readonly CipherSuite[]
  readonly random: RandomSource
  /** Unix milliseconds: the moment at which certificates must be valid. */
  wallClock(): number
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
   * Our transport parameters, encoded; asked for once, at the start.
   * @param peer always `undefined` here: a client speaks first.
   */
  parameters(peer: Uint8Array | undefined): Uint8Array
  /** Groups of which the first ClientHello has a key share: the best one alone if left out. More cost bytes, fewer a round trip. */
  readonly shares?: readonly number[] | undefined
  /** Whether reserved values keep the server's extension points open (RFC 8701); they do unless this is `false`. */
  readonly grease?: boolean | undefined
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

/** Who a server is: a chain, and the key of its first certificate. */
export interface ServerIdentity {
  /** DER, leaf first, without the anchor. */
  readonly chain: readonly Uint8Array[]
  readonly signer: Signer
}

/** A server's configuration. */
export interface TlsServerConfig extends TlsConfig {
  /**
   * Chooses the identity for one client; asked once in each handshake. `undefined` refuses the client: with
   * unrecognized_name if it named a server, with handshake_failure if not. A {@link TlsAlert} thrown (or rejected
   * with) is sent as it is, any other error as internal_error.
   */
  selectIdentity(hello: ClientHelloSummary): Eventually<ServerIdentity | undefined>
  /**
   * Our transport parameters, encoded; asked for once, during `receive`, when the client's are known (a server's may depend
   * on them: RFC 9368). What it throws leaves through `receive`.
   */
  parameters(peer: Uint8Array | undefined): Uint8Array
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
  if (groupsOf(config).length === 0) throw new RangeError('groups must name at least one group that the provider has')
}

/** The key-exchange groups in use, best first: those named, as far as the provider has them, else all of the provider's. */
export function groupsOf(config: TlsConfig): readonly number[] {
  const known = config.crypto.groups.map(({ group }) => group)
  return config.groups === undefined ? known : config.groups.filter((group) => known.includes(group))
}
