import { describe, expect, test } from 'vitest'
import { issue } from './authority.fixtures.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { primitiveTag } from './der.ts'
import { derElement, derInteger, derOid, derSequence } from './der-writer.ts'
import { encodeExtension } from './generate.ts'
import { Oid } from './oids.ts'
import { checkPolicies } from './policy.ts'

const [GOLD, SILVER, RED] = ['1.2.1', '1.2.2', '1.2.3'] as const

interface Policies {
  readonly policies?: readonly string[]
  readonly mappings?: readonly (readonly [string, string])[]
  readonly requireExplicit?: number
  readonly inhibitMapping?: number
  readonly inhibitAny?: number
  readonly selfIssued?: boolean
}

function certificate({
  policies,
  mappings,
  requireExplicit,
  inhibitMapping,
  inhibitAny,
  selfIssued,
}: Policies): Certificate {
  const skip = (tag: number, value: number | undefined): Uint8Array[] =>
    value === undefined ? [] : [derElement(primitiveTag(tag), Uint8Array.of(value))]
  const constraints = [...skip(0, requireExplicit), ...skip(1, inhibitMapping)]
  const extensions: Uint8Array[] = []
  if (policies !== undefined) {
    const value = derSequence(...policies.map((id) => derSequence(derOid(id))))
    extensions.push(encodeExtension(Oid.certificatePolicies, false, value))
  }
  if (mappings !== undefined) {
    const value = derSequence(...mappings.map(([from, to]) => derSequence(derOid(from), derOid(to))))
    extensions.push(encodeExtension(Oid.policyMappings, true, value))
  }
  if (constraints.length > 0) extensions.push(encodeExtension(Oid.policyConstraints, true, derSequence(...constraints)))
  if (inhibitAny !== undefined) extensions.push(encodeExtension(Oid.inhibitAnyPolicy, true, derInteger(inhibitAny)))
  const issuer = issue({ subject: 'Issuer', ca: true })
  const subject = selfIssued === true ? 'Issuer' : 'Subject'
  return parseCertificate(issue({ subject, issuer, extensions }).der)
}

/** Whether a path with these policies, from the one below the anchor to the peer's, is accepted. */
function isAccepted(...path: readonly Policies[]): boolean {
  try {
    checkPolicies(path.map(certificate))
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(CertificateError)
    expect(error).toMatchObject({ check: 'policy', alert: 42 })
    return false
  }
}

describe('without a demand', () => {
  test('any policies, or none, are good', () => {
    expect(isAccepted({}, {})).toBe(true)
    expect(isAccepted({ policies: [GOLD] }, { policies: [SILVER] })).toBe(true)
    expect(isAccepted({}, { policies: [SILVER] })).toBe(true)
  })

  test('anyPolicy must not be mapped all the same (RFC 5280 §6.1.4 (a))', () => {
    expect(isAccepted({ mappings: [[Oid.anyPolicy, GOLD]] }, {})).toBe(false)
    expect(isAccepted({ mappings: [[GOLD, Oid.anyPolicy]] }, {})).toBe(false)
  })
})

describe('with requireExplicitPolicy', () => {
  const demand = { requireExplicit: 0 }

  test('a policy must run through the whole path', () => {
    expect(isAccepted({ ...demand, policies: [GOLD] }, { policies: [GOLD, SILVER] })).toBe(true)
    expect(isAccepted({ ...demand, policies: [GOLD] }, { policies: [SILVER] })).toBe(false)
    expect(isAccepted({ ...demand, policies: [GOLD] }, {})).toBe(false)
    expect(isAccepted({ ...demand }, { policies: [GOLD] })).toBe(false)
    expect(isAccepted({ policies: [GOLD] }, { policies: [GOLD] }, { requireExplicit: 0 })).toBe(false)
    expect(isAccepted({ policies: [GOLD] }, { ...demand, policies: [GOLD] }, { policies: [GOLD] })).toBe(true)
  })

  test('the demand may begin some certificates later', () => {
    expect(isAccepted({ requireExplicit: 1 }, {})).toBe(false)
    expect(isAccepted({ requireExplicit: 2 }, {})).toBe(true)
    // A self-issued certificate does not count: after it the demand is still one certificate away.
    expect(isAccepted({ requireExplicit: 2 }, { selfIssued: true }, {})).toBe(true)
    expect(isAccepted({ requireExplicit: 2 }, {}, {})).toBe(false)
    expect(isAccepted({ requireExplicit: 3 }, {}, {})).toBe(true)
  })

  test('anyPolicy stands for every policy, unless it is inhibited', () => {
    const any = { policies: [Oid.anyPolicy] }
    expect(isAccepted({ ...demand, ...any }, { policies: [GOLD] })).toBe(true)
    expect(isAccepted({ ...demand, policies: [GOLD] }, any)).toBe(true)
    expect(isAccepted({ ...demand, ...any }, any, { policies: [GOLD] })).toBe(true)
    expect(isAccepted({ ...demand, policies: [GOLD], inhibitAny: 0 }, any)).toBe(false)
    expect(isAccepted({ ...demand, policies: [GOLD], inhibitAny: 1 }, any, any)).toBe(false)
    expect(isAccepted({ ...demand, policies: [GOLD], inhibitAny: 1 }, any, { policies: [GOLD] })).toBe(true)
    // In a self-issued intermediate it still counts.
    expect(
      isAccepted({ ...demand, policies: [GOLD], inhibitAny: 0 }, { ...any, selfIssued: true }, { policies: [GOLD] }),
    ).toBe(true)
  })

  test('mapped policies go on under their new names, unless mapping is inhibited', () => {
    const mapped = { ...demand, policies: [GOLD], mappings: [[GOLD, RED]] } as const
    expect(isAccepted(mapped, { policies: [RED] })).toBe(true)
    expect(isAccepted(mapped, { policies: [GOLD] })).toBe(false)
    const both = {
      ...demand,
      policies: [GOLD],
      mappings: [
        [GOLD, RED],
        [GOLD, SILVER],
      ],
    } as const
    expect(isAccepted(both, { policies: [SILVER] })).toBe(true)
    const fromAny = { ...demand, policies: [Oid.anyPolicy], mappings: [[GOLD, RED]] } as const
    expect(isAccepted(fromAny, { policies: [RED] })).toBe(true)
    expect(
      isAccepted(
        { inhibitMapping: 0, ...demand, policies: [GOLD] },
        { policies: [GOLD], mappings: [[GOLD, RED]] },
        { policies: [RED] },
      ),
    ).toBe(false)
    expect(
      isAccepted(
        { inhibitMapping: 1, ...demand, policies: [GOLD] },
        { policies: [GOLD], mappings: [[GOLD, RED]] },
        { policies: [RED] },
      ),
    ).toBe(true)
  })
})

test('policies of many certificates do not multiply', () => {
  const many = Array.from({ length: 200 }, (_, i) => `1.3.${i}`)
  const mappings = many.flatMap((from) => many.slice(0, 20).map((to) => [from, to] as const))
  const level = { policies: many, mappings }
  expect(isAccepted({ requireExplicit: 0, ...level }, level, level, level, level, { policies: many })).toBe(true)
})
