/**
 * The certificate extensions that path validation processes (RFC 5280 §4.2.1), decoded. What is not listed here is unknown:
 * passed over, or, when critical, a reason to refuse the certificate.
 */
import { constructedTag, DerError, type DerReader, DerTag, parseDer, primitiveTag } from './der.ts'
import { type GeneralName, readGeneralName } from './general-name.ts'
import { Oid } from './oids.ts'

/** Bits of {@link Extensions.keyUsage} (RFC 5280 §4.2.1.3). */
export const KeyUsage = {
  digitalSignature: 0x01,
  contentCommitment: 0x02,
  keyEncipherment: 0x04,
  dataEncipherment: 0x08,
  keyAgreement: 0x10,
  keyCertSign: 0x20,
  cRLSign: 0x40,
} as const

/** RFC 5280 §4.2.1.10; an absent list is an empty one. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

/** RFC 5280 §4.2.1.11: certificates that may still follow before the rule holds. */
export interface PolicyConstraints {
  readonly requireExplicitPolicy: number | undefined
  readonly inhibitPolicyMapping: number | undefined
}

/** RFC 5280 §4.2.1.5: one policy of the issuer's domain is declared equal to one of the subject's. */
export interface PolicyMapping {
  readonly issuerPolicy: string
  readonly subjectPolicy: string
}

/** The decoded extensions of one certificate; `undefined` where it has none of the kind. */
export interface Extensions {
  /** RFC 5280 §4.2.1.9. */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength: number | undefined }
  /** A mask of {@link KeyUsage}. */
  readonly keyUsage?: number
  /** Object identifiers (RFC 5280 §4.2.1.12). */
  readonly extendedKeyUsage?: readonly string[]
  readonly subjectAltName?: readonly GeneralName[]
  readonly nameConstraints?: NameConstraints
  /** Object identifiers (RFC 5280 §4.2.1.4). */
  readonly policies?: readonly string[]
  readonly policyMappings?: readonly PolicyMapping[]
  readonly policyConstraints?: PolicyConstraints
  readonly inhibitAnyPolicy?: number
  readonly subjectKeyIdentifier?: Uint8Array
  readonly authorityKeyIdentifier?: Uint8Array
  /** Object identifiers of extensions that are critical and that nobody here understands. */
  readonly unknownCritical: readonly string[]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Reads `Extensions` (RFC 5280 §4.2): no extension twice, at least one. @throws DerError */
export function readExtensions(reader: DerReader): Extensions {
  const list = reader.read(DerTag.sequence)
  if (list.isAtEnd) throw new DerError('Extensions must not be empty')
  const unknownCritical: string[] = []
  const extensions: Mutable<Extensions> = { unknownCritical }
  const seen = new Set<string>()
  while (!list.isAtEnd) {
    const extension = list.read(DerTag.sequence)
    const id = extension.oid()
    const isCritical = extension.tag === DerTag.boolean && extension.boolean()
    const value = extension.contents(DerTag.octetString)
    extension.expectEnd()
    if (seen.has(id)) throw new DerError(`Extension ${id} occurs twice`)
    seen.add(id)
    if (!readKnown(extensions, id, isCritical, value) && isCritical) unknownCritical.push(id)
  }
  return extensions
}

/** Decodes one extension into its field; false if nobody here understands it. */
function readKnown(into: Mutable<Extensions>, id: string, isCritical: boolean, value: Uint8Array): boolean {
  switch (id) {
    case Oid.basicConstraints:
      into.basicConstraints = parseDer(value, readBasicConstraints)
      return true
    case Oid.keyUsage:
      into.keyUsage = parseDer(value, readKeyUsage)
      return true
    case Oid.extendedKeyUsage:
      into.extendedKeyUsage = parseDer(value, (reader) => readAll(reader, DerTag.sequence, (item) => item.oid()))
      return true
    case Oid.subjectAltName:
      into.subjectAltName = parseDer(value, readSubjectAltName)
      return true
    case Oid.nameConstraints:
      into.nameConstraints = parseDer(value, readNameConstraints)
      return true
    case Oid.certificatePolicies:
      into.policies = parseDer(value, readPolicies)
      return true
    case Oid.policyMappings:
      into.policyMappings = parseDer(value, (reader) => readAll(reader, DerTag.sequence, readPolicyMapping))
      return true
    case Oid.policyConstraints:
      into.policyConstraints = parseDer(value, readPolicyConstraints)
      return true
    case Oid.inhibitAnyPolicy:
      into.inhibitAnyPolicy = parseDer(value, (reader) => reader.unsigned())
      return true
    // RFC 5280 §4.2.1.1, §4.2.1.2: never critical; as hints for path building they could not carry a demand anyway.
    case Oid.subjectKeyIdentifier:
      into.subjectKeyIdentifier = parseDer(value, (reader) => reader.contents(DerTag.octetString))
      return !isCritical
    case Oid.authorityKeyIdentifier: {
      const keyIdentifier = parseDer(value, readAuthorityKeyIdentifier)
      if (keyIdentifier !== undefined) into.authorityKeyIdentifier = keyIdentifier
      return !isCritical
    }
    default:
      return false
  }
}

