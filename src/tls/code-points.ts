/** The numbers of TLS 1.3 that isoquic speaks of (RFC 8446 §B.3, §4.2), under the RFC's names in camelCase. */

/** `legacy_version` of every hello, and the version number of TLS 1.2 (RFC 8446 §4.1.2). */
export const TLS_1_2 = 0x0303

/** TLS 1.3, as it stands in `supported_versions` (RFC 8446 §4.2.1). */
export const TLS_1_3 = 0x0304

/** Handshake message types (RFC 8446 §4). */
export const HandshakeType = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  endOfEarlyData: 5,
  encryptedExtensions: 8,
  certificate: 11,
  certificateRequest: 13,
  certificateVerify: 15,
  finished: 20,
  keyUpdate: 24,
  messageHash: 254,
} as const

/** Extension types (RFC 8446 §4.2, RFC 9001 §8.2): those that are sent, read or judged here. */
export const ExtensionType = {
  serverName: 0,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  alpn: 16,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  certificateAuthorities: 47,
  signatureAlgorithmsCert: 50,
  keyShare: 51,
  quicTransportParameters: 57,
} as const

/** Key-agreement groups (RFC 8446 §4.2.7). Which of them are spoken is up to the crypto provider. */
export const NamedGroup = {
  secp256r1: 0x0017,
  secp384r1: 0x0018,
  x25519: 0x001d,
  /** draft-ietf-tls-ecdhe-mlkem §5. */
  x25519MlKem768: 0x11ec,
} as const
