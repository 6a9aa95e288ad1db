import { describe, expect, test } from 'vitest'
import { encodeUtf8, fromHex } from '../base/bytes.ts'
import { issue, TEST_TIME, testVerifier } from './authority.fixtures.ts'
import { parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { constructedTag, primitiveTag } from './der.ts'
import { derElement, derOid, derSequence, derSet, derUtf8String } from './der-writer.ts'
import { encodeCommonName } from './distinguished-name.ts'
import { encodeExtension } from './generate.ts'
import { checkNameConstraints } from './name-constraints.ts'
import { parseIpAddress } from './names.ts'
import { Oid } from './oids.ts'
import { createPathVerifier } from './path.ts'

const TAGS = {
  mail: primitiveTag(1),
  dns: primitiveTag(2),
  uri: primitiveTag(6),
  ip: primitiveTag(7),
  dn: constructedTag(4),
}
type Form = keyof typeof TAGS

/** A GeneralName from text: addresses as `address/mask`, directory names as a common name. */
function generalName(form: Form, text: string): Uint8Array {
  if (form === 'dn') return derElement(TAGS.dn, encodeCommonName(text))
  if (form !== 'ip') return derElement(TAGS[form], encodeUtf8(text))
  return derElement(TAGS.ip, ...text.split('/').map((part) => parseIpAddress(part) ?? new Uint8Array()))
}

interface Rules {
  readonly permitted?: readonly Uint8Array[]
  readonly excluded?: readonly Uint8Array[]
}

function nameConstraints({ permitted, excluded }: Rules): Uint8Array {
  const subtrees = (tag: number, bases: readonly Uint8Array[] | undefined): Uint8Array[] =>
    bases === undefined ? [] : [derElement(tag, ...bases.map((base) => derSequence(base)))]
  const value = derSequence(...subtrees(constructedTag(0), permitted), ...subtrees(constructedTag(1), excluded))
  return encodeExtension(Oid.nameConstraints, true, value)
}

const alternativeNames = (...names: readonly Uint8Array[]): Uint8Array =>
  encodeExtension(Oid.subjectAltName, false, derSequence(...names))

/** What the constraints say to a certificate with these alternative names. */
function judge(rules: Rules, names: readonly Uint8Array[], subject = ''): string {
  const ca = parseCertificate(issue({ subject: 'CA', ca: true, extensions: [nameConstraints(rules)] }).der)
  const issuer = issue({ subject: 'CA', ca: true })
  const extensions = names.length === 0 ? [] : [alternativeNames(...names)]
  const leaf = parseCertificate(issue({ subject, issuer, extensions }).der)
  const constraints = ca.extensions.nameConstraints
  if (constraints === undefined) throw new Error('CA has no constraints')
  try {
    checkNameConstraints(constraints, leaf, { comparisons: 1_000 })
    return 'allowed'
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    return error.message
  }
}

const PERMITTED = /is not permitted/
const EXCLUDED = /is excluded/

describe('one name against one constraint', () => {
  test.each<[Form, string, string, boolean]>([
    ['dns', 'a.example', 'a.example', true],
    ['dns', 'a.example', 'x.y.A.example', true],
    ['dns', 'a.example', 'xa.example', false],
    ['dns', 'a.example', 'example', false],
    ['dns', '', 'anything.example', true],
    ['dns', '.a.example', 'x.a.example', true],
    ['dns', '.a.example', 'a.example', false],
    ['dns', 'a.example', '*.a.example', true],
    ['dns', '.a.example', '*.a.example', true],
    ['dns', 'example', '*.a.example', true],
    ['ip', '192.0.2.0/255.255.255.0', '192.0.2.255', true],
    ['ip', '192.0.2.0/255.255.255.0', '192.0.3.0', false],
    ['ip', '0.0.0.0/0.0.0.0', '203.0.113.1', true],
    ['ip', '2001:db8::/ffff:ffff::', '2001:db8:1::1', true],
    ['ip', '2001:db8::/ffff:ffff::', '2001:db9::1', false],
    ['ip', '::/::', '127.0.0.1', false],
    ['mail', 'a.example', 'x@a.example', true],
    ['mail', 'a.example', 'x@b.a.example', false],
    ['mail', '.a.example', 'x@b.a.example', true],
    ['mail', '.a.example', 'x@a.example', false],
    ['mail', 'x@a.example', 'x@A.example', true],
    ['mail', 'x@a.example', 'X@a.example', false],
    ['uri', 'a.example', 'https://user@a.example:443/path', true],
    ['uri', 'a.example', 'https://b.a.example', false],
    ['uri', '.a.example', 'wss://b.a.example/?@c.example', true],
    ['uri', '.a.example', 'https://a.example', false],
    ['dn', 'A  name', 'a Name', true],
    ['dn', 'A name', 'another name', false],
  ])('%s "%s" holds "%s": %s', (form, base, name, isHeld) => {
    const [constraint, presented] = [generalName(form, base), generalName(form, name)]
    if (isHeld) expect(judge({ permitted: [constraint] }, [presented])).toBe('allowed')
    else expect(judge({ permitted: [constraint] }, [presented])).toMatch(PERMITTED)
    if (isHeld) expect(judge({ excluded: [constraint] }, [presented])).toMatch(EXCLUDED)
    else expect(judge({ excluded: [constraint] }, [presented])).toBe('allowed')
  })

  test('a wildcard is neither permitted by nor clear of a name that it could stand for', () => {
    const [constraint, wildcard] = [generalName('dns', 'a.b.example'), generalName('dns', '*.b.example')]
    expect(judge({ permitted: [constraint] }, [wildcard])).toMatch(PERMITTED)
    expect(judge({ excluded: [constraint] }, [wildcard])).toMatch(EXCLUDED)
    expect(judge({ excluded: [generalName('dns', 'x.a.b.example')] }, [wildcard])).toBe('allowed')
    expect(judge({ permitted: [generalName('dns', 'x.b.example')] }, [wildcard])).toMatch(PERMITTED)
  })

  test.each<[Form, string]>([
    ['dns', 'a..example'],
    ['dns', 'x.*.example'],
    ['mail', 'a@b@c.example'],
    ['mail', 'a.example'],
    ['mail', '"a b"@c.example'],
    ['uri', 'mailto:x@a.example'],
    ['uri', 'https://127.0.0.1/'],
    ['uri', '/relative'],
  ])('%s "%s" cannot be compared, and is refused where its form is constrained', (form, name) => {
    const base = generalName(form, form === 'mail' ? 'c.example' : 'z.example')
    expect(judge({ excluded: [base] }, [generalName(form, name)])).toMatch(/cannot be compared/)
    expect(judge({ excluded: [generalName('ip', '::1/ffff::')] }, [generalName(form, name)])).toBe('allowed')
  })

  test('a constrained form that nobody understands is refused, an unconstrained one is let be', () => {
    const registered = derElement(primitiveTag(8), fromHex('2a03'))
    expect(judge({ permitted: [registered] }, [registered])).toMatch('name of the form registeredID cannot be compared')
    expect(judge({ permitted: [generalName('dns', 'a')] }, [registered])).toBe('allowed')
  })
})

describe('several', () => {
  test('a form that is not present is not constrained', () => {
    expect(judge({ permitted: [generalName('dns', 'a.example')] }, [generalName('ip', '127.0.0.1')])).toBe('allowed')
  })

  test('every name must be permitted, by any of the constraints', () => {
    const permitted = [generalName('dns', 'a.example'), generalName('dns', 'b.example')]
    expect(judge({ permitted }, [generalName('dns', 'x.b.example'), generalName('dns', 'a.example')])).toBe('allowed')
    expect(judge({ permitted }, [generalName('dns', 'a.example'), generalName('dns', 'c.example')])).toBe(
      'name "c.example" is not permitted by the name constraints of an issuer',
    )
  })

  test('what is excluded stays so, even if it is permitted', () => {
    const base = [generalName('dns', 'a.example')]
    expect(judge({ permitted: base, excluded: base }, [generalName('dns', 'a.example')])).toMatch(EXCLUDED)
  })

  test('directory names constrain the subject, by its leading parts', () => {
    const organisation = derSet(derSequence(derOid('2.5.4.10'), derUtf8String('Org')))
    const base = derElement(TAGS.dn, derSequence(organisation))
    expect(judge({ permitted: [base] }, [], 'Some leaf')).toMatch(PERMITTED)
    expect(judge({ permitted: [base] }, [], '')).toBe('allowed')
    const both = derElement(
      TAGS.dn,
      derSequence(organisation, derSet(derSequence(derOid(Oid.commonName), derUtf8String('x')))),
    )
    expect(judge({ permitted: [base] }, [both])).toBe('allowed')
    expect(judge({ permitted: [both] }, [base])).toMatch(PERMITTED)
  })
})

describe('constraints that cannot be applied make their certificate malformed', () => {
  test.each<[string, Uint8Array]>([
    ['a wildcard', generalName('dns', '*.a.example')],
    ['a mask with holes', generalName('ip', '10.0.0.0/255.0.255.0')],
    ['an address without mask', generalName('ip', '10.0.0.0')],
    ['two mailboxes', generalName('mail', 'a@b@c.example')],
    ['a URI', generalName('uri', 'https://a.example')],
  ])('%s', (_, base) => {
    const { der } = issue({ subject: 'CA', ca: true, extensions: [nameConstraints({ permitted: [base] })] })
    expect(() => parseCertificate(der)).toThrow(/Name constraint is no/)
  })

  test('a minimum or maximum', () => {
    const subtree = derSequence(generalName('dns', 'a.example'), derElement(primitiveTag(0), Uint8Array.of(1)))
    const value = derSequence(derElement(constructedTag(0), subtree))
    const extensions = [encodeExtension(Oid.nameConstraints, true, value)]
    expect(() => parseCertificate(issue({ subject: 'CA', ca: true, extensions }).der)).toThrow(CertificateError)
  })
})

describe('in a chain', () => {
  const permit = (name: string): Uint8Array => nameConstraints({ permitted: [generalName('dns', name)] })
  const accept = (anchor: Uint8Array, chain: readonly Uint8Array[], name = 'a.example'): void => {
    const verifier = createPathVerifier({ anchors: [anchor], verifiers: [testVerifier] })
    void verifier.verify(chain, name, 'server', TEST_TIME)
  }

  test('those of the anchor count, and those of all issuers together', () => {
    const root = issue({ subject: 'Root', ca: true, extensions: [permit('example')] })
    const upper = issue({ subject: 'Upper', issuer: root, ca: true, extensions: [permit('b.example')] })
    const good = issue({ subject: 'leaf', issuer: upper, names: ['a.b.example'] })
    const bad = issue({ subject: 'leaf', issuer: upper, names: ['a.example'] })
    expect(() => accept(root.der, [good.der, upper.der], 'a.b.example')).not.toThrow()
    expect(() => accept(root.der, [bad.der, upper.der])).toThrow(PERMITTED)
    const foreign = issue({ subject: 'leaf', issuer: root, names: ['a.test'] })
    expect(() => accept(root.der, [foreign.der], 'a.test')).toThrow(PERMITTED)
  })

  test('intermediates are held to them unless they are self-issued', () => {
    const root = issue({ subject: 'Root', ca: true, extensions: [permit('a.example')] })
    const named = { ca: true, names: ['other.example'] }
    const upper = issue({ subject: 'Upper', issuer: root, ...named })
    const renewed = issue({ subject: 'Root', key: 'new', issuer: root, ...named })
    const below = (issuer: typeof root): Uint8Array => issue({ subject: 'leaf', issuer, names: ['a.example'] }).der
    expect(() => accept(root.der, [below(upper), upper.der])).toThrow(PERMITTED)
    expect(() => accept(root.der, [below(renewed), renewed.der])).not.toThrow()
  })

  test('the peer’s own certificate is held to them even if it is self-issued', () => {
    const root = issue({ subject: 'Root', ca: true, extensions: [permit('a.example')] })
    const named = issue({ subject: 'Root', key: 'new', issuer: root, names: ['other.example'] })
    expect(() => accept(root.der, [named.der], 'other.example')).toThrow(PERMITTED)
  })

  test('an end entity must have none (RFC 5280 §4.2.1.10)', () => {
    const root = issue({ subject: 'Root', ca: true })
    const leaf = issue({ subject: 'leaf', issuer: root, names: ['a.example'], extensions: [permit('a.example')] })
    expect(() => accept(root.der, [leaf.der])).toThrow('certificate has name constraints and is no CA')
  })
})

test('mail addresses in a subject without alternative names are constrained', () => {
  const mail = derSet(derSequence(derOid(Oid.emailAddress), derElement(0x16, encodeUtf8('x@b.example'))))
  const rules = nameConstraints({ permitted: [generalName('mail', 'a.example')] })
  const ca = parseCertificate(issue({ subject: 'CA', ca: true, extensions: [rules] }).der)
  const issued = issue({ subject: 'leaf', issuer: { ...issue({ subject: 'CA' }), name: derSequence(mail) } })
  // The mail address stands in the issuer here; a certificate that it names as its subject is built from it.
  const { issuer } = parseCertificate(issued.der)
  const { nameConstraints: constraints } = ca.extensions
  const leaf = { ...parseCertificate(issued.der), subject: issuer }
  if (constraints === undefined) throw new Error('CA has no constraints')
  expect(() => checkNameConstraints(constraints, leaf, { comparisons: 100 })).toThrow(
    'name "x@b.example" is not permitted',
  )
})
