/**
 * X.501 distinguished names (RFC 5280 §4.1.2.4) with the comparison of §7.1: strings of any type are equal without regard to
 * case and to runs of spaces, all else byte for byte. What a validator needs of a name, no directory.
 */
import { decodeUtf8, toHex, toLatin1 } from '../base/bytes.ts'
import { DerError, DerReader, DerTag } from './der.ts'
import { derOid, derSequence, derSet, derUtf8String } from './der-writer.ts'
import { Oid } from './oids.ts'

/** A parsed Name. */
export interface DistinguishedName {
  /** The Name as it stood, DER; a view into the certificate. */
  readonly der: Uint8Array
  /** One comparison key for each relative distinguished name, the most significant first. */
  readonly parts: readonly string[]
  /** The comparison key of the whole name; empty for an empty name. */
  readonly key: string
  /** The common name, else another attribute, made safe to print: what error messages call the subject. */
  readonly label: string
  /** Values of the legacy attribute emailAddress, which name constraints cover (RFC 5280 §4.2.1.10). */
  readonly emails: readonly string[]
}

const MAX_LABEL_LENGTH = 64

/** Reads a Name. @throws DerError */
export function readName(reader: DerReader): DistinguishedName {
  const der = reader.element()
  const parts: string[] = []
  const emails: string[] = []
  let [label, labelType] = ['', '']
  for (const sets = new DerReader(der).read(DerTag.sequence); !sets.isAtEnd; ) {
    const keys: string[] = []
    for (const set = sets.read(DerTag.set); !set.isAtEnd; ) {
      const { type, text, key } = readAttribute(set)
      keys.push(key)
      if (type === Oid.emailAddress) emails.push(text ?? '')
      if (text === undefined || labelType === Oid.commonName) continue
      label = text
      labelType = type
    }
    if (keys.length === 0) throw new DerError('Relative distinguished name must not be empty')
    parts.push(keys.sort().join('+'))
  }
  return { der, parts, key: parts.join(','), label: printable(label), emails }
}

/** Whether `name` lies in the subtree of `base`: it starts with the same relative distinguished names (RFC 5280 §4.2.1.10). */
export function isWithinName(name: DistinguishedName, base: DistinguishedName): boolean {
  return base.parts.length <= name.parts.length && base.parts.every((part, index) => part === name.parts[index])
}

/** The DER of a Name that is one common name; the empty Name for an empty string. */
export function encodeCommonName(commonName: string): Uint8Array {
  if (commonName === '') return derSequence()
  return derSequence(derSet(derSequence(derOid(Oid.commonName), derUtf8String(commonName))))
}

/** Text of a peer made fit for an error message: one line, no control characters, not long. */
export function printable(text: string): string {
  const clean = text.replace(/\p{C}/gu, '\ufffd')
  return clean.length > MAX_LABEL_LENGTH ? `${clean.slice(0, MAX_LABEL_LENGTH)}…` : clean
}

interface Attribute {
  readonly type: string
  /** `undefined` where the value is no string. */
  readonly text: string | undefined
  readonly key: string
}

function readAttribute(set: DerReader): Attribute {
  const attribute = set.read(DerTag.sequence)
  const type = attribute.oid()
  const tag = attribute.tag
  const element = attribute.element()
  attribute.expectEnd()
  const text = decodeString(tag, new DerReader(element).contents(tag))
  // Each part with its length, so that no two names share a key; what is no proper text compares by its bytes.
  const value = text === undefined ? `#${toHex(element)}` : `=${fold(text)}`
  return { type, text, key: `${type}${value.length}${value}` }
}

function decodeString(tag: number, contents: Uint8Array): string | undefined {
  switch (tag) {
    case DerTag.utf8String: {
      const text = decodeUtf8(contents)
      return text.includes('\ufffd') ? undefined : text
    }
    case DerTag.printableString:
    case DerTag.ia5String:
    case DerTag.teletexString:
      return toLatin1(contents)
    case DerTag.bmpString: {
      if (contents.length % 2 !== 0) return undefined
      let text = ''
      for (let i = 0; i < contents.length; i += 2) {
        text += String.fromCharCode(((contents[i] ?? 0) << 8) | (contents[i + 1] ?? 0))
      }
      return text
    }
    default:
      return undefined
  }
}

/** The folding of RFC 4518 as far as names in certificates need it. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().split(' ').filter(Boolean).join(' ')
}
