/**
 * Building and validating certification paths (RFC 5280 §6.1, RFC 4158): depth first from the peer's certificate to a trust anchor,
 * cheap checks before signatures, several chains tried, all of it within budgets. No revocation: neither CRLs nor OCSP are read.
 */
import { equalBytes, toLatin1 } from '../base/bytes.ts'
import { andThen, type Eventually, isPending } from '../crypto/eventually.ts'
import type { Verifier } from '../crypto/provider.ts'
import { signatureScheme } from './algorithms.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { recallCertificate, rememberSignature, wasSignedBy } from './certificate-memory.ts'
import { anchorPool, CertificatePool, type PooledCertificate } from './certificate-pool.ts'
import type { CertificateVerifier } from './certificate-verifier.ts'
import { checkEndEntity, checkIssuer } from './checks.ts'
import { type ComparisonBudget, checkNameConstraints } from './name-constraints.ts'
import { checkName } from './names.ts'
import { checkPolicies } from './policy.ts'

/** What {@link createPathVerifier} needs. */
export interface PathVerifierOptions {
  /** Trust anchors as DER certificates; parsed when they are needed. */
  readonly anchors: readonly Uint8Array[]
  /** The signatures that can be checked. */
  readonly verifiers: readonly Verifier[]
  /** Intermediates that are not self-issued, between anchor and peer, at most. Default 8. */
  readonly maxIntermediates?: number
}

const DEFAULT_MAX_INTERMEDIATES = 8
/** Certificates that a peer may send; chains need a handful. */
const MAX_CHAIN_LENGTH = 100
/** Self-issued certificates do not count as intermediates; a path has an end all the same. */
const MAX_SELF_ISSUED = 4
/** Signatures that one chain may cost. */
const MAX_SIGNATURES = 100
/** Issuers that one chain may have tried. */
const MAX_STEPS = 2_000
/** What to do about a chain that leads nowhere. */
const NO_ANCHOR = {
  server: 'no trust anchor; pass ca or serverCertificateHashes',
  client: 'no trust anchor; clientCertificates has no ca that issued it',
}
/** Comparisons of names with name constraints that one chain may cost. */
const MAX_COMPARISONS = 250_000

/** A verifier that demands a chain to one of the anchors, for the right name, purpose and time. */
export function createPathVerifier(options: PathVerifierOptions): CertificateVerifier {
  const anchors = anchorPool(options.anchors)
  const maxIntermediates = options.maxIntermediates ?? DEFAULT_MAX_INTERMEDIATES
  return {
    verify(chain, name, role, wallClock): Eventually<void> {
      const [own, ...others] = chain
      if (own === undefined) throw new CertificateError('encoding', 'peer sent no certificate')
      if (chain.length > MAX_CHAIN_LENGTH) {
        throw new CertificateError('limit', `chain of ${chain.length} certificates is longer than ${MAX_CHAIN_LENGTH}`)
      }
      const leaf = recallCertificate(own)
      checkEndEntity(leaf, role, wallClock)
      if (role === 'server') {
        // Fail closed: a server that could have any name is not authenticated.
        if (name === undefined)
          throw new CertificateError('name', 'no server name was given to check the certificate against')
        checkName(leaf, name)
      }
      // A certificate that the caller trusts by itself needs no issuer.
      if (anchors.has(leaf)) return undefined
      const pools = [anchors, new CertificatePool(others, false)]
      return new PathSearch(pools, options.verifiers, { role, wallClock, maxIntermediates }).run(leaf)
    },
  }
}

interface SearchOptions {
  readonly role: 'server' | 'client'
  readonly wallClock: number
  readonly maxIntermediates: number
}

/** One search for a path; holds what may be spent on it. */
class PathSearch {
  readonly #pools: readonly CertificatePool[]
  readonly #verifiers: readonly Verifier[]
  readonly #options: SearchOptions
  readonly #budget: ComparisonBudget = { comparisons: MAX_COMPARISONS }
  #steps = MAX_STEPS
  #signatures = MAX_SIGNATURES
  /** Results by signed certificate and signing key: the same pair turns up on many paths. */
  readonly #checked: Map<Certificate, Map<string, boolean>> = new Map()
  /** Why the way that led farthest went no farther, and how far that was (certificates). */
  #failure: CertificateError | undefined
  #failureDepth = 0

  constructor(pools: readonly CertificatePool[], verifiers: readonly Verifier[], options: SearchOptions) {
    this.#pools = pools
    this.#verifiers = verifiers
    this.#options = options
  }

