/** A question to the path verifier, asked twice: of a verifier that answers at once, and of one that answers later. */
import { expect } from 'vitest'
import type { Verifier } from '../crypto/provider.ts'
import { type Issued, issue, TEST_TIME, testVerifier } from './authority.fixtures.ts'
import { CertificateError } from './certificate-error.ts'
import { createPathVerifier } from './path.ts'

/** The anchor of {@link judge}. */
export const root: Issued = issue({ subject: 'Root', ca: true })
/** Between {@link root} and {@link leaf}. */
export const middle: Issued = issue({ subject: 'Middle', issuer: root, ca: true })
/** A server's certificate for a.example. */
export const leaf: Issued = issue({ subject: 'leaf', issuer: middle, names: ['a.example'] })

/** Answers as the verifier does, but a microtask later. */
const slowVerifier: Verifier = {
  scheme: testVerifier.scheme,
  verify: (spki, message, signature) => Promise.resolve().then(() => testVerifier.verify(spki, message, signature)),
}

/** What differs from a chain to {@link root} for a server a.example at the time of the tests. */
export interface Attempt {
  readonly anchors?: readonly Issued[]
  readonly name?: string | undefined
  readonly role?: 'server' | 'client'
  readonly time?: number
  readonly maxIntermediates?: number
  readonly verifiers?: readonly Verifier[]
}

/** `accepted`, or `check: message`; the same for verifiers that answer at once and later. */
export async function judge(chain: readonly (Issued | Uint8Array)[], attempt: Attempt = {}): Promise<string> {
  const { anchors = [root], role = 'server', time = TEST_TIME, maxIntermediates, verifiers = [testVerifier] } = attempt
  const name = 'name' in attempt ? attempt.name : 'a.example'
  const ders = chain.map((link) => (link instanceof Uint8Array ? link : link.der))
  const outcome = async (chosen: readonly Verifier[]): Promise<string> => {
    const limits = maxIntermediates === undefined ? {} : { maxIntermediates }
    const verifier = createPathVerifier({ anchors: anchors.map(({ der }) => der), verifiers: chosen, ...limits })
    try {
      await verifier.verify(ders, name, role, time)
      return 'accepted'
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error
      return `${error.check}: ${error.message}`
    }
  }
  const atOnce = await outcome(verifiers)
  if (verifiers.includes(testVerifier)) expect(await outcome([slowVerifier])).toBe(atOnce)
  return atOnce
}
