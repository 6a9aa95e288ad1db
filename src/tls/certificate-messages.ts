/** Certificate, CertificateVerify and CertificateRequest (RFC 8446 §4.3.2, §4.4): codecs, and what is signed. */
import { concat, EMPTY, encodeUtf8 } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { ExtensionType, HandshakeType } from './code-points.ts'
import { finishReading, readVector } from './decode.ts'
import { decodeCodePoints, type Extensions, readExtensions, writeCodePoints, writeExtension } from './extensions.ts'
import { writeMessage } from './message.ts'

/** One certificate of a chain, with its extensions (RFC 8446 §4.4.2). Views. */
export interface CertificateEntry {
  /** DER. */
  readonly certificate: Uint8Array
  readonly extensions: Extensions
}

/** A decoded Certificate message. */
export interface CertificateMessage {
  /** `certificate_request_context`; empty during a handshake, but for a client's answer. */
  readonly context: Uint8Array
  /** Leaf first. */
  readonly entries: readonly CertificateEntry[]
}

/** Certificates of one chain that are read; a verifier would look at no more. */
export const MAX_CHAIN_LENGTH = 32

/**
 * Decodes the body of a Certificate message.
 * @throws TlsAlert decode_error; illegal_parameter for an extension that an entry has twice; bad_certificate for a chain
 * of more than {@link MAX_CHAIN_LENGTH}.
 */
export function decodeCertificate(body: Uint8Array): CertificateMessage {
  const reader = new Reader(body)
  const context = readVector(reader, 1)
  const list = new Reader(readVector(reader, 3))
  finishReading(reader, 'Certificate')
  const entries: CertificateEntry[] = []
  while (list.remaining > 0) {
    if (entries.length === MAX_CHAIN_LENGTH) {
      throw new TlsAlert(AlertDescription.badCertificate, `More than ${MAX_CHAIN_LENGTH} certificates`)
    }
    const certificate = readVector(list, 3)
    if (certificate.length === 0) list.fail()
    entries.push({ certificate, extensions: readExtensions(list, 'Certificate') })
  }
  finishReading(list, 'Certificate')
  return { context, entries }
}

/** Writes a Certificate message; `chain` is DER, leaf first, and may be empty (a client's). */
export function encodeCertificate(chain: readonly Uint8Array[], context: Uint8Array = EMPTY): Uint8Array {
  const writer = new Writer(1024)
  writeMessage(writer, HandshakeType.certificate, () => {
    const contextMark = writer.openVector(1)
    writer.bytes(context)
    writer.closeVector(contextMark)
    const mark = writer.openVector(3)
    for (const certificate of chain) {
      const inner = writer.openVector(3)
      writer.bytes(certificate)
      writer.closeVector(inner)
      writer.uint16(0)
    }
    writer.closeVector(mark)
  })
  return writer.finish()
}

/** A decoded CertificateVerify (RFC 8446 §4.4.3). */
export interface CertificateVerify {
  /** A SignatureScheme. */
  readonly scheme: number
  readonly signature: Uint8Array
}

/**
 * Decodes the body of a CertificateVerify.
 * @throws TlsAlert decode_error.
 */
export function decodeCertificateVerify(body: Uint8Array): CertificateVerify {
  const reader = new Reader(body)
  const scheme = reader.uint16()
  const signature = readVector(reader, 2)
  finishReading(reader, 'CertificateVerify')
  return { scheme, signature }
}

/** Writes a CertificateVerify message. */
export function encodeCertificateVerify(scheme: number, signature: Uint8Array): Uint8Array {
  const writer = new Writer(128)
  writeMessage(writer, HandshakeType.certificateVerify, () => {
    writer.uint16(scheme)
    const mark = writer.openVector(2)
    writer.bytes(signature)
    writer.closeVector(mark)
  })
  return writer.finish()
}

/** What a CertificateVerify of `signer` signs, over the transcript up to its Certificate (RFC 8446 §4.4.3). */
export function signedContent(signer: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
  const padding = new Uint8Array(64).fill(0x20)
  return concat(padding, encodeUtf8(`TLS 1.3, ${signer} CertificateVerify\0`), transcriptHash)
}

