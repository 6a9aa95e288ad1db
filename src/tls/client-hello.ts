/** The ClientHello (RFC 8446 §4.1.2): decoding of anybody's, encoding of ours. What is in it is judged elsewhere. */
import type { RandomSource } from '../base/random.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { HashName } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { ExtensionType, HandshakeType, TLS_1_2, TLS_1_3 } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import {
  decodeAlpn,
  decodeCodePoints,
  decodeCookie,
  decodeKeyShares,
  decodeServerName,
  decodeVersions,
  type Extensions,
  type KeyShareEntry,
  readExtensions,
  writeAlpn,
  writeCodePoints,
  writeCookie,
  writeEmptyExtension,
  writeExtension,
  writeKeyShares,
  writeParameters,
  writeServerName,
  writeVersions,
} from './extensions.ts'
import { greaseValue } from './grease.ts'
import { writeMessage } from './message.ts'
import {
  checkEarlyDataIndication,
  decodeOfferedPsks,
  decodePskModes,
  type OfferedPsks,
  type PskIdentity,
  writeOfferedPsks,
  writePskModes,
} from './psk-extensions.ts'

/** A decoded ClientHello; byte fields are views into the message. An extension that is not there is `undefined`. */
export interface ClientHello {
  readonly legacyVersion: number
  /** 32 bytes. */
  readonly random: Uint8Array
  readonly legacySessionId: Uint8Array
  readonly suites: readonly number[]
  readonly compressionMethods: Uint8Array
  readonly extensions: Extensions
  readonly versions: readonly number[] | undefined
  /** `supported_groups` */
  readonly groups: readonly number[] | undefined
  readonly keyShares: readonly KeyShareEntry[] | undefined
  /** `signature_algorithms` */
  readonly schemes: readonly number[] | undefined
  readonly alpn: readonly Uint8Array[] | undefined
  /** The host name of `server_name`, in lower case. */
  readonly serverName: string | undefined
  readonly cookie: Uint8Array | undefined
  /** `quic_transport_parameters` */
  readonly parameters: Uint8Array | undefined
  /** `pre_shared_key` */
  readonly psks: OfferedPsks | undefined
  /** `psk_key_exchange_modes` */
  readonly pskModes: readonly number[] | undefined
  /** Whether 0-RTT data comes with it: `early_data`. */
  readonly hasEarlyData: boolean
}

const RANDOM_LENGTH = 32
const MAX_SESSION_ID_LENGTH = 32

/**
 * Decodes the body of a ClientHello.
 * @throws TlsAlert decode_error; illegal_parameter for an extension that stands there twice, a `pre_shared_key` that is
 * not the last (RFC 8446 §4.2.11) or a malformed host name.
 */
export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body)
  const legacyVersion = reader.uint16()
  const random = reader.bytesView(RANDOM_LENGTH)
  const legacySessionId = readVector(reader, 1)
  const suiteList = new Reader(readVector(reader, 2))
  const compressionMethods = readVector(reader, 1)
  if (legacySessionId.length > MAX_SESSION_ID_LENGTH || compressionMethods.length === 0) reader.fail()
  const suites: number[] = []
  if (suiteList.remaining === 0) reader.fail()
  while (suiteList.remaining > 0) suites.push(suiteList.uint16())
  if (!suiteList.ok) reader.fail()
  // A ClientHello of old may end here (RFC 8446 §4.1.2); it is refused for its version, not for its form.
  const hasExtensions = !reader.ok || reader.remaining > 0
  const extensions: Extensions = hasExtensions ? readExtensions(reader, 'ClientHello') : new Map()
  finishReading(reader, 'ClientHello')
  const types = [...extensions.keys()]
  if (extensions.has(ExtensionType.preSharedKey) && types.at(-1) !== ExtensionType.preSharedKey) {
    throw new TlsAlert(AlertDescription.illegalParameter, 'pre_shared_key is not the last extension of ClientHello')
  }
  return { legacyVersion, random, legacySessionId, suites, compressionMethods, extensions, ...typed(extensions) }
}

function typed(
  extensions: Extensions,
): Pick<
  ClientHello,
  | 'versions'
  | 'groups'
  | 'keyShares'
  | 'schemes'
  | 'alpn'
  | 'serverName'
  | 'cookie'
  | 'parameters'
  | 'psks'
  | 'pskModes'
  | 'hasEarlyData'
> {
  const read = <T>(type: number, decode: (body: Uint8Array) => T): T | undefined => {
    const body = extensions.get(type)
    return body === undefined ? undefined : decode(body)
  }
  read(ExtensionType.earlyData, checkEarlyDataIndication)
  return {
    versions: read(ExtensionType.supportedVersions, decodeVersions),
    groups: read(ExtensionType.supportedGroups, (body) => decodeCodePoints(body, 'supported_groups')),
    keyShares: read(ExtensionType.keyShare, decodeKeyShares),
    schemes: read(ExtensionType.signatureAlgorithms, (body) => decodeCodePoints(body, 'signature_algorithms')),
    alpn: read(ExtensionType.alpn, decodeAlpn),
    serverName: read(ExtensionType.serverName, decodeServerName),
    cookie: read(ExtensionType.cookie, decodeCookie),
    parameters: extensions.get(ExtensionType.quicTransportParameters),
    psks: read(ExtensionType.preSharedKey, decodeOfferedPsks),
    pskModes: read(ExtensionType.pskKeyExchangeModes, decodePskModes),
    hasEarlyData: extensions.has(ExtensionType.earlyData),
  }
}

