/**
 * Name constraints (RFC 5280 §4.2.1.10, §6.1.3 (b), (c)): a CA's names for its subjects, applied to every form of name that
 * can be applied; a name of another form that is constrained is refused.
 */
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { isWithinName, printable } from './distinguished-name.ts'
import type { NameConstraints } from './extensions.ts'
import type { GeneralName } from './general-name.ts'
import { formatIpAddress, isHostName, parseIpAddress } from './names.ts'

/** How many comparisons of a name with a constraint are left; thousands of each would multiply. */
export interface ComparisonBudget {
  comparisons: number
}

/**
 * Demands that all names of `certificate` be allowed by the constraints of one certificate above it. Several issuers are
 * applied one after the other, which is the intersection that RFC 5280 §6.1.4 (g) asks for.
 * @throws CertificateError
 */
export function checkNameConstraints(
  constraints: NameConstraints,
  certificate: Certificate,
  budget: ComparisonBudget,
): void {
  for (const name of constrainedNames(certificate)) {
    const refuse = (why: string): never => {
      throw new CertificateError('name-constraints', `name ${describe(name)} ${why}`)
    }
    const excluded = sameType(constraints.excluded, name, budget)
    const permitted = sameType(constraints.permitted, name, budget)
    if (excluded.length + permitted.length === 0) continue
    if (!isUnderstood(name)) refuse('cannot be compared with the name constraints of an issuer')
    if (excluded.some((base) => overlaps(name, base))) refuse('is excluded by the name constraints of an issuer')
    const isPermitted = permitted.length === 0 || permitted.some((base) => isWithin(name, base))
    if (!isPermitted) refuse('is not permitted by the name constraints of an issuer')
  }
}

/** The names of a certificate to which constraints apply. */
function constrainedNames({ subject, extensions }: Certificate): GeneralName[] {
  const names = [...(extensions.subjectAltName ?? [])]
  if (subject.key !== '') names.push({ type: 'directoryName', value: subject })
  // Legacy mail addresses count where there is no subjectAltName.
  if (extensions.subjectAltName === undefined) {
    for (const value of subject.emails) names.push({ type: 'rfc822Name', value })
  }
  return names
}

function sameType(bases: readonly GeneralName[], name: GeneralName, budget: ComparisonBudget): GeneralName[] {
  budget.comparisons -= bases.length
  if (budget.comparisons < 0) throw new CertificateError('limit', 'name constraints need too many comparisons')
  return bases.filter((base) => base.type === name.type)
}

function isUnderstood(name: GeneralName): boolean {
  switch (name.type) {
    case 'dNSName':
      return isHostName(wildcardParent(name.value) ?? name.value)
    case 'rfc822Name':
      return splitMailbox(name.value) !== undefined
    case 'uniformResourceIdentifier':
      return uriHost(name.value) !== undefined
    case 'iPAddress':
    case 'directoryName':
      return true
    default:
      return false
  }
}

/** Whether everything that `name` stands for lies within `base`, which has the same type. */
function isWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.type === 'dNSName' && base.type === 'dNSName') {
    const parent = wildcardParent(name.value)
    // All children of a domain lie in a subtree that holds the domain, or that begins right below it.
    return parent === undefined ? isInDomain(name.value, base.value) : isInDomain(parent, base.value.replace(/^\./, ''))
  }
  return overlaps(name, base)
}

/** Whether anything that `name` stands for lies within `base`, which has the same type. */
function overlaps(name: GeneralName, base: GeneralName): boolean {
  if (name.type === 'dNSName' && base.type === 'dNSName') {
    const parent = wildcardParent(name.value)
    return isWithin(name, base) || (parent !== undefined && isChild(base.value, parent))
  }
  if (name.type === 'iPAddress' && base.type === 'iPAddress') return isInSubnet(name.value, base.value)
  if (name.type === 'directoryName' && base.type === 'directoryName') return isWithinName(name.value, base.value)
  if (name.type === 'rfc822Name' && base.type === 'rfc822Name') return isInMailDomain(name.value, base.value)
  if (name.type === 'uniformResourceIdentifier' && base.type === 'uniformResourceIdentifier') {
    return isHostOrInDomain(uriHost(name.value) ?? '', base.value)
  }
  return false
}

/** `example.com` for `*.example.com`. */
function wildcardParent(name: string): string | undefined {
  return name.startsWith('*.') ? name.slice(2) : undefined
}

/** Zero or more labels before `base`; one or more if it begins with a period, as widely practised; the empty base is all names. */
function isInDomain(name: string, base: string): boolean {
  const [lower, suffix] = [name.toLowerCase(), base.toLowerCase()]
  if (suffix === '' || lower === suffix) return true
  return lower.endsWith(suffix.startsWith('.') ? suffix : `.${suffix}`)
}

/** Whether `name` is exactly one label below `parent`: one of those that a wildcard stands for. */
function isChild(name: string, parent: string): boolean {
  const dot = name.indexOf('.')
  return dot > 0 && name.slice(dot + 1).toLowerCase() === parent.toLowerCase()
}

/** RFC 5280 §4.2.1.10 for mail and URIs: a host, or, behind a period, a domain without the host of that name. */
function isHostOrInDomain(host: string, base: string): boolean {
  if (base === '') return true
  return base.startsWith('.') ? isInDomain(host, base) : host.toLowerCase() === base.toLowerCase()
}

function isInSubnet(address: Uint8Array, base: Uint8Array): boolean {
  const length = base.length / 2
  return (
    address.length === length && address.every((byte, i) => ((byte ^ (base[i] ?? 0)) & (base[length + i] ?? 0)) === 0)
  )
}

/** The mailbox itself, whose local part may depend on case, or a constraint on its host. */
function isInMailDomain(mailbox: string, base: string): boolean {
  const [name, constraint] = [splitMailbox(mailbox), splitMailbox(base)]
  if (name === undefined) return false
  if (constraint === undefined) return isHostOrInDomain(name.host, base)
  return name.local === constraint.local && name.host.toLowerCase() === constraint.host.toLowerCase()
}

/** Local part and host of a mail address without quoting, which certificates do not need. */
function splitMailbox(text: string): { readonly local: string; readonly host: string } | undefined {
  const at = text.indexOf('@')
  const [local, host] = [text.slice(0, at), text.slice(at + 1)]
  return at > 0 && isHostName(host) && !/[\s"@]/.test(local) ? { local, host } : undefined
}

/** The host of a URI with an authority (RFC 3986 §3.2.2), if it is a domain name. */
function uriHost(uri: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(uri)?.[1]
  if (authority === undefined) return undefined
  const hostAndPort = authority.slice(authority.lastIndexOf('@') + 1)
  const host = hostAndPort.replace(/:\d*$/, '')
  return isHostName(host) && parseIpAddress(host) === undefined ? host : undefined
}

function describe(name: GeneralName): string {
  if (name.type === 'iPAddress') return formatIpAddress(name.value)
  if (name.type === 'directoryName') return `"${name.value.label}"`
  return 'value' in name ? `"${printable(name.value)}"` : `of the form ${name.type}`
}