/** A decoded CertificateRequest (RFC 8446 §4.3.2); byte fields are views. */
export interface CertificateRequest {
  readonly context: Uint8Array
  /** `signature_algorithms` */
  readonly schemes: readonly number[]
  /** `signature_algorithms_cert`; the same as `schemes` where there is none (RFC 8446 §4.2.3). */
  readonly certificateSchemes: readonly number[]
  /** `certificate_authorities`: names, DER; empty if the server names none (RFC 8446 §4.2.4). */
  readonly authorities: readonly Uint8Array[]
}

/**
 * Decodes the body of a CertificateRequest; extensions that are not known are passed over.
 * @throws TlsAlert decode_error; illegal_parameter; missing_extension where there are no `signature_algorithms`.
 */
export function decodeCertificateRequest(body: Uint8Array): CertificateRequest {
  const reader = new Reader(body)
  const context = readVector(reader, 1)
  const extensions = readExtensions(reader, 'CertificateRequest')
  finishReading(reader, 'CertificateRequest')
  const list = extensions.get(ExtensionType.signatureAlgorithms)
  if (list === undefined) {
    throw new TlsAlert(AlertDescription.missingExtension, 'CertificateRequest has no signature_algorithms')
  }
  const schemes = decodeCodePoints(list, 'signature_algorithms')
  const ofCertificates = extensions.get(ExtensionType.signatureAlgorithmsCert)
  const names = extensions.get(ExtensionType.certificateAuthorities)
  return {
    context,
    schemes,
    certificateSchemes:
      ofCertificates === undefined ? schemes : decodeCodePoints(ofCertificates, 'signature_algorithms_cert'),
    authorities: names === undefined ? [] : decodeAuthorities(names),
  }
}

/** What our CertificateRequest says. */
export interface CertificateRequestFields {
  readonly schemes: readonly number[]
  /** Left out where `undefined`: the same as `schemes`. */
  readonly certificateSchemes: readonly number[] | undefined
  /** Names, DER; left out where empty. */
  readonly authorities: readonly Uint8Array[]
}

/** Writes a CertificateRequest of the handshake: its context is empty (RFC 8446 §4.3.2). */
export function encodeCertificateRequest(fields: CertificateRequestFields): Uint8Array {
  const { schemes, certificateSchemes, authorities } = fields
  const writer = new Writer(256)
  writeMessage(writer, HandshakeType.certificateRequest, () => {
    writer.uint8(0)
    const mark = writer.openVector(2)
    writeExtension(writer, ExtensionType.signatureAlgorithms, () => writeCodePoints(writer, schemes))
    if (certificateSchemes !== undefined) {
      writeExtension(writer, ExtensionType.signatureAlgorithmsCert, () => writeCodePoints(writer, certificateSchemes))
    }
    if (authorities.length > 0) {
      writeExtension(writer, ExtensionType.certificateAuthorities, () => writeAuthorities(writer, authorities))
    }
    writer.closeVector(mark)
  })
  return writer.finish()
}

/** The extensions of our CertificateRequest, which a client's Certificate may answer (RFC 8446 §4.4.2). */
export function requestedExtensions(fields: CertificateRequestFields): ReadonlySet<number> {
  const types = new Set<number>([ExtensionType.signatureAlgorithms])
  if (fields.certificateSchemes !== undefined) types.add(ExtensionType.signatureAlgorithmsCert)
  if (fields.authorities.length > 0) types.add(ExtensionType.certificateAuthorities)
  return types
}

/** RFC 8446 §4.2.4: at least one name, none empty. */
function decodeAuthorities(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body)
  const list = new Reader(readVector(reader, 2))
  finishReading(reader, 'certificate_authorities')
  const names: Uint8Array[] = []
  if (list.remaining === 0) list.fail()
  while (list.remaining > 0) {
    const name = readVector(list, 2)
    if (name.length === 0) list.fail()
    names.push(name)
  }
  finishReading(list, 'certificate_authorities')
  return names
}

function writeAuthorities(writer: Writer, names: readonly Uint8Array[]): void {
  const mark = writer.openVector(2)
  for (const name of names) {
    const inner = writer.openVector(2)
    writer.bytes(name)
    writer.closeVector(inner)
  }
  writer.closeVector(mark)
}
