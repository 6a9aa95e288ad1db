/**
 * Certificate policies (RFC 5280 §6.1.2 to §6.1.5) for a caller that is content with any policy. Then nothing counts but whether
 * the tree of valid policies is empty when a CA demands an explicit policy; so only the tree's deepest level is kept, which
 * no chain can make grow beyond its own length (RFC 9618 tells of trees that did).
 */
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { Oid } from './oids.ts'

/**
 * Demands that the policies of a path hold.
 *
 * @param path from the first certificate below the trust anchor down to the peer's own.
 * @throws CertificateError
 */
export function checkPolicies(path: readonly Certificate[]): void {
  const state = new PolicyState(path.length)
  for (const [index, certificate] of path.entries()) {
    const isFinal = index === path.length - 1
    state.process(certificate, isFinal)
    if (isFinal) state.wrapUp(certificate)
    else state.prepareNext(certificate)
  }
}

/** The state variables of RFC 5280 §6.1.2 that concern policies. */
class PolicyState {
  /** The deepest nodes of valid_policy_tree: valid policy → expected_policy_set; empty for the NULL tree. */
  #level: Map<string, ReadonlySet<string>> = new Map([[Oid.anyPolicy, new Set([Oid.anyPolicy])]])
  #explicitPolicy: number
  #inhibitAnyPolicy: number
  #policyMapping: number

  constructor(length: number) {
    this.#explicitPolicy = length + 1
    this.#inhibitAnyPolicy = length + 1
    this.#policyMapping = length + 1
  }

  /** RFC 5280 §6.1.3 (d) to (f). */
  process(certificate: Certificate, isFinal: boolean): void {
    const policies = certificate.extensions.policies ?? []
    const expected = new Set([...this.#level.values()].flatMap((set) => [...set]))
    const next = new Map<string, ReadonlySet<string>>()
    for (const policy of policies) {
      const isValid = expected.has(policy) || this.#level.has(Oid.anyPolicy)
      if (policy !== Oid.anyPolicy && isValid) next.set(policy, new Set([policy]))
    }
    const isAnyAllowed = this.#inhibitAnyPolicy > 0 || (!isFinal && certificate.isSelfIssued)
    if (isAnyAllowed && policies.includes(Oid.anyPolicy)) {
      for (const policy of expected) if (!next.has(policy)) next.set(policy, new Set([policy]))
    }
    this.#level = next
    this.#demandPolicy()
  }

  /** RFC 5280 §6.1.4 (a), (b), (h) to (j). */
  prepareNext({ extensions, isSelfIssued }: Certificate): void {
    this.#map(certificateMappings(extensions.policyMappings ?? []))
    if (!isSelfIssued) {
      this.#explicitPolicy = Math.max(this.#explicitPolicy - 1, 0)
      this.#policyMapping = Math.max(this.#policyMapping - 1, 0)
      this.#inhibitAnyPolicy = Math.max(this.#inhibitAnyPolicy - 1, 0)
    }
    const { requireExplicitPolicy, inhibitPolicyMapping } = extensions.policyConstraints ?? {}
    this.#explicitPolicy = Math.min(this.#explicitPolicy, requireExplicitPolicy ?? this.#explicitPolicy)
    this.#policyMapping = Math.min(this.#policyMapping, inhibitPolicyMapping ?? this.#policyMapping)
    this.#inhibitAnyPolicy = Math.min(this.#inhibitAnyPolicy, extensions.inhibitAnyPolicy ?? this.#inhibitAnyPolicy)
  }

  /** RFC 5280 §6.1.5 (a), (b), (g). */
  wrapUp({ extensions }: Certificate): void {
    this.#explicitPolicy = Math.max(this.#explicitPolicy - 1, 0)
    if (extensions.policyConstraints?.requireExplicitPolicy === 0) this.#explicitPolicy = 0
    this.#demandPolicy()
  }

  /** A policy that only anyPolicy covers needs no node of its own: as long as anyPolicy is there, every policy is valid. */
  #map(mappings: ReadonlyMap<string, ReadonlySet<string>>): void {
    for (const [issuerPolicy, subjectPolicies] of mappings) {
      if (this.#policyMapping === 0) this.#level.delete(issuerPolicy)
      else if (this.#level.has(issuerPolicy)) this.#level.set(issuerPolicy, subjectPolicies)
    }
  }

  #demandPolicy(): void {
    if (this.#explicitPolicy > 0 || this.#level.size > 0) return
    throw new CertificateError(
      'policy',
      'an issuer demands an explicit certificate policy, and the chain has none in common',
    )
  }
}

/** The mappings by issuerDomainPolicy; anyPolicy may be on neither side (RFC 5280 §6.1.4 (a)). */
function certificateMappings(
  mappings: NonNullable<Certificate['extensions']['policyMappings']>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const bySource = new Map<string, Set<string>>()
  for (const { issuerPolicy, subjectPolicy } of mappings) {
    if (issuerPolicy === Oid.anyPolicy || subjectPolicy === Oid.anyPolicy) {
      throw new CertificateError('policy', 'a certificate maps anyPolicy, which is not allowed')
    }
    const known = bySource.get(issuerPolicy)
    if (known === undefined) bySource.set(issuerPolicy, new Set([subjectPolicy]))
    else known.add(subjectPolicy)
  }
  return bySource
}
