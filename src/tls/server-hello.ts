/** ServerHello, HelloRetryRequest and EncryptedExtensions (RFC 8446 §4.1.3, §4.1.4, §4.3.1): codecs only. */
import { fromHex, toHex } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { ExtensionType, HandshakeType, TLS_1_2 } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import {
  type Extensions,
  type KeyShareEntry,
  readExtensions,
  writeAlpn,
  writeCookie,
  writeEmptyExtension,
  writeExtension,
  writeKeyShareEntry,
  writeParameters,
  writeSelectedVersion,
} from './extensions.ts'
import { writeMessage } from './message.ts'
import { writeSelectedPsk } from './psk-extensions.ts'

/** A decoded ServerHello or HelloRetryRequest; byte fields are views into the message. */
export interface ServerHello {
  readonly legacyVersion: number
  /** 32 bytes. */
  readonly random: Uint8Array
  readonly legacySessionIdEcho: Uint8Array
  readonly suite: number
  readonly compressionMethod: number
  readonly extensions: Extensions
  /** Whether `random` is the value that makes this a HelloRetryRequest (RFC 8446 §4.1.3). */
  readonly isRetryRequest: boolean
}

/** SHA-256 of "HelloRetryRequest" (RFC 8446 §4.1.3). */
const RETRY_RANDOM = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'

/** The last eight bytes of the random that a server of TLS 1.3 sends when it settles for less: "DOWNGRD", 1 or 0 (RFC 8446 §4.1.3). */
const DOWNGRADE_TLS_1_2 = '444f574e47524401'
const DOWNGRADE_TLS_1_1 = '444f574e47524400'

const MAX_SESSION_ID_LENGTH = 32

/** Whether a server that could speak TLS 1.3 was brought to speak less (RFC 8446 §4.1.3). */
export function isDowngrade(hello: ServerHello): boolean {
  const tail = toHex(hello.random.subarray(24))
  return tail === DOWNGRADE_TLS_1_2 || tail === DOWNGRADE_TLS_1_1
}

/**
 * Decodes the body of a ServerHello or HelloRetryRequest.
 * @throws TlsAlert decode_error; illegal_parameter for an extension that stands there twice.
 */
export function decodeServerHello(body: Uint8Array): ServerHello {
  const reader = new Reader(body)
  const legacyVersion = reader.uint16()
  const random = reader.bytesView(32)
  const legacySessionIdEcho = readVector(reader, 1)
  const suite = reader.uint16()
  const compressionMethod = reader.uint8()
  if (legacySessionIdEcho.length > MAX_SESSION_ID_LENGTH) reader.fail()
  // A ServerHello of old may end here; it is refused for its version, not for its form.
  const hasExtensions = !reader.ok || reader.remaining > 0
  const extensions: Extensions = hasExtensions ? readExtensions(reader, 'ServerHello') : new Map()
  finishReading(reader, 'ServerHello')
  const isRetryRequest = toHex(random) === RETRY_RANDOM
  return { legacyVersion, random, legacySessionIdEcho, suite, compressionMethod, extensions, isRetryRequest }
}

/** Writes a ServerHello (RFC 8446 §4.1.3). The session id echoed is empty, as the client's was (RFC 9001 §8.4). */
export function encodeServerHello(
  random: Uint8Array,
  suite: number,
  keyShare: KeyShareEntry | undefined,
  selectedPsk?: number,
): Uint8Array {
  return encodeHello(random, suite, (writer) => {
    if (selectedPsk !== undefined) writeSelectedPsk(writer, selectedPsk)
    if (keyShare !== undefined) {
      writeExtension(writer, ExtensionType.keyShare, () => writeKeyShareEntry(writer, keyShare))
    }
    writeSelectedVersion(writer)
  })
}

/** Writes a HelloRetryRequest that asks for a share of `group`, or that a `cookie` be returned, or both (RFC 8446 §4.1.4). */
export function encodeRetryRequest(suite: number, group: number | undefined, cookie?: Uint8Array): Uint8Array {
  return encodeHello(fromHex(RETRY_RANDOM), suite, (writer) => {
    if (group !== undefined) writeExtension(writer, ExtensionType.keyShare, () => writer.uint16(group))
    if (cookie !== undefined) writeCookie(writer, cookie)
    writeSelectedVersion(writer)
  })
}

function encodeHello(random: Uint8Array, suite: number, writeBlock: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(128)
  writeMessage(writer, HandshakeType.serverHello, () => {
    writer.uint16(TLS_1_2)
    writer.bytes(random)
    writer.uint8(0)
    writer.uint16(suite)
    writer.uint8(0)
    const mark = writer.openVector(2)
    writeBlock(writer)
    writer.closeVector(mark)
  })
  return writer.finish()
}

/**
 * The extensions of an EncryptedExtensions body.
 * @throws TlsAlert decode_error, illegal_parameter.
 */
export function decodeEncryptedExtensions(body: Uint8Array): Extensions {
  const reader = new Reader(body)
  const extensions = readExtensions(reader, 'EncryptedExtensions')
  finishReading(reader, 'EncryptedExtensions')
  return extensions
}

/** What our EncryptedExtensions say. */
export interface EncryptedExtensionsFields {
  /** Whether the client's `server_name` was used and is acknowledged (RFC 6066 §3). */
  readonly serverNameUsed: boolean
  readonly alpn: Uint8Array
  readonly parameters: Uint8Array
  /** Whether early data is accepted (RFC 8446 §4.2.10). */
  readonly acceptsEarlyData?: boolean
}

/** Writes the whole message (RFC 8446 §4.3.1). */
export function encodeEncryptedExtensions(fields: EncryptedExtensionsFields): Uint8Array {
  const writer = new Writer(256)
  writeMessage(writer, HandshakeType.encryptedExtensions, () => {
    const mark = writer.openVector(2)
    if (fields.serverNameUsed) writeEmptyExtension(writer, ExtensionType.serverName)
    writeAlpn(writer, [fields.alpn])
    writeParameters(writer, fields.parameters)
    if (fields.acceptsEarlyData === true) writeEmptyExtension(writer, ExtensionType.earlyData)
    writer.closeVector(mark)
  })
  return writer.finish()
}
