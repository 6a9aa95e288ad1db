/**
 * Extension blocks and the bodies of the extensions that isoquic speaks (RFC 8446 §4.2, RFC 6066 §3, RFC 7301 §3.1). The
 * transport parameters stay opaque. Which extension may stand in which message is judged by those who read the message.
 *
 * Decoders take the body of one extension and throw `decode_error` for one that does not parse; encoders write the
 * whole extension, type and length included.
 */
import { decodeUtf8, EMPTY, encodeUtf8 } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import type { Writer } from '../base/writer.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { ExtensionType, TLS_1_3 } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import { isAddressLiteral } from './server-name.ts'

/** The bodies of an extension block, by type, in the order in which they stood. Views. */
export type Extensions = ReadonlyMap<number, Uint8Array>

/** A public value for one group (RFC 8446 §4.2.8). */
export interface KeyShareEntry {
  /** A NamedGroup code point. */
  readonly group: number
  readonly share: Uint8Array
}

/**
 * Reads an extension block with its length; a cut-off one fails the reader.
 * @param message what the block belongs to, for the error.
 * @throws TlsAlert illegal_parameter for a type that stands there twice (RFC 8446 §4.2).
 */
export function readExtensions(reader: Reader, message: string): Extensions {
  const extensions = new Map<number, Uint8Array>()
  const block = new Reader(readVector(reader, 2))
  while (block.remaining > 0) {
    const type = block.uint16()
    const body = readVector(block, 2)
    if (!block.ok) break
    if (extensions.has(type)) {
      throw new TlsAlert(AlertDescription.illegalParameter, `${message} has extension ${type} twice`)
    }
    extensions.set(type, body)
  }
  if (!block.ok) reader.fail()
  return extensions
}

/**
 * Refuses what a server's message may not carry (RFC 8446 §4.2): an answer to what was not asked, or an extension that
 * belongs into another message.
 * @throws TlsAlert unsupported_extension, illegal_parameter.
 */
export function checkAnswers(
  extensions: Extensions,
  offered: ReadonlySet<number>,
  allowed: readonly number[],
  message: string,
): void {
  for (const type of extensions.keys()) {
    if (!offered.has(type)) {
      throw new TlsAlert(AlertDescription.unsupportedExtension, `${message} answers extension ${type}, not offered`)
    }
    if (!allowed.includes(type)) {
      throw new TlsAlert(AlertDescription.illegalParameter, `${message} must not have extension ${type}`)
    }
  }
}

/** Writes one extension; `writeBody` writes what stands behind its length. */
export function writeExtension(writer: Writer, type: number, writeBody: (writer: Writer) => void): void {
  writer.uint16(type)
  const mark = writer.openVector(2)
  writeBody(writer)
  writer.closeVector(mark)
}

/** Writes a list of two-byte code points with a length of two bytes: suites, groups, schemes. */
export function writeCodePoints(writer: Writer, values: readonly number[]): void {
  const mark = writer.openVector(2)
  for (const value of values) writer.uint16(value)
  writer.closeVector(mark)
}

/** A list of two-byte code points that fills the body: `supported_groups`, `signature_algorithms` (RFC 8446 §4.2.3, §4.2.7). */
export function decodeCodePoints(body: Uint8Array, structure: string): readonly number[] {
  const reader = new Reader(body)
  const list = new Reader(readVector(reader, 2))
  finishReading(reader, structure)
  return codePointsOf(list, structure)
}

/** The client's `supported_versions` (RFC 8446 §4.2.1). */
export function decodeVersions(body: Uint8Array): readonly number[] {
  const reader = new Reader(body)
  const list = new Reader(readVector(reader, 1))
  finishReading(reader, 'supported_versions')
  return codePointsOf(list, 'supported_versions')
}

function codePointsOf(list: Reader, structure: string): readonly number[] {
  const values: number[] = []
  if (list.remaining === 0) list.fail()
  while (list.remaining > 0) values.push(list.uint16())
  finishReading(list, structure)
  return values
}

/** The client's `supported_versions`: `versions` in order of preference (RFC 8446 §4.2.1). */
export function writeVersions(writer: Writer, versions: readonly number[]): void {
  writeExtension(writer, ExtensionType.supportedVersions, () => {
    const mark = writer.openVector(1)
    for (const version of versions) writer.uint16(version)
    writer.closeVector(mark)
  })
}

/** A single code point: the server's `supported_versions`, the `key_share` of a HelloRetryRequest (RFC 8446 §4.2.1, §4.2.8). */
export function decodeCodePoint(body: Uint8Array, structure: string): number {
  const reader = new Reader(body)
  const value = reader.uint16()
  finishReading(reader, structure)
  return value
}

/** The server's `supported_versions`: TLS 1.3 (RFC 8446 §4.2.1). */
export function writeSelectedVersion(writer: Writer): void {
  writeExtension(writer, ExtensionType.supportedVersions, () => writer.uint16(TLS_1_3))
}