/** The elements of a SEQUENCE OF (or SET OF) that must have at least one. */
function readAll<T>(reader: DerReader, tag: number, read: (items: DerReader) => T): T[] {
  const items = reader.read(tag)
  const all: T[] = []
  do all.push(read(items))
  while (!items.isAtEnd)
  return all
}

function readBasicConstraints(reader: DerReader): Extensions['basicConstraints'] & object {
  const fields = reader.read(DerTag.sequence)
  const ca = fields.tag === DerTag.boolean && fields.boolean()
  const pathLength = fields.isAtEnd ? undefined : fields.unsigned()
  fields.expectEnd()
  return { ca, pathLength }
}

function readKeyUsage(reader: DerReader): number {
  const mask = reader.namedBits()
  if (mask === 0) throw new DerError('Key usage must name at least one use')
  return mask
}

function readSubjectAltName(reader: DerReader): GeneralName[] {
  return readAll(reader, DerTag.sequence, (items) => {
    const name = readGeneralName(items)
    if (name.type === 'iPAddress' && name.value.length !== 4 && name.value.length !== 16) {
      throw new DerError(`IP address must have 4 or 16 bytes, got ${name.value.length}`)
    }
    return name
  })
}

function readNameConstraints(reader: DerReader): NameConstraints {
  const fields = reader.read(DerTag.sequence)
  if (fields.isAtEnd) throw new DerError('Name constraints must not be empty')
  const subtrees = (tag: number): GeneralName[] => (fields.tag === tag ? readAll(fields, tag, readSubtree) : [])
  const permitted = subtrees(constructedTag(0))
  const excluded = subtrees(constructedTag(1))
  fields.expectEnd()
  return { permitted, excluded }
}

function readSubtree(items: DerReader): GeneralName {
  const subtree = items.read(DerTag.sequence)
  const base = readGeneralName(subtree)
  // RFC 5280 §4.2.1.10: minimum is zero, which DER leaves out, and maximum is absent.
  subtree.expectEnd()
  const problem = subtreeProblem(base)
  if (problem !== undefined) throw new DerError(`Name constraint ${problem}`)
  return base
}

/** What is wrong with the base of a subtree; a constraint that cannot be applied must not be passed over. */
function subtreeProblem(base: GeneralName): string | undefined {
  switch (base.type) {
    case 'dNSName':
    case 'uniformResourceIdentifier':
      return isDomainConstraint(base.value) ? undefined : 'is no domain name'
    case 'rfc822Name': {
      const at = base.value.indexOf('@')
      return at !== 0 && isDomainConstraint(base.value.slice(at + 1)) ? undefined : 'is no mail address or domain name'
    }
    case 'iPAddress':
      return isSubnet(base.value) ? undefined : 'is no IP subnet'
    default:
      return undefined
  }
}

/** A domain name, or the empty one, perhaps behind a period that demands at least one label more. */
function isDomainConstraint(text: string): boolean {
  const name = text.startsWith('.') ? text.slice(1) : text
  return name === '' || name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/i.test(label))
}

/** Address and mask of one length, the mask a run of ones before a run of zeros (RFC 4632). */
function isSubnet(bytes: Uint8Array): boolean {
  if (bytes.length !== 8 && bytes.length !== 32) return false
  let hasEnded = false
  for (const byte of bytes.subarray(bytes.length / 2)) {
    const inverse = byte ^ 0xff
    if ((inverse & (inverse + 1)) !== 0 || (hasEnded && byte !== 0)) return false
    hasEnded ||= byte !== 0xff
  }
  return true
}

function readPolicies(reader: DerReader): string[] {
  const policies = readAll(reader, DerTag.sequence, (items) => {
    const information = items.read(DerTag.sequence)
    const id = information.oid()
    // Qualifiers are texts for people (RFC 5280 §4.2.1.4).
    if (!information.isAtEnd) information.read(DerTag.sequence)
    information.expectEnd()
    return id
  })
  if (new Set(policies).size !== policies.length) throw new DerError('Certificate policy occurs twice')
  return policies
}

function readPolicyMapping(items: DerReader): PolicyMapping {
  const pair = items.read(DerTag.sequence)
  const mapping = { issuerPolicy: pair.oid(), subjectPolicy: pair.oid() }
  pair.expectEnd()
  return mapping
}

function readPolicyConstraints(reader: DerReader): PolicyConstraints {
  const fields = reader.read(DerTag.sequence)
  if (fields.isAtEnd) throw new DerError('Policy constraints must not be empty')
  const field = (tag: number): number | undefined => (fields.tag === tag ? fields.unsigned(tag) : undefined)
  const constraints = { requireExplicitPolicy: field(primitiveTag(0)), inhibitPolicyMapping: field(primitiveTag(1)) }
  fields.expectEnd()
  return constraints
}

function readAuthorityKeyIdentifier(reader: DerReader): Uint8Array | undefined {
  const fields = reader.read(DerTag.sequence)
  const keyIdentifier = fields.readOptional(primitiveTag(0))?.rest()
  fields.readOptional(constructedTag(1))
  fields.readOptional(primitiveTag(2))
  fields.expectEnd()
  return keyIdentifier
}
