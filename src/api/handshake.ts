/**
 * What a client needs until it is connected, and never again: TLS, and the judgement of certificates. A third of a client's
 * code: it is handed to the endpoint, so that a page can load it when a connection begins.
 */
import type { Eventually } from '../crypto/eventually.ts'
import type { PublicKeyProvider } from '../crypto/provider.ts'
import { createClientSession } from '../tls/client-session.ts'
import type { CertificateRequestSummary, TlsClientConfig } from '../tls/config.ts'
import type { TlsSession } from '../tls/session.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'
import { createPathVerifier, type PathVerifierOptions } from '../x509/path.ts'
import { createPinVerifier, type PinVerifierOptions } from '../x509/pins.ts'
import { type ClientCertificates, clientSelector } from './client-identity.ts'
import type { SelectIdentity } from './identity.ts'

/** The parts of a client's handshake. */
export interface Handshake {
  createSession(config: TlsClientConfig): TlsSession
  createPinVerifier(options: PinVerifierOptions): CertificateVerifier
  createPathVerifier(options: PathVerifierOptions): CertificateVerifier
  /** How the client says who it is. */
  createSelector(
    given: ClientCertificates,
    crypto: PublicKeyProvider,
  ): Eventually<SelectIdentity<CertificateRequestSummary>>
}

/** All of it at hand. */
export const handshake: Handshake = {
  createSession: createClientSession,
  createPinVerifier,
  createPathVerifier,
  createSelector: clientSelector,
}