/** The client's `key_share`; may be empty (RFC 8446 §4.2.8). */
export function decodeKeyShares(body: Uint8Array): readonly KeyShareEntry[] {
  const reader = new Reader(body)
  const list = new Reader(readVector(reader, 2))
  finishReading(reader, 'key_share')
  const shares: KeyShareEntry[] = []
  while (list.remaining > 0) shares.push(readKeyShare(list))
  finishReading(list, 'key_share')
  return shares
}

/** The server's `key_share` (RFC 8446 §4.2.8). */
export function decodeKeyShare(body: Uint8Array): KeyShareEntry {
  const reader = new Reader(body)
  const entry = readKeyShare(reader)
  finishReading(reader, 'key_share')
  return entry
}

function readKeyShare(reader: Reader): KeyShareEntry {
  const group = reader.uint16()
  const share = readVector(reader, 2)
  if (share.length === 0) reader.fail()
  return { group, share }
}

/** The client's `key_share` (RFC 8446 §4.2.8). */
export function writeKeyShares(writer: Writer, shares: readonly KeyShareEntry[]): void {
  writeExtension(writer, ExtensionType.keyShare, () => {
    const mark = writer.openVector(2)
    for (const entry of shares) writeKeyShareEntry(writer, entry)
    writer.closeVector(mark)
  })
}

/** One entry: the body of the server's `key_share` (RFC 8446 §4.2.8). */
export function writeKeyShareEntry(writer: Writer, entry: KeyShareEntry): void {
  writer.uint16(entry.group)
  const mark = writer.openVector(2)
  writer.bytes(entry.share)
  writer.closeVector(mark)
}

/** Protocol names, none empty and the list neither (RFC 7301 §3.1). */
export function decodeAlpn(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body)
  const list = new Reader(readVector(reader, 2))
  finishReading(reader, 'The ALPN extension')
  const names: Uint8Array[] = []
  if (list.remaining === 0) list.fail()
  while (list.remaining > 0) {
    const name = readVector(list, 1)
    if (name.length === 0) list.fail()
    names.push(name)
  }
  finishReading(list, 'The ALPN extension')
  return names
}

/** Protocol names in order of preference; a server's answer has one (RFC 7301 §3.1). */
export function writeAlpn(writer: Writer, names: readonly Uint8Array[]): void {
  writeExtension(writer, ExtensionType.alpn, () => {
    const mark = writer.openVector(2)
    for (const name of names) {
      const inner = writer.openVector(1)
      writer.bytes(name)
      writer.closeVector(inner)
    }
    writer.closeVector(mark)
  })
}

const HOST_NAME = 0

/**
 * The client's `server_name`: its host name in lower case, or `undefined` if there is none among the names. A literal IP
 * address is none (RFC 6066 §3).
 * @throws TlsAlert decode_error, illegal_parameter for a name of other characters than printable ASCII.
 */
export function decodeServerName(body: Uint8Array): string | undefined {
  const reader = new Reader(body)
  const list = new Reader(readVector(reader, 2))
  finishReading(reader, 'server_name')
  // RFC 6066 §3: one host name at most. Other types have no known form, so nothing behind one can be read.
  if (list.uint8() !== HOST_NAME && list.ok) return undefined
  const name = readVector(list, 2)
  if (name.length === 0) list.fail()
  finishReading(list, 'server_name')
  if (!name.every((byte) => byte > 0x20 && byte < 0x7f)) {
    throw new TlsAlert(AlertDescription.illegalParameter, `server_name is no host name: ${decodeUtf8(name)}`)
  }
  const text = decodeUtf8(name).toLowerCase()
  return isAddressLiteral(text) ? undefined : text
}

/** The client's `server_name` (RFC 6066 §3). */
export function writeServerName(writer: Writer, name: string): void {
  writeExtension(writer, ExtensionType.serverName, () => {
    const list = writer.openVector(2)
    writer.uint8(HOST_NAME)
    const mark = writer.openVector(2)
    writer.bytes(encodeUtf8(name))
    writer.closeVector(mark)
    writer.closeVector(list)
  })
}

/** A cookie, never empty (RFC 8446 §4.2.2). A view. */
export function decodeCookie(body: Uint8Array): Uint8Array {
  const reader = new Reader(body)
  const cookie = readVector(reader, 2)
  if (cookie.length === 0) reader.fail()
  finishReading(reader, 'cookie')
  return cookie
}

/** The cookie of a HelloRetryRequest, or its echo (RFC 8446 §4.2.2). */
export function writeCookie(writer: Writer, cookie: Uint8Array): void {
  writeExtension(writer, ExtensionType.cookie, () => {
    const mark = writer.openVector(2)
    writer.bytes(cookie)
    writer.closeVector(mark)
  })
}

/** `quic_transport_parameters`, as they are (RFC 9001 §8.2). */
export function writeParameters(writer: Writer, parameters: Uint8Array): void {
  writeExtension(writer, ExtensionType.quicTransportParameters, () => writer.bytes(parameters))
}

/** An extension without a body: an acknowledgement, or grease. */
export function writeEmptyExtension(writer: Writer, type: number): void {
  writeExtension(writer, type, () => writer.bytes(EMPTY))
}
