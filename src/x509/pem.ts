/** PEM (RFC 7468): the text form of certificates and keys, with a base64 codec of its own. */
import { CertificateError } from './certificate-error.ts'

/** One block of a PEM text. */
export interface PemBlock {
  /** What stands behind BEGIN, such as `CERTIFICATE` or `PRIVATE KEY`. */
  readonly label: string
  readonly der: Uint8Array
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const LINE_LENGTH = 64
const BEGIN = '-----BEGIN '
const DASHES = '-----'

/** All blocks of a text in order; what stands between them is passed over (RFC 7468 §2). @throws CertificateError */
export function decodePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  for (let at = text.indexOf(BEGIN); at >= 0; at = text.indexOf(BEGIN, at)) {
    const labelEnd = text.indexOf(DASHES, at + BEGIN.length)
    const label = text.slice(at + BEGIN.length, labelEnd)
    const end = `-----END ${label}${DASHES}`
    const bodyEnd = labelEnd < 0 || label.includes('\n') ? -1 : text.indexOf(end, labelEnd)
    if (bodyEnd < 0) throw new CertificateError('encoding', 'PEM block has no end')
    const body = text.slice(labelEnd + DASHES.length, bodyEnd)
    // RFC 1421 headers stand in encrypted keys of old, which nobody here can read.
    if (body.includes(':')) throw new CertificateError('encoding', `PEM block ${label} is encrypted or has headers`)
    blocks.push({ label, der: decodeBase64(body) })
    at = bodyEnd + end.length
  }
  return blocks
}

/** The PEM block of `der`, with a final line break. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = encodeBase64(der)
  let lines = ''
  for (let at = 0; at < base64.length; at += LINE_LENGTH) lines += `${base64.slice(at, at + LINE_LENGTH)}\n`
  return `${BEGIN}${label}${DASHES}\n${lines}-----END ${label}${DASHES}\n`
}

/**
 * The certificates of a PEM text, in order; other blocks are passed over.
 * @throws CertificateError if there is none.
 */
export function certificatesFromPem(text: string): Uint8Array[] {
  const certificates = decodePem(text).flatMap(({ label, der }) => (CERTIFICATE_LABELS.includes(label) ? [der] : []))
  if (certificates.length === 0) throw new CertificateError('encoding', 'PEM holds no certificate')
  return certificates
}

/** RFC 7468 §5.1: the first is to be written, all are to be read. */
const CERTIFICATE_LABELS: readonly string[] = ['CERTIFICATE', 'X509 CERTIFICATE', 'X.509 CERTIFICATE']

function encodeBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63)
    text += left > 1 ? ALPHABET.charAt((group >> 6) & 63) : '='
    text += left > 2 ? ALPHABET.charAt(group & 63) : '='
  }
  return text
}

/** Base64 with white space, with its padding (RFC 7468 §3, the lax form). */
function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/\s/g, '')
  const padding = digits.endsWith('==') ? 2 : digits.endsWith('=') ? 1 : 0
  const length = digits.length - padding
  if (digits.length % 4 !== 0) throw new CertificateError('encoding', 'PEM holds base64 of a wrong length')
  const bytes = new Uint8Array((digits.length / 4) * 3 - padding)
  let [bits, count, out] = [0, 0, 0]
  for (let at = 0; at < length; at++) {
    const value = digitValue(digits.charCodeAt(at))
    if (value < 0) throw new CertificateError('encoding', 'PEM holds what is no base64')
    bits = ((bits << 6) | value) & 0xffff
    count += 6
    if (count < 8) continue
    count -= 8
    bytes[out++] = (bits >> count) & 0xff
  }
  return bytes
}

/** What a base64 digit stands for; -1 if it is none. */
function digitValue(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52
  if (code === 0x2b) return 62
  return code === 0x2f ? 63 : -1
}