/** Reserved values that go into a ClientHello, the same before and after a HelloRetryRequest (RFC 8701). */
export interface ClientHelloGrease {
  readonly suite: number
  readonly group: number
  readonly version: number
  readonly extension: number
}

/** Four reserved values. */
export function drawGrease(random: RandomSource): ClientHelloGrease {
  return {
    suite: greaseValue(random),
    group: greaseValue(random),
    version: greaseValue(random),
    extension: greaseValue(random),
  }
}

/** What our ClientHello says. Lists are in order of preference. */
export interface ClientHelloFields {
  /** 32 bytes. */
  readonly random: Uint8Array
  readonly suites: readonly number[]
  readonly groups: readonly number[]
  readonly keyShares: readonly KeyShareEntry[]
  /** `signature_algorithms` */
  readonly schemes: readonly number[]
  /** `signature_algorithms_cert`; left out where `undefined`: the same as `schemes` (RFC 8446 §4.2.3). */
  readonly certificateSchemes: readonly number[] | undefined
  readonly alpn: readonly Uint8Array[]
  readonly serverName: string | undefined
  /** The echo of a HelloRetryRequest's cookie. */
  readonly cookie: Uint8Array | undefined
  /** `quic_transport_parameters` */
  readonly parameters: Uint8Array
  readonly grease: ClientHelloGrease | undefined
  /** `psk_key_exchange_modes`; left out where empty. */
  readonly pskModes: readonly number[]
  /** `pre_shared_key`, without its binders; left out where empty. */
  readonly psks: readonly (PskIdentity & { readonly hash: HashName })[]
  /** `early_data` */
  readonly hasEarlyData: boolean
}

/** The whole message, header included; where binders belong, there are zeros. RFC 9001 §8.4: no compatibility mode, so `legacy_session_id` is empty. */
export function encodeClientHello(fields: ClientHelloFields): Uint8Array {
  const { grease } = fields
  const writer = new Writer(512)
  writeMessage(writer, HandshakeType.clientHello, () => {
    writer.uint16(TLS_1_2)
    writer.bytes(fields.random)
    writer.uint8(0)
    writeCodePoints(writer, grease === undefined ? fields.suites : [grease.suite, ...fields.suites])
    // RFC 8446 §4.1.2: one compression method, null.
    writer.uint8(1)
    writer.uint8(0)
    const mark = writer.openVector(2)
    writeClientExtensions(writer, fields)
    writer.closeVector(mark)
  })
  return writer.finish()
}

function writeClientExtensions(writer: Writer, fields: ClientHelloFields): void {
  const { grease, groups, schemes, certificateSchemes } = fields
  if (grease !== undefined) writeEmptyExtension(writer, grease.extension)
  if (fields.serverName !== undefined) writeServerName(writer, fields.serverName)
  writeExtension(writer, ExtensionType.supportedGroups, () =>
    writeCodePoints(writer, grease === undefined ? groups : [grease.group, ...groups]),
  )
  writeExtension(writer, ExtensionType.signatureAlgorithms, () => writeCodePoints(writer, schemes))
  if (certificateSchemes !== undefined) {
    writeExtension(writer, ExtensionType.signatureAlgorithmsCert, () => writeCodePoints(writer, certificateSchemes))
  }
  writeAlpn(writer, fields.alpn)
  writeVersions(writer, grease === undefined ? [TLS_1_3] : [grease.version, TLS_1_3])
  if (fields.cookie !== undefined) writeCookie(writer, fields.cookie)
  writeKeyShares(writer, fields.keyShares)
  writeParameters(writer, fields.parameters)
  if (fields.pskModes.length > 0) writePskModes(writer, fields.pskModes)
  if (fields.hasEarlyData) writeEmptyExtension(writer, ExtensionType.earlyData)
  // RFC 8446 §4.2.11: the last one.
  if (fields.psks.length > 0) writeOfferedPsks(writer, fields.psks)
}

/** The extension types of an encoded ClientHello that a server may answer: all but the grease (RFC 8701 §3.1). */
export function offeredExtensions(fields: ClientHelloFields): ReadonlySet<number> {
  const offered = new Set<number>([
    ExtensionType.supportedGroups,
    ExtensionType.signatureAlgorithms,
    ExtensionType.alpn,
    ExtensionType.supportedVersions,
    ExtensionType.keyShare,
    ExtensionType.quicTransportParameters,
  ])
  if (fields.serverName !== undefined) offered.add(ExtensionType.serverName)
  if (fields.certificateSchemes !== undefined) offered.add(ExtensionType.signatureAlgorithmsCert)
  if (fields.pskModes.length > 0) offered.add(ExtensionType.pskKeyExchangeModes)
  if (fields.hasEarlyData) offered.add(ExtensionType.earlyData)
  if (fields.psks.length > 0) offered.add(ExtensionType.preSharedKey)
  return offered
}
