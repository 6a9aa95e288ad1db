/**
 * What a client needs until it is connected, and never again: TLS, and the judgement of certificates. A third of a client's
 * code: it is handed to the endpoint, so that a page can load it when a connection begins.
 */
import { createClientSession } from '../tls/client-session.ts'
import type { TlsClientConfig } from '../tls/config.ts'
import type { TlsSession } from '../tls/session.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'
import { createPathVerifier, type PathVerifierOptions } from '../x509/path.ts'
import { createPinVerifier, type PinVerifierOptions } from '../x509/pins.ts'

/** The parts of a client's handshake. */
export interface Handshake {
  createSession(config: TlsClientConfig): TlsSession
  createPinVerifier(options: PinVerifierOptions): CertificateVerifier
  createPathVerifier(options: PathVerifierOptions): CertificateVerifier
}

/** All of it at hand. */
export const handshake: Handshake = { createSession: createClientSession, createPinVerifier, createPathVerifier }