  /** @throws CertificateError (or rejects) if there is no path. */
  run(leaf: Certificate): Eventually<void> {
    return andThen(this.#extend([leaf]), (isFound) => {
      if (isFound) return
      throw this.#failure ?? new CertificateError('anchor', NO_ANCHOR[this.#options.role])
    })
  }

  /** Whether the path, which begins with the peer's certificate, leads on to an anchor. */
  #extend(path: readonly Certificate[]): Eventually<boolean> {
    const last = path[path.length - 1]
    if (last === undefined) return false
    return firstTrue(this.#issuersOf(path.length, last), (issuer) => this.#try(path, last, issuer))
  }

  /** The certificates that might have issued `certificate`: those whose key it names first, then anchors before others. */
  #issuersOf(depth: number, { issuer, extensions }: Certificate): PooledCertificate[] {
    const candidates = this.#pools.flatMap((pool) => pool.withSubject(issuer.key))
    if (candidates.length < 2) return candidates
    const wanted = extensions.authorityKeyIdentifier
    const rank = (candidate: PooledCertificate): number => {
      const offered = this.#attempt(depth, () => candidate.certificate)?.extensions.subjectKeyIdentifier
      if (wanted === undefined || offered === undefined) return 1
      return equalBytes(wanted, offered) ? 0 : 2
    }
    const ranked = candidates.map((candidate) => ({ candidate, rank: rank(candidate) }))
    return ranked.sort((a, b) => a.rank - b.rank).map(({ candidate }) => candidate)
  }

  #try(path: readonly Certificate[], subject: Certificate, candidate: PooledCertificate): Eventually<boolean> {
    if (--this.#steps < 0) throw new CertificateError('limit', `no path found within ${MAX_STEPS} steps`)
    const issuer = this.#attempt(path.length, () => this.#checkedIssuer(path, candidate))
    if (issuer === undefined) return false
    return andThen(this.#isSignedBy(path.length, subject, issuer), (isSigned) => {
      if (!isSigned) return false
      if (!candidate.isAnchor) return this.#extend([...path, issuer])
      return this.#attempt(path.length + 1, () => this.#checkWhole(path)) ?? false
    })
  }

  /** The issuer, if it may be one for this path as far as that can be said without its signature. */
  #checkedIssuer(path: readonly Certificate[], candidate: PooledCertificate): Certificate | undefined {
    const { role, wallClock, maxIntermediates } = this.#options
    const issuer = candidate.certificate
    const isKnown = (known: Certificate): boolean =>
      known.subject.key === issuer.subject.key && equalBytes(known.spki, issuer.spki)
    // The same name with the same key again: a circle.
    if (path.some(isKnown)) return undefined
    const intermediates = path.slice(1).filter((certificate) => !certificate.isSelfIssued).length
    checkIssuer(issuer, { role, wallClock, intermediates, isAnchor: candidate.isAnchor })
    const depth = intermediates + (issuer.isSelfIssued ? 0 : 1)
    if (!candidate.isAnchor && (depth > maxIntermediates || path.length > maxIntermediates + MAX_SELF_ISSUED)) {
      throw new CertificateError('path-length', `chain has more than ${maxIntermediates} intermediates`)
    }
    const { nameConstraints } = issuer.extensions
    if (nameConstraints === undefined) return issuer
    for (const [index, certificate] of path.entries()) {
      // RFC 5280 §6.1.3 (b): self-issued certificates are spared, the peer's own is not.
      if (index === 0 || !certificate.isSelfIssued) checkNameConstraints(nameConstraints, certificate, this.#budget)
    }
    return issuer
  }

  #isSignedBy(depth: number, subject: Certificate, issuer: Certificate): Eventually<boolean> {
    const key = toLatin1(issuer.spki)
    const results = this.#checked.get(subject) ?? new Map<string, boolean>()
    this.#checked.set(subject, results)
    const known = results.get(key)
    if (known !== undefined) return known
    if (wasSignedBy(this.#verifiers, subject, issuer.spki)) return true
    const verifier = this.#attempt(depth, () => this.#verifierFor(subject, issuer))
    if (verifier === undefined) return false
    if (--this.#signatures < 0)
      throw new CertificateError('limit', `chain needs more than ${MAX_SIGNATURES} signature checks`)
    return andThen(verifier.verify(issuer.spki, subject.tbs, subject.signature), (isValid) => {
      results.set(key, isValid)
      if (isValid) rememberSignature(this.#verifiers, subject, issuer.spki)
      else {
        const message = `signature of "${subject.subject.label}" is not by the key of "${issuer.subject.label}"`
        this.#remember(depth, new CertificateError('signature', message))
      }
      return isValid
    })
  }

  #verifierFor(subject: Certificate, issuer: Certificate): Verifier {
    const scheme = signatureScheme(subject.signatureAlgorithm, issuer.publicKey)
    const verifier = this.#verifiers.find((candidate) => candidate.scheme === scheme)
    if (verifier !== undefined) return verifier
    throw new CertificateError(
      'algorithm',
      `signature scheme 0x${scheme.toString(16).padStart(4, '0')} is not supported here`,
    )
  }

  /** What can only be judged from the anchor downwards. */
  #checkWhole(path: readonly Certificate[]): true {
    checkPolicies([...path].reverse())
    return true
  }

  /** The value, or `undefined` after a refusal, which is remembered; running out of budget ends the search. */
  #attempt<T>(depth: number, check: () => T): T | undefined {
    try {
      return check()
    } catch (error) {
      if (!(error instanceof CertificateError) || error.check === 'limit') throw error
      this.#remember(depth, error)
      return undefined
    }
  }

  #remember(depth: number, failure: CertificateError): void {
    // A signature that does not fit says no more than that another certificate of that name is the issuer.
    const isTelling = depth > this.#failureDepth || this.#failure?.check === 'signature'
    if (depth < this.#failureDepth || !isTelling) return
    this.#failure = failure
    this.#failureDepth = depth
  }
}

/** Whether the test holds for an item, tried one after the other; pending answers are waited for. */
function firstTrue<T>(items: readonly T[], test: (item: T) => Eventually<boolean>): Eventually<boolean> {
  for (const [index, item] of items.entries()) {
    const answer = test(item)
    if (isPending(answer)) return andThen(answer, (holds) => holds || firstTrue(items.slice(index + 1), test))
    if (answer) return true
  }
  return false
}
