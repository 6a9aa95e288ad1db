/** GeneralName (RFC 5280 §4.2.1.6): the alternative names of a subject, and the bases of name constraints. */
import { toLatin1 } from '../base/bytes.ts'
import { constructedTag, DerError, type DerReader, primitiveTag } from './der.ts'
import { type DistinguishedName, readName } from './distinguished-name.ts'

/** A name form that is told apart but not looked into. */
export type OpaqueNameType = 'otherName' | 'x400Address' | 'ediPartyName' | 'registeredID'

/** One GeneralName. */
export type GeneralName =
  | { readonly type: 'rfc822Name' | 'dNSName' | 'uniformResourceIdentifier'; readonly value: string }
  /** An address of 4 or 16 bytes; in a name constraint, address and mask (8 or 32). */
  | { readonly type: 'iPAddress'; readonly value: Uint8Array }
  | { readonly type: 'directoryName'; readonly value: DistinguishedName }
  | { readonly type: OpaqueNameType }

/** Reads one GeneralName. @throws DerError */
export function readGeneralName(reader: DerReader): GeneralName {
  const tag = reader.tag
  switch (tag) {
    case primitiveTag(1):
      return { type: 'rfc822Name', value: readIa5(reader) }
    case primitiveTag(2):
      return { type: 'dNSName', value: readIa5(reader) }
    case primitiveTag(6):
      return { type: 'uniformResourceIdentifier', value: readIa5(reader) }
    case primitiveTag(7):
      return { type: 'iPAddress', value: reader.contents(tag) }
    case constructedTag(4): {
      // Name is a CHOICE, so its tag is explicit.
      const explicit = reader.read(tag)
      const value = readName(explicit)
      explicit.expectEnd()
      return { type: 'directoryName', value }
    }
    case constructedTag(0):
      return opaque(reader, 'otherName')
    case constructedTag(3):
      return opaque(reader, 'x400Address')
    case constructedTag(5):
      return opaque(reader, 'ediPartyName')
    case primitiveTag(8):
      return opaque(reader, 'registeredID')
    default:
      throw new DerError(`No form of GeneralName has the tag 0x${tag.toString(16)}`)
  }
}

function opaque(reader: DerReader, type: OpaqueNameType): GeneralName {
  reader.element()
  return { type }
}

function readIa5(reader: DerReader): string {
  const contents = reader.contents(reader.tag)
  if (contents.some((byte) => byte > 0x7f)) throw new DerError('IA5String must be ASCII')
  return toLatin1(contents)
}
