/** The handshake as pages load it: whoever trusts a certificate by its hash does without the validation of chains. */
import { createClientSession } from '../tls/client-session.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'
import type { PathVerifierOptions } from '../x509/path.ts'
import { createPinVerifier } from '../x509/pins.ts'
import type { Handshake } from './handshake.ts'

/** What a page connects with. */
export const pageHandshake: Handshake = {
  createSession: createClientSession,
  createPinVerifier,
  createPathVerifier: loadPathVerifier,
  createSelector: (...given) => import('./client-identity.ts').then(({ clientSelector }) => clientSelector(...given)),
}

/** A verifier whose code comes while the handshake runs. */
function loadPathVerifier(options: PathVerifierOptions): CertificateVerifier {
  const loading = import('../x509/path.ts').then(({ createPathVerifier }) => createPathVerifier(options))
  // Whoever asks for the verdict hears of it.
  loading.catch(() => {})
  return { verify: (...question) => loading.then((verifier) => verifier.verify(...question)) }
}
