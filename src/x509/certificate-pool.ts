/**
 * Certificates by subject, parsed only when somebody asks for one: 150 system roots cost a glance at their names, and an unusable
 * certificate of the peer costs nothing unless it is needed.
 */
import { equalBytes } from '../base/bytes.ts'
import { type Certificate, peekSubject } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { recallCertificate } from './certificate-memory.ts'
import { DerError } from './der.ts'

/** A certificate that may not have been parsed yet. */
export class PooledCertificate {
  readonly der: Uint8Array
  readonly isAnchor: boolean
  #parsed: Certificate | undefined
  #refusal: CertificateError | undefined

  constructor(der: Uint8Array, isAnchor: boolean) {
    this.der = der
    this.isAnchor = isAnchor
  }

  /** @throws CertificateError if it is malformed. */
  get certificate(): Certificate {
    if (this.#refusal !== undefined) throw this.#refusal
    this.#parsed ??= this.#parse()
    return this.#parsed
  }

  /** Remembers a refusal as well: a search may ask many times. */
  #parse(): Certificate {
    try {
      return recallCertificate(this.der)
    } catch (error) {
      if (error instanceof CertificateError) this.#refusal = error
      throw error
    }
  }
}

/** A set of certificates, indexed by subject at the first question. Keeps the bytes it is given. */
export class CertificatePool {
  readonly #certificates: readonly Uint8Array[]
  readonly #areAnchors: boolean
  #bySubject: Map<string, PooledCertificate[]> | undefined

  constructor(certificates: readonly Uint8Array[], areAnchors: boolean) {
    this.#certificates = certificates
    this.#areAnchors = areAnchors
  }

  /** The certificates whose subject has this comparison key. Those whose subject cannot be read have none. */
  withSubject(key: string): readonly PooledCertificate[] {
    this.#bySubject ??= this.#index()
    return this.#bySubject.get(key) ?? []
  }

  /** Whether this very certificate is in the pool. */
  has(certificate: Certificate): boolean {
    return this.withSubject(certificate.subject.key).some((pooled) => equalBytes(pooled.der, certificate.der))
  }

  #index(): Map<string, PooledCertificate[]> {
    const index = new Map<string, PooledCertificate[]>()
    for (const der of this.#certificates) {
      const key = subjectKey(der)
      if (key === undefined) continue
      const known = index.get(key) ?? []
      if (known.length === 0) index.set(key, known)
      if (!known.some((other) => equalBytes(other.der, der))) known.push(new PooledCertificate(der, this.#areAnchors))
    }
    return index
  }
}

const anchorPools = /* @__PURE__ */ new WeakMap<readonly Uint8Array[], CertificatePool>()

/** The pool of trust anchors, the same for the same list, which must not change: many connections begin with it. */
export function anchorPool(anchors: readonly Uint8Array[]): CertificatePool {
  const known = anchorPools.get(anchors)
  if (known !== undefined) return known
  const pool = new CertificatePool(anchors, true)
  anchorPools.set(anchors, pool)
  return pool
}

function subjectKey(der: Uint8Array): string | undefined {
  try {
    return peekSubject(der).key
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
